"""What a person is told, when, and in which words: pure functions of values and ``now``.

Names and messages come from strangers, so a text is one line, without control characters, and bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lamplighter.errors import InvalidInput
from lamplighter.model import MessageKind, NotificationEvent, NotificationMessage, Outcome, RunStatus, Timing
from lamplighter.planner.due_times import is_excluded, iso, local

GIVE_UP_AFTER = timedelta(days=1)
_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(hours=1)
_LONGEST_TITLE = 160
_LONGEST_LINE = 1000
_MOST_WARNINGS = 5
_MOST_LISTED = 20
_WELL = frozenset({RunStatus.COMPLETED, RunStatus.SUCCESS})


# What programs are told of an event, null where it has none of it: names and meanings that stay.
_FACTS = (
    "agentId",
    "agentName",
    "scheduleId",
    "scheduleName",
    "runId",
    "attempt",
    "startedBy",
    "scheduledTime",
    "deadline",
    "endTime",
    "message",
    "warnings",
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says: to people, and as ``facts`` (with the wire's names) to programs."""

    title: str
    body: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it is sent: ``text`` to people, ``payload`` to programs.

    ``key`` is the same when it is sent again, and no other message of the installation has it.
    """

    key: str
    title: str
    text: str
    kind: MessageKind
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """When a message goes out: ``joins`` when one that is to go out then already waits and takes it in."""

    told_at: datetime
    joins: bool


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """What a message says of a schedule."""

    id: int
    name: str
    timezone: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a message says of a run that has ended; ``schedule`` is None when it was started by hand."""

    run_id: int
    agent_id: int
    agent_name: str
    schedule: ScheduleFacts | None
    scheduled_time: datetime | None
    started_by: str
    attempt: int
    message: str
    warnings: tuple[str, ...]
    ended: datetime


@dataclass(frozen=True, slots=True)
class Failing:
    """Since when an agent failed, and how often, before it recovered."""

    since: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A row of the fire ledger, or due times that have none yet (``outcome`` None), whose time is over.

    ``deadline`` is when a run of it must have begun. ``queues``: it has runs, and no server has taken any;
    ``message`` is what a run of those says of itself.
    """

    due: datetime
    count: int
    outcome: Outcome | None
    reason: str
    decided: datetime | None
    deadline: datetime
    queues: bool
    message: str | None = None


def events_of_end(
    status: RunStatus, warnings: Sequence[str], *, has_recovered: bool
) -> tuple[NotificationEvent, ...]:
    """What the final end of a run is to people."""
    if status is RunStatus.FAILURE:
        return (NotificationEvent.FAILURE,)
    if status not in _WELL:
        return ()
    recovery = (NotificationEvent.RECOVERY,) if has_recovered else ()
    drop = (NotificationEvent.VOLUME_DROP,) if warnings else ()
    return (*recovery, *drop)


def kind_of(event: NotificationEvent) -> MessageKind:
    """How grave a message about the event is, in Apprise's words."""
    match event:
        case NotificationEvent.RECOVERY:
            return "success"
        case NotificationEvent.VOLUME_DROP:
            return "warning"
        case _:
            return "failure"


def subject_of(agent_id: int, schedule_id: int | None) -> str:
    """What a message is about: an agent's runs by one schedule, or those started by hand."""
    return f"agent {agent_id}" if schedule_id is None else f"agent {agent_id}, schedule {schedule_id}"


def place_of(last_told: datetime | None, now: datetime, quiet_seconds: int) -> Place:
    """When to tell of something, given when its subject is or was told of last.

    The first message goes out at once. What happens in the quiet time after it goes out together at its end.
    """
    if last_told is None or quiet_seconds <= 0:
        return Place(now, joins=False)
    if last_told > now:
        return Place(last_told, joins=True)
    return Place(max(now, last_told + timedelta(seconds=quiet_seconds)), joins=False)


def next_try(tries: int, told_at: datetime, now: datetime) -> datetime | None:
    """When to send a message again after ``tries`` in vain: 1 s, 2 s, 4 s … at most an hour; None after a day."""
    if now - told_at >= GIVE_UP_AFTER:
        return None
    wait = min(_FIRST_WAIT * (1 << min(max(tries, 1) - 1, 20)), _LONGEST_WAIT)
    return min(now + wait, told_at + GIVE_UP_AFTER)


