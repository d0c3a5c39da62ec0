"""Schedules: keeping them, and finding those that are due without looking at the others."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from lamplighter.model import (
    CatchUp,
    Due,
    LogLevel,
    LogMode,
    ParallelExport,
    RunSettings,
    Schedule,
    ScheduleType,
    Timing,
)
from lamplighter.store.database import locked
from lamplighter.store.tables import agents, schedules, schedules_gone

SETTINGS = tuple(f.name for f in fields(RunSettings))
_TIMING = tuple(f.name for f in fields(Timing))
# A schedule has forty columns, and there are many schedules: they are taken out of a row together.
_settings_in = itemgetter(*SETTINGS)
_timing_in = itemgetter(*_TIMING)


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is due, with what a fire needs to know of its agent."""

    schedule: Schedule
    agent_version: int
    agent_is_archived: bool


_INSERT = schedules.insert().returning(schedules.c.id)


def insert(c: sa.Connection, schedule: Schedule, tzdata_version: str) -> int:
    """Keep a new schedule and return its id; the id of ``schedule`` itself is ignored."""
    values = _values(schedule) | {
        "agent_id": schedule.agent_id,
        "created": schedule.created,
        "tzdata_version": tzdata_version,
    }
    return int(c.execute(_INSERT, values).scalar_one())


def update(c: sa.Connection, schedule: Schedule, tzdata_version: str) -> None:
    """Replace everything of a schedule but its agent and creation time."""
    values = _values(schedule) | {"tzdata_version": tzdata_version}
    c.execute(schedules.update().where(schedules.c.id == schedule.id).values(values))


def delete(c: sa.Connection, schedule_id: int, now: datetime) -> None:
    """Take a schedule away. Its row and its ledger stay, so that the past can still be explained."""
    gone = {"deleted": now, "next_due": None, "fire_at": None, "is_enabled": False}
    c.execute(schedules.update().where(schedules.c.id == schedule_id).values(gone))


def delete_of_agent(c: sa.Connection, agent_id: int, now: datetime) -> None:
    """Take all schedules of an agent away, as ``delete`` does."""
    gone = {"deleted": now, "next_due": None, "fire_at": None, "is_enabled": False}
    c.execute(
        schedules.update().where(schedules.c.agent_id == agent_id, schedules.c.deleted.is_(None)).values(gone)
    )


def get(c: sa.Connection, agent_id: int, schedule_id: int) -> Schedule | None:
    """One schedule of an agent, or None."""
    query = sa.select(schedules).where(
        schedules.c.id == schedule_id, schedules.c.agent_id == agent_id, schedules.c.deleted.is_(None)
    )
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else _schedule(row)


def of_agent(c: sa.Connection, agent_id: int) -> list[Schedule]:
    """The schedules of an agent, oldest first."""
    query = (
        sa.select(schedules)
        .where(schedules.c.agent_id == agent_id, schedules.c.deleted.is_(None))
        .order_by(schedules.c.id)
    )
    return [_schedule(row) for row in c.execute(query).mappings()]


def in_spaces(
    c: sa.Connection, seen: Collection[int] | None, space_id: int | None, *, skip: int, limit: int | None
) -> list[Schedule]:
    """The schedules in the spaces ``seen`` (None: all), or in one of those, by agent and oldest first; a part."""
    query = _in_spaces(sa.select(schedules), seen, space_id)
    query = query.order_by(schedules.c.agent_id, schedules.c.id).limit(limit).offset(skip)
    return [_schedule(row) for row in c.execute(query).mappings()]


def count_in_spaces(c: sa.Connection, seen: Collection[int] | None, space_id: int | None) -> int:
    """How many schedules ``in_spaces`` has to give."""
    if seen is None and space_id is None and c.dialect.name == "sqlite":  # see ix_schedules_gone
        return int(c.execute(_COUNT_ALL).scalar_one()) - int(c.execute(_COUNT_GONE).scalar_one())
    query = _in_spaces(sa.select(sa.func.count()).select_from(schedules), seen, space_id)
    return int(c.execute(query).scalar_one())


