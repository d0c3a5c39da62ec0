"""A loop goes on whatever happens, and says what happens once."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from lamplighter.errors import Unavailable
from lamplighter.loop import Loop
from virtual_clock import VirtualClock


def said_by(clock: VirtualClock, work: Callable[[int], None], passes: int) -> list[dict[str, Any]]:
    """What a loop logs that does ``work`` with the number of each pass, so many times."""
    count = 0

    def pass_once(now: datetime) -> datetime:
        nonlocal count
        if count == passes:
            loop.stop()
            return now
        count += 1
        clock.advance(seconds=2)
        work(count)
        return now

    loop = Loop("test", clock, pass_once)
    with structlog.testing.capture_logs() as said:
        thread = threading.Thread(target=loop.run)
        thread.start()
        thread.join(60)
    assert not thread.is_alive()
    return [dict(one) for one in said]


def test_what_another_try_may_help_with_is_said_once_without_a_traceback(clock: VirtualClock) -> None:
    def work(number: int) -> None:
        if number < 5:
            raise Unavailable("nobody is there")

    failed, recovered = said_by(clock, work, 6)
    assert (failed["log_level"], failed["problem"]) == ("warning", "nobody is there")
    assert "exc_info" not in failed
    assert recovered["event"] == "what failed works again"


def test_what_nobody_expected_is_said_with_its_traceback(clock: VirtualClock) -> None:
    def work(number: int) -> None:
        if number < 3:
            raise ValueError(f"number {number}")

    first, second, recovered = said_by(clock, work, 4)
    assert first["log_level"] == second["log_level"] == "error"
    assert [str(one["exc_info"]) for one in (first, second)] == ["number 1", "number 2"]
    assert recovered["log_level"] == "info"


def test_what_goes_well_is_not_said(clock: VirtualClock) -> None:
    assert said_by(clock, lambda _number: None, 3) == []
