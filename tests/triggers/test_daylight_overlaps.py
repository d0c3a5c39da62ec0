"""What a clock that is set back does to a schedule."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from trigger_helpers import next_texts
from trigger_oracle import utc

from lamplighter.triggers import (
    CronTrigger,
    DstOverlap,
    IntervalTrigger,
    Period,
    count_between,
    next_after,
    previous_before,
)

NEW_YORK = "America/New_York"  # 1 November 2026: 02:00 becomes 01:00 at 06:00 UTC
FIRST_PASS, SECOND_PASS = "2026-11-01T05:30", "2026-11-01T06:30"


def test_a_daily_schedule_fires_once_when_the_hour_repeats() -> None:
    trigger = CronTrigger("30 1 * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-10-31T12:00"), 2) == [FIRST_PASS, "2026-11-02T06:30"]


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_asking_from_inside_the_second_pass_does_not_fire_again(minute: int) -> None:
    trigger = CronTrigger("30 1 * * *", NEW_YORK)
    moment = utc(f"2026-11-01T06:{minute:02}")

    assert next_after(trigger, moment) == utc("2026-11-02T06:30")
    assert previous_before(trigger, moment) == utc(FIRST_PASS)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (DstOverlap.FIRST, [FIRST_PASS]),
        (DstOverlap.SECOND, [SECOND_PASS]),
        (DstOverlap.BOTH, [FIRST_PASS, SECOND_PASS]),
    ],
)
def test_the_pass_can_be_chosen(overlap: DstOverlap, expected: list[str]) -> None:
    anchor = datetime(2026, 10, 1, 5, 30, tzinfo=UTC)
    for trigger in (
        CronTrigger("30 1 * * *", NEW_YORK, dst_overlap=overlap),
        IntervalTrigger(1, Period.DAYS, anchor, NEW_YORK, dst_overlap=overlap),
    ):
        assert next_texts(trigger, utc("2026-10-31T12:00"), len(expected)) == expected
        assert count_between(trigger, utc("2026-11-01"), utc("2026-11-02")) == len(expected)


def test_a_schedule_of_all_hours_fires_in_both_passes() -> None:
    trigger = CronTrigger("30 * * * *", NEW_YORK, dst_overlap=DstOverlap.FIRST)

    expected = ["2026-11-01T04:30", FIRST_PASS, SECOND_PASS, "2026-11-01T07:30"]
    assert next_texts(trigger, utc("2026-11-01T04:00"), 4) == expected


def test_a_schedule_of_23_hours_does_not_fire_in_both_passes() -> None:
    trigger = CronTrigger("30 1-23 * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-11-01T05:00"), 2) == [FIRST_PASS, "2026-11-01T07:30"]


def test_midnight_that_comes_twice_fires_when_the_day_first_begins() -> None:
    trigger = CronTrigger("30 23 * * *", "Africa/Cairo")

    assert next_texts(trigger, utc("2026-10-29T12:00"), 2) == ["2026-10-29T20:30", "2026-10-30T21:30"]


def test_a_day_that_comes_twice_fires_once() -> None:
    # The date line moved: Samoa had 4 July 1892 twice.
    trigger = CronTrigger("0 12 * * *", "Pacific/Pago_Pago")

    moment = utc("1892-07-03T00:00")
    fires = []
    for _ in range(4):
        found = next_after(trigger, moment)
        assert found is not None
        fires.append(found)
        moment = found
    hours = [(later - earlier).total_seconds() / 3600 for earlier, later in pairwise(fires)]
    assert sorted(hours) == [24, 24, 48]


def test_an_anchor_in_the_second_pass_fires_there_and_nothing_fires_before_it() -> None:
    trigger = IntervalTrigger(1, Period.DAYS, utc(SECOND_PASS), NEW_YORK)

    assert next_after(trigger, utc("2026-10-01")) == utc(SECOND_PASS)
    assert previous_before(trigger, utc(SECOND_PASS)) is None
    assert next_after(trigger, utc(SECOND_PASS)) == utc("2026-11-02T06:30")
