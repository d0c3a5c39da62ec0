"""Whether the server can do its work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lamplighter.clock import Clock
from lamplighter.errors import Unavailable
from lamplighter.model import RunStatus
from lamplighter.store import runs
from lamplighter.store.database import Database


@dataclass(frozen=True, slots=True)
class Load:
    """How many runs are going, and how many are to come."""

    going: int
    waiting: int


_SILENT_FOR = timedelta(seconds=30)


class Health:
    """Looks at the parts that the server needs; ``last_passes`` says when each loop last did its work."""

    def __init__(self, db: Database, clock: Clock, last_passes: Callable[[], Mapping[str, datetime]]) -> None:
        self._db = db
        self._clock = clock
        self._last_passes = last_passes

    def load(self) -> Load:
        """The present load; Unavailable when a loop is silent, the database's error when that is away."""
        now = self._clock.now()
        for name, moment in self._last_passes().items():
            if now - moment > _SILENT_FOR:
                raise Unavailable(f"the {name} has not worked since {moment:%Y-%m-%d %H:%M:%S} UTC")
        with self._db.read() as c:
            counts = runs.status_counts(c)
        waiting = counts.get(RunStatus.QUEUING, 0) + counts.get(RunStatus.WAITING, 0)
        return Load(sum(counts.values()) - waiting, waiting)
