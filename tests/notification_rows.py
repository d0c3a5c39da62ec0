"""Rows and steps that tests of notifications begin with."""

from datetime import datetime

import sqlalchemy as sa

from lamplighter import lifecycle
from lamplighter.model import (
    Claim,
    Counters,
    NotificationEvent,
    NotificationMessage,
    NotificationRule,
    NotificationTarget,
    Run,
    RunStatus,
    Verdict,
)
from lamplighter.store import notifications, runs
from lamplighter.store.tables import runs as runs_table
from store_rows import NOON

ALL = tuple(NotificationEvent)


def make_rule(
    c: sa.Connection,
    *targets: NotificationTarget,
    events: tuple[NotificationEvent, ...] = ALL,
    agent_id: int | None = None,
    schedule_id: int | None = None,
    quiet_seconds: int = 600,
    within_seconds: int = 3600,
    is_enabled: bool = True,
    now: datetime = NOON,
) -> NotificationRule:
    """A rule that is kept, with one target that nobody will ask for when none is given."""
    rule = NotificationRule(
        id=0,
        name="tell me",
        space_id=1,
        agent_id=agent_id,
        schedule_id=schedule_id,
        events=events,
        targets=targets or (NotificationTarget("json://host", "sealed"),),
        is_enabled=is_enabled,
        within_seconds=within_seconds,
        quiet_seconds=quiet_seconds,
        watched_until=now,
        created=now,
        updated=now,
    )
    made = notifications.rule(c, notifications.insert_rule(c, rule))
    assert made is not None
    return made


def claimed(c: sa.Connection, set_id: int, server_id: int, now: datetime) -> list[Run]:
    """The runs of a set, taken by a server and begun."""
    for run in runs.of_set(c, set_id):
        c.execute(
            runs_table.update()
            .where(runs_table.c.id == run.id)
            .values(
                status=RunStatus.RUNNING.value, attempt=run.attempt + 1, server_id=server_id, start_time=now
            )
        )
    return runs.of_set(c, set_id)


def end(
    c: sa.Connection,
    run: Run,
    status: RunStatus,
    now: datetime,
    message: str = "exit status 1",
    warnings: tuple[str, ...] = (),
) -> None:
    """End a run's attempt as its server does."""
    if status in (RunStatus.COMPLETED, RunStatus.SUCCESS):
        assert runs.export(c, Claim(run.id, run.attempt))
    assert lifecycle.conclude(c, run, Verdict(status, message, warnings), Counters(), now)


def outbox(c: sa.Connection, rule: NotificationRule) -> list[NotificationMessage]:
    """The rule's messages, oldest first."""
    return notifications.messages(c, rule.id, limit=10_000)[::-1]
