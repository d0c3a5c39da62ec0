"""Two lists of times: what is in both, what only in one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.planner import compare

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(*seconds: int) -> list[datetime]:
    return [BEGIN + number * SECOND for number in seconds]


times = st.lists(st.integers(0, 40), max_size=9)


def best(ours: Sequence[int], theirs: Sequence[int], tolerance: int) -> tuple[int, int]:
    """The most pairs and the least sum of differences, by trying all ways in which pairs do not cross."""
    mine, other = sorted(ours), sorted(theirs)

    @cache
    def found(i: int, j: int) -> tuple[int, int]:
        if i == len(mine) or j == len(other):
            return 0, 0
        ways = [found(i + 1, j), found(i, j + 1)]
        if abs(mine[i] - other[j]) <= tolerance:
            count, cost = found(i + 1, j + 1)
            ways.append((count + 1, cost - abs(mine[i] - other[j])))
        return max(ways)

    count, cost = found(0, 0)
    return count, -cost


def test_times_within_the_tolerance_are_the_same() -> None:
    found = compare(at(0, 3600), at(2, 3661), 60 * SECOND)
    assert [(pair.ours, pair.difference) for pair in found.both] == [(BEGIN, 2 * SECOND)]
    assert found.only_ours == tuple(at(3600))
    assert found.only_theirs == tuple(at(3661))


def test_the_tolerance_itself_is_within() -> None:
    assert len(compare(at(0), at(60), 60 * SECOND).both) == 1
    assert compare(at(60), at(0), 60 * SECOND).both[0].difference == -60 * SECOND


def test_a_fire_that_is_missing_in_the_middle_is_the_one_that_is_alone() -> None:
    minutes = at(*range(0, 600, 60))
    theirs = [time + SECOND for time in minutes if time != minutes[4]]
    found = compare(minutes, theirs, timedelta(seconds=90))
    assert found.only_ours == (minutes[4],)
    assert {pair.difference for pair in found.both} == {SECOND}


def test_a_time_that_is_there_twice_is_paired_once() -> None:
    found = compare(at(0), at(0, 0), SECOND)
    assert (len(found.both), found.only_theirs) == (1, tuple(at(0)))


@given(times, times, st.integers(0, 12))
def test_every_time_is_told_of_once_and_in_order(ours: list[int], theirs: list[int], tolerance: int) -> None:
    found = compare(at(*ours), at(*theirs), tolerance * SECOND)
    mine = [pair.ours for pair in found.both]
    other = [pair.theirs for pair in found.both]
    assert sorted([*mine, *found.only_ours]) == at(*sorted(ours))
    assert sorted([*other, *found.only_theirs]) == at(*sorted(theirs))
    for part in (mine, other, list(found.only_ours), list(found.only_theirs)):
        assert part == sorted(part)
    assert all(abs(pair.difference) <= tolerance * SECOND for pair in found.both)


@given(times, times, st.integers(0, 12))
def test_there_are_as_many_pairs_as_can_be_with_the_least_differences(
    ours: list[int], theirs: list[int], tolerance: int
) -> None:
    found = compare(at(*ours), at(*theirs), tolerance * SECOND)
    cost = sum((abs(pair.difference) for pair in found.both), timedelta())
    assert (len(found.both), cost // SECOND) == best(ours, theirs, tolerance)


@given(times, times, st.integers(0, 12))
def test_the_sides_may_be_exchanged(ours: list[int], theirs: list[int], tolerance: int) -> None:
    one = compare(at(*ours), at(*theirs), tolerance * SECOND)
    other = compare(at(*theirs), at(*ours), tolerance * SECOND)
    assert len(one.both) == len(other.both)


@given(times, st.integers(0, 12))
def test_a_list_is_the_same_as_itself(ours: list[int], tolerance: int) -> None:
    found = compare(at(*ours), at(*ours), tolerance * SECOND)
    assert found.only_ours == found.only_theirs == ()
    assert all(pair.difference == timedelta() for pair in found.both)
