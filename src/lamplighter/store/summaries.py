"""Sums over the runs of a range of time, made by the database from one index; the runs themselves stay unread."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import RunStatus
from lamplighter.store.tables import agents, runs, spaces

Spaces = Collection[int] | None


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many runs are in a status, with or without errors that they counted."""

    status: RunStatus
    has_errors: bool
    count: int


@dataclass(frozen=True, slots=True)
class RecordSums:
    """What runs extracted, exported and met with."""

    runs: int
    extracted: int
    exported: int
    errors: int
    pages: int


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that failed, as a summary tells of it."""

    run_id: int
    agent_id: int
    agent_name: str
    start_time: datetime | None
    end_time: datetime | None
    status: RunStatus
    message: str | None
    space_id: int
    space_name: str


def run_counts(c: sa.Connection, visible: Spaces, since: datetime, until: datetime) -> list[RunCount]:
    """How many of the runs that were created in the closed range are in which status."""
    has_errors = (runs.c.error_count > 0).label("has_errors")
    query = (
        _of(visible, sa.select(runs.c.status, has_errors, sa.func.count()))
        .where(runs.c.created.between(since, until))
        .group_by(runs.c.status, has_errors)
    )
    return [RunCount(RunStatus(status), bool(errors), count) for status, errors, count in c.execute(query)]


def failed_runs(
    c: sa.Connection,
    visible: Spaces,
    since: datetime,
    until: datetime,
    statuses: Sequence[RunStatus],
    limit: int,
) -> list[FailedRun]:
    """The newest of the runs in these statuses that were created in the closed range."""
    query = (
        sa.select(
            runs.c.id,
            agents.c.id,
            agents.c.name,
            runs.c.start_time,
            runs.c.end_time,
            runs.c.status,
            runs.c.message,
            spaces.c.id,
            spaces.c.name,
        )
        .select_from(runs.join(agents, agents.c.id == runs.c.agent_id).join(spaces))
        .where(runs.c.created.between(since, until), runs.c.status.in_([s.value for s in statuses]))
        .order_by(runs.c.created.desc(), runs.c.id.desc())
        .limit(limit)
    )
    if visible is not None:
        query = query.where(agents.c.space_id.in_(visible))
    return [
        FailedRun(run_id, agent_id, name, start, end, RunStatus(status), message, space_id, space)
        for run_id, agent_id, name, start, end, status, message, space_id, space in c.execute(query)
    ]


def record_sums(
    c: sa.Connection, visible: Spaces, since: datetime, until: datetime, agent_id: int | None
) -> RecordSums:
    """What the runs that were created in the closed range did, of one agent or of all."""
    columns = (runs.c.data_count, runs.c.export_count, runs.c.error_count, runs.c.page_count)
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in columns]
    query = _of(visible, sa.select(sa.func.count(), *sums)).where(runs.c.created.between(since, until))
    if agent_id is not None:
        query = query.where(runs.c.agent_id == agent_id)
    return RecordSums(*(int(value) for value in c.execute(query).one()))


def _of(visible: Spaces, query: sa.Select[Any]) -> sa.Select[Any]:
    query = query.select_from(runs)
    if visible is None:
        return query
    return query.join(agents, agents.c.id == runs.c.agent_id).where((agents.c.space_id + 0).in_(visible))
