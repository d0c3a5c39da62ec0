"""The fires of schedules in a range of time: counted by arithmetic, merged only as far as they are asked for."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamplighter.model import ScheduleType, Timing
from lamplighter.planner import Ahead, count_fires, due_times, fires_in_order, is_excluded, next_fire

NOON = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)  # the Friday before the clocks of Europe change
WEEK = timedelta(days=7)


def cron(expression: str, zone: str = "UTC", **more: object) -> Timing:
    return Timing(ScheduleType.CRON, timezone=zone, cron_expression=expression, **more)  # type: ignore[arg-type]


def each_fire(timing: Timing, first: datetime, last: datetime) -> list[datetime]:
    """The slow way: every due time is looked at."""
    found = []
    moment = first - timedelta(microseconds=1)
    while (due := next(iter(due_times(timing, moment, 1)), None)) is not None and due <= last:
        if not is_excluded(timing, due):
            found.append(due)
        moment = due
    return found


def test_a_dense_year_is_counted_without_its_excluded_days() -> None:
    days = ("2026-04-01", "2026-12-25", "2031-01-01")
    timing = cron("* * * * *", "Europe/Berlin", excluded_dates=days)
    assert count_fires(timing, NOON, NOON + timedelta(days=365)) == 365 * 1440 + 1 - 2 * 1440


def test_nothing_is_counted_after_the_end_of_a_schedule() -> None:
    timing = cron("0 * * * *", end_time=NOON + timedelta(hours=5))
    assert count_fires(timing, NOON, NOON + WEEK) == 6


def test_an_excluded_day_is_a_day_of_the_schedules_zone() -> None:
    timing = cron("0 * * * *", "Europe/Berlin", excluded_dates=("2026-03-29",))  # 23 hours long
    first = datetime(2026, 3, 28, 0, tzinfo=UTC)
    assert count_fires(timing, first, first + timedelta(hours=71)) == 72 - 23
    assert next_fire(timing, datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_schedule_whose_last_days_are_all_excluded_does_not_fire_any_more() -> None:
    timing = cron("0 9 * * *", excluded_dates=("2026-03-28", "2026-03-29"), end_time=NOON + timedelta(days=2))
    assert next_fire(timing, NOON) is None
    assert count_fires(timing, NOON, NOON + WEEK) == 0


@given(
    st.sampled_from(
        ["* * * * *", "*/7 1-3 * * *", "30 2 * * *", "0 0 * * *", "59 23 * * 0,6", "15 */2 28-31 * *"]
    ),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "America/Nuuk", "Asia/Beirut"]
    ),
    st.lists(st.dates(date(2026, 3, 20), date(2026, 4, 10)), max_size=6, unique=True),
    st.integers(0, 14 * 1440),
    st.integers(0, 4 * 1440),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_count_is_the_number_of_fires_that_are_not_excluded(
    expression: str, zone: str, days: list[date], shift: int, length: int
) -> None:
    timing = cron(expression, zone, excluded_dates=tuple(sorted(day.isoformat() for day in days)))
    first = datetime(2026, 3, 22, tzinfo=UTC) + timedelta(minutes=shift)
    last = first + timedelta(minutes=length)
    fires = each_fire(timing, first, last)
    assert count_fires(timing, first, last) == len(fires)
    if fires:
        assert next_fire(timing, first) == fires[0]


def test_the_fires_of_several_schedules_come_in_order_and_together_by_id() -> None:
    hourly, daily = cron("0 * * * *"), cron("0 15 * * *")
    ahead = [Ahead(NOON, 7, hourly), Ahead(NOON + timedelta(hours=3), 2, daily)]
    found = list(fires_in_order(ahead, NOON, NOON + timedelta(hours=4)))
    assert [(time.hour, number) for time, number in found] == [
        (12, 7),
        (13, 7),
        (14, 7),
        (15, 2),
        (15, 7),
        (16, 7),
    ]


def test_a_range_that_begins_later_has_the_fires_of_schedules_that_fire_before_it_too() -> None:
    start = NOON + timedelta(days=2)
    found = list(fires_in_order([Ahead(NOON, 1, cron("0 12 * * *"))], start, start + timedelta(days=1)))
    assert found == [(start, 1), (start + timedelta(days=1), 1)]


def test_schedules_that_fire_later_than_what_is_asked_for_are_not_even_read() -> None:
    read = []

    def rows() -> Iterator[Ahead]:
        for number in range(1000):
            read.append(number)
            yield Ahead(NOON + timedelta(minutes=number), number, cron("* * * * *"))

    found = list(islice(fires_in_order(rows(), NOON, NOON + WEEK), 6))
    assert [number for _, number in found] == [0, 0, 1, 0, 1, 2]
    assert len(read) <= 4


@pytest.mark.parametrize("kind", [ScheduleType.RUN_ONCE, ScheduleType.RUN_EVERY])
def test_other_kinds_of_schedule_are_counted_alike(kind: ScheduleType) -> None:
    timing = Timing(kind, run_every_count=2, run_every_period=3, anchor=NOON)
    fires = each_fire(timing, NOON, NOON + WEEK)
    assert count_fires(timing, NOON, NOON + WEEK) == len(fires) == (1 if kind is ScheduleType.RUN_ONCE else 4)
