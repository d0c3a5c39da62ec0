"""The only place that reads the time of day. Everything else gets ``now`` as a value."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_WAIT = 1.0  # seconds


class Clock(Protocol):
    """What the loops need of time. The other implementation is the virtual clock of the tests."""

    def now(self) -> datetime:
        """The present instant, in UTC, cut to whole milliseconds (the precision of the database)."""
        ...

    def wait(self, wake: threading.Event, until: datetime) -> None:
        """Return when ``until`` has come or ``wake`` is set, or after a second at most; clears ``wake``."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def wait(self, wake: threading.Event, until: datetime) -> None:
        # Never for long: when somebody sets the clock back, ``until`` is suddenly far away.
        seconds = min(until.timestamp() - time.time(), LONGEST_WAIT)
        if seconds > 0:
            wake.wait(seconds)
        wake.clear()


class SharedClock:
    """The time of another clock, such as the database's, by which all processes go whatever their machines say.

    ``ask`` tells that time, and may fail. In between, this machine only measures how much has passed.
    """

    def __init__(self, ask: Callable[[], datetime]) -> None:
        self._ask = ask
        self.set()

    def set(self) -> None:
        """Ask what time it is. Of three answers the quickest counts: it is the least old when it arrives."""
        answers = []
        for _ in range(3):
            before = time.monotonic()
            told = self._ask()
            after = time.monotonic()
            answers.append((after - before, (before + after) / 2, told))
        _, moment, told = min(answers)
        self._at = (moment, told)

    def now(self) -> datetime:
        moment, told = self._at
        now = told + timedelta(seconds=time.monotonic() - moment)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def wait(self, wake: threading.Event, until: datetime) -> None:
        # Never for long: the clock may be set meanwhile.
        seconds = min((until - self.now()).total_seconds(), LONGEST_WAIT)
        if seconds > 0:
            wake.wait(seconds)
        wake.clear()
