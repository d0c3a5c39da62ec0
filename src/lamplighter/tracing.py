"""What became of a run as a trace for OpenTelemetry: from its due time to its export, whoever did which part.

A trace is made when an attempt has ended, from what is written down of it then: its parts happened in processes on
several machines, and nothing need be carried from one to the next. The ids are made from the run's own, so an agent
can put its spans into the trace before it exists. Off unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` says where to send to.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lamplighter.errors import Conflict
from lamplighter.model import Run, RunStatus, Verdict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_WANTED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FAILED = (RunStatus.FAILURE, RunStatus.FAILED)
_MICROSECOND = 1000  # nanoseconds


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment says where traces go."""
    return any(environment.get(name) for name in _WANTED_BY)


def traceparent(installation: str, run_id: int, attempt: int) -> str:
    """What an agent's environment has as ``TRACEPARENT`` (W3C Trace Context): its spans belong to this attempt."""
    return f"00-{_trace_id(installation, run_id):032x}-{_span_id(run_id, f'attempt {attempt}'):016x}-01"


def set_up(environment: Mapping[str, str], installation: str) -> None:
    """From now on this process sends the traces of what it writes down, if that is wanted.

    Conflict without the libraries.
    """
    global _tracer  # noqa: PLW0603 - as with metrics, whoever writes down an end need not be handed one
    if not is_wanted(environment):
        return
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise Conflict(f"{_WANTED_BY[0]} needs OpenTelemetry: pip install 'lamplighter[tracing]'")
    _tracer = _Tracer(installation, environment.get("OTEL_SERVICE_NAME") or "lamplighter")


def close() -> None:
    """Send what waits, and send nothing more."""
    global _tracer  # noqa: PLW0603 - as in set_up
    if _tracer is not None:
        _tracer.close()
    _tracer = None


def attempt_ended(
    run: Run, verdict: Verdict, now: datetime, *, is_final: bool, exporting_since: datetime | None
) -> None:
    """An attempt ended so; the trace gets its root when the run has ended for good."""
    if _tracer is not None:
        _tracer.attempt_ended(run, verdict, now, is_final=is_final, exporting_since=exporting_since)


class _Tracer:
    """Sends the traces of this installation, in a thread of its own; what cannot be sent is lost."""

    def __init__(self, installation: str, service: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._installation = installation
        self._resource = Resource.create({"service.name": service})
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def attempt_ended(
        self, run: Run, verdict: Verdict, now: datetime, *, is_final: bool, exporting_since: datetime | None
    ) -> None:
        attempt = f"attempt {run.attempt}"
        begin = min(run.scheduled_time or run.created, run.created)
        spans = []
        if run.attempt == 1:
            if run.scheduled_time is not None and run.scheduled_time <= run.created:
                spans.append(self._span(run, "fire", run.scheduled_time, run.created))
            if run.start_time is not None:
                spans.append(self._span(run, "queue", run.created, run.start_time))
        if run.start_time is not None:
            spans.append(self._span(run, attempt, run.start_time, now, verdict=verdict))
            if exporting_since is not None and exporting_since <= now:
                spans.append(self._span(run, "export", exporting_since, now, parent=attempt))
        if is_final:
            spans.append(self._span(run, "run", begin, now, parent=None, verdict=verdict))
        for span in spans:
            self._processor.on_end(span)

    def close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def _span(
        self,
        run: Run,
        name: str,
        begin: datetime,
        end: datetime,
        *,
        parent: str | None = "run",
        verdict: Verdict | None = None,
    ) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Status, StatusCode

        status = Status()
        if verdict is not None and verdict.status in _FAILED:
            status = Status(StatusCode.ERROR, verdict.message)
        own = name if name in ("run", f"attempt {run.attempt}") else f"{name} {run.attempt}"
        return ReadableSpan(
            name,
            context=self._context(run, own),
            parent=None if parent is None else self._context(run, parent),
            resource=self._resource,
            attributes=_attributes(run, verdict),
            status=status,
            start_time=_nanoseconds(begin),
            end_time=_nanoseconds(end),
        )

    def _context(self, run: Run, name: str) -> Any:
        from opentelemetry.trace import SpanContext, TraceFlags

        trace_id, span_id = _trace_id(self._installation, run.id), _span_id(run.id, name)
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _attributes(run: Run, verdict: Verdict | None) -> dict[str, str | int]:
    found: dict[str, str | int | None] = {
        "lamplighter.run.id": run.id,
        "lamplighter.agent.id": run.agent_id,
        "lamplighter.agent.name": run.agent_name,
        "lamplighter.attempt": run.attempt,
        "lamplighter.server": run.server_name,
        "lamplighter.schedule.id": run.schedule_id,
        "lamplighter.status": None if verdict is None else verdict.status.name.capitalize(),
    }
    return {name: value for name, value in found.items() if value is not None}


def _trace_id(installation: str, run_id: int) -> int:
    return int.from_bytes(_digest(f"trace of run {run_id} of {installation}", 16)) or 1


def _span_id(run_id: int, name: str) -> int:
    return int.from_bytes(_digest(f"{name} of run {run_id}", 8)) or 1


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * _MICROSECOND


_tracer: _Tracer | None = None
