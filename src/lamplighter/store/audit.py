"""The audit log: one row a change, written with it and never changed."""

from typing import Any

import sqlalchemy as sa

from lamplighter.model import AuditEntry, AuditFilter
from lamplighter.store.tables import audit_log


def insert(c: sa.Connection, values: dict[str, Any]) -> None:
    """Write a change down."""
    c.execute(audit_log.insert().values(**values))


def entries(c: sa.Connection, wanted: AuditFilter, *, skip: int, limit: int) -> list[AuditEntry]:
    """Changes, newest first."""
    query = _where(sa.select(audit_log), wanted).order_by(audit_log.c.id.desc()).offset(skip).limit(limit)
    return [AuditEntry(**row) for row in c.execute(query).mappings()]


def count(c: sa.Connection, wanted: AuditFilter) -> int:
    """How many changes there are."""
    query = _where(sa.select(sa.func.count()).select_from(audit_log), wanted)
    return int(c.execute(query).scalar_one())


def _where(query: sa.Select[Any], wanted: AuditFilter) -> sa.Select[Any]:
    table = audit_log.c
    if wanted.since is not None:
        query = query.where(table.time >= wanted.since)
    if wanted.until is not None:
        query = query.where(table.time <= wanted.until)
    for name in ("user_id", "kind", "subject_id", "space_id"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(table[name] == value)
    if wanted.action is not None:  # "schedule" stands for every action on schedules
        of_kind = table.action.startswith(f"{wanted.action}.", autoescape=True)
        query = query.where((table.action == wanted.action) | of_kind)
    return query
