"""What becomes of due times: fired, late, merged or skipped; of a schedule in shadow, nothing but a row."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lamplighter.model import CatchUp, Due, Outcome, Schedule, ScheduleType, Timing
from lamplighter.planner.due_times import (
    MILLISECOND,
    due_after,
    due_before,
    fire_at,
    is_excluded,
    local,
    next_due,
    trigger_of,
)
from lamplighter.triggers import count_between

# A fire this much after its due time is late, and a due time this old was missed.
LATE_AFTER = timedelta(seconds=60)
_NO_CATCH_UP = "missed, and the schedule does not catch up"


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


def plan_due(schedule: Schedule, now: datetime, *, agent_is_archived: bool) -> Plan:
    """Decide what becomes of every due time of ``schedule`` that is to be fired by ``now``.

    On time: one fire. Missed: as the schedule's catch-up says, in a few rows however long the outage was. A
    RunOnce fires however late. A schedule in shadow gets the same rows, but none that starts runs.
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
    before = due_before(timing, newest.time)
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
            last_outside = _known(due_before(timing, edge))
            settled = (_row(timing, oldest, last_outside, Outcome.SKIPPED, _outside_window(timing)),)
            oldest = _known(due_after(timing, last_outside))
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
        before = due_before(schedule.timing, newest.time)
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
        before = due_before(timing, midnight.astimezone(UTC))
        begin = first if before is None or before < first else _known(due_after(timing, before))
        rows = (_row(timing, begin, last, Outcome.SKIPPED, _excluded_reason(timing, last)), *rows)
        if before is None or before < first:
            return None, rows
        last = before
    return _due_at(schedule, last), rows


def _last_until(timing: Timing, first: datetime, now: datetime) -> datetime:
    """The newest due time until ``now``, or ``first`` when that is newer."""
    until = now if timing.end_time is None else min(now, timing.end_time)
    last = due_before(timing, until + MILLISECOND)
    return first if last is None else max(first, last)


def _known(moment: datetime | None) -> datetime:
    if moment is None:
        raise AssertionError("a due time on this side is known to exist")
    return moment


def _due_at(schedule: Schedule, time: datetime) -> Due:
    return Due(time, fire_at(schedule.id, schedule.timing, time))


def _settle(schedule: Schedule, settled: tuple[Entry, ...], fire: Entry | None, until: datetime) -> Plan:
    if schedule.is_shadow:
        settled = tuple(_in_shadow(entry) for entry in (*settled, *([] if fire is None else [fire])))
        fire = None
    return Plan(settled, fire, until, next_due(schedule.id, schedule.timing, until))


def _in_shadow(entry: Entry) -> Entry:
    """The row that a schedule in shadow gets in place of ``entry``: what would have started runs starts none."""
    if entry.outcome in (Outcome.FIRED, Outcome.LATE):
        reason = f"in shadow: nothing was started; it would have {entry.reason}"
        return replace(entry, outcome=Outcome.SHADOW, reason=reason)
    return replace(entry, reason=f"in shadow: {entry.reason}")


def _older(timing: Timing, first: datetime, newest: datetime) -> tuple[Entry, ...]:
    """The row of the due times before ``newest``, which fires."""
    if newest <= first:
        return ()
    last = _known(due_before(timing, newest))
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
