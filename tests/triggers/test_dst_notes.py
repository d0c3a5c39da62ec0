"""What a preview says beside a fire that a change of the clocks affects."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from trigger_helpers import steady
from trigger_oracle import utc
from trigger_strategies import moments_near_changes, triggers
from tzif import Change, changes

from lamplighter.triggers import (
    CronTrigger,
    DstGap,
    DstOverlap,
    IntervalTrigger,
    NoTrigger,
    OnceTrigger,
    Period,
    Trigger,
    dst_note,
    next_after,
)

NEW_YORK = "America/New_York"
JUMP = utc("2026-03-08T07:00")
FIRST_PASS, SECOND_PASS = utc("2026-11-01T05:30"), utc("2026-11-01T06:30")


@pytest.mark.parametrize(
    ("expression", "skipped", "result"),
    [
        ("30 2 * * *", "02:30 does", "fires at"),
        ("0,30 2 * * *", "02:00 and 02:30 do", "fire together at"),
        ("*/5 2,3 * * *", "The 12 times from 02:00 to 02:55 do", "fire together at"),
    ],
)
def test_a_fire_at_a_jump_names_the_times_that_do_not_exist(
    expression: str, skipped: str, result: str
) -> None:
    assert dst_note(CronTrigger(expression, NEW_YORK), JUMP) == (
        f"{skipped} not exist on 8 March 2026 (clocks jump from 02:00 to 03:00): {result} 03:00"
    )


def test_a_jump_over_a_whole_day_names_both_dates() -> None:
    trigger = CronTrigger("0 9 * * *", "Pacific/Apia")

    assert dst_note(trigger, utc("2011-12-30T10:00")) == (
        "09:00 does not exist on 30 December 2011 "
        "(clocks jump from 00:00 to 00:00 on 31 December 2011): fires at 00:00 on 31 December 2011"
    )


@pytest.mark.parametrize(
    ("overlap", "fire", "which"),
    [
        (DstOverlap.FIRST, FIRST_PASS, "the first time"),
        (DstOverlap.SECOND, SECOND_PASS, "the second time"),
        (DstOverlap.BOTH, FIRST_PASS, "both times"),
        (DstOverlap.BOTH, SECOND_PASS, "both times"),
    ],
)
def test_a_repeated_time_says_which_pass_fires(overlap: DstOverlap, fire: datetime, which: str) -> None:
    trigger = CronTrigger("30 1 * * *", NEW_YORK, dst_overlap=overlap)

    assert dst_note(trigger, fire) == f"01:30 happens twice on 1 November 2026: fires {which}"


def test_a_schedule_of_all_hours_fires_both_times() -> None:
    trigger = CronTrigger("30 * * * *", NEW_YORK)

    assert dst_note(trigger, SECOND_PASS) == "01:30 happens twice on 1 November 2026: fires both times"
    assert dst_note(trigger, utc("2026-03-08T07:30")) is None


def test_a_day_interval_has_the_same_notes() -> None:
    trigger = IntervalTrigger(1, Period.DAYS, utc("2026-03-01T07:30"), NEW_YORK)

    assert dst_note(trigger, JUMP) == dst_note(CronTrigger("30 2 * * *", NEW_YORK), JUMP)


def test_an_anchor_in_the_second_pass_does_not_claim_both() -> None:
    trigger = IntervalTrigger(1, Period.DAYS, SECOND_PASS, NEW_YORK, dst_overlap=DstOverlap.BOTH)

    assert dst_note(trigger, SECOND_PASS) == "01:30 happens twice on 1 November 2026: fires the second time"


@pytest.mark.parametrize(
    "trigger",
    [
        CronTrigger("0 9 * * *", NEW_YORK),
        CronTrigger("30 2 * * *"),
        CronTrigger("0 3 * * *", NEW_YORK),
        CronTrigger("30 2 * * *", NEW_YORK, dst_gap=DstGap.SKIP),
        IntervalTrigger(1, Period.HOURS, JUMP, NEW_YORK),
        OnceTrigger(JUMP),
        NoTrigger(),
    ],
)
def test_other_fires_and_other_instants_have_no_note(trigger: Trigger) -> None:
    assert dst_note(trigger, JUMP) is None


@given(triggers(), moments_near_changes())
@steady
def test_a_note_appears_only_within_two_days_of_a_change(
    trigger: Trigger, near: tuple[str, Change, int]
) -> None:
    fire = next_after(trigger, near[1].instant)
    if fire is None or dst_note(trigger, fire) is None:
        return
    assert isinstance(trigger, CronTrigger | IntervalTrigger)
    assert any(abs(change.instant - fire) < timedelta(days=2) for change in changes(trigger.timezone))
