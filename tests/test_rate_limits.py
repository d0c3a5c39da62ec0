"""The windows of credentials and of addresses that fail, by a clock that is moved."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lamplighter.errors import RateLimited
from lamplighter.model import Actor
from lamplighter.service.rate_limits import FAILURES, RateLimits
from virtual_clock import VirtualClock


def somebody(user_id: int = 1, key: int | None = None) -> Actor:
    return Actor(user_id, "somebody", is_admin=False, api_key_id=key)


def refusal(limits: RateLimits, actor: Actor) -> int | None:
    """In how many seconds a request that is refused may come again; None: it passes."""
    try:
        limits.admit(actor)
    except RateLimited as problem:
        return problem.retry_after
    return None


def test_the_request_after_the_last_one_of_a_minute_is_told_when_to_come_again(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 3)
    assert [refusal(limits, somebody()) for _ in range(3)] == [None] * 3
    clock.advance(seconds=0.2)

    assert refusal(limits, somebody()) == 60
    clock.advance(seconds=59, milliseconds=799)
    assert refusal(limits, somebody()) == 1
    clock.advance(milliseconds=1)
    assert refusal(limits, somebody()) is None


def test_a_window_slides_instead_of_beginning_anew(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 2)
    limits.admit(somebody())
    clock.advance(seconds=40)
    limits.admit(somebody())
    clock.advance(seconds=20)
    limits.admit(somebody())

    assert refusal(limits, somebody()) == 40


def test_a_refused_request_does_not_count(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 1)
    limits.admit(somebody())
    for _ in range(50):
        assert refusal(limits, somebody()) is not None
    clock.advance(seconds=60)

    assert refusal(limits, somebody()) is None


def test_each_key_has_a_window_and_all_tokens_of_a_user_share_one(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 1)

    assert refusal(limits, somebody(key=1)) is None
    assert refusal(limits, somebody(key=2)) is None
    assert refusal(limits, somebody(user_id=1)) is None
    assert refusal(limits, somebody(user_id=2)) is None
    assert refusal(limits, somebody(key=1)) == 60
    assert refusal(limits, somebody(user_id=1)) == 60


def test_zero_limits_nothing(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 0)
    for _ in range(500):
        limits.admit(somebody())
        limits.failed("192.0.2.1")


def test_of_many_requests_at_the_same_time_only_so_many_pass(clock: VirtualClock) -> None:
    limits, together = RateLimits(clock, 50), threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return sum(refusal(limits, somebody()) is None for _ in range(20))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) == 50


def test_a_clock_that_is_set_back_locks_nobody_out(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 2)
    limits.admit(somebody())
    limits.admit(somebody())
    clock.advance(hours=-1)

    assert [refusal(limits, somebody()) for _ in range(3)] == [None, None, 60]


def test_an_address_may_fail_so_often_in_a_minute(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 1)
    for _ in range(FAILURES):
        limits.failed("192.0.2.1")

    with pytest.raises(RateLimited, match=r"wrong credentials in a minute from 192\.0\.2\.1"):
        limits.failed("192.0.2.1")
    limits.failed("192.0.2.2")
    clock.advance(seconds=60)
    limits.failed("192.0.2.1")


def test_the_memory_for_windows_is_bounded(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 5)
    for number in range(20_000):
        limits.failed(f"host {number}")
    for number in range(1000):
        limits.admit(somebody(user_id=number))
    assert limits.size == (1000, 4096)

    clock.advance(minutes=1)
    limits.admit(somebody())
    limits.failed("192.0.2.1")

    assert limits.size == (1, 1)


def test_no_password_is_looked_at_where_too_many_were_wrong(clock: VirtualClock) -> None:
    limits = RateLimits(clock, 3)
    for _ in range(FAILURES):
        limits.may_guess("10.0.0.1")
        limits.failed("10.0.0.1")
    with pytest.raises(RateLimited, match=f"more than {FAILURES} wrong credentials"):
        limits.may_guess("10.0.0.1")
    limits.may_guess("10.0.0.2")
    clock.advance(seconds=60)
    limits.may_guess("10.0.0.1")
