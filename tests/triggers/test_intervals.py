"""Due times counted from an anchor."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from trigger_helpers import next_texts
from trigger_oracle import utc

from lamplighter.errors import InvalidInput
from lamplighter.triggers import IntervalTrigger, Period, count_between, next_after, previous_before

ANCHOR = datetime(2026, 1, 31, 10, tzinfo=UTC)


def test_the_anchor_is_the_first_fire() -> None:
    for period in Period:
        trigger = IntervalTrigger(3, period, ANCHOR, "Europe/Berlin")

        assert next_after(trigger, utc("2000-01-01")) == ANCHOR
        assert previous_before(trigger, ANCHOR) is None
        assert count_between(trigger, utc("2000-01-01"), ANCHOR) == 1


def test_minutes_and_hours_are_elapsed_time() -> None:
    trigger = IntervalTrigger(12, Period.HOURS, utc("2026-03-07T12:00"), "America/New_York")

    assert next_texts(trigger, utc("2026-03-07T12:00"), 3) == [
        "2026-03-08T00:00",
        "2026-03-08T12:00",
        "2026-03-09T00:00",
    ]


def test_a_month_is_counted_from_the_anchor_and_not_from_the_fire_before() -> None:
    trigger = IntervalTrigger(1, Period.MONTHS, ANCHOR)

    assert next_texts(trigger, ANCHOR, 4) == [
        "2026-02-28T10:00",
        "2026-03-31T10:00",
        "2026-04-30T10:00",
        "2026-05-31T10:00",
    ]


def test_days_keep_the_wall_time_across_a_change_of_clocks() -> None:
    trigger = IntervalTrigger(2, Period.DAYS, utc("2026-03-26T08:00"), "Europe/Berlin")

    assert next_texts(trigger, utc("2026-03-26T08:00"), 2) == ["2026-03-28T08:00", "2026-03-30T07:00"]


def test_an_anchor_between_seconds_is_kept_exactly() -> None:
    anchor = datetime(2026, 1, 5, 9, 0, 7, 345_000, tzinfo=UTC)
    for period in Period:
        trigger = IntervalTrigger(1, period, anchor)
        second = next_after(trigger, anchor)

        assert second is not None
        assert (second.second, second.microsecond) == (7, 345_000)
        assert previous_before(trigger, second) == anchor


def test_an_anchor_of_another_zone_is_the_same_instant() -> None:
    east = timezone(timedelta(hours=5, minutes=30))

    assert IntervalTrigger(1, Period.DAYS, ANCHOR.astimezone(east)) == IntervalTrigger(1, Period.DAYS, ANCHOR)


@pytest.mark.parametrize("every", [0, -1])
def test_an_interval_of_nothing_is_refused(every: int) -> None:
    with pytest.raises(InvalidInput, match="at least 1") as refusal:
        IntervalTrigger(every, Period.DAYS, ANCHOR)

    assert refusal.value.errors[0].field == "every"


@pytest.mark.parametrize("every", [10**5, 10**9, 10**40])
@pytest.mark.parametrize("period", list(Period))
def test_an_interval_longer_than_the_calendar_fires_at_its_anchor_only(every: int, period: Period) -> None:
    trigger = IntervalTrigger(every, period, utc("9990-01-01"))

    assert next_after(trigger, utc("9999-12-31")) is None
    assert previous_before(trigger, utc("9990-01-02")) == utc("9990-01-01")


def test_leap_years_return_to_29_february() -> None:
    trigger = IntervalTrigger(12, Period.MONTHS, utc("2024-02-29T12:00"))

    assert next_texts(trigger, utc("2027-01-01"), 2) == ["2027-02-28T12:00", "2028-02-29T12:00"]
