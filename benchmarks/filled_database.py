"""A database with schedules, some of which are due at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from lamplighter.model import Due, RunSettings, Schedule, ScheduleType, Timing
from lamplighter.store import agents, schedules, users
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.tables import agent_versions as version_table
from lamplighter.store.tables import agents as agent_table
from lamplighter.store.tables import schedules as schedule_table
from lamplighter.triggers import TZDATA_VERSION

CREATED = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
DUE = datetime(2026, 1, 5, 12, 1, tzinfo=UTC)


def prepare(folder: Path, due: int, idle: int) -> Database:
    """A database with one agent, ``due`` schedules due at once and ``idle`` ones that are not."""
    db = Database.embedded(folder / "lamplighter.db")
    migrate(db)
    with db.write() as c:
        _insert_first(c)
        multiply(c, due - 1, DUE)
        multiply(c, idle, DUE + timedelta(days=30))
    return db


def fill_with_agents(db: Database, count: int) -> None:
    """So many agents into an empty database, each with a schedule that is due with all the others."""
    with db.write() as c:
        agent = _insert_first(c)
        for table, key in (
            (agent_table, "name"),
            (version_table, "agent_id"),
            (schedule_table, "agent_id"),
        ):
            row = c.execute(sa.select(table)).mappings().one()
            copy = {name: value for name, value in row.items() if name != "id"}
            for begin in range(1, count, 10_000):
                numbers = range(agent + begin, agent + min(begin + 10_000, count))
                c.execute(
                    table.insert(), [copy | {key: f"agent {n}" if key == "name" else n} for n in numbers]
                )


def _insert_first(c: sa.Connection) -> int:
    """An agent, whose id this returns, with one schedule."""
    user = users.set_up(c, "admin", "Default", CREATED)
    values = {"space_id": 1, "user_id": user, "name": "agent", "config_type": "Command", "version": 1}
    agent = agents.insert(c, values | {"created": CREATED, "updated": CREATED})
    version = {"agent_id": agent, "version": 1, "user_id": user, "created": CREATED, "file_size": 0}
    agents.insert_version(c, version | {"bundle": "", "manifest": {}})
    schedules.insert(c, _schedule(agent), TZDATA_VERSION)
    return agent


def _schedule(agent: int) -> Schedule:
    timing = Timing(ScheduleType.CRON, cron_expression="* * * * *", timezone="America/New_York")
    return Schedule(
        id=0,
        agent_id=agent,
        name="burst",
        is_enabled=True,
        timing=timing,
        settings=RunSettings(),
        input_parameters=None,
        local_schedule=None,
        decided_until=CREATED,
        next=Due(DUE, DUE),
        problem=None,
        created=CREATED,
        updated=CREATED,
    )


def multiply(c: sa.Connection, count: int, due: datetime) -> None:
    """Copies of the first schedule, made by the database."""
    row = c.execute(sa.select(schedule_table).limit(1)).mappings().one()
    copy = {k: v for k, v in row.items() if k != "id"} | {"next_due": due, "fire_at": due}
    for begin in range(0, count, 10_000):
        c.execute(schedule_table.insert(), [copy] * min(10_000, count - begin))
