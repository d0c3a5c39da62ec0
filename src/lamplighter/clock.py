"""The only place that reads the time of day. Everything else gets ``now`` as a value."""

import threading
import time
from datetime import UTC, datetime
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
