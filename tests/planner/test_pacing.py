"""Of n requests, no 60 seconds see more; and a wait that is told is neither too long nor too short."""

from collections import deque
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.planner import WINDOW, wait_for_turn

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NOTHING = timedelta(0)

gaps = st.lists(st.integers(0, 90_000) | st.sampled_from([0, 1, 59_999, 60_000, 60_001]), max_size=60)


def nth_last(window: deque[datetime]) -> datetime | None:
    return window[0] if len(window) == window.maxlen else None


@given(gaps, st.integers(1, 5))
def test_no_sixty_seconds_see_more_than_the_limit(milliseconds: list[int], limit: int) -> None:
    now, window, passed = NOON, deque[datetime](maxlen=limit), list[datetime]()
    for gap in milliseconds:
        now += gap * MILLISECOND
        if not wait_for_turn(nth_last(window), now):
            window.append(now)
            passed.append(now)

    assert all(later - sooner >= WINDOW for sooner, later in zip(passed, passed[limit:], strict=False))


@given(gaps, st.integers(1, 5))
def test_a_wait_is_exact(milliseconds: list[int], limit: int) -> None:
    now, window = NOON, deque[datetime](maxlen=limit)
    for gap in milliseconds:
        now += gap * MILLISECOND
        wait = wait_for_turn(nth_last(window), now)
        if not wait:
            window.append(now)
            continue
        assert NOTHING < wait <= WINDOW
        assert wait_for_turn(nth_last(window), now + wait) == NOTHING
        assert wait_for_turn(nth_last(window), now + wait - MILLISECOND) == MILLISECOND


@given(st.integers(1, 10**9))
def test_nobody_waits_for_an_instant_to_come_when_the_clock_was_set_back(milliseconds: int) -> None:
    assert wait_for_turn(NOON + milliseconds * MILLISECOND, NOON) == NOTHING
