"""How long things are kept, and finding and taking away what is kept no longer.

What is taken away belongs to ended runs of ended sets only. The runs of one set go together: a combined export
belongs to the first of them. The fire ledger stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from lamplighter.model import TERMINAL, Limits, RunFile, RunStatus, SetState
from lamplighter.store.tables import agents, parallel_sets, retention, run_files, runs, spaces

_LIMITS = tuple(f.name for f in fields(Limits))
_ENDED = sa.text("runs.end_time IS NOT NULL")
_TERMINAL = sorted(status.value for status in TERMINAL)


class What(StrEnum):
    """What is kept for a time: runs as a whole, what they said, what they made."""

    RUNS = "runs"
    LOGS = "logs"
    FILES = "files"


_REMOVED = {What.LOGS: runs.c.logs_removed, What.FILES: runs.c.files_removed}


@dataclass(frozen=True, slots=True)
class LimitedAgent:
    """An agent for which there are limits: its own and those of its space."""

    id: int
    own: Limits
    space: Limits


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A place in the order in which runs have ended; what ended before it is kept no longer."""

    end_time: datetime
    run_id: int = 0


@dataclass(frozen=True, slots=True)
class OldRun:
    """An ended run of which something is kept no longer."""

    id: int
    set_id: int


# --- the limits ---


def of_space(c: sa.Connection, space_id: int) -> Limits | None:
    """The limits of a space; None when there is no such space."""
    if c.execute(sa.select(spaces.c.id).where(spaces.c.id == space_id)).first() is None:
        return None
    return _limits_where(c, _is_of_space(space_id))


def of_agent(c: sa.Connection, agent_id: int) -> Limits:
    """The limits of an agent itself, without those of its space."""
    return _limits_where(c, retention.c.agent_id == agent_id)


def set_of_space(c: sa.Connection, space_id: int, limits: Limits, now: datetime) -> None:
    """Replace the limits of a space."""
    _put(c, _is_of_space(space_id), {"space_id": space_id}, limits, now)


def set_of_agent(c: sa.Connection, space_id: int, agent_id: int, limits: Limits, now: datetime) -> None:
    """Replace the limits of an agent."""
    ids = {"space_id": space_id, "agent_id": agent_id}
    _put(c, retention.c.agent_id == agent_id, ids, limits, now)


def clear_of_agent(c: sa.Connection, agent_id: int) -> None:
    """Take the limits of an agent away; those of its space hold again."""
    c.execute(retention.delete().where(retention.c.agent_id == agent_id))


def limited_agents(c: sa.Connection) -> list[LimitedAgent]:
    """The agents that have limits or whose space has some, by id; deleted ones too, for their runs are there."""
    of_space_ = retention.alias("of_space")
    query = (
        sa.select(
            agents.c.id,
            *(retention.c[name].label(f"own_{name}") for name in _LIMITS),
            *(of_space_.c[name].label(f"space_{name}") for name in _LIMITS),
        )
        .join(retention, retention.c.agent_id == agents.c.id, isouter=True)
        .join(
            of_space_,
            sa.and_(of_space_.c.space_id == agents.c.space_id, of_space_.c.agent_id.is_(None)),
            isouter=True,
        )
        .where(sa.or_(retention.c.id.is_not(None), of_space_.c.id.is_not(None)))
        .order_by(agents.c.id)
    )
    return [
        LimitedAgent(row["id"], _limits(row, "own_"), _limits(row, "space_"))
        for row in c.execute(query).mappings()
    ]


