"""The decisions about time and runs, as pure functions of values and ``now``.

Nothing here reads a clock, a file or a database. The engine and the service fetch values, ask here what is to
be done, and write the answer in the same transaction.
"""

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from lamplighter.model import CatchUp, Due, Outcome, Run, Schedule, ScheduleType, SetState, Timing
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
    next_after,
    previous_before,
    zone,
)

MILLISECOND = timedelta(milliseconds=1)
# A fire this much after its due time is late, and a due time this old was missed.
LATE_AFTER = timedelta(seconds=60)
_NO_CATCH_UP = "missed, and the schedule does not catch up"
# A server that has not been heard of for so long has lost its runs.
LEASE = timedelta(seconds=45)
_MOST_RETRY_DELAY = 3600
_DEFAULT_RETRY_DELAY = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be written into the fire ledger: ``count`` due times from ``due`` to ``last_due``."""

    due: datetime
    last_due: datetime
    count: int
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a schedule that is due.

    ``settled`` are ledger rows that start nothing; ``fire`` is the row that starts runs, if one does. Then the
    schedule is settled up to ``decided_until`` and is due again at ``following``.
    """

    settled: tuple[Entry, ...]
    fire: Entry | None
    decided_until: datetime
    following: Due | None


# --- due times ---------------------------------------------------------------------------------------------


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
    return Due(due, _fire_at(schedule_id, timing, trigger, due))


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


