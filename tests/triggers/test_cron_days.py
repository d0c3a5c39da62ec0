"""Which days a cron expression names, in UTC."""

import pytest
from trigger_helpers import next_texts
from trigger_oracle import utc

from lamplighter.triggers import CronTrigger, next_after, previous_before


def days(expression: str, after: str, count: int = 4) -> list[str]:
    return [text[:10] for text in next_texts(CronTrigger(expression), utc(after), count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("0 0 L-2 * *", ["2026-01-29", "2026-02-26", "2026-03-29", "2026-04-28"]),
        ("0 0 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30"]),
        ("0 0 1W * *", ["2026-01-01", "2026-02-02", "2026-03-02", "2026-04-01"]),
        ("0 0 31W * *", ["2026-01-30", "2026-03-31", "2026-05-29", "2026-07-31"]),
        ("0 0 15W,L * *", ["2026-01-15", "2026-01-31", "2026-02-16", "2026-02-28"]),
        ("0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27", "2026-04-24"]),
        ("0 0 * * 1#1,5#3", ["2026-01-05", "2026-01-16", "2026-02-02", "2026-02-20"]),
        ("0 0 * * 4#5", ["2026-01-29", "2026-04-30", "2026-07-30", "2026-10-29"]),
        ("0 0 13 * 5", ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]),
        ("0 0 */13 * 5", ["2026-02-27", "2026-03-27", "2026-05-01", "2026-08-14"]),
        ("0 0 *,1 * 5", ["2026-01-02", "2026-01-09", "2026-01-16", "2026-01-23"]),
        ("0 0 1,* * 5", ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
        ("0 0 ? * 5", ["2026-01-02", "2026-01-09", "2026-01-16", "2026-01-23"]),
    ],
)
def test_the_days_of_2026_are_the_expected_ones(expression: str, expected: list[str]) -> None:
    assert days(expression, "2025-12-31") == expected


def test_29_february_skips_the_year_2100() -> None:
    assert days("0 0 29 2 *", "2096-02-29", 2) == ["2104-02-29", "2108-02-29"]
    assert previous_before(CronTrigger("0 0 29 2 *"), utc("2104-02-29")) == utc("2096-02-29")


def test_a_leap_day_on_a_given_weekday_may_be_forty_years_away() -> None:
    assert days("0 0 29 2 */7", "2088-02-29", 1) == ["2128-02-29"]
    assert days("0 0 * 2 1#5", "2072-02-29", 1) == ["2112-02-29"]


def test_nothing_fires_after_the_last_year_or_before_the_first() -> None:
    trigger = CronTrigger("0 0 1 1 *", "Asia/Tokyo")

    assert next_after(trigger, utc("9999-12-31T23:59:59")) is None
    assert previous_before(trigger, utc("0001-01-01")) is None
    assert previous_before(trigger, utc("9999-12-31")) == utc("9998-12-31T15:00")


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"])
def test_the_ends_of_time_raise_nothing(zone: str) -> None:
    trigger = CronTrigger("* * * * *", zone)

    for moment in (
        utc("0001-01-01"),
        utc("0001-01-03"),
        utc("9999-12-29"),
        utc("9999-12-31T23:59:59.999999"),
    ):
        later, earlier = next_after(trigger, moment), previous_before(trigger, moment)
        assert later is None or later > moment
        assert earlier is None or earlier < moment
