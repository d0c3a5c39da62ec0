"""What Prometheus is told: what this process measured, and how the whole installation stands."""

from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Gauge

import lamplighter
from lamplighter import metrics
from lamplighter.clock import Clock
from lamplighter.model import ACTIVE, Actor
from lamplighter.service.access import require_admin
from lamplighter.store import announcements, broker, groups, runs, schedules, servers
from lamplighter.store.database import Database
from lamplighter.triggers import TZDATA_VERSION


class Metrics:
    """``last_passes`` says when each loop of this process last did its work; there may be a broker."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        last_passes: Callable[[], Mapping[str, datetime]],
        *,
        has_broker: bool,
    ) -> None:
        self._has_broker = has_broker
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
            self._servers(c, gauges, now)
            self._outbox(c, gauges, now)
        return metrics.text(gauges)

    def _servers(self, c: sa.Connection, gauges: CollectorRegistry, now: datetime) -> None:
        states = Gauge("lamplighter_servers", "Servers, by their state", ["state"], registry=gauges)
        found = servers.every(c)
        live = [one for one in found if one.lease_until >= now]
        taking = [one for one in live if one.draining_since is None]
        states.labels("live").set(len(taking))
        states.labels("draining").set(len(live) - len(taking))
        states.labels("lost").set(len(found) - len(live))
        places = Gauge("lamplighter_places", "How many runs the live servers take at once", registry=gauges)
        places.set(sum(one.concurrency for one in taking))
        by_group = {
            name: Gauge(f"lamplighter_queue_{name}", told, ["group"], registry=gauges)
            for name, told in {
                "runs": "Runs that queue, by server group; empty: for any server",
                "oldest_seconds": "For how long the oldest of them has queued; 0 when none does",
                "running": "Runs of the group that are on servers",
                "places": "How many runs the live servers take at once that serve the group",
                "servers": "Live servers that take runs of the group",
            }.items()
        }
        for queue in groups.queues(c, now):
            waited = 0.0 if queue.oldest is None else max(0.0, (now - queue.oldest).total_seconds())
            values = {
                "runs": queue.queued,
                "oldest_seconds": waited,
                "running": queue.running,
                "places": queue.places,
                "servers": len(queue.live),
            }
            for name, value in values.items():
                by_group[name].labels(queue.group or "").set(value)

    def _outbox(self, c: sa.Connection, gauges: CollectorRegistry, now: datetime) -> None:
        waiting = Gauge(
            "lamplighter_outbox_announcements", "What is to be announced to workers", registry=gauges
        )
        waiting.set(announcements.count(c))
        seen = Gauge(
            "lamplighter_broker_unseen_seconds",
            "For how long no process has seen the broker; only where there is one",
            registry=gauges if self._has_broker else None,
        )
        seen.set(max(0.0, (now - broker.seen(c)).total_seconds()))
