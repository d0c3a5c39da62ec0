"""Agents and their versions. A version is immutable; saving makes the next one."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from lamplighter.manifest.references import secret_names
from lamplighter.model import ACTIVE, Agent, AgentOrder, AgentQuery, AgentVersion, RunStatus
from lamplighter.store.database import take
from lamplighter.store.tables import agent_versions, agents, parallel_sets, runs, secrets, spaces, users


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new agent and return its id."""
    return int(c.execute(agents.insert().values(**values).returning(agents.c.id)).scalar_one())


def insert_version(c: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a version of an agent."""
    c.execute(agent_versions.insert().values(**values))


def update(c: sa.Connection, agent_id: int, values: Mapping[str, Any]) -> None:
    """Change some columns of an agent."""
    c.execute(agents.update().where(agents.c.id == agent_id).values(**values))


def take_turn(c: sa.Connection, agent_ids: Iterable[int]) -> None:
    """Of these agents' sets and runs only this transaction decides, until it ends."""
    take(c, agents.c.id, agent_ids)


_TOUCH = agents.update().where(agents.c.id == sa.bindparam("the_agent"))


def touch(c: sa.Connection, agent_id: int, now: datetime) -> None:
    """Note that something happened with the agent."""
    c.execute(_TOUCH, {"the_agent": agent_id, "last_activity": now})


def get(c: sa.Connection, agent_id: int) -> Agent | None:
    """One agent, or None."""
    return next(iter(_read(c, _with_id(), {"the_agent": agent_id})), None)


@cache
def _with_id() -> sa.Select[Any]:
    return _select().where(agents.c.id == sa.bindparam("the_agent"))


def named(c: sa.Connection, space_id: int, name: str) -> Agent | None:
    """The agent with exactly this name in a space, or None."""
    query = _select().where(agents.c.space_id == space_id, agents.c.name == name)
    return next(iter(_read(c, query)), None)


def find(
    c: sa.Connection, wanted: AgentQuery, seen: Collection[int] | None, skip: int, limit: int | None
) -> list[Agent]:
    """The agents that are wanted among those in the spaces ``seen`` (None: all), a part of them."""
    order = _order(wanted)
    found = _matching(sa.select(agents.c.id), wanted, seen).order_by(*order).limit(limit).offset(skip)
    # What a list shows of an agent is looked up for those that are shown only.
    return _read(c, _select().where(agents.c.id.in_(found)).order_by(*order))


def count(c: sa.Connection, wanted: AgentQuery, seen: Collection[int] | None) -> int:
    """How many agents ``find`` has to give."""
    return int(c.execute(_matching(sa.select(sa.func.count()), wanted, seen)).scalar_one())


def versions(c: sa.Connection, agent_id: int) -> list[AgentVersion]:
    """The versions of an agent, newest first."""
    query = (
        sa.select(agent_versions, users.c.name.label("user_name"))
        .join(users, users.c.id == agent_versions.c.user_id)
        .where(agent_versions.c.agent_id == agent_id)
        .order_by(agent_versions.c.version.desc())
    )
    return [
        AgentVersion(
            row["agent_id"],
            row["version"],
            row["user_name"],
            row["created"],
            row["comments"],
            row["file_size"],
            row["bundle"],
            row["content_hash"],
        )
        for row in c.execute(query).mappings()
    ]


_DEFINITION = sa.select(agent_versions.c.bundle, agent_versions.c.manifest).where(
    agent_versions.c.agent_id == sa.bindparam("the_agent"),
    agent_versions.c.version == sa.bindparam("the_version"),
)


def definition(c: sa.Connection, agent_id: int, version: int) -> tuple[str, dict[str, Any]] | None:
    """The bundle's content address and the manifest of one version, or None."""
    row = c.execute(_DEFINITION, {"the_agent": agent_id, "the_version": version}).one_or_none()
    return None if row is None else (row.bundle, row.manifest)


def manifests_of_active_runs(c: sa.Connection) -> list[dict[str, Any]]:
    """The manifest of every version that a run is going with, or is going to."""
    statuses = sa.text(f"runs.status IN ({', '.join(str(status.value) for status in sorted(ACTIVE))})")
    of_sets = sa.select(parallel_sets.c.agent_id, parallel_sets.c.agent_version)
    active = of_sets.join(runs, runs.c.set_id == parallel_sets.c.id).where(statuses).distinct().subquery()
    query = sa.select(agent_versions.c.manifest).join(
        active,
        (active.c.agent_id == agent_versions.c.agent_id)
        & (active.c.agent_version == agent_versions.c.version),
    )
    return list(c.execute(query).scalars())


def default_space(c: sa.Connection) -> int:
    """The space that agents are put into."""
    return int(c.execute(sa.select(sa.func.min(spaces.c.id))).scalar_one())


_SPACES_OF = sa.select(agents.c.id, agents.c.space_id).where(
    agents.c.id.in_(sa.bindparam("ids", expanding=True))
)


def spaces_of(c: sa.Connection, agent_ids: Collection[int]) -> dict[int, int]:
    """The space that each of these agents is in, by the agent's id."""
    return {row.id: row.space_id for row in c.execute(_SPACES_OF, {"ids": list(agent_ids)})}


def _last_status() -> sa.ScalarSelect[Any]:
    last = sa.select(runs.c.status).where(runs.c.agent_id == agents.c.id).order_by(runs.c.id.desc())
    return last.limit(1).correlate(agents).scalar_subquery()


def _matching(query: sa.Select[Any], wanted: AgentQuery, seen: Collection[int] | None) -> sa.Select[Any]:
    conditions: list[sa.ColumnElement[bool]] = [agents.c.deleted.is_(None)]
    if seen is not None:
        conditions.append(agents.c.space_id.in_(seen))
    if wanted.space_id is not None:
        conditions.append(agents.c.space_id == wanted.space_id)
    if wanted.config_type is not None:
        conditions.append(agents.c.config_type == wanted.config_type.value)
    if wanted.status is not None:
        conditions.append(_last_status() == wanted.status.value)
    if wanted.name:
        conditions.append(_contains(agents.c.name, wanted.name))
    if wanted.text:
        in_name, in_description = (
            _contains(column, wanted.text) for column in (agents.c.name, agents.c.description)
        )
        conditions.append(in_name | in_description)
    return query.select_from(agents).where(*conditions)


def _contains(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(column).contains(text.lower(), autoescape=True)


def _order(wanted: AgentQuery) -> list[sa.ColumnElement[Any]]:
    """What never happened comes before everything that did; ties are in the order of names, then of ids."""
    name = sa.func.lower(agents.c.name)
    columns: dict[AgentOrder, sa.ColumnElement[Any]] = {
        AgentOrder.NAME: name,
        AgentOrder.LAST_ACTIVITY: agents.c.last_activity,
        AgentOrder.CREATED: agents.c.created,
        AgentOrder.UPDATED: agents.c.updated,
        AgentOrder.STATUS: _last_status(),
        AgentOrder.CONFIG_TYPE: agents.c.config_type,
    }
    column = columns[wanted.order]
    first = column.desc().nulls_last() if wanted.is_descending else column.asc().nulls_first()
    return [first, name, agents.c.id]


def _select() -> sa.Select[Any]:
    return (
        sa.select(
            agents,
            agent_versions.c.manifest,
            agent_versions.c.content_hash,
            _last_status().label("last_status"),
        )
        .join(
            agent_versions,
            sa.and_(agent_versions.c.agent_id == agents.c.id, agent_versions.c.version == agents.c.version),
        )
        .where(agents.c.deleted.is_(None))
    )


def _read(c: sa.Connection, query: sa.Select[Any], bound: Mapping[str, Any] | None = None) -> list[Agent]:
    rows = c.execute(query, bound).mappings().all()
    needed = {row["id"]: secret_names(row["manifest"]) for row in rows}
    spaces_that_need = {row["space_id"] for row in rows if needed[row["id"]]}
    known: set[tuple[int, str]] = set()
    if spaces_that_need:
        there = sa.select(secrets.c.space_id, secrets.c.name).where(secrets.c.space_id.in_(spaces_that_need))
        known = {(row.space_id, row.name) for row in c.execute(there)}
    return [
        _agent(row, sorted(name for name in needed[row["id"]] if (row["space_id"], name) not in known))
        for row in rows
    ]


def _agent(row: sa.RowMapping, missing_secrets: Iterable[str]) -> Agent:
    inputs = row["manifest"].get("inputs", {})
    return Agent(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        documentation=row["documentation"],
        start_url=row["start_url"],
        config_type=row["config_type"],
        space_id=row["space_id"],
        user_id=row["user_id"],
        version=row["version"],
        is_archived=row["is_archived"],
        input_parameters={name: spec.get("default") for name, spec in inputs.items()},
        last_status=None if row["last_status"] is None else RunStatus(row["last_status"]),
        created=row["created"],
        updated=row["updated"],
        last_activity=row["last_activity"],
        content_hash=row["content_hash"],
        missing_secrets=tuple(missing_secrets),
    )
