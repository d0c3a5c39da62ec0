"""The auditor of a simulated year: reads the database and the history, knows nothing of the planner.

It steps through every due time of every schedule one by one and checks that the ledger holds it exactly once,
with the outcome that the rules give, and that runs and fires belong together.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lamplighter.model import CatchUp, Fire, Outcome, ScheduleType, Timing
from lamplighter.planner import trigger_of
from lamplighter.store import fires
from lamplighter.store.database import Database
from lamplighter.store.tables import parallel_sets, runs, schedules
from lamplighter.triggers import next_after
from simulation.world import BEGIN, Epoch, History

MINUTE = timedelta(seconds=60)
WAITED = "previous run still waiting"
SHADOW = "in shadow: "
ARCHIVED = "the agent is archived"


def audit(db: Database, history: History, end: datetime) -> list[str]:
    """Everything that is wrong, in sentences; empty when the year was right."""
    wrong: list[str] = []
    with db.read() as c:
        for schedule_id, epochs in history.epochs.items():
            ledger = fires.of_schedule(c, schedule_id, limit=10_000_000)
            row = c.execute(sa.select(schedules).where(schedules.c.id == schedule_id)).one()
            # Due, but jitter puts its moment to fire behind the end of the simulation.
            pending = row.next_due if row.fire_at is not None and row.fire_at > end else None
            wrong += _audit_schedule(schedule_id, row.agent_id, epochs, ledger, history, end, pending)
        wrong += _audit_runs(c)
    return wrong


def _audit_schedule(
    schedule_id: int,
    agent_id: int,
    epochs: list[Epoch],
    ledger: list[Fire],
    history: History,
    end: datetime,
    pending: datetime | None,
) -> Iterator[str]:
    name = f"schedule {schedule_id}"
    expected = {due: epoch for epoch in epochs for due in _due_times(epoch, end) if due != pending}
    entries, problems = _expand(name, ledger, sorted(expected))
    yield from problems
    for due in expected.keys() - entries.keys():
        yield f"{name}: due time {due} is not in the ledger"
    for due in entries.keys() - expected.keys():
        yield f"{name}: due time {due} is in the ledger but was never due"
    groups: dict[tuple[datetime, int], list[datetime]] = defaultdict(list)
    for due, fire in entries.items():
        if due in expected:
            groups[fire.decided, id(expected[due])].append(due)
    for (decided, _), dues in groups.items():
        group = [(due, entries[due]) for due in sorted(dues)]
        epoch = expected[group[0][0]]
        timing = epoch.timing
        change = history.changes.get((schedule_id, decided))
        archived = _archived_at(history, agent_id, decided)
        yield from _audit_decision(name, epoch, decided, group, change, archived)
        yield from _audit_timeliness(name, timing, group[-1], history)


def _due_times(epoch: Epoch, end: datetime) -> Iterator[datetime]:
    """Each due time of the epoch, stepping from one to the next."""
    timing = epoch.timing
    until = min(end, epoch.end or end)
    if timing.end_time is not None:
        until = min(until, timing.end_time)
    moment = epoch.begin
    while True:
        found = next_after(trigger_of(timing), moment)
        if found is None or found > until:
            return
        moment = found
        if (
            timing.schedule_type is not ScheduleType.CRON
            or not timing.start_time
            or found >= timing.start_time
        ):
            yield found


def _expand(
    name: str, ledger: list[Fire], due_times: list[datetime]
) -> tuple[dict[datetime, Fire], list[str]]:
    """Which row speaks of each due time; rows that overlap or miscount are problems."""
    entries: dict[datetime, Fire] = {}
    problems: list[str] = []
    known = set(due_times)
    for fire in ledger:
        covered = (
            [due for due in due_times if fire.due <= due <= fire.last_due] if fire.count > 1 else [fire.due]
        )
        if len(covered) != fire.count or (fire.count > 1 and not {fire.due, fire.last_due} <= known):
            problems.append(
                f"{name}: row {fire.due}–{fire.last_due} says {fire.count}, covers {len(covered)}"
            )
        for due in covered:
            if due in entries:
                problems.append(f"{name}: due time {due} is in the ledger twice")
            entries[due] = fire
    return entries, problems


def _audit_decision(
    name: str,
    epoch: Epoch,
    decided: datetime,
    group: list[tuple[datetime, Fire]],
    change: str | None,
    archived: bool,
) -> Iterator[str]:
    """The due times that were decided at one moment: does each have the outcome that the rules give?"""
    timing = epoch.timing
    yield from _audit_shadow(name, epoch, group)
    dues = [due for due, _ in group]
    if change:
        wanted = _outcomes_of_change(timing, decided, dues)
    else:
        started = {
            due
            for due, fire in group
            if _meant(fire) in ("fired", "late", "held")
            or fire.reason.removeprefix(SHADOW) in (WAITED, ARCHIVED)
        }
        wanted = _outcomes(timing, decided, dues, started)
    for due, fire in group:
        allowed = wanted[due]
        if archived and allowed & {"fired", "late"}:
            allowed = {"skipped"}
        if allowed & {"fired", "late"} and not epoch.is_shadow:
            allowed = allowed | {"held"}
        outcome = _meant(fire)
        if outcome not in allowed and fire.reason != WAITED:
            yield f"{name}: {due} decided {decided} ({change}) is {outcome} ({fire.reason}), not {allowed}"
        if change and outcome == "skipped" and not archived and change not in fire.reason:
            yield f"{name}: {due} was skipped by a change ({change}), but says {fire.reason!r}"


def _audit_shadow(name: str, epoch: Epoch, group: list[tuple[datetime, Fire]]) -> Iterator[str]:
    """What was decided in shadow starts nothing and says so; nothing else does."""
    starts = (Outcome.FIRED, Outcome.LATE, Outcome.HELD)
    for due, fire in group:
        says_shadow = fire.reason.startswith(SHADOW)
        if says_shadow is not epoch.is_shadow:
            yield f"{name}: {due} says {fire.reason!r}, and it was {'' if epoch.is_shadow else 'not '}in shadow"
        if fire.outcome is Outcome.SHADOW and not epoch.is_shadow:
            yield f"{name}: {due} has the outcome shadow, and the schedule was real"
        if fire.outcome in starts and epoch.is_shadow:
            yield f"{name}: {due} is {fire.outcome} in shadow"


def _meant(fire: Fire) -> str:
    """The outcome; for what came due in shadow, the one that it would have had."""
    if fire.outcome is not Outcome.SHADOW:
        return fire.outcome.value
    return "fired" if fire.reason.endswith("it would have fired on time") else "late"


def _outcomes(
    timing: Timing, decided: datetime, dues: list[datetime], started: set[datetime]
) -> dict[datetime, set[str]]:
    """What each may be; ``started`` are those that did start runs, which decides where jitter leaves it open."""
    found: dict[datetime, set[str]] = {}
    fired = False
    for due in sorted(dues, reverse=True):
        late = decided - due > MINUTE + timedelta(seconds=timing.jitter_seconds)
        on_time = decided - due <= MINUTE
        once = timing.schedule_type is ScheduleType.RUN_ONCE
        window = timedelta(seconds=timing.catch_up_window_seconds)
        if _is_excluded(timing, due):
            found[due] = {"skipped", "merged"}
        elif fired and timing.catch_up is not CatchUp.ALL:
            found[due] = {"skipped"} if timing.catch_up is CatchUp.NONE else {"merged"}
        elif not late:
            # With jitter it depends on the fire's own moment whether the due time counts as missed.
            found[due] = {"fired"} if on_time else {"fired", "late", "skipped"}
            fired = fired or on_time or due in started
        elif not once and (timing.catch_up is CatchUp.NONE or decided - due > window):
            found[due] = {"skipped"}
        else:
            found[due] = {"late"}
            fired = True
    return found


def _outcomes_of_change(timing: Timing, decided: datetime, dues: list[datetime]) -> dict[datetime, set[str]]:
    """A change fires nothing but what is due this very minute."""
    spare = MINUTE + timedelta(seconds=timing.jitter_seconds)
    newest = max(dues)
    may_fire = decided - newest <= spare
    return {due: {"skipped", "fired"} if due == newest and may_fire else {"skipped"} for due in dues}


def _audit_timeliness(
    name: str, timing: Timing, newest: tuple[datetime, Fire], history: History
) -> Iterator[str]:
    """What came due while the scheduler was up was decided at once (jitter and crashes: seconds)."""
    due, fire = newest
    patience = timedelta(seconds=timing.jitter_seconds + 30)
    if fire.decided - due > patience and not any(
        begin - MINUTE <= moment <= end + timedelta(minutes=10)
        for begin, end in history.outages
        for moment in (due, due + timedelta(seconds=timing.jitter_seconds), fire.decided)
    ):
        yield f"{name}: {due} was decided at {fire.decided} although the scheduler was up"


def _audit_runs(c: sa.Connection) -> Iterator[str]:
    """No run without a fire, no fire without its runs."""
    sizes = {
        fire_id: (size, count)
        for fire_id, size, count in c.execute(
            sa.select(parallel_sets.c.fire_id, parallel_sets.c.size, sa.func.count(runs.c.id))
            .join(runs, runs.c.set_id == parallel_sets.c.id, isouter=True)
            .group_by(parallel_sets.c.id)
        )
    }
    if None in sizes:
        yield "there is a run without a fire"
    rows = c.execute(sa.text("SELECT id, outcome, reason FROM fires")).all()
    for fire_id, outcome, reason in rows:
        has_runs = fire_id in sizes
        wants = outcome in (Outcome.FIRED, Outcome.LATE, Outcome.HELD) or reason == ARCHIVED
        if wants is not has_runs:
            yield f"fire {fire_id} ({outcome}, {reason}) has {'no ' if wants else ''}runs"
        elif has_runs and sizes[fire_id][0] != sizes[fire_id][1]:
            yield f"fire {fire_id} has {sizes[fire_id][1]} of its {sizes[fire_id][0]} runs"


def _archived_at(history: History, agent_id: int, moment: datetime) -> bool:
    state = False
    for since, archived in history.archived.get(agent_id, [(BEGIN, False)]):
        if since <= moment:
            state = archived
    return state


def _is_excluded(timing: Timing, due: datetime) -> bool:
    return due.astimezone(ZoneInfo(timing.timezone)).date().isoformat() in timing.excluded_dates
