"""What Prometheus is told: what this process measured, and how the whole installation stands."""

from collections.abc import Callable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

import lamplighter
from lamplighter import metrics
from lamplighter.clock import Clock
from lamplighter.model import ACTIVE, Actor
from lamplighter.service.access import require_admin
from lamplighter.store import runs, schedules, servers
from lamplighter.store.database import Database
from lamplighter.triggers import TZDATA_VERSION


class Metrics:
    """``last_passes`` says when each loop of this process last did its work."""

    def __init__(self, db: Database, clock: Clock, last_passes: Callable[[], Mapping[str, datetime]]) -> None:
        self._db = db
        self._clock = clock
        self._last_passes = last_passes

    def text(self, actor: Actor) -> bytes:
        """All of it in Prometheus's text format; NotAllowed for those who are no administrators."""
        require_admin(actor, changes=False)
        gauges = CollectorRegistry()
        about = Gauge("lamplighter_info", "What runs here", ["version", "tzdata"], registry=gauges)
        about.labels(lamplighter.__version__, TZDATA_VERSION).set(1)
        loops = Gauge(
            "lamplighter_loop_last_pass_timestamp_seconds",
            "When a loop of this process last did its work",
            ["loop"],
            registry=gauges,
        )
        for name, moment in self._last_passes().items():
            loops.labels(name).set(moment.timestamp())
        with self._db.read() as c:
            now = self._clock.now()
            states = Gauge(
                "lamplighter_runs", "Runs that have not ended, by status", ["status"], registry=gauges
            )
            counts = runs.status_counts(c)
            for status in sorted(ACTIVE):
                states.labels(status.name.capitalize()).set(counts.get(status, 0))
            overdue = Gauge(
                "lamplighter_oldest_undecided_seconds",
                "How long ago the oldest due time was that the scheduler has not decided; 0 when there is none",
                registry=gauges,
            )
            earliest = schedules.next_fire_at(c)
            overdue.set(0 if earliest is None else max(0.0, (now - earliest).total_seconds()))
            due = Gauge("lamplighter_schedules", "Schedules that have a next due time", registry=gauges)
            due.set(schedules.count_with_next_due(c))
            states = Gauge("lamplighter_servers", "Servers, by whether they live", ["state"], registry=gauges)
            places = Gauge(
                "lamplighter_places", "How many runs the live servers take at once", registry=gauges
            )
            live = [one for one in servers.every(c) if one.lease_until >= now]
            states.labels("live").set(len(live))
            states.labels("lost").set(len(servers.lost(c, now)))
            places.set(sum(one.concurrency for one in live))
        return metrics.text(gauges)