def _is_of_space(space_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(retention.c.space_id == space_id, retention.c.agent_id.is_(None))


def _limits_where(c: sa.Connection, which: sa.ColumnElement[bool]) -> Limits:
    row = c.execute(sa.select(retention).where(which)).mappings().one_or_none()
    return Limits() if row is None else _limits(row, "")


def _limits(row: sa.RowMapping, prefix: str) -> Limits:
    return Limits(**{name: row[f"{prefix}{name}"] for name in _LIMITS})


def _put(
    c: sa.Connection, which: sa.ColumnElement[bool], ids: Mapping[str, int], limits: Limits, now: datetime
) -> None:
    values = {**asdict(limits), "updated": now}
    if c.execute(retention.update().where(which).values(values)).rowcount == 0:
        c.execute(retention.insert().values({**ids, **values}))


# --- what is kept no longer ---


def cut_of_newest(c: sa.Connection, agent_id: int, count: int, *, skipped: bool) -> Cut | None:
    """The place of the ``count``-th newest ended run of an agent; None when there are not so many.

    Skipped runs are counted by themselves: they have nothing in them, and shall push nothing out.
    """
    query = (
        sa.select(runs.c.end_time, runs.c.id)
        .where(runs.c.agent_id == agent_id, _ENDED, _is_skipped(skipped))
        .order_by(runs.c.end_time.desc(), runs.c.id.desc())
        .limit(1)
        .offset(count - 1)
    )
    row = c.execute(query).one_or_none()
    return None if row is None else Cut(row.end_time, row.id)


def ended_before(
    c: sa.Connection, agent_id: int, what: What, cut: Cut, *, skipped: bool, limit: int
) -> list[OldRun]:
    """Runs of an agent that ended before ``cut``, with their whole set, and still have ``what``; oldest first.

    A set that has not ended, or of which a combined export is to be made, is left alone.
    """
    query = (
        sa.select(runs.c.id, runs.c.set_id)
        .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
        .where(
            runs.c.agent_id == agent_id,
            _ENDED,
            _is_before(runs, cut),
            runs.c.status.in_(_TERMINAL),
            _is_skipped(skipped),
            parallel_sets.c.state == SetState.ENDED.value,
            parallel_sets.c.combine_at.is_(None),
            ~_has_younger_sibling(cut),
        )
        .order_by(runs.c.end_time, runs.c.id)
        .limit(limit)
    )
    if what is not What.RUNS:
        query = query.where(_REMOVED[what].is_(None), runs.c.attempt > 0)
    return [OldRun(run_id, set_id) for run_id, set_id in c.execute(query)]


def delete_runs(c: sa.Connection, gone: Sequence[OldRun]) -> None:
    """Take runs away, with the lists of their files, and their sets when no run is left in them."""
    c.execute(runs.delete().where(runs.c.id.in_([run.id for run in gone]), runs.c.status.in_(_TERMINAL)))
    c.execute(
        parallel_sets.delete().where(
            parallel_sets.c.id.in_([run.set_id for run in gone]),
            parallel_sets.c.state == SetState.ENDED.value,
            ~sa.exists().where(runs.c.set_id == parallel_sets.c.id),
        )
    )


def note_removed(c: sa.Connection, what: What, run_ids: Collection[int], now: datetime) -> None:
    """Note that the logs, or the files, of runs are kept no longer."""
    query = runs.update().where(runs.c.id.in_(run_ids), runs.c.status.in_(_TERMINAL))
    c.execute(query.values({_REMOVED[what]: now}))


def files_of(c: sa.Connection, run_ids: Collection[int]) -> list[RunFile]:
    """The lists of files of some runs."""
    query = sa.select(run_files).where(run_files.c.run_id.in_(run_ids)).order_by(run_files.c.id)
    return [
        RunFile(row.id, row.run_id, row.name, row.file_type, row.size, row.created, row.path)
        for row in c.execute(query)
    ]


def forget_files(c: sa.Connection, file_ids: Collection[int]) -> None:
    """Take files from the lists of their runs."""
    if file_ids:
        c.execute(
            run_files.delete().where(run_files.c.id == sa.bindparam("key")), [{"key": i} for i in file_ids]
        )


def _is_skipped(skipped: bool) -> sa.ColumnElement[bool]:
    status = RunStatus.SKIPPED.value
    return runs.c.status == status if skipped else runs.c.status != status


def _is_before(table: Any, cut: Cut) -> sa.ColumnElement[bool]:
    place = sa.tuple_(sa.literal(cut.end_time, runs.c.end_time.type), sa.literal(cut.run_id))
    return sa.tuple_(table.c.end_time, table.c.id) < place


def _has_younger_sibling(cut: Cut) -> sa.ColumnElement[bool]:
    sibling = runs.alias("sibling")
    return sa.exists().where(
        sibling.c.set_id == runs.c.set_id,
        sa.or_(sibling.c.end_time.is_(None), ~_is_before(sibling, cut)),
    )
