"""Parallel sets: the runs of one start, which begin and end together as far as exclusivity is concerned."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import ACTIVE, ParallelExport, RunStatus, SetState
from lamplighter.store.database import insert_all
from lamplighter.store.tables import agents, parallel_sets, runs

PAST_WAITING = sorted(ACTIVE - {RunStatus.WAITING})


@dataclass(frozen=True, slots=True)
class HeldSet:
    """A set that waits for its agent."""

    id: int
    is_exclusive: bool


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A set that is not over; ``schedule_id`` is told of one that waits."""

    agent_id: int
    state: SetState
    is_exclusive: bool
    schedule_id: int | None


# What every fire and every end asks for is written once: to put a statement together takes longer than to carry
# it out.
_OF_SET = parallel_sets.c.id == sa.bindparam("the_set")
_ACTIVE = (
    sa.select(parallel_sets.c.is_exclusive)
    .where(parallel_sets.c.agent_id == agents.c.id, sa.text("state <> 'ended' AND state = 'active'"))
    .limit(1)
    .scalar_subquery()
)
_AGENTS: sa.BindParameter[int] = sa.bindparam("agents", expanding=True)
_IN_THE_WAY = sa.union_all(
    sa.select(agents.c.id, sa.literal(SetState.ACTIVE.value), _ACTIVE, sa.null()).where(
        agents.c.id.in_(_AGENTS)
    ),
    sa.select(
        parallel_sets.c.agent_id,
        sa.literal(SetState.WAITING.value),
        parallel_sets.c.is_exclusive,
        parallel_sets.c.schedule_id,
    ).where(parallel_sets.c.agent_id.in_(_AGENTS), sa.text("state <> 'ended' AND state = 'waiting'")),
)
_HELD = (
    sa.select(parallel_sets.c.id, parallel_sets.c.is_exclusive)
    .where(
        parallel_sets.c.agent_id == sa.bindparam("the_agent"),
        sa.text("state <> 'ended' AND state = 'waiting'"),
    )
    .order_by(parallel_sets.c.id)
)
_UNFINISHED = (
    sa.select(runs.c.id)
    .where(runs.c.set_id == sa.bindparam("the_set"), runs.c.status.in_(sorted(ACTIVE)))
    .limit(1)
)
_SET_STATE = parallel_sets.update().where(_OF_SET).values(state=sa.bindparam("new_state"))
_SHAPE = sa.select(parallel_sets.c.size, parallel_sets.c.parallel_export, parallel_sets.c.combined).where(
    _OF_SET
)
_DUE_RETRIES = (
    sa.select(runs.c.set_id, parallel_sets.c.agent_id)
    .distinct()
    .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
    .where(
        sa.text("runs.status = 12 AND runs.ready_at IS NOT NULL"),
        runs.c.ready_at <= sa.bindparam("the_time"),
        parallel_sets.c.state == SetState.ACTIVE.value,
    )
    .limit(sa.bindparam("most"))
)


def in_the_way(c: sa.Connection, agent_ids: Collection[int]) -> list[OpenSet]:
    """What decides whether further sets of these agents may begin: those that wait, and one that is active.

    One says it of all that are active, for an exclusive one is alone; so it does not matter how many there are.
    """
    rows = c.execute(_IN_THE_WAY, {"agents": list(agent_ids)})
    return [
        OpenSet(agent_id, SetState(state), is_exclusive, schedule_id)
        for agent_id, state, is_exclusive, schedule_id in rows
        if is_exclusive is not None
    ]


