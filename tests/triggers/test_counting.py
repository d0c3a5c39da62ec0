"""Counting fires without visiting them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trigger_helpers import fires_within, steady
from trigger_oracle import utc
from trigger_strategies import moments_near_changes, triggers
from tzif import Change

from lamplighter.triggers import CronTrigger, IntervalTrigger, Period, Trigger, count_between


def test_a_year_of_minutes_is_counted() -> None:
    trigger = CronTrigger("* * * * *", "America/New_York")

    assert count_between(trigger, utc("2025-01-01"), utc("2025-12-31T23:59:59")) == 365 * 1440


def test_both_ends_of_the_range_belong_to_it() -> None:
    trigger = CronTrigger("0 9 * * *")

    assert count_between(trigger, utc("2026-01-01T09:00"), utc("2026-01-03T09:00")) == 3
    assert count_between(trigger, utc("2026-01-01T09:00:00.000001"), utc("2026-01-03T08:59:59.999999")) == 1
    assert count_between(trigger, utc("2026-01-01T09:00"), utc("2026-01-01T09:00")) == 1


@pytest.mark.parametrize(
    "trigger",
    [CronTrigger("* * * * *"), *(IntervalTrigger(1, period, utc("2020-01-01")) for period in Period)],
)
def test_a_range_that_ends_before_it_begins_is_empty(trigger: Trigger) -> None:
    assert count_between(trigger, utc("2026-01-02"), utc("2026-01-01")) == 0


def test_a_daily_time_is_counted_once_a_day_whatever_the_clocks_do() -> None:
    for expression in ("30 1 * * *", "30 2 * * *"):
        trigger = CronTrigger(expression, "America/New_York")
        assert count_between(trigger, utc("2026-01-01T12:00"), utc("2027-01-01T12:00")) == 365


def test_all_of_time_can_be_counted() -> None:
    trigger = CronTrigger("0 0 29 2 *")

    assert count_between(trigger, utc("0001-01-01"), utc("9999-12-31")) == 2424


@given(triggers(), moments_near_changes(), st.integers(0, 5 * 1440), st.integers(0, 59))
@steady
def test_the_count_is_the_number_of_fires(
    trigger: Trigger, near: tuple[str, Change, int], minutes: int, seconds: int
) -> None:
    _, change, shift = near
    first = change.instant + timedelta(minutes=shift, seconds=seconds)
    last = first + timedelta(minutes=minutes)

    assert count_between(trigger, first, last) == len(fires_within(trigger, first, last))
