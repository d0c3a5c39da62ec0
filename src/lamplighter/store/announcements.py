"""The outbox of the broker: what queues, and what is asked of servers about runs that they have."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from lamplighter.model import RunStatus
from lamplighter.store.database import locked
from lamplighter.store.tables import announcements, runs, server_groups, servers


@dataclass(frozen=True, slots=True)
class Announcement:
    """A run that queues for the servers of ``group`` (None: for any), or about which ``server`` is asked."""

    id: int
    run_id: int
    group: str | None
    server: str | None


def take(c: sa.Connection, limit: int) -> list[Announcement]:
    """The oldest that nobody else is about to announce; they are gone when this transaction is committed."""
    oldest = locked(sa.select(announcements.c.id).order_by(announcements.c.id).limit(limit), of=announcements)
    query = announcements.delete().where(announcements.c.id.in_(oldest.scalar_subquery()))
    rows = sorted(c.execute(query.returning(announcements)).all(), key=lambda row: row.id)
    groups = _names(c, server_groups, {row.server_group_id for row in rows})
    names = _names(c, servers, {row.server_id for row in rows})
    return [
        Announcement(row.id, row.run_id, groups.get(row.server_group_id), names.get(row.server_id))
        for row in rows
        if row.server_id is None or row.server_id in names
    ]


def count(c: sa.Connection) -> int:
    """How many wait to be announced."""
    return int(c.execute(sa.select(sa.func.count()).select_from(announcements)).scalar_one())


def clear(c: sa.Connection) -> None:
    """Forget them all: there is no broker."""
    c.execute(announcements.delete())


def queuing(c: sa.Connection, limit: int) -> list[tuple[str | None, list[int]]]:
    """The groups for which runs queue (None: for any server), each with its oldest runs, at most ``limit``."""
    queues = runs.c.status == RunStatus.QUEUING.value
    found = c.execute(sa.select(runs.c.server_group_id).where(queues).distinct()).scalars().all()
    names = _names(c, server_groups, set(found))
    waiting: list[tuple[str | None, list[int]]] = []
    for group_id in found:
        query = sa.select(runs.c.id).where(queues, runs.c.server_group_id.is_not_distinct_from(group_id))
        ids = c.execute(query.order_by(runs.c.id).limit(limit)).scalars().all()
        waiting.append((names.get(group_id), list(ids)))
    return waiting


def _names(c: sa.Connection, table: sa.Table, ids: Collection[int | None]) -> dict[int | None, str]:
    query = sa.select(table.c.id, table.c.name).where(table.c.id.in_([one for one in ids if one is not None]))
    return {row.id: row.name for row in c.execute(query)}