def insert(c: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Keep new sets and return their ids in the same order."""
    return insert_all(c, parallel_sets, rows)


def held(c: sa.Connection, agent_id: int) -> list[HeldSet]:
    """The sets that wait for this agent, in the order of their arrival."""
    rows = c.execute(_HELD, {"the_agent": agent_id})
    return [HeldSet(set_id, is_exclusive) for set_id, is_exclusive in rows]


def any_open(c: sa.Connection, agent_id: int) -> bool:
    """Whether any run of the agent is still to come or going."""
    query = (
        sa.select(parallel_sets.c.id)
        .where(parallel_sets.c.agent_id == agent_id, sa.text("state <> 'ended'"))
        .limit(1)
    )
    return c.execute(query).first() is not None


def state_of(c: sa.Connection, set_id: int) -> SetState:
    """The state of a set."""
    return SetState(
        c.execute(sa.select(parallel_sets.c.state).where(parallel_sets.c.id == set_id)).scalar_one()
    )


def has_unfinished_runs(c: sa.Connection, set_id: int) -> bool:
    """Whether a run of the set has not ended."""
    return c.execute(_UNFINISHED, {"the_set": set_id}).first() is not None


def set_state(c: sa.Connection, set_id: int, state: SetState) -> None:
    """Move a set on; the database refuses a second active exclusive set of an agent."""
    c.execute(_SET_STATE, {"the_set": set_id, "new_state": state.value})


def promote(c: sa.Connection, set_id: int, now: datetime) -> int:
    """Let waiting runs of an active set queue, as far as its concurrency allows; returns how many.

    Runs that wait for their retry join in when their time has come.
    """
    row = c.execute(
        sa.select(parallel_sets.c.parallel_max_concurrency, parallel_sets.c.state).where(
            parallel_sets.c.id == set_id
        )
    ).one()
    if row.state != SetState.ACTIVE.value:
        return 0
    waiting = (
        sa.select(runs.c.id)
        .where(
            runs.c.set_id == set_id,
            runs.c.status == RunStatus.WAITING.value,
            sa.or_(runs.c.ready_at.is_(None), runs.c.ready_at <= now),
        )
        .order_by(runs.c.sequence)
    )
    if row.parallel_max_concurrency is not None:
        busy = c.execute(
            sa.select(sa.func.count()).where(runs.c.set_id == set_id, runs.c.status.in_(PAST_WAITING))
        ).scalar_one()
        waiting = waiting.limit(max(0, row.parallel_max_concurrency - busy))
    ready = list(c.execute(waiting).scalars())
    if ready:
        c.execute(
            runs.update()
            .where(runs.c.id.in_(ready), runs.c.status == RunStatus.WAITING.value)
            .values(status=RunStatus.QUEUING.value, queued_at=now, ready_at=None, message=None)
        )
    return len(ready)


def with_due_retries(c: sa.Connection, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Active sets in which a run's retry is due, each with its agent."""
    rows = c.execute(_DUE_RETRIES, {"the_time": now, "most": limit})
    return [(set_id, agent_id) for set_id, agent_id in rows]


def is_settled(c: sa.Connection, set_id: int) -> bool:
    """Whether the set has ended and nothing is to be made of its runs any more."""
    query = sa.select(parallel_sets.c.state, parallel_sets.c.combine_at).where(parallel_sets.c.id == set_id)
    row = c.execute(query).one()
    return bool(row.state == SetState.ENDED.value and row.combine_at is None)


def delete_if_empty(c: sa.Connection, set_id: int) -> None:
    """Take a set away whose last run was removed."""
    has_runs = sa.exists().where(runs.c.set_id == set_id)
    c.execute(parallel_sets.delete().where(parallel_sets.c.id == set_id, ~has_runs))


@dataclass(frozen=True, slots=True)
class SetExport:
    """The combined export of a set: of which (sequence, run id, attempt, status), and what was made so far."""

    set_id: int
    size: int
    parts: tuple[tuple[int, int, int, RunStatus], ...]
    made: str | None


def export_of(c: sa.Connection, set_id: int) -> SetExport | None:
    """What the combined export of a set is made of; None when it has none: one run, or one export a run."""
    row = c.execute(_SHAPE, {"the_set": set_id}).one()
    if row.size == 1 or row.parallel_export != ParallelExport.COMBINED.value:
        return None
    # Of a part that only could not be delivered, the records are there.
    only_undelivered = sa.and_(runs.c.undelivered, runs.c.status == RunStatus.FAILURE.value)
    counts_as = sa.case((only_undelivered, RunStatus.COMPLETED.value), else_=runs.c.status)
    query = (
        sa.select(
            runs.c.sequence,
            runs.c.id,
            sa.func.coalesce(runs.c.records_attempt, runs.c.attempt),
            counts_as,
        )
        .where(runs.c.set_id == set_id)
        .order_by(runs.c.sequence)
    )
    parts = tuple(
        (sequence, run_id, n, RunStatus(status)) for sequence, run_id, n, status in c.execute(query)
    )
    return SetExport(set_id, row.size, parts, row.combined)


def want_combining(c: sa.Connection, set_id: int, at: datetime | None) -> None:
    """Let the combined export of a set be made at a time, or (None) not be made any more."""
    c.execute(parallel_sets.update().where(parallel_sets.c.id == set_id).values(combine_at=at))


def note_combined(c: sa.Connection, set_id: int, made: str) -> None:
    """The combined export of a set has been made."""
    c.execute(
        parallel_sets.update().where(parallel_sets.c.id == set_id).values(combined=made, combine_at=None)
    )


def to_combine(c: sa.Connection, now: datetime, limit: int) -> list[int]:
    """The sets whose combined export is to be made."""
    query = (
        sa.select(parallel_sets.c.id)
        .where(parallel_sets.c.combine_at.is_not(None), parallel_sets.c.combine_at <= now)
        .order_by(parallel_sets.c.combine_at)
        .limit(limit)
    )
    return list(c.execute(query).scalars())
