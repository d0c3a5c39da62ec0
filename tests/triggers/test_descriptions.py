"""Triggers in words."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from trigger_helpers import fires_within, steady
from trigger_oracle import utc
from trigger_strategies import expressions, field, triggers

from lamplighter.errors import InvalidInput
from lamplighter.triggers import (
    CronTrigger,
    DstGap,
    DstOverlap,
    IntervalTrigger,
    NoTrigger,
    OnceTrigger,
    Period,
    Trigger,
    describe,
    parse_cron,
)

MAY_FIRST = datetime(2026, 5, 1, 12, tzinfo=UTC)
ODD_DAYS = "every 2nd day from the 1st to the 31st of the month"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("5/15 * * * *", "At minutes 5, 20, 35 and 50 of every hour"),
        ("0 * * * *", "At minute 0 of every hour"),
        ("0-29,45 * * * *", "At minutes 0–29 and 45 of every hour"),
        ("1/2 * * * *", "At every 2nd minute from 1 to 59 of every hour"),
        ("* * * 2 *", "Every minute in February"),
        ("30 2 * * *", "At 02:30 every day"),
        ("0,30 8,16 * * *", "At 08:00, 08:30, 16:00 and 16:30 every day"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
        ("*/10 9-17 * * 1-5", "Every 10 minutes from 09:00 to 17:59 on Monday to Friday"),
        ("* 1,22-23 * * *", "Every minute from 01:00 to 01:59 and from 22:00 to 23:59 every day"),
        ("5 1-23 * * *", "At minute 5 of every hour from 01:00 to 23:59 every day"),
        ("0 9 * * 1,4", "At 09:00 on Monday and Thursday"),
        ("0 9 * * 6,0", "At 09:00 on Saturday and Sunday"),
        ("0 9 * * 5-7", "At 09:00 on Friday to Sunday"),
        ("0 9 * 6 6#4", "At 09:00 on the fourth Saturday of the month in June"),
        (
            "0 9 * * 5L,1#2,3",
            "At 09:00 on Wednesday, the second Monday of the month and the last Friday of the month",
        ),
        ("0 0 25 12 *", "At 00:00 on the 25th of December"),
        ("0 0 1-5,11,22 * *", "At 00:00 on the 1st to 5th, the 11th and the 22nd of the month"),
        ("0 0 */2 * *", f"At 00:00 on {ODD_DAYS}"),
        ("0 0 L,L-1,L-3 * *", None),
        ("0 9 LW * *", "At 09:00 on the last working day of the month"),
        ("0 9 15W 1-3 *", "At 09:00 on the working day nearest the 15th of January to March"),
        ("0 0 1,15 * 5", "At 00:00 on the 1st and the 15th of the month or on Friday (either is enough)"),
        ("0 0 13 6 5", "At 00:00 on the 13th of the month or on Friday (either is enough), in June"),
        ("0 0 */2 * 1,2", f"At 00:00 on {ODD_DAYS} if it is also Monday or Tuesday (both must match)"),
        ("0 0 1-31 * 1", "At 00:00 every day"),
        ("0 0 * 12 *", "At 00:00 every day in December"),
    ],
)
def test_an_expression_in_words(expression: str, words: str | None) -> None:
    if words is None:
        words = (
            "At 00:00 on the last day, the day 1 day before the last day "
            "and the day 3 days before the last day of the month"
        )
    assert describe(CronTrigger(expression, "America/New_York")) == f"{words}, America/New_York"


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (
            IntervalTrigger(30, Period.MINUTES, datetime(2026, 1, 5, 9, tzinfo=UTC)),
            "Every 30 minutes from 2026-01-05 09:00 UTC",
        ),
        (
            IntervalTrigger(1, Period.HOURS, MAY_FIRST, "Asia/Tokyo"),
            "Every hour from 2026-05-01 21:00 Asia/Tokyo",
        ),
        (IntervalTrigger(2, Period.WEEKS, MAY_FIRST), "Every 2 weeks from 2026-05-01 12:00 UTC"),
        (
            IntervalTrigger(1, Period.MONTHS, datetime(2026, 1, 31, 9, 0, 7, tzinfo=UTC)),
            "Every month from 2026-01-31 09:00:07 UTC (the last day where a month is shorter)",
        ),
        (
            IntervalTrigger(1, Period.DAYS, datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "America/New_York"),
            "Every day from 2026-11-01 01:30 America/New_York (the second time)",
        ),
        (OnceTrigger(MAY_FIRST), "Once, at 2026-05-01 12:00 UTC"),
        (NoTrigger(), "Never by itself, only when started by hand"),
    ],
)
def test_the_other_triggers_in_words(trigger: Trigger, words: str) -> None:
    assert describe(trigger) == words


def test_choices_about_daylight_saving_are_told_when_they_matter() -> None:
    chosen = CronTrigger("30 2 * * *", "Europe/Berlin", DstGap.SKIP, DstOverlap.BOTH)

    assert describe(chosen) == (
        "At 02:30 every day, Europe/Berlin "
        "(times the clock skips do not fire and repeated times fire both times)"
    )
    assert describe(CronTrigger("30 2 * * *", "UTC", DstGap.SKIP)) == "At 02:30 every day, UTC"
    assert describe(CronTrigger("30 * * * *", "Europe/Berlin", DstGap.SKIP)) == (
        "At minute 30 of every hour, Europe/Berlin"
    )


@given(expressions, expressions)
@steady
def test_texts_are_equal_exactly_when_the_sets_are(one: str, other: str) -> None:
    try:
        first, second = CronTrigger(one), CronTrigger(other)
    except InvalidInput:
        assume(condition=False)
    same = parse_cron(one) == parse_cron(other)
    assert (describe(first) == describe(second)) == same


@given(field(0, 59), field(0, 23))
@steady
def test_the_times_in_the_text_are_the_times_of_the_fires(minute: str, hour: str) -> None:
    trigger = CronTrigger(f"{minute} {hour} * * *")
    text = describe(trigger)
    assume("from" not in text and "every hour" not in text and text.startswith("At"))
    fires = fires_within(trigger, utc("2026-01-01"), utc("2026-01-01T23:59"))

    assert re.findall(r"\d\d:\d\d", text) == [f"{fire:%H:%M}" for fire in fires]


@given(st.sets(st.integers(0, 6), min_size=1, max_size=2))
@steady
def test_the_weekdays_in_the_text_are_the_weekdays_of_the_fires(weekdays: set[int]) -> None:
    trigger = CronTrigger(f"0 9 * * {','.join(map(str, weekdays))}")
    fires = fires_within(trigger, utc("2026-01-05"), utc("2026-01-05") + timedelta(days=7))

    assert re.findall(r"\w+day", describe(trigger)) == [f"{fire:%A}" for fire in fires]


@given(triggers())
@steady
def test_every_description_is_one_line_with_the_zone(trigger: Trigger) -> None:
    text = describe(trigger)

    assert "\n" not in text
    assert isinstance(trigger, CronTrigger | IntervalTrigger)
    assert trigger.timezone in text
