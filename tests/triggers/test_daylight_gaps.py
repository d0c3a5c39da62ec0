"""What a clock that jumps forward does to a schedule."""

from datetime import UTC, datetime

import pytest
from trigger_helpers import next_texts
from trigger_oracle import utc

from lamplighter.triggers import CronTrigger, DstGap, IntervalTrigger, Period, count_between, next_after

NEW_YORK = "America/New_York"  # 8 March 2026: 02:00 becomes 03:00 at 07:00 UTC


def test_a_skipped_time_fires_at_the_jump() -> None:
    trigger = CronTrigger("30 2 * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 2) == ["2026-03-08T07:00", "2026-03-09T06:30"]


def test_several_skipped_times_become_one_fire() -> None:
    trigger = CronTrigger("*/10 2 * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 2) == ["2026-03-08T07:00", "2026-03-09T06:00"]


def test_skipped_times_and_the_time_of_landing_become_one_fire() -> None:
    trigger = CronTrigger("0 2,3 * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 2) == ["2026-03-08T07:00", "2026-03-09T06:00"]
    assert count_between(trigger, utc("2026-03-08"), utc("2026-03-09")) == 1


def test_skip_drops_the_times_that_do_not_exist() -> None:
    trigger = CronTrigger("30 2,4 * * *", NEW_YORK, dst_gap=DstGap.SKIP)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 2) == ["2026-03-08T08:30", "2026-03-09T06:30"]


def test_a_schedule_of_all_hours_leaves_out_the_minutes_that_do_not_exist() -> None:
    trigger = CronTrigger("30 * * * *", NEW_YORK)

    assert next_texts(trigger, utc("2026-03-08T06:00"), 2) == ["2026-03-08T06:30", "2026-03-08T07:30"]


def test_the_choice_of_gap_means_nothing_to_a_schedule_of_all_hours() -> None:
    after, skip = (CronTrigger("*/7 * * * *", NEW_YORK, dst_gap=gap) for gap in DstGap)

    moment = utc("2026-03-08T05:00")
    assert next_texts(after, moment, 30) == next_texts(skip, moment, 30)


def test_a_half_hour_jump_fires_at_its_end() -> None:
    trigger = CronTrigger("15 2 * * *", "Australia/Lord_Howe")

    assert next_texts(trigger, utc("2026-10-03T12:00"), 1) == ["2026-10-03T15:30"]


def test_a_two_hour_jump_collects_both_hours() -> None:
    trigger = CronTrigger("30 1,2 * * *", "Antarctica/Troll")

    assert next_texts(trigger, utc("2026-03-29"), 2) == ["2026-03-29T01:00", "2026-03-29T23:30"]


@pytest.mark.parametrize(
    ("zone", "jump"),
    [
        ("Africa/Cairo", "2026-04-23T22:00"),
        ("Asia/Beirut", "2026-03-28T22:00"),
        ("America/Havana", "2026-03-08T05:00"),
    ],
)
def test_midnight_that_does_not_exist_fires_at_one(zone: str, jump: str) -> None:
    trigger = CronTrigger("0 0 * * *", zone)
    moment = utc(jump)

    assert next_after(trigger, moment.replace(hour=moment.hour - 1)) == moment


def test_a_day_that_does_not_exist_fires_once_when_the_next_begins() -> None:
    trigger = CronTrigger("0 9,12,15 30 12 *", "Pacific/Apia")

    assert next_texts(trigger, utc("2011-12-28"), 2) == ["2011-12-30T10:00", "2012-12-29T19:00"]


def test_an_hourly_schedule_does_not_notice_the_missing_day() -> None:
    trigger = CronTrigger("0 * * * *", "Pacific/Apia")

    assert count_between(trigger, utc("2011-12-30T00:00"), utc("2011-12-30T23:00")) == 24


def test_a_day_interval_lands_on_the_jump_like_the_daily_cron() -> None:
    trigger = IntervalTrigger(1, Period.DAYS, datetime(2026, 3, 1, 7, 30, tzinfo=UTC), NEW_YORK)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 2) == ["2026-03-08T07:00", "2026-03-09T06:30"]


def test_a_day_interval_may_skip_the_gap() -> None:
    anchor = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    trigger = IntervalTrigger(1, Period.DAYS, anchor, NEW_YORK, dst_gap=DstGap.SKIP)

    assert next_texts(trigger, utc("2026-03-07T12:00"), 1) == ["2026-03-09T06:30"]


def test_a_schedule_whose_every_time_is_skipped_ends_its_search() -> None:
    # The second Sunday of March is the day of the jump in every year since 2007.
    trigger = CronTrigger("30 2 * 3 0#2", NEW_YORK, dst_gap=DstGap.SKIP)

    assert next_after(trigger, utc("2026-01-01")) is None
    assert count_between(trigger, utc("2010-01-01"), utc("2040-01-01")) == 0