def _in_spaces(query: sa.Select[Any], seen: Collection[int] | None, space_id: int | None) -> sa.Select[Any]:
    query = query.where(schedules.c.deleted.is_(None))
    if seen is None and space_id is None:
        return query
    query = query.join(agents, agents.c.id == schedules.c.agent_id)
    if seen is not None:
        query = query.where(agents.c.space_id.in_(seen))
    return query if space_id is None else query.where(agents.c.space_id == space_id)


_COUNT_ALL = sa.select(sa.func.count()).select_from(schedules)
_COUNT_GONE = _COUNT_ALL.where(schedules_gone == sa.true())
_UNTIL = schedules.c.fire_at <= sa.bindparam("until")
_AFTER = schedules.c.fire_at > sa.bindparam("after")
_ANY_UNTIL = sa.select(schedules.c.id).where(_UNTIL).limit(1)
_ANY_BETWEEN = _ANY_UNTIL.where(_AFTER)
_FIRST = sa.select(sa.func.min(schedules.c.fire_at, type_=schedules.c.fire_at.type))
_FIRST_AFTER = _FIRST.where(_AFTER)
_SET_NEXT = schedules.update().where(schedules.c.id == sa.bindparam("key")).values(problem=None)


def due(
    c: sa.Connection,
    *,
    after: datetime | None,
    until: datetime,
    limit: int,
    only: int | None = None,
    fires_each: bool | None = None,
) -> list[DueSchedule]:
    """Schedules to be fired in (after, until], longest due first, taken for this transaction.

    ``only`` narrows it to one schedule id, ``fires_each`` to those that catch up with every due time, or not.
    """
    query = _due(is_bounded=after is not None, is_one=only is not None, fires_each=fires_each)
    bound = {"after": after, "until": until, "only": only, "most": limit}
    rows = c.execute(query, {name: value for name, value in bound.items() if value is not None})
    return [DueSchedule(_schedule(row), row["agent_version"], row["is_archived"]) for row in rows.mappings()]


@cache
def _due(*, is_bounded: bool, is_one: bool, fires_each: bool | None) -> sa.Select[Any]:
    """To put a statement together takes longer than to carry it out: each of these is written once."""
    query = (
        sa.select(schedules, agents.c.version.label("agent_version"), agents.c.is_archived)
        .join(agents, agents.c.id == schedules.c.agent_id)
        .where(_UNTIL)
        .order_by(schedules.c.fire_at, schedules.c.id)
        .limit(sa.bindparam("most"))
    )
    if is_bounded:
        query = query.where(_AFTER)
    if is_one:
        query = query.where(schedules.c.id == sa.bindparam("only"))
    if fires_each is not None:
        fires_all = schedules.c.catch_up == CatchUp.ALL.value
        query = query.where(fires_all if fires_each else ~fires_all)
    return locked(query, of=schedules)


def anything_due(c: sa.Connection, *, after: datetime | None, until: datetime) -> bool:
    """Whether a schedule is to be fired in (after, until]."""
    if after is None:
        return c.execute(_ANY_UNTIL, {"until": until}).first() is not None
    return c.execute(_ANY_BETWEEN, {"after": after, "until": until}).first() is not None


def next_fire_at(c: sa.Connection, *, after: datetime | None = None) -> datetime | None:
    """The earliest instant at which something is to be fired, or was; later than ``after``, when given."""
    rows = c.execute(_FIRST) if after is None else c.execute(_FIRST_AFTER, {"after": after})
    found: datetime | None = rows.scalar_one()
    return found


def count_with_next_due(c: sa.Connection) -> int:
    """How many schedules have a next due time."""
    query = sa.select(sa.func.count()).where(schedules.c.fire_at.is_not(None))
    return int(c.execute(query).scalar_one())


