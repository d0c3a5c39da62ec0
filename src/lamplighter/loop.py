"""A thread that does one thing again and again: wait, then one pass."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from lamplighter.clock import Clock
from lamplighter.errors import LamplighterError

log = structlog.get_logger()

_PAUSE = timedelta(seconds=1)


class Loop:
    """Calls ``pass_once(now)`` until ``stop``; it returns when to be called again, None for a second later.

    A pass that fails is logged and tried again a second later, whatever it was: a loop that has ended does nothing
    at all. ``after_failure`` is called then.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        pass_once: Callable[[datetime], datetime | None],
        after_failure: Callable[[datetime], None] | None = None,
    ) -> None:
        self.name = name
        self.last_good_pass = clock.now()
        self._clock = clock
        self._pass_once = pass_once
        self._after_failure = after_failure
        self._asked = False
        self._complaint = ""  # what went wrong in the last pass
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Begin the next pass now."""
        self._asked = True
        self._wake.set()

    def stop(self) -> None:
        """End ``run`` after the pass it is in."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Pass after pass, until ``stop``."""
        before = until = self._clock.now()
        while not self._stopping.is_set():
            now = self._clock.now()
            # A clock that was set back would let it sleep for long.
            if before <= now < until and not self._asked:
                self._clock.wait(self._wake, until)
                continue
            before, self._asked = now, False
            try:
                until = self._pass_once(now) or now + _PAUSE
                self.last_good_pass = now
                self._recovered()
            except Exception as problem:  # noqa: BLE001 - see above
                self._report(problem)
                until = now + _PAUSE
                if self._after_failure is not None:
                    self._after_failure(self._clock.now())

    def _report(self, problem: Exception) -> None:
        """Log what went wrong, once as long as it is the same; a traceback only tells of what nobody expected."""
        told = f"{type(problem).__name__}: {problem}"
        if told == self._complaint:
            return
        self._complaint = told
        if isinstance(problem, LamplighterError) and problem.retryable:
            log.warning("a pass failed; trying again every second", loop=self.name, problem=str(problem))
        else:
            log.error("a pass failed; trying again every second", loop=self.name, exc_info=problem)

    def _recovered(self) -> None:
        if self._complaint:
            log.info("what failed works again", loop=self.name)
        self._complaint = ""
