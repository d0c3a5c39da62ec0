"""Rows that tests of the store begin with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from lamplighter import planner
from lamplighter.launch import Launch, launch_sets
from lamplighter.model import Actor, RunSettings, Schedule, ScheduleType, Timing
from lamplighter.store import agents, schedules, servers, users
from lamplighter.triggers import TZDATA_VERSION

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ADMIN = Actor(1, "admin", is_admin=True)


def make_agent(c: sa.Connection, name: str = "agent", now: datetime = NOON) -> int:
    """An agent with one version whose files nobody will ask for; the first one sets the installation up."""
    user = 1 if users.any_yet(c) else users.set_up(c, "admin", "Default", now)
    values = {
        "space_id": agents.default_space(c),
        "user_id": user,
        "name": name,
        "config_type": "Command",
        "version": 1,
        "created": now,
        "updated": now,
    }
    agent_id = agents.insert(c, values)
    version = {"agent_id": agent_id, "version": 1, "user_id": user, "created": now}
    manifest = {"agent": {"run": ["true"]}}
    agents.insert_version(c, version | {"file_size": 0, "bundle": "", "manifest": manifest})
    return agent_id


def make_schedule(
    c: sa.Connection,
    agent_id: int,
    cron: str = "* * * * *",
    *,
    created: datetime = NOON,
    settings: RunSettings | None = None,
    **timing: object,
) -> Schedule:
    """An enabled CRON schedule, due for the first time after ``created``."""
    made = Schedule(
        id=0,
        agent_id=agent_id,
        name=f"cron {cron}",
        is_enabled=True,
        timing=Timing(ScheduleType.CRON, cron_expression=cron, **timing),  # type: ignore[arg-type]
        settings=settings or RunSettings(),
        input_parameters=None,
        local_schedule=None,
        decided_until=created,
        next=None,
        problem=None,
        created=created,
        updated=created,
    )
    made = replace(made, id=schedules.insert(c, made, TZDATA_VERSION))
    due = planner.next_due(made.id, made.timing, created)
    schedules.set_next(c, [(made.id, created, due)], TZDATA_VERSION)
    return replace(made, next=due)


def make_server(
    c: sa.Connection, name: str = "server", now: datetime = NOON, lease: timedelta = timedelta(days=9999)
) -> int:
    """A registered server."""
    return servers.register(c, name, "first", 10, now, now + lease)


def start_set(
    c: sa.Connection, agent_id: int, settings: RunSettings | None = None, text: str | None = None
) -> int:
    """A set that was started by hand."""
    [set_id] = launch_sets(c, [Launch(agent_id, 1, settings or RunSettings(), text, "test")], NOON)
    assert set_id is not None
    return set_id
