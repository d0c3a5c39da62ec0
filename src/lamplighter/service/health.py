"""Whether the server can do its work."""

from dataclasses import dataclass

from lamplighter.model import RunStatus
from lamplighter.store import runs
from lamplighter.store.database import Database


@dataclass(frozen=True, slots=True)
class Load:
    """How many runs are going, and how many are to come."""

    going: int
    waiting: int


class Health:
    """Looks at the parts that the server needs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def load(self) -> Load:
        """The present load; raises the database's error when that is away."""
        with self._db.read() as c:
            counts = runs.status_counts(c)
        waiting = counts.get(RunStatus.QUEUING, 0) + counts.get(RunStatus.WAITING, 0)
        return Load(sum(counts.values()) - waiting, waiting)
