"""What is written for the broker in the outbox goes out: runs that queue are announced, servers are told to look.

The database is the truth, and what goes out only says that it is worth a look. So it may go out twice; and what a
broker loses is announced again: a run that queues for a minute while nothing of its group is announced.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.bus.stream import RunStream
from lamplighter.clock import Clock
from lamplighter.errors import BusAway
from lamplighter.loop import Loop
from lamplighter.store import announcements, groups
from lamplighter.store.database import Database

log = structlog.get_logger()

BATCH = 1000
_LOOK_AGAIN = timedelta(minutes=1)


class Relay(Loop):
    """Sends what is in the outbox, as long as there is a connection to the broker."""

    def __init__(self, db: Database, clock: Clock, bus: Bus) -> None:
        super().__init__("relay", clock, self.pass_once)
        self._db = db
        self._bus = bus
        self._stream = RunStream(bus)
        self._prepared: set[str | None] = set()
        self._connected: datetime | None = None  # since when, when groups were prepared last
        self._looked = clock.now()
        self._queued: set[int] = set()  # what queued when it was looked last

    def pass_once(self, now: datetime) -> datetime | None:
        """Send what is there; returns ``now`` when there may be more."""
        if not self._bus.is_connected:
            return None
        try:
            if self._connected != self._bus.here_since:  # the broker may have lost everything
                self._prepared.clear()
                self._connected = self._bus.here_since
                self._prepare_all()
            count = self.send_once()
            if not self._looked <= now < self._looked + _LOOK_AGAIN:
                self._looked = now
                self.announce_again(now)
        except BusAway as problem:
            self._connected = None
            log.warning("what queues cannot be announced now; it will be", problem=str(problem))
            return None
        return now if count == BATCH else None

    def send_once(self) -> int:
        """Send a batch; returns how many. What could not be sent stays."""
        with self._db.write_shared() as c:
            batch = announcements.take(c, BATCH)
            for server in sorted({one.server for one in batch if one.server is not None}):
                self._bus.publish(subjects.worker(server, "look"), b"")
            self._announce((str(one.id), one.group, one.run_id) for one in batch if one.server is None)
        return len(batch)

    def announce_again(self, now: datetime) -> int:
        """Announce what queued when it was looked last and still does, while nothing of its group is announced.

        Returns how many runs.
        """
        waiting = self._stream.waiting()
        with self._db.read() as c:
            queues = announcements.queuing(c, BATCH)
        before, self._queued = self._queued, {run_id for _, ids in queues for run_id in ids}
        minute = int(now.timestamp()) // 60
        again = [
            (f"again-{run_id}-{minute}", group, run_id)
            for group, ids in queues
            if not waiting.get(subjects.run(group))
            for run_id in ids
            if run_id in before
        ]
        if again:
            log.warning(
                "runs queue of which the broker knows nothing; they are announced again", runs=len(again)
            )
            self._announce(again)
        return len(again)

    def _announce(self, runs: Iterable[tuple[str, str | None, int]]) -> None:
        rows = list(runs)
        self._prepare({group for _, group, _ in rows})
        self._stream.announce(
            (subjects.run(group), message_id, str(run_id).encode()) for message_id, group, run_id in rows
        )

    def _prepare_all(self) -> None:
        with self._db.read() as c:
            names = groups.names(c).values()
        self._prepare({None, *names})

    def _prepare(self, wanted: set[str | None]) -> None:
        missing = wanted - self._prepared
        if missing:
            self._stream.prepare(missing)
            self._prepared |= missing
