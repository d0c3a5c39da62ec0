"""Due times for which no run had begun in time, found for a notification rule without looking at all others."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lamplighter.model import NotificationRule, Outcome, RunStatus, ScheduleType, Timing
from lamplighter.store.tables import EPOCH, MILLISECOND, agents, fires, parallel_sets, runs, schedules


@dataclass(frozen=True, slots=True)
class Overdue:
    """``count`` due times from ``due`` to ``last_due`` of one schedule, with their row of the ledger, if any.

    ``timing`` holds only the zone and the excluded dates. ``queues``: there are runs, and no server took any;
    ``message`` is what the first of those says, if anything.
    """

    agent_id: int
    agent_name: str
    schedule_id: int
    schedule_name: str
    timing: Timing
    due: datetime
    last_due: datetime
    count: int
    outcome: Outcome | None
    reason: str
    decided: datetime | None
    deadline: datetime
    queues: bool
    message: str | None


def find(
    c: sa.Connection, rule: NotificationRule, now: datetime, since: datetime, limit: int | None = None
) -> list[Overdue]:
    """What was to have begun by a moment in (since, now] and had not, by schedule, oldest first.

    There may be more when there are ``limit`` of them.

    A due time is to have begun within the rule's seconds after it, and after the jitter of its schedule. A run
    that a person stopped before it began is none of them. Archived agents, disabled schedules and what was decided
    in shadow owe nothing.
    """
    found = [*_in_ledger(c, rule, now, since, limit), *_undecided(c, rule, now, since, limit)][:limit]
    return sorted(found, key=lambda one: (one.schedule_id, one.due))


def _in_ledger(
    c: sa.Connection, rule: NotificationRule, now: datetime, since: datetime, limit: int | None
) -> Iterator[Overdue]:
    due = sa.type_coerce(fires.c.due, sa.BigInteger)
    allowed = _allowed_milliseconds(rule)
    waits, none_begun, message = _of_its_runs(due + allowed)
    query = (
        _select(rule)
        .add_columns(
            fires.c.due,
            fires.c.last_due,
            fires.c.count,
            fires.c.outcome,
            fires.c.reason,
            fires.c.decided,
            waits.label("queues"),
            message.label("message"),
        )
        .join(fires, fires.c.schedule_id == schedules.c.id)
        .where(
            ~fires.c.is_shadow,
            due > _milliseconds(since) - allowed,
            due <= _milliseconds(now) - allowed,
            sa.or_(
                fires.c.outcome.in_([Outcome.SKIPPED.value, Outcome.MERGED.value]),
                sa.type_coerce(fires.c.decided, sa.BigInteger) > due + allowed,
                none_begun,
            ),
        )
        .order_by(fires.c.due)
        .limit(limit)
    )
    for row in c.execute(query).mappings():
        yield _overdue(row, rule, Outcome(row["outcome"]))


def _of_its_runs(
    deadline: sa.ColumnElement[int],
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool], sa.ColumnElement[str | None]]:
    """Whether a fire has runs and no server has taken any; whether it has and none had begun by ``deadline``;
    and what the first that no server has taken says.

    A fire without runs had some, which were removed since.
    """
    of_fire = sa.select(runs.c.id).join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
    of_fire = of_fire.where(parallel_sets.c.fire_id == fires.c.id)
    was_taken = runs.c.attempt > 0
    # A later attempt, or a restart, says nothing of when the first one began: it is taken to have been in time.
    in_time = sa.or_(
        runs.c.start_time.is_(None),
        runs.c.attempt > 1,
        sa.type_coerce(runs.c.start_time, sa.BigInteger) <= deadline,
    )
    stopped = runs.c.status == RunStatus.STOPPED.value
    begun = of_fire.where(sa.or_(stopped, sa.and_(was_taken, in_time)))
    waits = sa.and_(of_fire.exists(), ~of_fire.where(was_taken).exists())
    first = of_fire.with_only_columns(runs.c.message).where(~was_taken, runs.c.message.is_not(None))
    message = first.order_by(runs.c.id).limit(1).scalar_subquery()
    return waits, sa.and_(of_fire.exists(), ~begun.exists()), message


def _undecided(
    c: sa.Connection, rule: NotificationRule, now: datetime, since: datetime, limit: int | None
) -> Iterator[Overdue]:
    """Due times that the scheduler has not come to."""
    due = sa.type_coerce(schedules.c.next_due, sa.BigInteger)
    allowed = _allowed_milliseconds(rule)
    query = (
        _select(rule)
        .add_columns(
            schedules.c.next_due.label("due"),
            schedules.c.next_due.label("last_due"),
            sa.literal(1).label("count"),
            schedules.c.problem.label("reason"),
            sa.null().label("decided"),
            sa.false().label("queues"),
            sa.null().label("message"),
        )
        .where(
            ~schedules.c.is_shadow,
            sa.or_(schedules.c.fire_at <= now, schedules.c.problem.is_not(None)),
            due > _milliseconds(since) - allowed,
            due <= _milliseconds(now) - allowed,
        )
        .limit(limit)
    )
    for row in c.execute(query).mappings():
        yield _overdue(row, rule, None)


def _select(rule: NotificationRule) -> sa.Select[Any]:
    query = (
        sa.select(
            schedules.c.agent_id,
            agents.c.name.label("agent_name"),
            schedules.c.id.label("schedule_id"),
            schedules.c.name.label("schedule_name"),
            schedules.c.timezone,
            schedules.c.excluded_dates,
            schedules.c.jitter_seconds,
        )
        .select_from(schedules)
        .join(agents, agents.c.id == schedules.c.agent_id)
        .where(
            schedules.c.is_enabled,
            schedules.c.deleted.is_(None),
            agents.c.deleted.is_(None),
            ~agents.c.is_archived,
        )
    )
    if rule.schedule_id is not None:
        return query.where(schedules.c.id == rule.schedule_id)
    if rule.agent_id is not None:
        return query.where(schedules.c.agent_id == rule.agent_id)
    return query.where(agents.c.space_id == rule.space_id)


def _allowed_milliseconds(rule: NotificationRule) -> sa.ColumnElement[int]:
    # In 64 bits: the numbers of PostgreSQL have 32 unless said.
    return (schedules.c.jitter_seconds + sa.literal(rule.within_seconds, sa.BigInteger)) * sa.literal(
        1000, sa.BigInteger
    )


def _milliseconds(moment: datetime) -> sa.ColumnElement[int]:
    return sa.literal((moment - EPOCH) // MILLISECOND, sa.BigInteger)


def _overdue(row: sa.RowMapping, rule: NotificationRule, outcome: Outcome | None) -> Overdue:
    allowed = timedelta(seconds=row["jitter_seconds"] + rule.within_seconds)
    return Overdue(
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        schedule_id=row["schedule_id"],
        schedule_name=row["schedule_name"],
        timing=Timing(
            ScheduleType.NONE, timezone=row["timezone"], excluded_dates=tuple(row["excluded_dates"])
        ),
        due=row["due"],
        last_due=row["last_due"],
        count=row["count"],
        outcome=outcome,
        reason=row["reason"] or "",
        decided=row["decided"],
        deadline=row["due"] + allowed,
        queues=bool(row["queues"]),
        message=row["message"],
    )
