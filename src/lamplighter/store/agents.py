"""Agents and their versions. A version is immutable; saving makes the next one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import ACTIVE, Agent, AgentVersion, RunStatus
from lamplighter.store.tables import agent_versions, agents, parallel_sets, runs, spaces, users


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new agent and return its id."""
    return int(c.execute(agents.insert().values(**values).returning(agents.c.id)).scalar_one())


def insert_version(c: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a version of an agent."""
    c.execute(agent_versions.insert().values(**values))


def update(c: sa.Connection, agent_id: int, values: Mapping[str, Any]) -> None:
    """Change some columns of an agent."""
    c.execute(agents.update().where(agents.c.id == agent_id).values(**values))


def touch(c: sa.Connection, agent_id: int, now: datetime) -> None:
    """Note that something happened with the agent."""
    c.execute(agents.update().where(agents.c.id == agent_id).values(last_activity=now))


def get(c: sa.Connection, agent_id: int) -> Agent | None:
    """One agent, or None."""
    row = c.execute(_select().where(agents.c.id == agent_id)).mappings().one_or_none()
    return None if row is None else _agent(row)


def named(c: sa.Connection, space_id: int, name: str) -> Agent | None:
    """The agent with exactly this name in a space, or None."""
    query = _select().where(agents.c.space_id == space_id, agents.c.name == name)
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else _agent(row)


def every(c: sa.Connection, visible: frozenset[int] | None = None) -> list[Agent]:
    """The agents of the spaces that are ``visible`` (None: all), by name."""
    query = _select().order_by(agents.c.name)
    if visible is not None:
        query = query.where(agents.c.space_id.in_(visible))
    return [_agent(row) for row in c.execute(query).mappings()]


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
        )
        for row in c.execute(query).mappings()
    ]


def definition(c: sa.Connection, agent_id: int, version: int) -> tuple[str, dict[str, Any]] | None:
    """The bundle's content address and the manifest of one version, or None."""
    query = sa.select(agent_versions.c.bundle, agent_versions.c.manifest).where(
        agent_versions.c.agent_id == agent_id, agent_versions.c.version == version
    )
    row = c.execute(query).one_or_none()
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


def _select() -> sa.Select[Any]:
    last_status = (
        sa.select(runs.c.status)
        .where(runs.c.agent_id == agents.c.id)
        .order_by(runs.c.id.desc())
        .limit(1)
        .correlate(agents)
        .scalar_subquery()
    )
    return (
        sa.select(agents, agent_versions.c.manifest, last_status.label("last_status"))
        .join(
            agent_versions,
            sa.and_(agent_versions.c.agent_id == agents.c.id, agent_versions.c.version == agents.c.version),
        )
        .where(agents.c.deleted.is_(None))
    )


def _agent(row: sa.RowMapping) -> Agent:
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
    )
