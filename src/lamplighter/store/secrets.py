"""Secrets: kept sealed, one name once in a space; and what refers to them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.store.tables import agent_versions, agents, schedules, secrets

_AT_ONCE = 500  # names in one query: a database takes only so many parameters


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret as it may be shown: everything but its value."""

    name: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Referrer:
    """An agent's newest version, or one of its schedules, with the texts that may refer to secrets."""

    agent_id: int
    agent_name: str
    manifest: dict[str, Any]
    schedule_id: int | None
    schedule_name: str | None
    schedule_is_enabled: bool | None
    input_parameters: str | None


def every(c: sa.Connection, space_id: int) -> list[KnownSecret]:
    """The secrets of a space by name."""
    query = sa.select(secrets).where(secrets.c.space_id == space_id).order_by(secrets.c.name)
    return [KnownSecret(row.name, row.created, row.updated) for row in c.execute(query)]


def names(c: sa.Connection, space_id: int) -> set[str]:
    """The names of the secrets of a space."""
    return set(c.execute(sa.select(secrets.c.name).where(secrets.c.space_id == space_id)).scalars())


def sealed(c: sa.Connection, space_id: int, wanted: Collection[str]) -> dict[str, str]:
    """The sealed values of those of the wanted secrets that there are, by name."""
    ordered = sorted(wanted)
    found: dict[str, str] = {}
    for first in range(0, len(ordered), _AT_ONCE):
        some = ordered[first : first + _AT_ONCE]
        query = sa.select(secrets.c.name, secrets.c.sealed).where(
            secrets.c.space_id == space_id, secrets.c.name.in_(some)
        )
        found |= {row.name: row.sealed for row in c.execute(query)}
    return found


def put(c: sa.Connection, space_id: int, name: str, text: str, now: datetime) -> bool:
    """Keep a sealed value, in the place of the one before; returns whether the secret is new."""
    query = (
        secrets.update()
        .where(secrets.c.space_id == space_id, secrets.c.name == name)
        .values(sealed=text, updated=now)
    )
    if c.execute(query).rowcount:
        return False
    row = {"space_id": space_id, "name": name, "sealed": text, "created": now, "updated": now}
    c.execute(secrets.insert().values(row))
    return True


def delete(c: sa.Connection, space_id: int, name: str) -> bool:
    """Forget a secret; False when there is none with this name."""
    query = secrets.delete().where(secrets.c.space_id == space_id, secrets.c.name == name)
    return c.execute(query).rowcount == 1


def referrers(c: sa.Connection, space_id: int) -> list[Referrer]:
    """Agents and schedules whose texts may refer to a secret, agents first; the caller looks closer."""
    manifest = sa.cast(agent_versions.c.manifest, sa.Text)
    query = (
        sa.select(agents.c.id, agents.c.name, agent_versions.c.manifest)
        .join(
            agent_versions,
            sa.and_(agent_versions.c.agent_id == agents.c.id, agent_versions.c.version == agents.c.version),
        )
        .where(agents.c.space_id == space_id, agents.c.deleted.is_(None))
        .order_by(agents.c.name)
    )
    of_agents = query.where(_may_refer(manifest))
    of_schedules = (
        query.add_columns(
            schedules.c.id.label("schedule_id"),
            schedules.c.name.label("schedule_name"),
            schedules.c.is_enabled,
            schedules.c.input_parameters,
        )
        .join(schedules, schedules.c.agent_id == agents.c.id)
        .where(
            schedules.c.deleted.is_(None),
            sa.or_(_may_refer(manifest), _may_refer(schedules.c.input_parameters)),
        )
        .order_by(schedules.c.id)
    )
    return [
        *(Referrer(row.id, row.name, row.manifest, None, None, None, None) for row in c.execute(of_agents)),
        *(
            Referrer(
                row.id,
                row.name,
                row.manifest,
                row.schedule_id,
                row.schedule_name,
                row.is_enabled,
                row.input_parameters,
            )
            for row in c.execute(of_schedules)
        ),
    ]


def _may_refer(text: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    # JSON may hide a plain character behind its number.
    return sa.or_(text.contains("secret:", autoescape=True), text.contains("\\u00", autoescape=True))
