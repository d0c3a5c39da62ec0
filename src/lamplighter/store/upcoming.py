"""Schedules by the time they are due next, read from an index: none that is not due in the range is looked at.

There may be 100,000 of them in one answer, so a row is a plain tuple of what the database has, and the timings,
which are few, are made once each.
"""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from lamplighter.model import ScheduleType, Timing
from lamplighter.store.tables import EPOCH, MILLISECOND, agents, schedules

_NO_DATES = "[]"
_EXCLUDED = sa.cast(schedules.c.excluded_dates, sa.Text)
_A_BATCH = 500


def _raw(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.type_coerce(column, sa.BigInteger)


class Rhythm(NamedTuple):
    """What says when a schedule is due, as the database has it; instants are milliseconds since 1970."""

    timezone: str
    schedule_type: int
    cron_expression: str | None
    run_every_count: int | None
    run_every_period: int | None
    anchor: int | None
    end_time: int | None
    dst_gap: str
    dst_overlap: str
    jitter_seconds: int
    excluded_dates: str

    @property
    def has_excluded_dates(self) -> bool:
        """Whether some due times of it may be none."""
        return self.excluded_dates != _NO_DATES

    def timing(self) -> Timing:
        """The same as the house's value; its beginning is left out, which the next due time has passed."""
        return Timing(
            ScheduleType(self.schedule_type),
            timezone=self.timezone,
            cron_expression=self.cron_expression,
            run_every_count=self.run_every_count,
            run_every_period=self.run_every_period,
            anchor=None if self.anchor is None else moment(self.anchor),
            end_time=None if self.end_time is None else moment(self.end_time),
            dst_gap=self.dst_gap,
            dst_overlap=self.dst_overlap,
            jitter_seconds=self.jitter_seconds,
            excluded_dates=tuple(json.loads(self.excluded_dates)),
        )


class Upcoming(NamedTuple):
    """A schedule, when it is due next and when that is to be fired, in milliseconds since 1970."""

    schedule_id: int
    schedule_name: str
    agent_id: int
    agent_name: str
    due: int
    fire_at: int
    rhythm: Rhythm


def moment(milliseconds: int) -> datetime:
    """The instant that is stored as so many milliseconds since 1970."""
    return EPOCH + milliseconds * MILLISECOND


def listed(
    c: sa.Connection,
    spaces: Collection[int] | None,
    since: datetime | None,
    until: datetime,
    *,
    only_excluding: bool = False,
) -> Iterator[Upcoming]:
    """Enabled schedules of agents that are not archived, due next from ``since`` to ``until``, in that order.

    ``spaces`` narrows it to the agents of some spaces, ``only_excluding`` to schedules with excluded dates. Rows
    are read as they are taken.
    """
    query = query_of(spaces, since, until)
    if only_excluding:
        query = query.where(_EXCLUDED != _NO_DATES)
    known: dict[tuple[Any, ...], Rhythm] = {}
    for row in c.execution_options(yield_per=_A_BATCH).execute(query):
        values = row[6:]
        rhythm = known.get(values)
        if rhythm is None:
            rhythm = known[values] = Rhythm._make(values)
        yield Upcoming._make((*row[:6], rhythm))


def query_of(spaces: Collection[int] | None, since: datetime | None, until: datetime) -> sa.Select[Any]:
    """The query of ``listed``."""
    return (
        sa.select(
            schedules.c.id,
            schedules.c.name,
            agents.c.id,
            agents.c.name,
            _raw(schedules.c.next_due),
            _raw(schedules.c.fire_at),
            schedules.c.timezone,
            schedules.c.schedule_type,
            schedules.c.cron_expression,
            schedules.c.run_every_count,
            schedules.c.run_every_period,
            _raw(schedules.c.anchor),
            _raw(schedules.c.end_time),
            schedules.c.dst_gap,
            schedules.c.dst_overlap,
            schedules.c.jitter_seconds,
            _EXCLUDED,
        )
        .select_from(_WITH_AGENTS)
        .where(*_in_range(spaces, since, until))
        .order_by(schedules.c.next_due, schedules.c.id)
    )


def count_without_excluded_dates(
    c: sa.Connection, spaces: Collection[int] | None, since: datetime | None, until: datetime
) -> int:
    """How many of ``listed`` have no excluded dates, so that their next due time is a fire."""
    query = (
        sa.select(sa.func.count())
        .select_from(_WITH_AGENTS)
        .where(*_in_range(spaces, since, until), _EXCLUDED == _NO_DATES)
    )
    return int(c.execute(query).scalar_one())


_WITH_AGENTS = schedules.join(agents, agents.c.id == schedules.c.agent_id)


def _in_range(
    spaces: Collection[int] | None, since: datetime | None, until: datetime
) -> list[sa.ColumnElement[bool]]:
    found = [schedules.c.next_due <= until, schedules.c.problem.is_(None), agents.c.is_archived.is_(False)]
    if since is not None:
        found.append(schedules.c.next_due >= since)
    if spaces is not None:
        # The sum keeps SQLite from beginning with the agents of these spaces, whose schedules it would then sort.
        found.append((agents.c.space_id + 0).in_(sorted(spaces)))
    return found