def why_not_run(watched: Watched, timing: Timing) -> str | None:
    """Why no run had begun by the deadline, or None when that is how it should be (an excluded date)."""
    if is_excluded(timing, watched.due):
        return None
    if watched.outcome is None:
        return watched.reason or "the scheduler has not come to it: the server was down, or is behind"
    if watched.outcome in (Outcome.SKIPPED, Outcome.MERGED):
        return f"{watched.outcome.value}: {watched.reason}"
    if watched.decided is not None and watched.decided > watched.deadline:
        return watched.reason
    if watched.queues:
        return _why_it_queues(watched.message)
    return "its run began too late"


def _why_it_queues(message: str | None) -> str:
    """In the words of the run itself, when it has any."""
    if not message:
        return "its run is still waiting, and no server has taken it"
    return f"its run {message}" if message.startswith("waits") else f"its run is still waiting: {message}"


def about_end(event: NotificationEvent, run: RunFacts, failing: Failing | None) -> Words:
    """The message about the end of a run."""
    who = f"{_line(run.agent_name, 60)} (agent)"
    match event:
        case NotificationEvent.FAILURE:
            title = f"{who} failed: {run.message}"
        case NotificationEvent.RECOVERY:
            title = f"{who} has recovered"
        case _:
            title = f"{who} ended with a warning: {' '.join(run.warnings)}"
    timezone = None if run.schedule is None else run.schedule.timezone
    lines = [f"Agent: {_line(run.agent_name)} (id {run.agent_id})"]
    if run.schedule is None:
        lines.append(f"Started by: {_line(run.started_by)}")
    else:
        lines.append(f"Schedule: {_line(run.schedule.name)} (id {run.schedule.id})")
    lines.append(f"Run: {run.run_id}, attempt {run.attempt}")
    if run.scheduled_time is not None:
        lines.append(f"Due: {moment_text(run.scheduled_time, timezone)}")
    lines.append(f"Ended: {moment_text(run.ended, timezone)}")
    lines.append(f"Message: {_line(run.message)}")
    lines += [f"Warning: {_line(warning)}" for warning in run.warnings[:_MOST_WARNINGS]]
    if event is NotificationEvent.RECOVERY and failing is not None:
        times = "once" if failing.failures == 1 else f"{failing.failures} times"
        lines.append(f"It had failed {times} since {moment_text(failing.since, None)}.")
    lines.append(f"Look: lamplighter run status {run.agent_id} {run.run_id}")
    facts = {
        "agentId": run.agent_id,
        "agentName": run.agent_name,
        "scheduleId": None if run.schedule is None else run.schedule.id,
        "scheduleName": None if run.schedule is None else run.schedule.name,
        "runId": run.run_id,
        "attempt": run.attempt,
        "startedBy": run.started_by,
        "scheduledTime": None if run.scheduled_time is None else iso(run.scheduled_time),
        "endTime": iso(run.ended),
        "message": run.message[:_LONGEST_LINE],
        "warnings": [warning[:_LONGEST_LINE] for warning in run.warnings[:_MOST_WARNINGS]],
    }
    return Words(_line(title, _LONGEST_TITLE), "\n".join(lines), facts)


def about_missed(
    agent_id: int, agent_name: str, schedule: ScheduleFacts, watched: Watched, reason: str
) -> Words:
    """The message about a due time for which no run began in time."""
    by = _local(watched.deadline, schedule.timezone)
    title = (
        f"{_line(schedule.name, 60)} of {_line(agent_name, 60)} (agent) did not run by {by:%Y-%m-%d %H:%M}"
    )
    when = _local(watched.due, schedule.timezone).strftime("'%Y-%m-%d %H:%M'")
    lines = [
        f"Agent: {_line(agent_name)} (id {agent_id})",
        f"Schedule: {_line(schedule.name)} (id {schedule.id})",
        f"Due: {moment_text(watched.due, schedule.timezone)}",
        f"No run had begun by: {moment_text(watched.deadline, schedule.timezone)}",
        f"Reason: {_line(reason)}",
        f"Look: lamplighter schedule why {agent_id} {schedule.id} {when}",
    ]
    facts = {
        "agentId": agent_id,
        "agentName": agent_name,
        "scheduleId": schedule.id,
        "scheduleName": schedule.name,
        "scheduledTime": iso(watched.due),
        "deadline": iso(watched.deadline),
        "message": reason[:_LONGEST_LINE],
    }
    return Words(_line(title, _LONGEST_TITLE), "\n".join(lines), facts)


