"""Turning decisions into ledger rows, parallel sets and runs, in the caller's transaction.

A fire of a schedule and a start by hand both come through here, so that admission, exclusivity and the split of
the input are decided in one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter import metrics
from lamplighter.model import Outcome, RunSettings, RunStatus, SetState
from lamplighter.planner import (
    Admission,
    Combination,
    Entry,
    Occupancy,
    Part,
    Plan,
    admit,
    combination,
    split_input,
)
from lamplighter.store import agents, fires, runs, schedules, sets
from lamplighter.store.schedules import DueSchedule, settings_values
from lamplighter.triggers import TZDATA_VERSION

_HELD = "waits: another run of the agent is going, and one of them is exclusive"


@dataclass(frozen=True, slots=True)
class Launch:
    """A start that was decided: by a schedule's ``entry`` for the ledger, or by hand (``entry`` None).

    An entry with the outcome ``skipped`` makes runs in the status Skipped, which say why nothing was started.
    """

    agent_id: int
    agent_version: int
    settings: RunSettings
    input_parameters: str | None
    started_by: str
    schedule_id: int | None = None
    entry: Entry | None = None


@dataclass(slots=True)
class _Admitted:
    launch: Launch
    admission: Admission
    fire_id: int | None = None

    @property
    def is_skipped(self) -> bool:
        return self.launch.entry is not None and self.launch.entry.outcome is Outcome.SKIPPED

    @property
    def state(self) -> SetState:
        if self.is_skipped:
            return SetState.ENDED
        return SetState.WAITING if self.admission is Admission.HOLD else SetState.ACTIVE


def launch_sets(c: sa.Connection, launches: Sequence[Launch], now: datetime) -> list[int | None]:
    """Write the ledger rows, sets and runs of ``launches``; returns each one's set id.

    None stands for a fire that was skipped because the schedule's previous set still waits.
    """
    agents.take_turn(c, {launch.agent_id for launch in launches})
    admitted = _admit(c, launches)
    scheduled = [a for a in admitted if a.launch.entry is not None]
    decided = [_decided(a) for a in scheduled]
    rows_of_ledger = [
        _ledger_row(a.launch.schedule_id, entry, now) for a, entry in zip(scheduled, decided, strict=True)
    ]
    for one, fire_id in zip(scheduled, fires.insert(c, rows_of_ledger), strict=True):
        one.fire_id = fire_id
    for entry in decided:
        metrics.decided(entry.outcome, entry.due, entry.count, now)
    starting = [a for a in admitted if a.admission is not Admission.SKIP]
    inputs = [split_input(a.launch.input_parameters, a.launch.settings.parallelism) for a in starting]
    set_ids = sets.insert(
        c, [_set_row(a, len(parts), now) for a, parts in zip(starting, inputs, strict=True)]
    )
    rows: list[dict[str, Any]] = []
    spaces = agents.spaces_of(c, {a.launch.agent_id for a in starting})
    for a, parts, set_id in zip(starting, inputs, set_ids, strict=True):
        rows.extend(_run_rows(a, set_id, spaces[a.launch.agent_id], parts, now))
    runs.insert(c, rows)
    ids = iter(set_ids)
    return [None if a.admission is Admission.SKIP else next(ids) for a in admitted]


def carry_out(c: sa.Connection, planned: Sequence[tuple[DueSchedule, Plan]], now: datetime) -> None:
    """Write what was planned: ledger rows, sets, runs and each schedule's next due time, all or nothing."""
    settled = [(due.schedule, entry) for due, plan in planned for entry in plan.settled]
    fires.insert(c, [_ledger_row(s.id, entry, now, is_shadow=s.is_shadow) for s, entry in settled])
    for _, entry in settled:
        metrics.decided(entry.outcome, entry.due, entry.count, now)
    launches = [
        Launch(
            agent_id=due.schedule.agent_id,
            agent_version=due.agent_version,
            settings=due.schedule.settings,
            input_parameters=due.schedule.input_parameters,
            started_by=f"schedule {due.schedule.name}",
            schedule_id=due.schedule.id,
            entry=plan.fire,
        )
        for due, plan in planned
        if plan.fire is not None
    ]
    launch_sets(c, launches, now)
    ends = [(due.schedule.id, plan.decided_until, plan.following) for due, plan in planned]
    schedules.set_next(c, ends, TZDATA_VERSION)


def settle_set(c: sa.Connection, set_id: int, agent_id: int, now: datetime) -> None:
    """Let go on what waited for a run of this set that has just ended or gone back to waiting."""
    if sets.has_unfinished_runs(c, set_id):
        sets.promote(c, set_id, now)
        return
    sets.set_state(c, set_id, SetState.ENDED)
    export = sets.export_of(c, set_id)
    if export is not None:
        wanted = combination([Part(*part) for part in export.parts], export.size)
        is_made = wanted is None or wanted.is_of(Combination.from_text(export.made))
        sets.want_combining(c, set_id, None if is_made else now)
    release(c, agent_id, now)


