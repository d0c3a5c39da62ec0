"""When a schedule is due: its timing as a trigger, jitter, excluded dates, its beginning and end."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

from lamplighter.model import Due, ScheduleType, Timing
from lamplighter.triggers import (
    CronTrigger,
    DstGap,
    DstOverlap,
    IntervalTrigger,
    NoTrigger,
    OnceTrigger,
    Period,
    Trigger,
    next_after,
    previous_before,
    zone,
)

MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=8192)
def trigger_of(timing: Timing) -> Trigger:
    """The trigger that a schedule's timing describes."""
    gap, overlap = DstGap(timing.dst_gap), DstOverlap(timing.dst_overlap)
    match timing.schedule_type:
        case ScheduleType.CRON:
            return CronTrigger(timing.cron_expression or "", timing.timezone, gap, overlap)
        case ScheduleType.RUN_EVERY:
            if timing.run_every_count is None or timing.run_every_period is None or timing.anchor is None:
                raise ValueError("a RunEvery timing needs a count, a period and an anchor")
            period = Period(timing.run_every_period)
            return IntervalTrigger(
                timing.run_every_count, period, timing.anchor, timing.timezone, gap, overlap
            )
        case ScheduleType.RUN_ONCE:
            if timing.anchor is None:
                raise ValueError("a RunOnce timing needs its instant")
            return OnceTrigger(timing.anchor)
        case ScheduleType.NONE:
            return NoTrigger()


def next_due(schedule_id: int, timing: Timing, after: datetime) -> Due | None:
    """The first due time strictly after ``after``, or None when there is none ever.

    ``start_time`` is the earliest due time of CRON, ``end_time`` the latest of every type.
    """
    trigger = trigger_of(timing)
    due = next_after(trigger, _not_before_start(timing, after))
    if due is None or _is_over(timing, due):
        return None
    return Due(due, fire_at(schedule_id, timing, due))


def due_times(timing: Timing, after: datetime, count: int) -> list[datetime]:
    """The next ``count`` due times strictly after ``after``, without jitter."""
    trigger = trigger_of(timing)
    found: list[datetime] = []
    moment: datetime | None = _not_before_start(timing, after)
    while moment is not None and len(found) < count:
        moment = next_after(trigger, moment)
        if moment is None or _is_over(timing, moment):
            break
        found.append(moment)
    return found


def is_excluded(timing: Timing, due: datetime) -> bool:
    """Whether the due time falls on one of the schedule's excluded dates, in its own timezone."""
    if not timing.excluded_dates:
        return False
    return local(due, timing.timezone).date().isoformat() in timing.excluded_dates


def _not_before_start(timing: Timing, after: datetime) -> datetime:
    if timing.schedule_type is ScheduleType.CRON and timing.start_time is not None:
        return max(after, timing.start_time - MILLISECOND)
    return after


def _is_over(timing: Timing, due: datetime) -> bool:
    return timing.end_time is not None and due > timing.end_time


def fire_at(schedule_id: int, timing: Timing, due: datetime) -> datetime:
    """The due time plus its jitter: the same for the same due time, and never beyond the next due time."""
    if timing.jitter_seconds <= 0:
        return due
    room = timedelta(seconds=timing.jitter_seconds)
    following = next_after(trigger_of(timing), due)
    if following is not None:
        room = min(room, following - due)
    digest = hashlib.blake2b(f"{schedule_id} {due.timestamp()}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    return due + timedelta(milliseconds=int(room / MILLISECOND * share))


def due_before(timing: Timing, moment: datetime) -> datetime | None:
    """The last due time strictly before ``moment``, or None."""
    return previous_before(trigger_of(timing), moment)


def due_after(timing: Timing, moment: datetime) -> datetime | None:
    """The trigger's first due time strictly after ``moment``, whatever the schedule's beginning and end."""
    return next_after(trigger_of(timing), moment)


def not_days(dates: Iterable[str]) -> list[str]:
    """Those of ``dates`` that are not dates of the form YYYY-MM-DD."""
    return [text for text in dates if not _is_day(text)]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def iso(moment: datetime) -> str:
    """An instant as the wire has it: UTC with ``Z``; milliseconds only when there are some."""
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def local(moment: datetime, timezone: str) -> datetime:
    """``moment`` as the wall clock of ``timezone`` shows it."""
    return moment.astimezone(zone(timezone))
