"""Whose turn it is, and how long a proxy rests."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import ProxyHealth, Rotation
from lamplighter.planner import Pick, ProxyUse, checked, noted, pick, rest_until
from store_rows import NOON

rests = st.none() | st.integers(-3600, 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))
pools = st.lists(rests, min_size=1, max_size=12)


def take(
    rotation: Rotation,
    ends: Sequence[datetime | None],
    *,
    turn: int = 0,
    run_id: int = 1,
    avoid: int | None = None,
    seed: int = 0,
) -> Pick:
    return pick(rotation, ends, turn=turn, run_id=run_id, now=NOON, chance=random.Random(seed), avoid=avoid)


def ready(ends: Sequence[datetime | None]) -> list[int]:
    return [place for place, end in enumerate(ends) if end is None or end <= NOON]


# --- who is next ---


@given(st.sampled_from(Rotation), pools, st.integers(0, 99), st.integers(1, 99), st.integers(0, 99))
def test_every_proxy_is_tried_sooner_or_later(
    rotation: Rotation, ends: list[datetime | None], turn: int, run_id: int, seed: int
) -> None:
    order = take(rotation, ends, turn=turn, run_id=run_id, seed=seed).order
    assert sorted(order) == list(range(len(ends)))


@given(st.sampled_from(Rotation), pools, st.integers(0, 99), st.integers(1, 99), st.integers(0, 99))
def test_those_that_rest_come_last_and_the_first_to_be_ready_before_the_others(
    rotation: Rotation, ends: list[datetime | None], turn: int, run_id: int, seed: int
) -> None:
    order = take(rotation, ends, turn=turn, run_id=run_id, seed=seed).order
    awake = ready(ends)
    assert set(order[: len(awake)]) == set(awake)
    waits = [ends[place] for place in order[len(awake) :]]
    assert waits == sorted(end for end in waits if end is not None)


@given(pools, st.integers(1, 5))
def test_taking_turns_uses_all_that_are_awake_equally_often(ends: list[datetime | None], rounds: int) -> None:
    awake = ready(ends)
    if not awake:
        return
    turn, used = 0, Counter[int]()
    for _ in range(rounds * len(awake)):
        taken = take(Rotation.ROUND_ROBIN, ends, turn=turn)
        turn = taken.turn
        used[taken.order[0]] += 1
    assert used == dict.fromkeys(awake, rounds)


@given(pools, st.integers(0, 99), st.data())
def test_the_next_attempt_begins_with_another_proxy_if_one_is_awake(
    ends: list[datetime | None], turn: int, data: st.DataObject
) -> None:
    before = data.draw(st.integers(0, len(ends) - 1))
    for rotation in (Rotation.ROUND_ROBIN, Rotation.RANDOM):
        first = take(rotation, ends, turn=turn, avoid=before).order[0]
        assert first != before or set(ready(ends)) <= {before}


@given(pools, st.integers(1, 10_000), st.integers(0, 99), st.integers(0, 99))
def test_a_sticky_run_keeps_its_proxy(ends: list[datetime | None], run_id: int, turn: int, seed: int) -> None:
    first = take(Rotation.STICKY, ends, run_id=run_id).order
    assert take(Rotation.STICKY, ends, run_id=run_id, turn=turn, avoid=first[0], seed=seed).order == first


def test_sticky_runs_in_a_row_share_the_proxies_equally() -> None:
    used = Counter(take(Rotation.STICKY, [None] * 5, run_id=run).order[0] for run in range(1, 51))
    assert used == dict.fromkeys(range(5), 10)


def test_a_sticky_run_leaves_its_proxy_while_that_rests() -> None:
    free: list[datetime | None] = [None, None, None]
    own = take(Rotation.STICKY, free, run_id=4).order[0]
    free[own] = NOON + timedelta(seconds=1)
    assert take(Rotation.STICKY, free, run_id=4).order[0] != own
    free[own] = NOON
    assert take(Rotation.STICKY, free, run_id=4).order[0] == own


def test_chance_chooses_every_proxy_now_and_then() -> None:
    seen = {take(Rotation.RANDOM, [None] * 4, seed=seed).order[0] for seed in range(100)}
    assert seen == {0, 1, 2, 3}


# --- how long they rest ---


def test_rests_double_from_half_a_minute_to_half_an_hour() -> None:
    minutes = [(rest_until(failures, NOON) - NOON) / timedelta(minutes=1) for failures in range(1, 9)]
    assert minutes == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert rest_until(10**9, NOON) - NOON == timedelta(minutes=30)


def use(
    host: str = "shop.test", *, requests: int = 1, failures: int = 0, in_row: int = 0, at_proxy: bool = False
) -> ProxyUse:
    error = "no luck" if failures else None
    return ProxyUse(7, host, requests, failures, in_row, 100 * requests, error, at_proxy)


def after(*uses: ProxyUse, known: Sequence[ProxyHealth] = ()) -> dict[str, ProxyHealth]:
    before = {(one.proxy_id, one.host): one for one in known}
    return {one.host: one for one in noted(before, uses, NOON)}


def rest_of(health: ProxyHealth) -> timedelta | None:
    return None if health.rested_until is None else health.rested_until - NOON


def test_uses_are_added_up_for_the_host_and_for_the_proxy() -> None:
    known = [ProxyHealth(7, "", requests=10, failures=2, traffic=50), ProxyHealth(7, "a.test", requests=4)]
    found = after(use("a.test", requests=3, failures=1), use("b.test", requests=2), known=known)
    assert (found[""].requests, found[""].failures, found[""].traffic) == (15, 3, 550)
    assert (found["a.test"].requests, found["b.test"].requests) == (7, 2)
    assert found[""].last_used == found["a.test"].last_used == NOON


def test_a_failure_at_the_proxy_rests_it_for_every_host() -> None:
    found = after(use(requests=1, failures=1, in_row=1, at_proxy=True))
    assert rest_of(found[""]) == timedelta(seconds=30)
    assert rest_of(found["shop.test"]) is None
    assert found[""].last_error == found["shop.test"].last_error == "no luck"


def test_a_failure_of_the_target_rests_the_proxy_for_that_host_alone() -> None:
    found = after(use("blocks.test", requests=2, failures=2, in_row=2), use("serves.test", requests=5))
    assert rest_of(found["blocks.test"]) == timedelta(minutes=1)
    assert rest_of(found["serves.test"]) is None
    assert rest_of(found[""]) is None


def test_failures_go_on_counting_over_attempts_until_something_works() -> None:
    resting = ProxyHealth(7, "", failures_in_row=3, rested_until=NOON + timedelta(minutes=1))
    again = after(use(requests=1, failures=1, in_row=1, at_proxy=True), known=[resting])[""]
    assert (again.failures_in_row, rest_of(again)) == (4, timedelta(minutes=4))
    mixed = after(use(requests=9, failures=1, in_row=1, at_proxy=True), known=[resting])[""]
    assert (mixed.failures_in_row, rest_of(mixed)) == (1, timedelta(seconds=30))


def test_a_success_ends_every_rest_that_it_speaks_of() -> None:
    known = [
        ProxyHealth(7, host, failures_in_row=5, rested_until=NOON + timedelta(minutes=5))
        for host in ("", "shop.test", "other.test")
    ]
    found = after(use(requests=3), known=known)
    assert {host: (one.failures_in_row, rest_of(one)) for host, one in found.items()} == {
        "": (0, None),
        "shop.test": (0, None),
    }


def test_a_target_that_refuses_does_not_end_the_rest_of_the_proxy() -> None:
    resting = ProxyHealth(7, "", failures_in_row=1, rested_until=NOON + timedelta(seconds=30))
    found = after(use(requests=1, failures=1, in_row=1), known=[resting])
    assert rest_of(found[""]) == timedelta(seconds=30)


def test_no_requests_say_nothing() -> None:
    assert after(use(requests=0)) == {}


def test_a_look_at_a_proxy_rests_it_or_ends_its_rest_and_counts_no_request() -> None:
    first = checked(ProxyHealth(7, ""), "refused", NOON)
    second = checked(first, "refused", NOON)
    assert [rest_of(one) for one in (first, second)] == [timedelta(seconds=30), timedelta(minutes=1)]
    assert (second.last_error, second.requests, second.failures) == ("refused", 0, 0)
    assert rest_of(checked(second, None, NOON)) is None
