"""Use cases of notifications: rules that say who is told of what, and what became of their messages."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, WithJsonSchema

from lamplighter.clock import Clock
from lamplighter.errors import Conflict, FieldError, InvalidInput, NotFound
from lamplighter.messenger import Messenger
from lamplighter.model import (
    Actor,
    NotificationEvent,
    NotificationMessage,
    NotificationRule,
    NotificationTarget,
    Role,
)
from lamplighter.planner import notifying
from lamplighter.service import audit
from lamplighter.service.access import require, space_for
from lamplighter.service.requests import Between, Clean, Name, Number, NumberOnly, Request
from lamplighter.service.targets import RIGHT_TARGET, NewSecret, Targets
from lamplighter.store import agents, notifications
from lamplighter.store.database import Database
from lamplighter.vault import Vault

_WITHIN = 3600
_NOT_TOLD = frozenset({"updated", "watched_until", "targets"})
_QUIET = 600
_EVENTS = {event.value.lower(): event for event in NotificationEvent}
_OVERLAP = 86_400


def _event(value: Any) -> NotificationEvent:
    found = _EVENTS.get(value.lower().replace("_", "")) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be one of: {', '.join(event.value for event in NotificationEvent)}")
    return found


Event = Annotated[
    NotificationEvent,
    BeforeValidator(_event),
    WithJsonSchema({"type": "string", "enum": [event.value for event in NotificationEvent]}),
]
Address = Annotated[StrictStr, Field(min_length=1, max_length=2000), Clean]


class NotificationRequest(Request):
    """A notification to create or change; when changing, what is not given keeps its value.

    Without ``agentId`` and ``scheduleId`` it is for all agents of the space ``spaceId``.
    """

    name: Name | None = None
    events: Annotated[list[Event], Field(min_length=1)] | None = None
    targets: Annotated[list[Address], Field(min_length=1, max_length=20)] | None = None
    agent_id: Annotated[int, Field(ge=1, le=2**31 - 1), NumberOnly] | None = None
    schedule_id: Annotated[int, Field(ge=1, le=2**63 - 1), NumberOnly] | None = None
    within_seconds: Annotated[int, Field(ge=1, le=2_592_000), NumberOnly] | None = None
    quiet_seconds: Annotated[int, Field(ge=0, le=604_800), NumberOnly] | None = None
    is_enabled: StrictBool | None = None
    space_id: Number | None = None


class RotateRequest(Request):
    """Which target (from 1; needed when there are several plain webhooks) gets which secret: one made here if none.

    For ``overlapSeconds`` the secret before signs too.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    target: Annotated[int, Between(1, 20)] | None = None
    secret: Annotated[StrictStr | None, Field(max_length=200, repr=False), Clean] = None
    overlap_seconds: Annotated[int, Between(0, 604_800)] = _OVERLAP


@dataclass(frozen=True, slots=True)
class Test:
    """What came of a test message: ``error`` names each target that could not be reached."""

    delivered: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """A rule, the names of the agent and schedule that it is for, and the secrets that were made just now."""

    rule: NotificationRule
    agent_name: str | None
    schedule_name: str | None
    new_secrets: tuple[NewSecret, ...] = ()


