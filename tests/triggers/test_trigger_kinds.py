"""The trigger values themselves."""

import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from trigger_oracle import utc

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
    count_between,
    dst_note,
    next_after,
    previous_before,
)

NOON = utc("2026-05-01T12:00")
TRIGGERS: list[Trigger] = [
    CronTrigger("0 9 * * *", "Europe/Berlin"),
    IntervalTrigger(1, Period.DAYS, NOON),
    IntervalTrigger(5, Period.MINUTES, NOON),
    OnceTrigger(NOON),
    NoTrigger(),
]


def test_once_fires_once() -> None:
    trigger = OnceTrigger(NOON)

    assert next_after(trigger, NOON - timedelta(microseconds=1)) == NOON
    assert next_after(trigger, NOON) is None
    assert previous_before(trigger, NOON) is None
    assert previous_before(trigger, utc("2030-01-01")) == NOON
    assert count_between(trigger, NOON, NOON) == 1
    assert count_between(trigger, NOON + timedelta(seconds=1), utc("2030-01-01")) == 0


def test_no_trigger_never_fires() -> None:
    assert next_after(NoTrigger(), NOON) is None
    assert previous_before(NoTrigger(), NOON) is None
    assert count_between(NoTrigger(), utc("1970-01-01"), utc("2100-01-01")) == 0


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_a_naive_datetime_is_an_error_of_the_caller(trigger: Trigger) -> None:
    naive = datetime(2026, 5, 1, 12)  # noqa: DTZ001 - the point of the test
    for ask in (next_after, previous_before, dst_note):
        with pytest.raises(ValueError, match="without a timezone"):
            ask(trigger, naive)
    with pytest.raises(ValueError, match="without a timezone"):
        count_between(trigger, naive, NOON)
    with pytest.raises(ValueError, match="without a timezone"):
        OnceTrigger(naive)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_answers_are_in_utc_whatever_zone_the_question_is_in(trigger: Trigger) -> None:
    moment = utc("2026-04-30T12:00")
    asked_locally = next_after(trigger, moment.astimezone(ZoneInfo("Asia/Tokyo")))

    assert asked_locally == next_after(trigger, moment)
    assert asked_locally is None or asked_locally.tzinfo is UTC


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_a_trigger_can_be_copied_pickled_and_hashed(trigger: Trigger) -> None:
    for twin in (copy.deepcopy(trigger), pickle.loads(pickle.dumps(trigger)), dataclasses.replace(trigger)):
        assert twin == trigger
        assert hash(twin) == hash(trigger)
        assert next_after(twin, utc("2026-04-30")) == next_after(trigger, utc("2026-04-30"))


def test_a_trigger_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CronTrigger("0 9 * * *").expression = "0 10 * * *"  # type: ignore[misc]


def test_the_timezone_is_kept_as_iana_spells_it() -> None:
    assert CronTrigger("0 9 * * *", "europe/berlin") == CronTrigger("0 9 * * *", "Europe/Berlin")
    assert IntervalTrigger(1, Period.DAYS, NOON, "utc").timezone == "UTC"


def test_plain_values_become_members_of_their_enumerations() -> None:
    trigger = CronTrigger("0 9 * * *", "UTC", DstGap("skip"), DstOverlap("both"))

    assert (trigger.dst_gap, trigger.dst_overlap) == (DstGap.SKIP, DstOverlap.BOTH)
    assert Period(2) is Period.HOURS


def test_an_unknown_timezone_is_refused_by_every_trigger_that_has_one() -> None:
    with pytest.raises(InvalidInput, match="timezone"):
        CronTrigger("0 9 * * *", "Mars/Base")
    with pytest.raises(InvalidInput, match="timezone"):
        IntervalTrigger(1, Period.DAYS, NOON, "Mars/Base")
