"""What pages look at across agents: what goes, what went and how long it took, and who is silent.

Each query reads a bounded part of an index, however many runs there are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Outcome, RunStatus
from lamplighter.store.tables import RUN_IS_ON_SERVER, agents, fires, runs, schedules, servers

Spaces = Collection[int] | None

_HOUR = 3_600_000  # milliseconds
# A run that is older than this at the beginning of a window is not looked for in it.
_LONGEST_RUN = timedelta(days=3)
_NEWEST_FIRES = 20_000
_WITH_AGENTS = runs.join(agents, agents.c.id == runs.c.agent_id)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a list or a timeline shows of a run. ``end`` is None while it goes."""

    run_id: int
    agent_id: int
    agent_name: str
    group_id: int | None
    status: RunStatus
    records: int
    start: datetime | None
    end: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes, or when it never began."""
        if self.start is None or self.end is None:
            return None
        return max(0.0, (self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Hour:
    """The runs that were created in one hour and are in one status now."""

    begin: datetime
    status: RunStatus
    runs: int
    records: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A schedule or an agent that does not run though it should: since when, and why."""

    agent_id: int
    agent_name: str
    schedule_id: int | None
    schedule_name: str | None
    since: datetime
    reason: str


def has_agents(c: sa.Connection, visible: Spaces) -> bool:
    """Whether there is any agent to be seen."""
    query = sa.select(agents.c.id).where(agents.c.deleted.is_(None), *_seen(visible)).limit(1)
    return c.execute(query).first() is not None


def traces_of_agent(c: sa.Connection, agent_id: int, limit: int) -> list[Trace]:
    """The newest runs of an agent, newest first."""
    query = _traces().where(runs.c.agent_id == agent_id).order_by(runs.c.id.desc()).limit(limit)
    return [_trace(row) for row in c.execute(query)]


def next_due(c: sa.Connection, agent_ids: Collection[int]) -> dict[int, datetime]:
    """When each of these agents is due next, as far as one is."""
    query = (
        sa.select(schedules.c.agent_id, sa.func.min(schedules.c.next_due).label("due"))
        .where(schedules.c.agent_id.in_(agent_ids), schedules.c.next_due.is_not(None))
        .group_by(schedules.c.agent_id)
    )
    return {row.agent_id: row.due for row in c.execute(query)}


def on_servers(c: sa.Connection, visible: Spaces, limit: int) -> list[tuple[Trace, str | None]]:
    """The runs that servers have, those that began last first; each with the name of its server."""
    query = (
        _traces(servers.c.name)
        .select_from(_WITH_AGENTS.outerjoin(servers, servers.c.id == runs.c.server_id))
        .where(RUN_IS_ON_SERVER, *_seen(visible))
        .order_by(runs.c.start_time.desc(), runs.c.id.desc())
        .limit(limit)
    )
    return [(_trace(row), row[-1]) for row in c.execute(query)]


def in_window(c: sa.Connection, visible: Spaces, since: datetime, until: datetime, limit: int) -> list[Trace]:
    """The runs that went at some time of a window, by their beginning."""
    query = (
        _traces()
        .where(
            runs.c.created.between(since - _LONGEST_RUN, until),
            runs.c.start_time < until,
            runs.c.end_time.is_(None) | (runs.c.end_time > since),
            *_seen(visible),
        )
        .order_by(runs.c.created.desc())
        .limit(limit)
    )
    return [_trace(row) for row in c.execute(query)][::-1]


def groups_of(c: sa.Connection, schedule_ids: Collection[int]) -> dict[int, int | None]:
    """The server group of each of these schedules."""
    query = sa.select(schedules.c.id, schedules.c.server_group_id).where(schedules.c.id.in_(schedule_ids))
    return {row.id: row.server_group_id for row in c.execute(query)}


def newest(
    c: sa.Connection, visible: Spaces, statuses: Collection[RunStatus] | None, skip: int, limit: int
) -> list[Trace]:
    """Runs of all agents, those that were created last first; only those in some statuses, if any are named."""
    query = _traces().where(*_seen(visible)).order_by(runs.c.created.desc(), runs.c.id.desc())
    if statuses is not None:
        query = query.where(runs.c.status.in_([one.value for one in statuses]))
    return [_trace(row) for row in c.execute(query.limit(limit).offset(skip))]