def release(c: sa.Connection, agent_id: int, now: datetime) -> None:
    """Let the sets begin that wait for this agent and may, in the order of their arrival."""
    held = sets.held(c, agent_id)
    if not held:
        return
    occupancy = Occupancy()
    for other in sets.in_the_way(c, [agent_id]):
        if other.state is SetState.ACTIVE:
            occupancy.add(other.state, is_exclusive=other.is_exclusive, schedule_id=None)
    for one in held:
        if admit(occupancy, is_exclusive=one.is_exclusive, schedule_id=None) is not Admission.START:
            break
        occupancy.add(SetState.ACTIVE, is_exclusive=one.is_exclusive, schedule_id=None)
        sets.set_state(c, one.id, SetState.ACTIVE)
        sets.promote(c, one.id, now)


def _admit(c: sa.Connection, launches: Sequence[Launch]) -> list[_Admitted]:
    occupancies: dict[int, Occupancy] = {launch.agent_id: Occupancy() for launch in launches}
    for other in sets.in_the_way(c, list(occupancies)):
        occupancies[other.agent_id].add(
            other.state, is_exclusive=other.is_exclusive, schedule_id=other.schedule_id
        )
    admitted: list[_Admitted] = []
    for launch in launches:
        occupancy = occupancies[launch.agent_id]
        new = _Admitted(launch, Admission.START)
        if not new.is_skipped:
            exclusive = launch.settings.is_exclusive
            by = launch.schedule_id if launch.entry is not None else None
            new.admission = admit(occupancy, is_exclusive=exclusive, schedule_id=by)
            if new.admission is not Admission.SKIP:
                occupancy.add(new.state, is_exclusive=exclusive, schedule_id=launch.schedule_id)
        admitted.append(new)
    return admitted


def _decided(a: _Admitted) -> Entry:
    """What the ledger is to say: the plan, and what admission made of it."""
    entry = a.launch.entry
    if entry is None:
        raise ValueError("only a fire of a schedule has a row in the ledger")
    if a.admission is Admission.SKIP:
        return replace(entry, outcome=Outcome.SKIPPED, reason="previous run still waiting")
    if a.admission is Admission.HOLD:
        return replace(entry, outcome=Outcome.HELD, reason=f"{entry.reason}; {_HELD}")
    return entry


def _ledger_row(
    schedule_id: int | None, entry: Entry, now: datetime, *, is_shadow: bool = False
) -> dict[str, Any]:
    return {
        "schedule_id": schedule_id,
        "due": entry.due,
        "last_due": entry.last_due,
        "count": entry.count,
        "outcome": entry.outcome.value,
        "reason": entry.reason,
        "decided": now,
        "is_shadow": is_shadow,
    }


def _set_row(a: _Admitted, size: int, now: datetime) -> dict[str, Any]:
    launch = a.launch
    return {
        "agent_id": launch.agent_id,
        "agent_version": launch.agent_version,
        "schedule_id": launch.schedule_id,
        "fire_id": a.fire_id,
        "scheduled_time": launch.entry and launch.entry.due,
        "started_by": launch.started_by,
        "state": a.state.value,
        "size": size,
        "created": now,
        **settings_values(launch.settings),
    }


def _limited_to(number: int) -> str:
    runs_go = "1 run of the set goes" if number == 1 else f"{number} runs of the set go"
    return f"waits: at most {runs_go} at once"


def _run_rows(
    a: _Admitted, set_id: int, space_id: int, parts: list[str], now: datetime
) -> list[dict[str, Any]]:
    entry = a.launch.entry
    at_once = a.launch.settings.parallel_max_concurrency or len(parts)
    rows: list[dict[str, Any]] = []
    for index, text in enumerate(parts):
        status, message, ended = RunStatus.QUEUING, None, None
        if a.is_skipped:
            status, message, ended = RunStatus.SKIPPED, entry and entry.reason, now
        elif a.admission is Admission.HOLD:
            status, message = RunStatus.WAITING, _HELD
        elif index >= at_once:
            status, message = RunStatus.WAITING, _limited_to(at_once)
        rows.append(
            {
                "set_id": set_id,
                "agent_id": a.launch.agent_id,
                "space_id": space_id,
                "sequence": index + 1,
                "status": status.value,
                "message": message,
                "priority": a.launch.settings.priority,
                "server_group_id": a.launch.settings.server_group_id,
                "is_catch_up": entry is not None and entry.outcome is Outcome.LATE,
                "input_json": text,
                "created": now,
                "queued_at": now if status is RunStatus.QUEUING else None,
                "end_time": ended,
            }
        )
    return rows
