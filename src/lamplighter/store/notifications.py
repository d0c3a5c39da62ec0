"""Notification rules, the outbox of their messages, and what failed last.

A message is written in the transaction of what it tells, one row for each target. Rules of an agent or schedule
that was deleted are no longer there for anybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import (
    NotificationEvent,
    NotificationMessage,
    NotificationRule,
    NotificationTarget,
)
from lamplighter.store.tables import agents, failing, notification_rules, notifications, schedules


@dataclass(frozen=True, slots=True)
class Lane:
    """The messages of one target go out one after another, apart from those of every other target."""

    rule_id: int
    target: int


# --- rules ---


def insert_rule(c: sa.Connection, rule: NotificationRule) -> int:
    """Keep a new rule and return its id; the id of ``rule`` itself is ignored."""
    query = notification_rules.insert().values(**_values(rule), created=rule.created)
    return int(c.execute(query.returning(notification_rules.c.id)).scalar_one())


def update_rule(c: sa.Connection, rule: NotificationRule) -> None:
    """Replace everything of a rule but its creation time."""
    c.execute(notification_rules.update().where(notification_rules.c.id == rule.id).values(**_values(rule)))


def delete_rule(c: sa.Connection, rule_id: int) -> None:
    """Take a rule away, with its messages."""
    c.execute(notification_rules.delete().where(notification_rules.c.id == rule_id))


def rule(c: sa.Connection, rule_id: int) -> NotificationRule | None:
    """One rule, or None."""
    row = c.execute(_select_rules().where(notification_rules.c.id == rule_id)).mappings().one_or_none()
    return None if row is None else _rule(row)


def rules(c: sa.Connection) -> list[NotificationRule]:
    """All rules, oldest first."""
    return [_rule(row) for row in c.execute(_select_rules().order_by(notification_rules.c.id)).mappings()]


def rules_for(
    c: sa.Connection, space_id: int, agent_id: int, schedule_id: int | None
) -> list[NotificationRule]:
    """The enabled rules of the agent, of the schedule and of the whole space."""
    query = _select_rules().where(
        notification_rules.c.space_id == space_id,
        notification_rules.c.is_enabled,
        sa.or_(notification_rules.c.agent_id.is_(None), notification_rules.c.agent_id == agent_id),
        sa.or_(notification_rules.c.schedule_id.is_(None), notification_rules.c.schedule_id == schedule_id),
    )
    return [_rule(row) for row in c.execute(query).mappings()]


def id_of_name(c: sa.Connection, space_id: int, name: str) -> int | None:
    """The id of the rule with this name in the space, or None."""
    query = _select_rules().where(
        notification_rules.c.space_id == space_id, notification_rules.c.name == name
    )
    row = c.execute(query.limit(1)).mappings().first()
    return None if row is None else int(row["id"])


def names_of_scope(c: sa.Connection, rule: NotificationRule) -> tuple[str | None, str | None]:
    """The names of the agent and of the schedule that a rule is for, None for what it is not limited to."""
    agent = sa.select(agents.c.name).where(agents.c.id == rule.agent_id).scalar_subquery()
    schedule = sa.select(schedules.c.name).where(schedules.c.id == rule.schedule_id).scalar_subquery()
    row = c.execute(sa.select(agent, schedule)).one()
    return row[0], row[1]


def advance_watch(c: sa.Connection, rule: NotificationRule, until: datetime) -> bool:
    """Note that due times were judged up to ``until``; False when somebody else has judged meanwhile."""
    query = (
        notification_rules.update()
        .where(notification_rules.c.id == rule.id, notification_rules.c.watched_until == rule.watched_until)
        .values(watched_until=until)
    )
    return c.execute(query).rowcount == 1


# --- messages ---


def last_told(c: sa.Connection, rule_id: int, event: NotificationEvent, subject: str) -> datetime | None:
    """When the rule's newest message about this goes or went out."""
    query = sa.select(sa.func.max(notifications.c.told_at, type_=notifications.c.told_at.type)).where(
        *_about(rule_id, event, subject)
    )
    found: datetime | None = c.execute(query).scalar_one()
    return found


