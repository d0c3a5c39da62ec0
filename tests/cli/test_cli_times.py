"""Times as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lamplighter.cli.times import (
    clock_time,
    distance,
    lasting,
    parse,
    parse_every,
    parse_seconds,
    shown,
)
from lamplighter.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # a Sunday, 13:00 in Berlin


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("9:00", "2026-11-22T08:00:00+00:00"),
        ("yesterday 9:00", "2026-11-21T08:00:00+00:00"),
        ("Yesterday at 9:00", "2026-11-21T08:00:00+00:00"),
        ("tomorrow 9:05:30", "2026-11-23T08:05:30+00:00"),
        ("monday 9:00", "2026-11-16T08:00:00+00:00"),
        ("sun 9:00", "2026-11-22T08:00:00+00:00"),
        ("2026-07-01 9:00", "2026-07-01T07:00:00+00:00"),
        ("2026-07-01T09:00", "2026-07-01T07:00:00+00:00"),
        ("2026-07-01T09:00:00Z", "2026-07-01T09:00:00+00:00"),
        ("2026-07-01T09:00-04:00", "2026-07-01T13:00:00+00:00"),
    ],
)
def test_a_time_is_read_on_the_wall_clock_of_the_zone(text: str, begin: str) -> None:
    [span] = parse(text, BERLIN, NOW)
    assert span.begin.isoformat() == begin


@pytest.mark.parametrize(("text", "length"), [("9:00", 60), ("9:00:00", 1), ("2026-07-01T09:00:00Z", 1)])
def test_a_time_with_seconds_is_that_second_and_one_without_is_the_minute(text: str, length: int) -> None:
    [span] = parse(text, BERLIN, NOW)
    assert span.end - span.begin == timedelta(seconds=length)


@pytest.mark.parametrize(("day", "hours"), [("2026-07-01", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_date_is_the_whole_day_however_long_it_is(day: str, hours: int) -> None:
    [span] = parse(day, BERLIN, NOW)
    assert span.end - span.begin == timedelta(hours=hours)


def test_a_wall_time_that_exists_twice_means_both() -> None:
    first, second = parse("2026-10-25 2:30", BERLIN, NOW)
    assert (first.begin.isoformat(), second.begin - first.begin) == (
        "2026-10-25T00:30:00+00:00",
        timedelta(hours=1),
    )
    assert first.note == "2:30 existed twice on 2026-10-25: the clocks were set back"


def test_a_wall_time_that_does_not_exist_means_the_jump() -> None:
    [span] = parse("2026-03-29 2:30", BERLIN, NOW)
    assert span.begin.isoformat() == "2026-03-29T01:00:00+00:00"
    assert span.note == "2:30 did not exist on 2026-03-29: the clocks jumped to 03:00"


@pytest.mark.parametrize(
    "text", ["", "nine", "25:00", "9:60", "2026-02-30", "2026-13-01 9:00", "mon nine", "9:00 9:00"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time such as"):
        parse(text, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("5 minutes", 300), ("2H", 7200), ("1 day", 86400)]
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_seconds(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 parsecs", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--timeout"):
        parse_seconds(text, "--timeout")


@pytest.mark.parametrize(
    ("text", "wanted"), [("30 minutes", (30, 1)), ("hour", (1, 2)), ("2w", (2, 4)), ("1 month", (1, 5))]
)
def test_an_interval_is_read(text: str, wanted: tuple[int, int]) -> None:
    assert parse_every(text, "--every") == wanted


@pytest.mark.parametrize("text", ["", "30", "2 s", "fortnight"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--every"):
        parse_every(text, "--every")


def test_times_are_shown_with_their_offset_and_seconds_only_when_they_matter() -> None:
    assert shown("2026-11-22T08:00:00Z", BERLIN) == "2026-11-22 09:00 +01:00"
    assert shown("2026-11-22T08:00:07Z", BERLIN) == "2026-11-22 09:00:07 +01:00"
    assert (
        shown("2026-11-22T08:00:07Z", ZoneInfo("America/St_Johns"), seconds=False)
        == "2026-11-22 04:30 -03:30"
    )
    assert shown(None) == ""


def test_distances_and_durations_read_well() -> None:
    assert distance(NOW + timedelta(hours=3), NOW) == "in 3 hours"
    assert distance(NOW - timedelta(minutes=1), NOW) == "1 minute ago"
    assert [lasting(seconds) for seconds in (1, 90, 3600, 200_000)] == [
        "1 second",
        "90 seconds",
        "1 hour",
        "2 days",
    ]
    assert [clock_time(seconds) for seconds in (7, 62, 3723)] == ["0:07", "1:02", "1:02:03"]
