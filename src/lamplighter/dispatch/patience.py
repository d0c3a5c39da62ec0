"""The other end of ``control.holding``: runs of a worker go on while the broker is away for everybody.

A note in the store has a number. When a worker read number n at some moment and reads n + 2 later, the leases were
prolonged after that moment: note n + 1 was not there yet, and it was there before the database was asked for the
next time. So its runs may go on from that moment as if it had been answered then. No clock of another machine
matters.
"""

import json
from datetime import datetime, timedelta

from lamplighter.clock import Clock
from lamplighter.control.face import HOLD
from lamplighter.dispatch.pool import SILENCE
from lamplighter.loop import Loop
from lamplighter.object_store import ObjectStore
from lamplighter.runner.process import DeadMansSwitch

_EVERY = timedelta(seconds=1)
# What is left of its time when a worker begins to look: a contact that is a little late is nothing yet.
_WORRIES_AT = SILENCE * 0.6


class Patience(Loop):
    """Lets the runs of a worker go on when it is told so by notes, as long as nothing else tells it."""

    def __init__(self, clock: Clock, store: ObjectStore, switch: DeadMansSwitch) -> None:
        super().__init__("patience", clock, self.pass_once)
        self._store = store
        self._switch = switch
        self._read: dict[str, tuple[int, int]] = {}  # by writer: a number, and the moment before it was read

    def pass_once(self, now: datetime) -> datetime:
        """Read the note, when the worker has been silent for a while."""
        if self._switch.left() > _WORRIES_AT:
            self._read.clear()
        else:
            self._look()
        return now + _EVERY

    def _look(self) -> None:
        moment = self._switch.moment()
        note = self._store.note(HOLD)
        if note is None:
            return
        writer, number = json.loads(note)
        first, since = self._read.setdefault(writer, (number, moment))
        if number >= first + 2:
            self._switch.prolong(since, SILENCE)
            self._read[writer] = (number, moment)