def hours(c: sa.Connection, visible: Spaces, since: datetime, until: datetime) -> list[Hour]:
    """The runs that were created in a range, counted by hour (UTC) and status."""
    hour = (sa.type_coerce(runs.c.created, sa.BigInteger) // _HOUR).label("hour")
    query = (
        sa.select(hour, runs.c.status, sa.func.count(), sa.func.coalesce(sa.func.sum(runs.c.data_count), 0))
        .where(runs.c.created.between(since, until))
        .group_by(hour, runs.c.status)
    )
    if visible is not None:
        query = query.select_from(_WITH_AGENTS).where(*_seen(visible))
    epoch = datetime.fromtimestamp(0, since.tzinfo)
    return [
        Hour(epoch + timedelta(milliseconds=number * _HOUR), RunStatus(status), count, int(records))
        for number, status, count, records in c.execute(query)
    ]


# --- who is silent ---


def not_evaluated(c: sa.Connection, visible: Spaces, limit: int) -> list[Silence]:
    """Enabled schedules that cannot be evaluated."""
    query = _schedules(schedules.c.updated, schedules.c.problem).where(
        schedules.c.is_enabled, schedules.c.problem.is_not(None), *_seen(visible)
    )
    return [Silence(*row) for row in c.execute(query.limit(limit))]


def overdue(c: sa.Connection, visible: Spaces, before: datetime, limit: int) -> list[Silence]:
    """Schedules whose next fire should have been before an instant; ``reason`` is empty."""
    query = _schedules(schedules.c.fire_at, sa.literal("")).where(
        schedules.c.fire_at < before, *_seen(visible)
    )
    return [Silence(*row) for row in c.execute(query.order_by(schedules.c.fire_at).limit(limit))]


def skipped(c: sa.Connection, visible: Spaces, since: datetime, limit: int) -> list[Silence]:
    """Enabled schedules whose newest due time was skipped lately, each with the ledger's reason."""
    newest = c.execute(sa.select(sa.func.max(fires.c.id))).scalar() or 0
    later = fires.alias()
    is_newest = ~sa.exists().where(later.c.schedule_id == fires.c.schedule_id, later.c.due > fires.c.due)
    query = (
        sa.select(
            agents.c.id, agents.c.name, schedules.c.id, schedules.c.name, fires.c.last_due, fires.c.reason
        )
        .select_from(
            fires.join(schedules, schedules.c.id == fires.c.schedule_id).join(
                agents, agents.c.id == schedules.c.agent_id
            )
        )
        .where(
            fires.c.id > newest - _NEWEST_FIRES,
            fires.c.outcome == Outcome.SKIPPED.value,
            fires.c.decided > since,
            schedules.c.is_enabled,
            is_newest,
            *_seen(visible),
        )
        .order_by(fires.c.id.desc())
        .limit(limit)
    )
    return [Silence(*row) for row in c.execute(query)]


def stuck(c: sa.Connection, visible: Spaces, before: datetime, limit: int) -> list[Silence]:
    """Runs that have queued since before an instant, one for each agent; ``reason`` is what is known of it."""
    query = (
        sa.select(
            agents.c.id,
            agents.c.name,
            sa.null(),
            sa.null(),
            sa.func.min(runs.c.queued_at),
            sa.func.coalesce(sa.func.max(runs.c.message), ""),
        )
        .select_from(_WITH_AGENTS)
        .where(
            sa.text(f"runs.status = {RunStatus.QUEUING.value}"), runs.c.queued_at < before, *_seen(visible)
        )
        .group_by(agents.c.id, agents.c.name)
        .limit(limit)
    )
    return [Silence(*row) for row in c.execute(query)]


def warned(c: sa.Connection, visible: Spaces, since: datetime, limit: int) -> list[tuple[Trace, list[str]]]:
    """The newest runs since an instant that ended well, but with something that a person should know."""
    query = (
        _traces(runs.c.warnings)
        .where(
            runs.c.created > since,
            runs.c.status.in_([RunStatus.COMPLETED.value, RunStatus.SUCCESS.value]),
            runs.c.warnings.is_not(None),
            sa.cast(runs.c.warnings, sa.Text) != "null",
            *_seen(visible),
        )
        .order_by(runs.c.created.desc())
        .limit(limit)
    )
    return [(_trace(row), list(row[-1])) for row in c.execute(query)]


def _schedules(*columns: Any) -> sa.Select[Any]:
    return (
        sa.select(agents.c.id, agents.c.name, schedules.c.id, schedules.c.name, *columns)
        .select_from(schedules.join(agents, agents.c.id == schedules.c.agent_id))
        .where(agents.c.is_archived.is_(False))
    )


def _traces(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    query = sa.select(
        runs.c.id,
        runs.c.agent_id,
        agents.c.name,
        runs.c.server_group_id,
        runs.c.status,
        runs.c.data_count,
        runs.c.start_time,
        runs.c.end_time,
        *more,
    )
    return query if more and servers.c.name in more else query.select_from(_WITH_AGENTS)


def _trace(row: sa.Row[Any]) -> Trace:
    run_id, agent_id, name, group_id, status, records, start, end = list(row)[:8]
    return Trace(run_id, agent_id, name, group_id, RunStatus(status), records, start, end)


def _seen(visible: Spaces) -> list[sa.ColumnElement[bool]]:
    # The sum keeps SQLite from beginning with all agents of a space.
    return [] if visible is None else [(agents.c.space_id + 0).in_(sorted(visible))]
