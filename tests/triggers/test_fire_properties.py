"""What must hold for every trigger from every moment."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from trigger_helpers import fires_within, next_texts, steady
from trigger_oracle import utc
from trigger_strategies import expressions, moments_near_changes, triggers
from tzif import Change, all_zones, changes_between

from lamplighter.errors import InvalidInput
from lamplighter.triggers import (
    CronTrigger,
    IntervalTrigger,
    Period,
    Trigger,
    next_after,
    parse_cron,
    previous_before,
    zone,
)

USUAL = ["30 1 * * *", "30 2 * * *", "*/10 * * * *", "0 */2 * * *", "15 0 * * *"]
ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Africa/Cairo", "Africa/Casablanca"]
CHANGING_IN_2026 = [name for name in all_zones() if changes_between(name, 2026, 2026)]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("expression", USUAL)
def test_from_every_minute_around_a_change_the_answer_is_later_and_the_nearest(
    name: str, expression: str
) -> None:
    for change in changes_between(name, 2026, 2026):
        first = change.instant - timedelta(hours=2)
        fires = fires_within(CronTrigger(expression, name), first, first + timedelta(days=3))
        for minute in range(241):
            moment = first + timedelta(minutes=minute)
            parse_cron.cache_clear()  # a fresh evaluator knows nothing of earlier answers
            found = next_after(CronTrigger(expression, name), moment)
            assert found is not None
            assert found > moment
            assert found == min(fire for fire in fires if fire > moment)


@given(triggers(), moments_near_changes(), st.integers(0, 10**9))
@steady
def test_going_forward_and_back_never_passes_the_start(
    trigger: Trigger, near: tuple[str, Change, int], micros: int
) -> None:
    moment = near[1].instant + timedelta(minutes=near[2], microseconds=micros)
    later, earlier = next_after(trigger, moment), previous_before(trigger, moment)
    if later is not None:
        assert later > moment
        back = previous_before(trigger, later)
        assert back is None or back <= moment
    if earlier is not None:
        assert earlier < moment
        again = next_after(trigger, earlier)
        assert again is None or again >= moment


@given(triggers(), moments_near_changes())
@steady
def test_next_and_previous_are_inverse_on_fires(trigger: Trigger, near: tuple[str, Change, int]) -> None:
    first = next_after(trigger, near[1].instant)
    assume(first is not None)
    assert first is not None
    second = next_after(trigger, first)
    assert second is None or previous_before(trigger, second) == first


@given(expressions, st.sampled_from(ZONES), st.integers(0, 525_600))
@steady
def test_equal_sets_give_equal_fires(expression: str, name: str, minutes: int) -> None:
    minute, hour, day, _, weekday = expression.split()
    spelled = hour.replace("*", "0-23")
    try:
        plain = CronTrigger(expression, name)
    except InvalidInput:
        assume(condition=False)
    other = CronTrigger(f"{minute},{minute} {spelled} {day} 1-12 {weekday}", name)

    assert parse_cron(plain.expression) == parse_cron(other.expression)
    moment = utc("2026-01-01") + timedelta(minutes=minutes)
    assert next_texts(plain, moment, 5) == next_texts(other, moment, 5)


@pytest.mark.parametrize("hour", ["*", "*/1", "0-23", "0/1", "0-11,12-23"])
def test_every_way_to_write_all_hours_follows_the_real_clock(hour: str) -> None:
    trigger = CronTrigger(f"30 {hour} * * *", "America/New_York")

    assert len(fires_within(trigger, utc("2026-11-01T04:00"), utc("2026-11-02T04:59"))) == 25


@pytest.mark.parametrize("name", CHANGING_IN_2026)
def test_every_day_is_the_same_schedule_as_the_daily_cron(name: str) -> None:
    for change in changes_between(name, 2026, 2026):
        skipped = (change.instant + timedelta(seconds=change.before, minutes=10)).replace(tzinfo=None)
        repeated = (change.instant + timedelta(seconds=change.after, minutes=10)).replace(tzinfo=None)
        for wall in (skipped, repeated):
            anchor = wall.replace(year=2025, month=12, day=15, tzinfo=zone(name)).astimezone(UTC)
            cron = CronTrigger(f"{wall.minute} {wall.hour} * * *", name)
            interval = IntervalTrigger(1, Period.DAYS, anchor, name)
            year_later = datetime(2026, 12, 31, tzinfo=UTC)
            assert fires_within(cron, anchor, year_later) == fires_within(interval, anchor, year_later)


def test_the_answer_does_not_depend_on_the_clock_of_the_question() -> None:
    # Two datetimes of one zone compare by wall time; trusting that goes wrong in a repeated hour.
    trigger = CronTrigger("*/15 * * * *", "America/New_York")
    second_pass = utc("2026-11-01T06:10").astimezone(zone("America/New_York"))

    assert second_pass.fold == 1
    assert next_after(trigger, second_pass) == utc("2026-11-01T06:15")
    assert previous_before(trigger, second_pass) == utc("2026-11-01T06:00")
