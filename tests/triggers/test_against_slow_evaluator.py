"""The evaluator and the slow one give the same fires, forward, backward and counted."""

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trigger_helpers import fires_within, fires_within_backward, steady
from trigger_oracle import names_all_hours, slow_fires, utc, wall_matches
from trigger_strategies import expressions, moments_near_changes
from tzif import Change, changes_between

from lamplighter.errors import InvalidInput
from lamplighter.triggers import (
    CronTrigger,
    DstGap,
    DstOverlap,
    IntervalTrigger,
    Period,
    Trigger,
    count_between,
    zone,
)

gaps, overlaps = st.sampled_from(DstGap), st.sampled_from(DstOverlap)
DAY = timedelta(days=1)

ODD = [
    ("America/New_York", 2026),
    ("Europe/London", 2026),
    ("Australia/Lord_Howe", 2026),
    ("Antarctica/Troll", 2026),
    ("Africa/Casablanca", 2026),
    ("Africa/Cairo", 2026),
    ("Asia/Beirut", 2026),
    ("America/Havana", 2026),
    ("America/St_Johns", 2010),
    ("Pacific/Apia", 2011),
    ("Pacific/Kwajalein", 1993),
    ("Pacific/Kiritimati", 1994),
    ("Asia/Pyongyang", 2018),
    ("America/Caracas", 2016),
    ("America/Nuuk", 2023),
]


def same_everywhere(trigger: Trigger, change: Change, expected: list[datetime]) -> None:
    first, last = change.instant - DAY, change.instant + DAY
    found = fires_within(trigger, first, last)
    assert found == expected
    assert fires_within_backward(trigger, first, last) == found[::-1]
    assert count_between(trigger, first, last) == len(found)


@given(expressions, moments_near_changes(), gaps, overlaps)
@settings(steady, max_examples=250)
def test_random_expressions_near_random_changes(
    expression: str, near: tuple[str, Change, int], gap: DstGap, overlap: DstOverlap
) -> None:
    name, change, _ = near
    try:
        trigger = CronTrigger(expression, name, gap, overlap)
    except InvalidInput:
        assume(condition=False)
    expected = slow_fires(
        wall_matches(expression),
        name,
        change.instant - DAY,
        change.instant + DAY,
        real_clock=names_all_hours(expression),
        gap=gap,
        overlap=overlap,
    )
    same_everywhere(trigger, change, expected)


@pytest.mark.parametrize(("zone", "year"), ODD)
@pytest.mark.parametrize("expression", ["*/20 * * * *", "*/20 1-23 * * *", "*/15 0-3,23 * * *", "30 2 * * *"])
def test_odd_zones_and_usual_expressions(zone: str, year: int, expression: str) -> None:
    for change in changes_between(zone, year, year):
        first, last = change.instant - DAY, change.instant + DAY
        matches, real_clock = wall_matches(expression), names_all_hours(expression)
        expected = slow_fires(matches, zone, first, last, real_clock=real_clock)
        same_everywhere(CronTrigger(expression, zone), change, expected)


@given(moments_near_changes(), st.integers(1, 40), st.integers(1, 3), gaps, overlaps)
@settings(steady, max_examples=100)
def test_random_day_intervals_near_random_changes(
    near: tuple[str, Change, int], back: int, every: int, gap: DstGap, overlap: DstOverlap
) -> None:
    name, change, shift = near
    anchor = change.instant + timedelta(minutes=shift) - back * DAY
    trigger = IntervalTrigger(every, Period.DAYS, anchor, name, gap, overlap)
    wall = anchor.astimezone(zone(name)).replace(tzinfo=None)
    walls = {wall + k * every * DAY for k in range(1, 60)}
    first, last = change.instant - DAY, change.instant + DAY
    expected = slow_fires(walls.__contains__, name, first, last, gap=gap, overlap=overlap)
    if first <= anchor <= last:
        expected = sorted({*expected, anchor})
    same_everywhere(trigger, change, expected)


@given(expressions)
@settings(steady, max_examples=60)
def test_random_expressions_over_days_in_utc(expression: str) -> None:
    try:
        trigger = CronTrigger(expression)
    except InvalidInput:
        assume(condition=False)
    first, last = utc("2024-02-27"), utc("2024-03-04")
    expected = slow_fires(wall_matches(expression), "UTC", first, last)
    assert fires_within(trigger, first, last) == expected
    assert count_between(trigger, first, last) == len(expected)
