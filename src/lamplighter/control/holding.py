"""Runs go on while the broker is away for everybody, and only then.

A worker that hears nothing must take it that others do, and take its runs over; so it ends them. Unless a note in
the store of files says that no process of the control plane has the broker either: before such a note is written,
the leases of all servers are prolonged. ``dispatch.patience`` reads it, and says why that is enough.
"""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from lamplighter.clock import Clock
from lamplighter.control.face import HOLD
from lamplighter.loop import Loop
from lamplighter.object_store import ObjectStore
from lamplighter.planner import LEASE
from lamplighter.store import broker, servers
from lamplighter.store.database import Database

log = structlog.get_logger()

_EVERY = timedelta(seconds=1)
# As long as nobody has the broker, nobody takes runs over: those who come back wait for a lease.
_UNSEEN_FOR = timedelta(seconds=3)


class Holding(Loop):
    """Tells the workers that the broker is away for all. ``is_here`` asks the broker itself, and waits briefly."""

    def __init__(self, db: Database, clock: Clock, store: ObjectStore, is_here: Callable[[], bool]) -> None:
        super().__init__("holding", clock, self.pass_once)
        self._db = db
        self._store = store
        self._is_here = is_here
        self._writer, self._number = "", 0

    def pass_once(self, now: datetime) -> datetime:
        """Note that the broker is there, or hold the runs of all servers when nobody has seen it for a while."""
        if self._is_here():
            with self._db.write_shared() as c:
                broker.note_seen(c, now, _EVERY)
            self._writer = ""
        elif self._prolong(now):
            self._write()
        return now + _EVERY

    def _prolong(self, now: datetime) -> bool:
        with self._db.write_shared() as c:
            if broker.seen(c) > now - _UNSEEN_FOR:
                return False
            servers.prolong(c, now, now + LEASE)
        return True

    def _write(self) -> None:
        if not self._writer:
            log.warning("no process has the broker: runs go on until it is back")
            self._writer, self._number = uuid.uuid4().hex, 0
        self._number += 1
        try:
            self._store.write_note(HOLD, json.dumps([self._writer, self._number]).encode())
        except Exception:
            # It may arrive later than the next one: what was counted so far says nothing any more.
            self._writer = ""
            raise