def set_next(
    c: sa.Connection, changes: Iterable[tuple[int, datetime, Due | None]], tzdata_version: str
) -> None:
    """Note for each (schedule id, decided until, next due) how far a schedule is settled."""
    rows = [
        {
            "key": schedule_id,
            "decided_until": decided_until,
            "next_due": None if following is None else following.time,
            "fire_at": None if following is None else following.fire_at,
            "tzdata_version": tzdata_version,
        }
        for schedule_id, decided_until, following in changes
    ]
    if rows:
        c.execute(_SET_NEXT, rows)


def set_problem(c: sa.Connection, schedule_id: int, problem: str, try_again: datetime) -> None:
    """Put a schedule that cannot be evaluated aside until ``try_again``; its due time stays owed."""
    c.execute(
        schedules.update()
        .where(schedules.c.id == schedule_id, schedules.c.fire_at.is_not(None))
        .values(problem=problem, fire_at=try_again)
    )


def computed_with_other_tzdata(c: sa.Connection, tzdata_version: str, limit: int) -> list[Schedule]:
    """Schedules whose next due time was computed with another time-zone database."""
    query = (
        sa.select(schedules)
        .where(schedules.c.tzdata_version != tzdata_version, schedules.c.next_due.is_not(None))
        .limit(limit)
    )
    return [_schedule(row) for row in c.execute(query).mappings()]


def settings_values(settings: RunSettings) -> dict[str, Any]:
    """The columns of a ``RunSettings``."""
    return {name: getattr(settings, name) for name in SETTINGS}


def settings_of(row: sa.RowMapping) -> RunSettings:
    """The ``RunSettings`` in a row that has its columns."""
    return _settings(*_settings_in(row))


@lru_cache(maxsize=1024)
def _settings(*row: Any) -> RunSettings:
    """Most schedules have the same settings, which nothing can change: they are made once."""
    values = dict(zip(SETTINGS, row, strict=True))
    values["parallel_export"] = ParallelExport(values["parallel_export"])
    values["log_level"] = LogLevel(values["log_level"])
    values["log_mode"] = LogMode(values["log_mode"])
    return RunSettings(**values)


def _values(schedule: Schedule) -> dict[str, Any]:
    timing = {name: getattr(schedule.timing, name) for name in _TIMING}
    timing["excluded_dates"] = list(schedule.timing.excluded_dates)
    return (
        timing
        | settings_values(schedule.settings)
        | {
            "name": schedule.name,
            "is_enabled": schedule.is_enabled,
            "is_shadow": schedule.is_shadow,
            "input_parameters": schedule.input_parameters,
            "local_schedule": schedule.local_schedule,
            "decided_until": schedule.decided_until,
            "next_due": schedule.next and schedule.next.time,
            "fire_at": schedule.next and schedule.next.fire_at,
            "problem": schedule.problem,
            "updated": schedule.updated,
        }
    )


def _schedule(row: sa.RowMapping) -> Schedule:
    timing = dict(zip(_TIMING, _timing_in(row), strict=True))
    timing["schedule_type"] = ScheduleType(timing["schedule_type"])
    timing["catch_up"] = CatchUp(timing["catch_up"])
    timing["excluded_dates"] = tuple(timing["excluded_dates"])
    return Schedule(
        id=row["id"],
        agent_id=row["agent_id"],
        name=row["name"],
        is_enabled=row["is_enabled"],
        timing=Timing(**timing),
        settings=settings_of(row),
        input_parameters=row["input_parameters"],
        local_schedule=row["local_schedule"],
        decided_until=row["decided_until"],
        next=None if row["next_due"] is None else Due(row["next_due"], row["fire_at"]),
        problem=row["problem"],
        created=row["created"],
        updated=row["updated"],
        is_shadow=row["is_shadow"],
    )
