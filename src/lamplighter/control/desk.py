"""The control plane at the broker: what workers ask of it, answered from the database.

Every process that reaches both the database and the broker has a desk; the broker gives each question to one of
them. One whose database is away asks nobody to come: when nobody answers at all, workers know that nobody takes
their runs away either.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.clock import Clock
from lamplighter.control.face import Control
from lamplighter.control.wire import METHODS
from lamplighter.loop import Loop

log = structlog.get_logger()

TIME = "time"
"""What a worker asks for to set its clock; the answer is ISO 8601."""

_PULSE_EVERY = timedelta(seconds=1)
_PULSE_LOST_AFTER = timedelta(seconds=8)


class Desk(Loop):
    """Answers what workers ask, while the database answers.

    ``control_of`` makes the control of the server of a name; ``touch`` asks the database for anything, and fails or
    takes long when it is away.
    """

    def __init__(
        self, bus: Bus, clock: Clock, control_of: Callable[[str], Control], touch: Callable[[], object]
    ) -> None:
        super().__init__("desk", clock, self.pass_once)
        self._bus = bus
        self._control_of = control_of
        self._controls: dict[str, Control] = {}
        self._stops: list[Callable[[], None]] = []
        self.open_since: datetime | None = None
        # In a thread of its own, since it may wait for long.
        self.pulse = Loop("database pulse", clock, lambda now: self._feel(touch, now))
        self._lock = threading.Lock()

    def pass_once(self, now: datetime) -> datetime:
        """Open or close, as the database is there or away."""
        is_here = abs(now - self.pulse.last_good_pass) < _PULSE_LOST_AFTER
        if is_here and not self._stops:
            self._open()
            self.open_since = self._clock.now()
        elif not is_here and self._stops:
            log.warning("the database is away: workers are not answered until it is back")
            self.close()
        return now + _PULSE_EVERY

    def _feel(self, touch: Callable[[], object], now: datetime) -> datetime:
        touch()
        return now + _PULSE_EVERY

    def _open(self) -> None:
        for name in METHODS:
            self._stops.append(self._bus.serve(subjects.control(None, name), self._answer))
        self._stops.append(self._bus.serve(subjects.control(None, TIME), self._tell_time))

    def close(self) -> None:
        """Answer nobody any more; what is being answered is finished."""
        self.open_since = None
        while self._stops:
            self._stops.pop()()

    def _answer(self, subject: str, payload: bytes) -> bytes:
        worker, method = subjects.worker_of(subject), subject.rpartition(".")[2]
        with self._lock:
            control = self._controls.setdefault(worker, self._control_of(worker))
        return METHODS[method].answer(control, payload)

    def _tell_time(self, _subject: str, _payload: bytes) -> bytes:
        return self._clock.now().isoformat().encode()