def about_many_missed(missed: Sequence[tuple[str, str, datetime]]) -> Words:
    """The message about many schedules at once: the agent, the schedule and its newest due time of each."""
    lines = [f"No run had begun in time for {len(missed)} schedules:"]
    lines += [
        f"{_line(schedule, 60)} of {_line(agent, 60)}, due {moment_text(due, None)}"
        for agent, schedule, due in missed[:_MOST_LISTED]
    ]
    if len(missed) > _MOST_LISTED:
        lines.append(f"… and {len(missed) - _MOST_LISTED} other schedules")
    lines.append("Look: lamplighter doctor")
    return Words(f"{len(missed)} schedules did not run in time", "\n".join(lines))


def letter_of_test(rule_id: int, rule: str, key: str, now: datetime) -> Letter:
    """The message that tries a rule's targets."""
    title = f"Test of the notification {_line(rule, 60)}"
    body = f"Lamplighter can reach you. The rule {_line(rule)} tells you here of what it is for."
    told = _payload("test", Words(title, body), now, more=0, since=now)
    payload = told | {"messageId": None, "notificationId": rule_id, "notificationName": rule}
    return Letter(key, title, body, "info", payload)


def letter_of(message: NotificationMessage, rule: str) -> Letter:
    """A message of the outbox as it is sent for the rule of this name."""
    words = Words(message.title, message.body, message.facts)
    told = _payload(message.event, words, message.created, more=message.more, since=message.since)
    mine = {"messageId": message.id, "notificationId": message.rule_id, "notificationName": rule}
    return Letter(
        # With its time: a database from a backup gives the same numbers out again.
        key=f"{message.id}_{int(message.created.timestamp())}",
        title=message.title,
        text=whole_body(
            message.body, more=message.more, since=message.since, message_id=message.id, rule=rule
        ),
        kind=kind_of(message.event),
        payload=told | mine,
    )


def _payload(event: str, words: Words, created: datetime, *, more: int, since: datetime) -> dict[str, Any]:
    return {
        "type": f"notification.{event}",
        "timestamp": iso(created),
        "event": event,
        "title": words.title,
        "body": words.body,
        **{name: words.facts.get(name) for name in _FACTS},
        "more": more,
        "since": iso(since),
    }


def whole_body(body: str, *, more: int, since: datetime, message_id: int, rule: str) -> str:
    """The body as it is sent: with how many others it stands for, and an id that stays when it is sent again."""
    lines = [body]
    if more:
        lines.append(f"… and {more} more since {moment_text(since, None)}")
    lines.append(f"Message {message_id} of the notification {_line(rule, 200)}")
    return "\n".join(lines)


def moment_text(moment: datetime, timezone: str | None) -> str:
    """An instant for people: in the zone, if there is one, and in UTC."""
    utc = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if timezone is None or timezone == "UTC":
        return utc
    return f"{_local(moment, timezone):%Y-%m-%d %H:%M:%S} {timezone} ({utc})"


def _local(moment: datetime, timezone: str) -> datetime:
    try:
        return local(moment, timezone)
    except InvalidInput:  # a zone that this release of the database has no longer
        return moment.astimezone(UTC)


def _line(text: str, longest: int = _LONGEST_LINE) -> str:
    """One line without control characters; what chat services take for "call everybody" is broken up."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * longest]).split())
    shown = shown.replace("<!", "<\u200b!").replace("<@", "<\u200b@")
    for word in ("everyone", "here", "channel", "all"):
        shown = shown.replace(f"@{word}", f"@\u200b{word}")
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
