"""A database with schedules, some of which are due at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from lamplighter.model import Due, RunSettings, Schedule, ScheduleType, Timing
from lamplighter.store import agents, schedules, users
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.tables import schedules as schedule_table
from lamplighter.triggers import TZDATA_VERSION

CREATED = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
DUE = datetime(2026, 1, 5, 12, 1, tzinfo=UTC)


def prepare(folder: Path, due: int, idle: int) -> Database:
    """A database with one agent, ``due`` schedules due at once and ``idle`` ones that are not."""
    db = Database.embedded(folder / "lamplighter.db")
    migrate(db)
    with db.write() as c:
        user = users.set_up(c, "admin", "Default", CREATED)
        values = {"space_id": 1, "user_id": user, "name": "agent", "config_type": "Command", "version": 1}
        agent = agents.insert(c, values | {"created": CREATED, "updated": CREATED})
        version = {"agent_id": agent, "version": 1, "user_id": user, "created": CREATED, "file_size": 0}
        agents.insert_version(c, version | {"bundle": "", "manifest": {}})
        first = _schedule(agent)
        schedules.insert(c, first, TZDATA_VERSION)
        multiply(c, due - 1, DUE)
        multiply(c, idle, DUE + timedelta(days=30))
    return db


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
