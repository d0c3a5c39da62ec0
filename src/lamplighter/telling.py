"""What is made known to people, written into the outbox in the transaction of what happened.

``notifier`` sends it from there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from lamplighter.model import NotificationEvent, NotificationRule, Run, RunStatus
from lamplighter.planner import notifying
from lamplighter.planner.notifying import Failing, RunFacts, ScheduleFacts, Watched, Words
from lamplighter.store import notifications, runs
from lamplighter.store.overdue import Overdue

# Of more than so many schedules at once there is one message.
_MOST_SCHEDULES = 20
_WELL = frozenset({RunStatus.COMPLETED, RunStatus.SUCCESS})


def run_ended(
    c: sa.Connection, run: Run, status: RunStatus, message: str, warnings: Iterable[str], now: datetime
) -> None:
    """Tell whoever wants to know that a run has ended for good: no other attempt follows."""
    subject = notifying.subject_of(run.agent_id, run.schedule_id)
    failing: Failing | None = None
    if status is RunStatus.FAILURE:
        notifications.note_failure(c, subject, now)
    elif status in _WELL and _whole_set_is_well(c, run):
        was = notifications.note_recovery(c, subject)
        failing = None if was is None else Failing(*was)
    warnings = tuple(warnings)
    events = notifying.events_of_end(status, warnings, has_recovered=failing is not None)
    if not events:
        return
    rules = notifications.rules_for(c, run.space_id, run.agent_id, run.schedule_id)
    wanted = [(rule, event) for rule in rules for event in events if event in rule.events]
    if not wanted:
        return
    facts = _facts(c, run, message, warnings, now)
    for rule, event in wanted:
        _tell(c, rule, event, subject, notifying.about_end(event, facts, failing), now)


def watch(
    c: sa.Connection, rule: NotificationRule, found: Sequence[Overdue], until: datetime, now: datetime
) -> int:
    """Tell of the due times that were ``found`` to have no run up to ``until``; returns of how many.

    0 also when somebody else has judged them meanwhile.
    """
    if not notifications.advance_watch(c, rule, until):
        return 0
    missed = [(one, why) for one in found if (why := _why(one)) is not None]
    groups = [list(group) for _, group in groupby(missed, key=lambda pair: pair[0].schedule_id)]
    if len(groups) > _MOST_SCHEDULES:
        _tell_of_many(c, rule, groups, now)
    else:
        for group in groups:
            _tell_of_schedule(c, rule, group, now)
    return sum(one.count for one, _ in missed)


def _tell_of_schedule(
    c: sa.Connection, rule: NotificationRule, missed: Sequence[tuple[Overdue, str]], now: datetime
) -> None:
    newest, why = missed[-1]
    words = notifying.about_missed(
        newest.agent_id, newest.agent_name, _schedule_facts(newest), _watched(newest), why
    )
    subject = notifying.subject_of(newest.agent_id, newest.schedule_id)
    count = sum(one.count for one, _ in missed)
    event = NotificationEvent.DID_NOT_RUN
    _tell(c, rule, event, subject, words, now, count=count, since=missed[0][0].due)


def _tell_of_many(
    c: sa.Connection, rule: NotificationRule, groups: Sequence[Sequence[tuple[Overdue, str]]], now: datetime
) -> None:
    """One message for all: after an outage nobody wants one for each schedule."""
    newest = [group[-1][0] for group in groups]
    words = notifying.about_many_missed([(one.agent_name, one.schedule_name, one.due) for one in newest])
    _tell(c, rule, NotificationEvent.DID_NOT_RUN, "many schedules", words, now)


def _tell(
    c: sa.Connection,
    rule: NotificationRule,
    event: NotificationEvent,
    subject: str,
    words: Words,
    now: datetime,
    *,
    count: int = 1,
    since: datetime | None = None,
) -> None:
    last = notifications.last_told(c, rule.id, event, subject) if rule.quiet_seconds > 0 else None
    place = notifying.place_of(last, now, rule.quiet_seconds)
    if place.joins and notifications.join_messages(
        c,
        rule.id,
        event,
        subject,
        place.told_at,
        values={"title": words.title, "body": words.body, "facts": words.facts},
        count=count,
    ):
        return
    notifications.insert_messages(
        c,
        [
            {
                "rule_id": rule.id,
                "target": index,
                "event": event.value,
                "subject": subject,
                "title": words.title,
                "body": words.body,
                "facts": words.facts,
                "created": now,
                "more": count - 1,
                "since": since or now,
                "told_at": place.told_at,
                "next_try": place.told_at,
            }
            for index in range(len(rule.targets))
        ],
    )


def _whole_set_is_well(c: sa.Connection, run: Run) -> bool:
    """A parallel set has ended well when all its runs have."""
    if run.set_size == 1:
        return True
    return all(other.status in _WELL for other in runs.of_set(c, run.set_id) if other.id != run.id)


def _facts(c: sa.Connection, run: Run, message: str, warnings: tuple[str, ...], now: datetime) -> RunFacts:
    known = None if run.schedule_id is None else notifications.schedule_name(c, run.schedule_id)
    schedule = None
    if run.schedule_id is not None and known is not None:
        schedule = ScheduleFacts(run.schedule_id, *known)
    return RunFacts(
        run_id=run.id,
        agent_id=run.agent_id,
        agent_name=run.agent_name,
        schedule=schedule,
        scheduled_time=run.scheduled_time,
        started_by=run.started_by,
        attempt=run.attempt,
        message=message,
        warnings=warnings,
        ended=now,
    )


def _why(one: Overdue) -> str | None:
    return notifying.why_not_run(_watched(one), one.timing)


def _watched(one: Overdue) -> Watched:
    return Watched(
        one.due, one.count, one.outcome, one.reason, one.decided, one.deadline, one.queues, one.message
    )


def _schedule_facts(one: Overdue) -> ScheduleFacts:
    return ScheduleFacts(one.schedule_id, one.schedule_name, one.timing.timezone)
