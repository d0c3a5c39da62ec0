"""Different texts with the same meaning are the same expression."""

import pytest

from lamplighter.triggers import CronTrigger, describe, parse_cron

SAME = [
    ("* * * * *", "*/1 0-23 ? */1 ?"),
    ("* * * * *", "0-59 * 1-31 1-12 0-7"),
    ("0 0 * * 0", "0 0 * * 7"),
    ("0 0 * * 0", "0 0 * * SUN"),
    ("0 0 * * 0", "0 0 * * sun,7,0"),
    ("0 9 * * 1-5", "00 09 * * mon-FRI"),
    ("0 9 * * 5,6,0", "0 9 * * 5-7"),
    ("0 0 * 1,12 *", "0 0 * JAN,dec *"),
    ("5,25,45 * * * *", "5/20 * * * *"),
    ("10,13,16,19 * * * *", "10-20/3 * * * *"),
    ("0 0 * * 1,3,5,7", "0 0 * * 1/2"),
    ("0 * * * *", "*/60 * * * *"),
    ("0 0 * * *", "0 */24 * * *"),
    ("  0\t0  * * * ", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", " @YEARLY "),
    ("0 0 * * 1L", "0 0 * * monL"),
    ("0 0 * * 0L", "0 0 * * 7L,0L,7#5"),
    ("0 0 * * 2", "0 0 * * 2#1,2#2,2#3,2#4,2#5"),
    ("0 0 * * 2", "0 0 * * 2#1,2#2,2#3,2#4,2L"),
    ("0 0 * * 2", "0 0 * * 2,2#1,2L"),
    ("0 0 1-31 * 1", "0 0 * * *"),
    ("0 0 5 * 0-6", "0 0 * * *"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_with_the_same_meaning_compile_to_equal_sets(one: str, other: str) -> None:
    assert parse_cron(one) == parse_cron(other)
    assert hash(parse_cron(one)) == hash(parse_cron(other))
    assert describe(CronTrigger(one)) == describe(CronTrigger(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 0 */2 * 1", "0 0 1-31/2 * 1"),  # both must match, either is enough
        ("0 0 L * *", "0 0 31 * *"),
        ("0 0 * * 1#5", "0 0 * * 1L"),
        ("0 0 * * *", "0 0 * * 1-6"),
    ],
)
def test_texts_that_only_look_alike_stay_different(one: str, other: str) -> None:
    assert parse_cron(one) != parse_cron(other)
    assert describe(CronTrigger(one)) != describe(CronTrigger(other))


def test_only_the_hour_set_decides_whether_the_real_clock_is_followed() -> None:
    assert parse_cron("30 0-23 * * *").follows_real_clock
    assert parse_cron("30 0-11,12/1 * * *").follows_real_clock
    assert not parse_cron("30 1-23 * * *").follows_real_clock