def insert_messages(c: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put messages into the outbox."""
    if rows:
        c.execute(notifications.insert(), list(rows))


def join_messages(
    c: sa.Connection,
    rule_id: int,
    event: NotificationEvent,
    subject: str,
    told_at: datetime,
    *,
    values: Mapping[str, Any],
    count: int,
) -> bool:
    """Let the messages that go out at ``told_at`` tell of ``count`` further events, with ``values`` of the newest.

    False when there is none left to join.
    """
    query = (
        notifications.update()
        .where(
            *_about(rule_id, event, subject),
            notifications.c.told_at == told_at,
            notifications.c.next_try.is_not(None),
        )
        .values({**values, "more": notifications.c.more + count})
    )
    return c.execute(query).rowcount > 0


_LANES = (
    sa.select(notifications.c.rule_id, notifications.c.target)
    .where(notifications.c.next_try <= sa.bindparam("the_time"))
    .group_by(notifications.c.rule_id, notifications.c.target)
    .order_by(sa.func.min(notifications.c.next_try))
)


def lanes(c: sa.Connection, now: datetime) -> list[Lane]:
    """The targets for which a message is to be sent, the longest waiting first."""
    return [Lane(rule_id, target) for rule_id, target in c.execute(_LANES, {"the_time": now})]


def take(c: sa.Connection, lane: Lane, now: datetime, until: datetime) -> NotificationMessage | None:
    """Take the next message of a target: until ``until`` nobody else does. It counts as a try."""
    query = (
        sa.select(notifications)
        .where(
            notifications.c.next_try <= now,
            notifications.c.rule_id == lane.rule_id,
            notifications.c.target == lane.target,
        )
        .order_by(notifications.c.next_try, notifications.c.id)
        .limit(1)
    )
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        return None
    claim = (
        notifications.update()
        .where(notifications.c.id == row["id"], notifications.c.tries == row["tries"])
        .values(tries=row["tries"] + 1, next_try=until)
    )
    if c.execute(claim).rowcount != 1:
        return None
    return _message({**row, "tries": row["tries"] + 1, "next_try": until})


def settle(
    c: sa.Connection,
    message: NotificationMessage,
    *,
    sent: datetime | None,
    error: str | None,
    next_try: datetime | None,
) -> bool:
    """Write down what came of a try; False when the message was taken anew meanwhile, or is gone."""
    query = (
        notifications.update()
        .where(
            notifications.c.id == message.id,
            notifications.c.tries == message.tries,
            notifications.c.next_try.is_not(None),
        )
        .values(sent=sent, error=error, next_try=next_try)
    )
    return c.execute(query).rowcount == 1


def give_up(c: sa.Connection, rule_id: int, why: str, *, first_target: int = 0) -> int:
    """Send nothing of what waits for these targets of a rule any more; returns how many messages."""
    query = (
        notifications.update()
        .where(
            notifications.c.rule_id == rule_id,
            notifications.c.target >= first_target,
            notifications.c.next_try.is_not(None),
        )
        .values(next_try=None, error=why)
    )
    return c.execute(query).rowcount


def messages(c: sa.Connection, rule_id: int, *, limit: int, skip: int = 0) -> list[NotificationMessage]:
    """The messages of a rule, newest first."""
    query = (
        sa.select(notifications)
        .where(notifications.c.rule_id == rule_id)
        .order_by(notifications.c.id.desc())
        .limit(limit)
        .offset(skip)
    )
    return [_message(row) for row in c.execute(query).mappings()]


def count_messages(c: sa.Connection, rule_id: int) -> int:
    """How many messages ``messages`` has without a limit."""
    query = sa.select(sa.func.count()).where(notifications.c.rule_id == rule_id)
    return int(c.execute(query).scalar_one())


def forget(c: sa.Connection, before: datetime) -> int:
    """Remove messages that are over and were created before; returns how many."""
    query = notifications.delete().where(
        notifications.c.next_try.is_(None), notifications.c.created < before, notifications.c.told_at < before
    )
    return c.execute(query).rowcount


# --- what failed last ---


def note_failure(c: sa.Connection, subject: str, now: datetime) -> None:
    """The subject has failed, perhaps again."""
    # One statement: two runs of a subject may fail at the same moment.
    words = (
        "INSERT INTO failing (subject, since, failures) VALUES (:subject, :since, 1)"
        " ON CONFLICT (subject) DO UPDATE SET failures = failing.failures + 1"
    )
    c.execute(
        sa.text(words).bindparams(sa.bindparam("since", type_=failing.c.since.type)),
        {"subject": subject, "since": now},
    )


_RECOVER = (
    failing.delete()
    .where(failing.c.subject == sa.bindparam("the_subject"))
    .returning(failing.c.since, failing.c.failures)
)


def note_recovery(c: sa.Connection, subject: str) -> tuple[datetime, int] | None:
    """The subject is well: since when it had failed, and how often; None when it had not."""
    row = c.execute(_RECOVER, {"the_subject": subject}).one_or_none()
    return None if row is None else (row.since, row.failures)


def schedule_name(c: sa.Connection, schedule_id: int) -> tuple[str, str] | None:
    """Name and timezone of a schedule, also of a deleted one; None when it is gone for good."""
    query = sa.select(schedules.c.name, schedules.c.timezone).where(schedules.c.id == schedule_id)
    row = c.execute(query).one_or_none()
    return None if row is None else (row.name, row.timezone)


def schedule_scope(c: sa.Connection, schedule_id: int) -> tuple[int, int] | None:
    """Agent and space of a schedule that is there, or None."""
    query = (
        sa.select(schedules.c.agent_id, agents.c.space_id)
        .join(agents, agents.c.id == schedules.c.agent_id)
        .where(schedules.c.id == schedule_id, schedules.c.deleted.is_(None), agents.c.deleted.is_(None))
    )
    row = c.execute(query).one_or_none()
    return None if row is None else (row.agent_id, row.space_id)


def _about(rule_id: int, event: NotificationEvent, subject: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        notifications.c.rule_id == rule_id,
        notifications.c.event == event.value,
        notifications.c.subject == subject,
    )


def _select_rules() -> sa.Select[Any]:
    of_schedule = schedules.c.agent_id.label("agent_of_schedule")
    agent_id = sa.func.coalesce(notification_rules.c.agent_id, schedules.c.agent_id)
    return (
        sa.select(notification_rules, of_schedule)
        .join(schedules, schedules.c.id == notification_rules.c.schedule_id, isouter=True)
        .join(agents, agents.c.id == agent_id, isouter=True)
        .where(schedules.c.deleted.is_(None), agents.c.deleted.is_(None))
    )


def _values(rule: NotificationRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "space_id": rule.space_id,
        "agent_id": rule.agent_id if rule.schedule_id is None else None,
        "schedule_id": rule.schedule_id,
        "events": [event.value for event in rule.events],
        "targets": [_target(target) for target in rule.targets],
        "is_enabled": rule.is_enabled,
        "within_seconds": rule.within_seconds,
        "quiet_seconds": rule.quiet_seconds,
        "watched_until": rule.watched_until,
        "updated": rule.updated,
    }


def _target(target: NotificationTarget) -> dict[str, Any]:
    return {name: value for name, value in asdict(target).items() if value is not None}


def _rule(row: sa.RowMapping) -> NotificationRule:
    return NotificationRule(
        id=row["id"],
        name=row["name"],
        space_id=row["space_id"],
        agent_id=row["agent_id"] or row["agent_of_schedule"],
        schedule_id=row["schedule_id"],
        events=tuple(NotificationEvent(word) for word in row["events"]),
        targets=tuple(NotificationTarget(**target) for target in row["targets"]),
        is_enabled=row["is_enabled"],
        within_seconds=row["within_seconds"],
        quiet_seconds=row["quiet_seconds"],
        watched_until=row["watched_until"],
        created=row["created"],
        updated=row["updated"],
    )


def _message(row: Mapping[str, Any] | sa.RowMapping) -> NotificationMessage:
    values = {name: row[name] for name in NotificationMessage.__dataclass_fields__}
    return NotificationMessage(**values | {"event": NotificationEvent(row["event"])})
