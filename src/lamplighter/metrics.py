"""What this process counts and measures, for Prometheus.

The numbers begin at nought with the process. They are noted inside of transactions: one that fails afterwards
leaves them a little too high, which no alert minds.
"""

from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    generate_latest,
)
from prometheus_client import ProcessCollector as _Process

from lamplighter.model import Outcome, RunStatus

_LATENESS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_DURATIONS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

registry = CollectorRegistry()
_Process(registry=registry)
PlatformCollector(registry=registry)
GCCollector(registry=registry)
_due_times = Counter(
    "lamplighter_due_times", "Due times that were decided, by outcome", ["outcome"], registry=registry
)
_fire_lateness = Histogram(
    "lamplighter_fire_lateness_seconds",
    "From the due time to its decision, of fires that were on time or held",
    buckets=_LATENESS,
    registry=registry,
)
_start_lateness = Histogram(
    "lamplighter_start_lateness_seconds",
    "From the due time to the start of the agent's process, of first attempts of what was not caught up with",
    buckets=_LATENESS,
    registry=registry,
)
_attempts = Counter(
    "lamplighter_attempts_ended", "Attempts of runs that ended, by status", ["status"], registry=registry
)
_durations = Histogram(
    "lamplighter_attempt_duration_seconds",
    "From the start of the agent's process to the end of its attempt",
    buckets=_DURATIONS,
    registry=registry,
)
_requests = Counter(
    "lamplighter_http_requests", "Answers, by method and status", ["method", "status"], registry=registry
)
_request_seconds = Histogram(
    "lamplighter_http_request_seconds",
    "Until an answer began",
    buckets=_REQUESTS,
    registry=registry,
)
_rescues = Counter(
    "lamplighter_rescued_runs",
    "Runs that were taken from servers of which nothing was heard",
    registry=registry,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
# Each is there from the beginning, with nothing counted.
_due_times_of = {outcome: _due_times.labels(outcome.value) for outcome in Outcome}


def decided(outcome: Outcome, due: datetime, count: int, now: datetime) -> None:
    """``count`` due times, of which the first was ``due``, got their row in the ledger."""
    _due_times_of[outcome].inc(count)
    if outcome in (Outcome.FIRED, Outcome.HELD):
        _fire_lateness.observe(max(0.0, (now - due).total_seconds()))


def started(due: datetime, now: datetime) -> None:
    """The process of a run that was due then has started."""
    _start_lateness.observe(max(0.0, (now - due).total_seconds()))


def rescued(count: int) -> None:
    """So many runs were taken from servers whose lease had run out."""
    _rescues.inc(count)


def attempt_ended(status: RunStatus, start: datetime | None, now: datetime) -> None:
    """An attempt ended; ``start`` is None when its process never began."""
    _attempts.labels(status.name.capitalize()).inc()
    if start is not None:
        _durations.observe(max(0.0, (now - start).total_seconds()))


def answered(method: str, status: int, seconds: float) -> None:
    """An answer began after so many seconds."""
    # Clients can send any word as a method, and each one would stay in memory.
    _requests.labels(method if method in _METHODS else "other", str(status)).inc()
    _request_seconds.observe(seconds)


def text(gauges: CollectorRegistry) -> bytes:
    """All of it in Prometheus's text format, with the ``gauges`` of whoever asks."""
    return generate_latest(gauges) + generate_latest(registry)
