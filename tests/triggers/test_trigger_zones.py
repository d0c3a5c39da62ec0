"""Names of time zones and the database behind them."""

import zoneinfo
from importlib import metadata

import pytest
from tzif import all_zones

from lamplighter.errors import InvalidInput
from lamplighter.triggers import TZDATA_VERSION, zone


def suggestions(name: str) -> str:
    with pytest.raises(InvalidInput) as refusal:
        zone(name)
    (error,) = refusal.value.errors
    assert error.field == "timezone"
    assert len(error.message) < 300
    return error.message


def test_the_database_is_the_pinned_package() -> None:
    assert zoneinfo.TZPATH == ()
    year, release = TZDATA_VERSION[:4], ord(TZDATA_VERSION[4]) - ord("a") + 1
    assert metadata.version("tzdata").startswith(f"{year}.{release}")


def test_every_zone_of_the_database_can_be_used() -> None:
    for name in all_zones():
        assert zone(name).key == name


@pytest.mark.parametrize("name", ["america/new_york", "AMERICA/NEW_YORK", "America/New_York"])
def test_the_case_of_letters_does_not_matter(name: str) -> None:
    assert zone(name).key == "America/New_York"


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("new york", "America/New_York"),
        ("Amerika/New_York", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("EST5", "EST5EDT"),
        ("Berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("kolkatta", "Asia/Kolkata"),
        ("Asia/Tokio", "Asia/Tokyo"),
    ],
)
def test_a_wrong_name_is_answered_with_the_closest_ones(name: str, suggested: str) -> None:
    message = suggestions(name)

    assert f"{name!r} is not a timezone" in message
    assert suggested in message


@pytest.mark.parametrize(
    "name",
    [
        "../etc/passwd",
        "/etc/localtime",
        "..",
        ".",
        "/",
        "Europe/../UTC",
        "Europe",
        "UTC\0",
        "UTC\n",
        " UTC",
        "\ud800",
    ],
)
def test_a_name_that_is_a_path_or_has_odd_characters_is_refused(name: str) -> None:
    assert "is not a timezone" in suggestions(name)


@pytest.mark.parametrize("name", ["", "   "])
def test_an_empty_name_is_refused(name: str) -> None:
    assert "empty" in suggestions(name)


def test_a_very_long_name_is_refused_without_repeating_it() -> None:
    assert "100000 characters" in suggestions("A" * 100_000)