def _fire_at(schedule_id: int, timing: Timing, trigger: Trigger, due: datetime) -> datetime:
    """The due time plus its jitter: the same for the same due time, and never beyond the next due time."""
    if timing.jitter_seconds <= 0:
        return due
    room = timedelta(seconds=timing.jitter_seconds)
    following = next_after(trigger, due)
    if following is not None:
        room = min(room, following - due)
    digest = hashlib.blake2b(f"{schedule_id} {due.timestamp()}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    return due + timedelta(milliseconds=int(room / MILLISECOND * share))


# --- firing ------------------------------------------------------------------------------------------------


def plan_due(schedule: Schedule, now: datetime, *, agent_is_archived: bool) -> Plan:
    """Decide what becomes of every due time of ``schedule`` that is to be fired by ``now``.

    On time: one fire. Missed: as the schedule's catch-up says, in a few rows however long the outage was. A
    RunOnce fires however late.
    """
    timing = schedule.timing
    first = _next_of(schedule).time
    newest = _newest_to_fire(schedule, now)
    if timing.catch_up is CatchUp.ALL:
        return _plan_oldest(schedule, newest, now, agent_is_archived)
    wanted, excluded = _pass_over_excluded(schedule, newest)
    if wanted is None:
        return _settle(schedule, excluded, None, newest.time)
    refusal = _refusal(timing, wanted, now)
    if refusal is not None:
        skipped = _row(timing, first, wanted.time, Outcome.SKIPPED, refusal)
        return _settle(schedule, (skipped, *excluded), None, newest.time)
    settled = (*_older(timing, first, wanted.time), *excluded)
    return _settle(schedule, settled, _fire(wanted, now, agent_is_archived), newest.time)


def settle_before_change(
    schedule: Schedule, now: datetime, what: str, *, fire_if_on_time: bool, agent_is_archived: bool
) -> Plan | None:
    """Decide the due times that have passed but are not in the ledger yet, before ``schedule`` changes.

    A change never fires the past: what was missed is skipped, saying ``what`` happened ("disabled"). Only a due
    time of this minute still fires, and only when ``fire_if_on_time``. None when nothing is owed.
    """
    if schedule.next is None or schedule.next.time > now:
        return None
    timing = schedule.timing
    first = schedule.next.time
    # Jitter does not delay this: a due time that has come belongs to the schedule as it was.
    newest = _due_at(schedule, _last_until(timing, first, now))
    reason = f"the schedule was {what} before this due time was fired"
    if not fire_if_on_time or _is_missed(newest, now) or is_excluded(timing, newest.time):
        skipped = _row(timing, first, newest.time, Outcome.SKIPPED, reason)
        return _settle(schedule, (skipped,), None, newest.time)
    before = _before(timing, newest.time)
    settled: tuple[Entry, ...] = ()
    if before is not None and before >= first:
        settled = (_row(timing, first, before, Outcome.SKIPPED, reason),)
    return _settle(schedule, settled, _fire(newest, now, agent_is_archived), newest.time)


def _plan_oldest(schedule: Schedule, newest: Due, now: datetime, agent_is_archived: bool) -> Plan:
    """Catch-up ``all``: fire the oldest due time within the window; the next pass takes the next one."""
    timing = schedule.timing
    oldest = _next_of(schedule).time
    settled: tuple[Entry, ...] = ()
    if timing.schedule_type is not ScheduleType.RUN_ONCE:
        # Jitter may put the moment to fire beyond the window; what is on time was not missed.
        edge = now - max(_window(timing), LATE_AFTER)
        if not _is_missed(_next_of(schedule), now):
            edge = min(edge, oldest)
        if newest.time < edge:
            skipped = _row(timing, oldest, newest.time, Outcome.SKIPPED, _outside_window(timing))
            return _settle(schedule, (skipped,), None, newest.time)
        if oldest < edge:
            last_outside = _known(_before(timing, edge))
            settled = (_row(timing, oldest, last_outside, Outcome.SKIPPED, _outside_window(timing)),)
            oldest = _known(next_after(trigger_of(timing), last_outside))
    if is_excluded(timing, oldest):
        row = _row(timing, oldest, oldest, Outcome.SKIPPED, _excluded_reason(timing, oldest))
        return _settle(schedule, (*settled, row), None, oldest)
    fire = _fire(_due_at(schedule, oldest), now, agent_is_archived)
    return _settle(schedule, settled, fire, oldest)


def _next_of(schedule: Schedule) -> Due:
    if schedule.next is None:
        raise ValueError(f"schedule {schedule.id} is not due")
    return schedule.next


def _newest_to_fire(schedule: Schedule, now: datetime) -> Due:
    """The newest due time whose moment to fire has come; the schedule's next one at the least."""
    first = _next_of(schedule)
    newest = _due_at(schedule, _last_until(schedule.timing, first.time, now))
    if newest.fire_at > now and newest.time > first.time:
        before = _before(schedule.timing, newest.time)
        if before is not None and before >= first.time:
            return _due_at(schedule, before)
    return newest


def _pass_over_excluded(schedule: Schedule, newest: Due) -> tuple[Due | None, tuple[Entry, ...]]:
    """The newest due time that is not on an excluded date, and the rows of those passed over to find it."""
    timing = schedule.timing
    first = _next_of(schedule).time
    last = newest.time
    rows: tuple[Entry, ...] = ()
    while is_excluded(timing, last):
        midnight = local(last, timing.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
        before = _before(timing, midnight.astimezone(UTC))
        begin = first if before is None or before < first else _known(next_after(trigger_of(timing), before))
        rows = (_row(timing, begin, last, Outcome.SKIPPED, _excluded_reason(timing, last)), *rows)
        if before is None or before < first:
            return None, rows
        last = before
    return _due_at(schedule, last), rows


def _last_until(timing: Timing, first: datetime, now: datetime) -> datetime:
    """The newest due time until ``now``, or ``first`` when that is newer."""
    until = now if timing.end_time is None else min(now, timing.end_time)
    last = _before(timing, until + MILLISECOND)
    return first if last is None else max(first, last)


def _before(timing: Timing, moment: datetime) -> datetime | None:
    return previous_before(trigger_of(timing), moment)


def _known(moment: datetime | None) -> datetime:
    if moment is None:
        raise AssertionError("a due time on this side is known to exist")
    return moment


def _due_at(schedule: Schedule, time: datetime) -> Due:
    return Due(time, _fire_at(schedule.id, schedule.timing, trigger_of(schedule.timing), time))


def _settle(schedule: Schedule, settled: tuple[Entry, ...], fire: Entry | None, until: datetime) -> Plan:
    return Plan(settled, fire, until, next_due(schedule.id, schedule.timing, until))


def _older(timing: Timing, first: datetime, newest: datetime) -> tuple[Entry, ...]:
    """The row of the due times before ``newest``, which fires."""
    if newest <= first:
        return ()
    last = _known(_before(timing, newest))
    if timing.catch_up is CatchUp.NONE:
        return (_row(timing, first, last, Outcome.SKIPPED, _NO_CATCH_UP),)
    reason = f"missed, and merged into the fire of {_text(newest)}"
    return (_row(timing, first, last, Outcome.MERGED, reason),)


def _row(timing: Timing, first: datetime, last: datetime, outcome: Outcome, reason: str) -> Entry:
    count = 1 if first == last else count_between(trigger_of(timing), first, last)
    return Entry(first, last, count, outcome, reason)


def _fire(due: Due, now: datetime, agent_is_archived: bool) -> Entry:
    if agent_is_archived:
        return Entry(due.time, due.time, 1, Outcome.SKIPPED, "the agent is archived")
    if _is_missed(due, now):
        reason = f"fired {_duration(now - due.fire_at)} late: the scheduler was not running or was behind"
        return Entry(due.time, due.time, 1, Outcome.LATE, reason)
    return Entry(due.time, due.time, 1, Outcome.FIRED, "fired on time")


def _refusal(timing: Timing, due: Due, now: datetime) -> str | None:
    """Why a due time is not caught up with, if it is not. A one-off is never lost."""
    if timing.schedule_type is ScheduleType.RUN_ONCE or not _is_missed(due, now):
        return None
    if timing.catch_up is CatchUp.NONE:
        return _NO_CATCH_UP
    if now - due.time > _window(timing):
        return _outside_window(timing)
    return None


def _is_missed(due: Due, now: datetime) -> bool:
    return now - due.fire_at > LATE_AFTER


def _excluded_reason(timing: Timing, due: datetime) -> str:
    return f"{local(due, timing.timezone).date().isoformat()} is an excluded date"


def _window(timing: Timing) -> timedelta:
    return timedelta(seconds=timing.catch_up_window_seconds)


def _outside_window(timing: Timing) -> str:
    return f"missed, and older than the catch-up window of {_duration(_window(timing))}"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


# --- starting sets -----------------------------------------------------------------------------------------


class Admission(Enum):
    """Whether a new set may begin, must wait for its agent, or is not wanted."""

    START = "start"
    HOLD = "hold"
    SKIP = "skip"


@dataclass(slots=True)
class Occupancy:
    """What of one agent is going and waiting, while sets are admitted one after another."""

    active: int = 0
    active_exclusive: int = 0
    waiting: int = 0
    waiting_schedules: frozenset[int] = frozenset()

    def add(self, state: SetState, *, is_exclusive: bool, schedule_id: int | None, count: int = 1) -> None:
        """Count one more set, or ``count`` alike."""
        if state is SetState.ACTIVE:
            self.active += count
            self.active_exclusive += count * is_exclusive
        elif state is SetState.WAITING:
            self.waiting += count
            if schedule_id is not None:
                self.waiting_schedules |= {schedule_id}


def admit(occupancy: Occupancy, *, is_exclusive: bool, schedule_id: int | None) -> Admission:
    """Decide on a new set of an agent.

    An exclusive set runs alone: it waits for every other one, and every other one waits for it. Sets that wait
    go first come, first served, and of one schedule at most one waits. A start by hand (``schedule_id`` None)
    always gets its place.
    """
    free = occupancy.active == 0 if is_exclusive else occupancy.active_exclusive == 0
    if free and occupancy.waiting == 0:
        return Admission.START
    if schedule_id is not None and schedule_id in occupancy.waiting_schedules:
        return Admission.SKIP
    return Admission.HOLD


def split_input(text: str | None, parallelism: int) -> list[str]:
    """The input of each run of a set, as JSON texts.

    Rows of an array are split into nearly equal consecutive parts, at most one part a row; anything else is
    given to every run.
    """
    value: Any = {} if text is None else json.loads(text)
    if not isinstance(value, list):
        return [json.dumps(value, ensure_ascii=False)] * parallelism
    parts = max(1, min(parallelism, len(value)))
    size, extra = divmod(len(value), parts)
    split: list[str] = []
    begin = 0
    for index in range(parts):
        end = begin + size + (index < extra)
        split.append(json.dumps(value[begin:end], ensure_ascii=False))
        begin = end
    return split


# --- failing and retrying ----------------------------------------------------------------------------------


def retry_at(run: Run, now: datetime, chance: random.Random) -> datetime | None:
    """When a failed run is to be tried again: None means at once.

    With ``is_wait_on_failure`` or a delay that was asked for, the wait doubles with every retry, is at most one
    hour, and is spread by up to a tenth so that runs which failed together do not come back together.
    """
    settings = run.settings
    if not settings.is_wait_on_failure and settings.retry_delay_seconds is None:
        return None
    base = _DEFAULT_RETRY_DELAY if settings.retry_delay_seconds is None else settings.retry_delay_seconds
    delay = min(_MOST_RETRY_DELAY, base * 2 ** min(run.retries, 20))
    return now + timedelta(milliseconds=int(delay * 1000 * (1 - chance.random() / 10)))


def may_retry(run: Run) -> bool:
    """Whether a failed attempt of the run is followed by another one."""
    return run.retries < run.settings.retries_allowed


def not_days(dates: Iterable[str]) -> list[str]:
    """Those of ``dates`` that are not dates of the form YYYY-MM-DD."""
    return [text for text in dates if not _is_day(text)]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def local(moment: datetime, timezone: str) -> datetime:
    """``moment`` as the wall clock of ``timezone`` shows it."""
    info: ZoneInfo = zone(timezone)
    return moment.astimezone(info)
