"""The fire ledger: every due time and what became of it, each exactly once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Fire, Outcome
from lamplighter.store.database import insert_all
from lamplighter.store.tables import fires, parallel_sets, runs


def insert(c: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Write ledger rows and return their ids in the same order.

    The unique key (schedule, due time) makes a second row for a due time an error of the database.
    """
    return insert_all(c, fires, rows)


def of_schedule(
    c: sa.Connection,
    schedule_id: int,
    *,
    limit: int,
    skip: int = 0,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Fire]:
    """The newest ledger rows of a schedule, newest first; ``since`` and ``until`` bound the due times."""
    query = (
        sa.select(fires)
        .where(*_within(schedule_id, since, until))
        .order_by(fires.c.due.desc())
        .limit(limit)
        .offset(skip)
    )
    rows = list(c.execute(query).mappings())
    run_ids = _runs_of(c, [row["id"] for row in rows])
    return [_fire(row, run_ids.get(row["id"], ())) for row in rows]


def between(c: sa.Connection, schedule_id: int, begin: datetime, end: datetime, limit: int) -> list[Fire]:
    """The oldest ledger rows of a schedule for due times from ``begin`` to ``end``, without their runs."""
    query = sa.select(fires).where(*_within(schedule_id, begin, end)).order_by(fires.c.due).limit(limit)
    return [_fire(row, ()) for row in c.execute(query).mappings()]


def count_of_schedule(
    c: sa.Connection, schedule_id: int, *, since: datetime | None = None, until: datetime | None = None
) -> int:
    """How many rows ``of_schedule`` has without a limit."""
    query = sa.select(sa.func.count()).select_from(fires).where(*_within(schedule_id, since, until))
    return int(c.execute(query).scalar_one())


def _within(schedule_id: int, since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    bounds = [fires.c.schedule_id == schedule_id]
    if since is not None:
        bounds.append(fires.c.last_due >= since)
    if until is not None:
        bounds.append(fires.c.due <= until)
    return bounds


def _runs_of(c: sa.Connection, fire_ids: list[int]) -> dict[int, tuple[int, ...]]:
    query = (
        sa.select(parallel_sets.c.fire_id, runs.c.id)
        .join(runs, runs.c.set_id == parallel_sets.c.id)
        .where(parallel_sets.c.fire_id.in_(fire_ids))
        .order_by(runs.c.sequence)
    )
    found: dict[int, tuple[int, ...]] = {}
    for fire_id, run_id in c.execute(query):
        found[fire_id] = (*found.get(fire_id, ()), run_id)
    return found


def _fire(row: sa.RowMapping, run_ids: tuple[int, ...]) -> Fire:
    return Fire(
        id=row["id"],
        schedule_id=row["schedule_id"],
        due=row["due"],
        last_due=row["last_due"],
        count=row["count"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        decided=row["decided"],
        run_ids=run_ids,
    )
