"""The one double for time: a clock that stands until it is moved."""

import threading
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A clock that shows what it is told; ``wait`` jumps to the instant that is waited for."""

    def __init__(self, now: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def wait(self, wake: threading.Event, until: datetime) -> None:
        if not wake.is_set():
            self.time = max(self.time, until)
        wake.clear()

    def advance(self, **span: float) -> datetime:
        """Move on by a ``timedelta`` in its own words; returns the new time."""
        self.time += timedelta(**span)
        return self.time