class Notifications:
    """Notification rules. ``on_change`` is called when something may be to be sent."""

    def __init__(
        self, db: Database, clock: Clock, vault: Vault, messenger: Messenger, on_change: Callable[[], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._targets = Targets(vault, messenger)
        self._on_change = on_change

    def every(self, actor: Actor) -> list[Named]:
        """All rules of the spaces that the caller sees, oldest first."""
        with self._db.read() as c:
            return [_named(c, rule) for rule in notifications.rules(c) if actor.sees(rule.space_id)]

    def get(self, actor: Actor, rule_id: int) -> Named:
        """One rule; NotFound."""
        with self._db.read() as c:
            return _named(c, _rule_of(c, actor, rule_id, Role.VIEWER))

    def create(self, actor: Actor, request: NotificationRequest) -> Named:
        """Add a rule; InvalidInput names every field that is wrong, NotInstalled says that Apprise is missing.

        Conflict when there is one with this name already.
        """
        missing = [
            FieldError(field, message)
            for field, given, message in (
                ("name", request.name, "is required: 1 to 200 characters"),
                ("events", request.events, f"is required: some of {', '.join(NotificationEvent)}"),
                ("targets", request.targets, f"is required: {RIGHT_TARGET}"),
            )
            if given is None
        ]
        if missing:
            raise InvalidInput(*missing)
        targets, secrets = self._targets.made(request.targets or (), ())
        with self._db.write() as c:
            now = self._clock.now()
            space, agent, schedule = _scope(c, actor, request)
            rule = NotificationRule(
                id=0,
                name=request.name or "",
                space_id=space,
                agent_id=agent,
                schedule_id=schedule,
                events=_unique(request.events or ()),
                targets=targets,
                is_enabled=request.is_enabled is not False,
                within_seconds=_WITHIN if request.within_seconds is None else request.within_seconds,
                quiet_seconds=_QUIET if request.quiet_seconds is None else request.quiet_seconds,
                watched_until=now,
                created=now,
                updated=now,
            )
            _check_within(request, rule, _WITHIN)
            _check_name_is_free(c, rule)
            rule = replace(rule, id=notifications.insert_rule(c, rule))
            self._note(c, actor, "notification.create", rule, {"targets": len(targets)})
            return replace(_named(c, rule), new_secrets=secrets)

    def update(self, actor: Actor, rule_id: int, request: NotificationRequest) -> Named:
        """Change a rule; what the request does not give keeps its value.

        A target that is given as it is shown is the one that the rule has. What waits to be sent goes to the new
        targets, each to the one in its place; when the rule is switched off, it is given up.
        """
        with self._db.read() as c:
            old = _rule_of(c, actor, rule_id, Role.EDITOR)
        targets, secrets = old.targets, tuple[NewSecret, ...]()
        if request.targets is not None:
            targets, secrets = self._targets.made(request.targets, old.targets)
        with self._db.write() as c:
            now = self._clock.now()
            old = _rule_of(c, actor, rule_id, Role.EDITOR)
            new = replace(
                old,
                name=request.name or old.name,
                events=old.events if request.events is None else _unique(request.events),
                targets=targets,
                is_enabled=old.is_enabled if request.is_enabled is None else request.is_enabled,
                within_seconds=request.within_seconds or old.within_seconds,
                quiet_seconds=old.quiet_seconds if request.quiet_seconds is None else request.quiet_seconds,
                updated=now,
            )
            if (request.agent_id, request.schedule_id, request.space_id) != (None, None, None):
                space, agent, schedule = _scope(c, actor, request)
                new = replace(new, space_id=space, agent_id=agent, schedule_id=schedule)
            _check_within(request, new, old.within_seconds)
            _check_name_is_free(c, new)
            if new.watches and not old.watches:
                new = replace(new, watched_until=now)
            notifications.update_rule(c, new)
            if not new.is_enabled:
                notifications.give_up(c, rule_id, "the notification was switched off")
            notifications.give_up(c, rule_id, "the target was removed", first_target=len(targets))
            changes = audit.difference(old, new, leave_out=_NOT_TOLD)
            if request.targets is not None:
                changes["targets"] = [len(old.targets), len(targets)]
            self._note(c, actor, "notification.update", new, changes)
            named = replace(_named(c, new), new_secrets=secrets)
        self._on_change()
        return named

    def delete(self, actor: Actor, rule_id: int) -> None:
        """Take a rule away, with its messages; NotFound."""
        with self._db.write() as c:
            rule = _rule_of(c, actor, rule_id, Role.EDITOR)
            notifications.delete_rule(c, rule_id)
            self._note(c, actor, "notification.delete", rule, {})

    def rotate(self, actor: Actor, rule_id: int, request: RotateRequest) -> Named:
        """Give a plain webhook among the targets another secret; for a while the one before signs too.

        InvalidInput when there is no such target, or nothing is signed for it.
        """
        with self._db.write() as c:
            now = self._clock.now()
            rule = _rule_of(c, actor, rule_id, Role.EDITOR)
            index = _place_of_webhook(rule, request.target)
            overlap = timedelta(seconds=request.overlap_seconds)
            target, secret = self._targets.rotated(rule.targets[index], request.secret, overlap, now)
            targets = (*rule.targets[:index], target, *rule.targets[index + 1 :])
            rule = replace(rule, targets=targets, updated=now)
            notifications.update_rule(c, rule)
            given = {"target": index + 1, "overlapSeconds": request.overlap_seconds}
            self._note(c, actor, "notification.rotate", rule, given)
            made = () if request.secret else (NewSecret(index + 1, target.shown, secret),)
            return replace(_named(c, rule), new_secrets=made)

    def test(self, actor: Actor, rule_id: int) -> Test:
        """Send a test message to each target now, and wait for the answers."""
        with self._db.read() as c:
            rule = _rule_of(c, actor, rule_id, Role.EDITOR)
        now = self._clock.now()
        letter = notifying.letter_of_test(rule.id, rule.name, f"test_{token_hex(8)}", now)

        def send(target: NotificationTarget) -> str | None:
            error = self._targets.send(target, letter, now)
            return None if error is None else f"{target.shown}: {error}"

        with ThreadPoolExecutor(max_workers=len(rule.targets)) as pool:
            errors = [error for error in pool.map(send, rule.targets) if error is not None]
        return Test(not errors, "; ".join(errors) or None)

    def messages(
        self, actor: Actor, rule_id: int, *, skip: int, limit: int
    ) -> tuple[NotificationRule, list[NotificationMessage], int]:
        """The rule, its messages, newest first, and how many there are."""
        with self._db.read() as c:
            rule = _rule_of(c, actor, rule_id, Role.VIEWER)
            found = notifications.messages(c, rule_id, limit=limit, skip=skip)
            return rule, found, notifications.count_messages(c, rule_id)

    def _note(
        self,
        c: sa.Connection,
        actor: Actor,
        action: str,
        rule: NotificationRule,
        changes: Mapping[str, Any],
    ) -> None:
        audit.note(
            c,
            actor,
            self._clock.now(),
            action,
            kind="notification",
            id=rule.id,
            name=rule.name,
            space_id=rule.space_id,
            changes=changes,
        )


def _rule_of(c: sa.Connection, actor: Actor, rule_id: int, need: Role) -> NotificationRule:
    rule = notifications.rule(c, rule_id)
    if rule is None or not actor.sees(rule.space_id):
        raise NotFound(f"there is no notification {rule_id}")
    require(actor, rule.space_id, need)
    return rule


def _place_of_webhook(rule: NotificationRule, asked: int | None) -> int:
    """The index of the target that is meant; InvalidInput when there is none, or several may be meant."""
    signed = [index for index, target in enumerate(rule.targets) if target.sealed_secret is not None]
    if asked is not None and asked <= len(rule.targets):
        return asked - 1
    if asked is None and len(signed) == 1:
        return signed[0]
    listed = ", ".join(f"{index + 1} ({rule.targets[index].shown})" for index in signed)
    there = f"one of: {listed}" if signed else "a webhook+https address, and there is none among the targets"
    raise InvalidInput.of("target", f"must be {there}")


def _named(c: sa.Connection, rule: NotificationRule) -> Named:
    return Named(rule, *notifications.names_of_scope(c, rule))


def _check_name_is_free(c: sa.Connection, rule: NotificationRule) -> None:
    """Raise Conflict when another rule is called so: people say which one they mean by its name."""
    other = notifications.id_of_name(c, rule.space_id, rule.name)
    if other not in (None, rule.id):
        raise Conflict(
            f"a notification named {rule.name!r} exists already (id {other}): change that one,"
            " or choose another name"
        )


def _check_within(request: NotificationRequest, rule: NotificationRule, known: int) -> None:
    """Raise InvalidInput for another ``withinSeconds`` than is ``known``, where nothing is to begin within it."""
    if request.within_seconds in (None, known) or NotificationEvent.DID_NOT_RUN in rule.events:
        return
    raise InvalidInput.of(
        "withinSeconds",
        f"is for {NotificationEvent.DID_NOT_RUN}, which is not among the events: add it, or leave this out",
    )


def _scope(
    c: sa.Connection, actor: Actor, request: NotificationRequest
) -> tuple[int, int | None, int | None]:
    """Space, agent and schedule that a rule is for; InvalidInput names the field with what is not there."""
    agent_id, schedule_id = request.agent_id, request.schedule_id
    agent = None if agent_id is None else agents.get(c, agent_id)
    if agent_id is not None and (agent is None or not actor.sees(agent.space_id)):
        raise InvalidInput.of("agentId", f"there is no agent with the id {agent_id}")
    found: tuple[int, int | None, int | None]
    if schedule_id is not None:
        scope = notifications.schedule_scope(c, schedule_id)
        known = scope is not None and actor.sees(scope[1]) and agent_id in (None, scope[0])
        if scope is None or not known:
            whose = "" if agent_id is None else f" of agent {agent_id}"
            raise InvalidInput.of("scheduleId", f"there is no schedule{whose} with the id {schedule_id}")
        found = scope[1], scope[0], schedule_id
    elif agent is not None:
        found = agent.space_id, agent.id, None
    else:
        found = space_for(c, actor, request.space_id, Role.EDITOR), None, None
    require(actor, found[0], Role.EDITOR)
    if request.space_id not in (None, found[0]):
        raise InvalidInput.of("spaceId", f"the agent is in space {found[0]}: leave this out")
    return found


def _unique(events: Sequence[NotificationEvent]) -> tuple[NotificationEvent, ...]:
    return tuple(dict.fromkeys(events))
