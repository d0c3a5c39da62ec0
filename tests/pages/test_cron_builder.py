"""Days and times in words of people become cron expressions, and are found in them again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.errors import InvalidInput
from lamplighter.http.pages.cron_builder import (
    Days,
    days_of,
    expression_of,
    read_monthdays,
    read_times,
    restricts_both_days,
)
from lamplighter.triggers import CronTrigger, next_after, parse_cron


def sets(least: int, most: int, smallest: int = 0, largest: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(least, most), min_size=smallest, max_size=largest).map(
        lambda s: tuple(sorted(s))
    )


@st.composite
def days(draw: st.DrawFn) -> Days:
    hours, minutes = draw(sets(0, 23, 1)), draw(sets(0, 59, 1, 3))
    return Days(
        tuple((hour, minute) for hour in hours for minute in minutes),
        draw(st.sampled_from(["every", "weekdays", "monthdays", "nth"])),
        weekdays=draw(sets(1, 7, 1, 7)),
        monthdays=tuple(map(str, draw(sets(1, 28, 1)))),
        nth=draw(st.sampled_from(["1", "2", "3", "4", "5", "L"])),
        nth_day=draw(st.integers(1, 7)),
        months=draw(sets(1, 12, 0, 11)),
    )


@given(days())
def test_what_is_built_can_be_parsed_and_says_the_same_again(wanted: Days) -> None:
    expression = expression_of(wanted)
    parse_cron(expression)
    found = days_of(expression)
    assert found is not None
    assert found.times == wanted.times
    assert expression_of(found) == expression


@pytest.mark.parametrize(
    ("days", "expression"),
    [
        (Days(((9, 0),)), "0 9 * * *"),
        (Days(((9, 30), (17, 30))), "30 9,17 * * *"),
        (Days(((9, 0),), "weekdays", weekdays=(1, 2, 3, 4, 5)), "0 9 * * 1-5"),
        (Days(((9, 0),), "weekdays", weekdays=(6, 7)), "0 9 * * 6,7"),
        (Days(((0, 0),), "monthdays", monthdays=("1", "L")), "0 0 1,L * *"),
        (Days(((8, 0),), "nth", nth="L", nth_day=5, months=(3, 6, 9, 12)), "0 8 * 3,6,9,12 5L"),
        (Days(((8, 0),), "nth", nth="2", nth_day=7), "0 8 * * 7#2"),
    ],
)
def test_known_wishes(days: Days, expression: str) -> None:
    assert expression_of(days) == expression
    assert days_of(expression) == days


def test_the_second_sunday_is_the_second_sunday() -> None:
    trigger = CronTrigger(expression_of(Days(((8, 0),), "nth", nth="2", nth_day=7)), "UTC")
    assert next_after(trigger, datetime(2026, 11, 1, tzinfo=UTC)) == datetime(2026, 11, 8, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression", ["*/5 * * * *", "0 9 1 * 1", "@daily", "0 9 * * 1/2", "0 9 *", "x 9 * * *"]
)
def test_what_cannot_be_said_in_days_and_times_is_left_as_it_is(expression: str) -> None:
    assert days_of(expression) is None


def test_names_and_zero_for_sunday_are_understood() -> None:
    assert days_of("0 9 * * MON-FRI") == Days(((9, 0),), "weekdays", weekdays=(1, 2, 3, 4, 5))
    assert days_of("0 9 * * 0") == Days(((9, 0),), "weekdays", weekdays=(7,))


@pytest.mark.parametrize("text", ["", "9:60", "24:00", "nine", "09:00, 17:30", "-1"])
def test_times_that_are_none_or_no_one_schedule_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_times(text)
    assert [error.field for error in caught.value.errors] == ["times"]


def test_times_are_read_as_people_write_them() -> None:
    assert read_times("9, 17") == ((9, 0), (17, 0))
    assert read_times("09:30; 17:30") == ((9, 30), (17, 30))
    assert read_times("7.15") == ((7, 15),)


@pytest.mark.parametrize("text", ["", "0", "32", "L-31", "first"])
def test_days_of_the_month_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 31"):
        read_monthdays(text)


def test_no_day_of_the_week_is_a_mistake_of_its_own() -> None:
    with pytest.raises(InvalidInput, match="at least one day"):
        expression_of(Days(((9, 0),), "weekdays"))


def test_both_kinds_of_days_are_noticed() -> None:
    assert restricts_both_days("0 9 1 * 1")
    assert not restricts_both_days("0 9 * * 1")
    assert not restricts_both_days("0 9 1 * ?")
    assert not restricts_both_days("0 9 */2 * 1")
