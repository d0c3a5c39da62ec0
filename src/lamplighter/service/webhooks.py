"""Use cases of webhooks that start agents: keeping them, and what is delivered at their addresses.

An address is signed over the webhook's id and generation with the server's own secret, which is in no database:
who has the database cannot make an address, and rotating or deleting a webhook ends the one before at once.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import ConfigDict, Field, StrictBool, StrictStr

from lamplighter import launch
from lamplighter.clock import Clock
from lamplighter.errors import (
    Conflict,
    FieldError,
    Gone,
    InvalidInput,
    LamplighterError,
    NotAllowed,
    NotFound,
    TooLarge,
)
from lamplighter.manifest import inputs
from lamplighter.model import Actor, Agent, Role, RunSettings, Webhook
from lamplighter.service import audit
from lamplighter.service.access import agent_of
from lamplighter.service.agents import definition
from lamplighter.service.requests import LONGEST_INPUT, Clean, Name, SettingsRequest, Time
from lamplighter.service.schedules import check_references, errors_of
from lamplighter.service.secrets import check_input
from lamplighter.signing import ID, PREFIX, RIGHT_SECRET, Signer, key_of, why_not_signed
from lamplighter.store import agents, runs, webhooks
from lamplighter.store.database import Database
from lamplighter.vault import CannotUnseal, Vault

_PURPOSE = "webhook"
_REPEATED_WITHIN = timedelta(hours=24)
# What senders call a delivery, the first that there is. The one of the standard comes first: it is signed.
_DELIVERY_HEADERS = (ID, "idempotency-key", "x-github-delivery")
# In the audit log, what is secret or of no interest to people.
_NOT_TOLD = frozenset({"updated", "sealed_secret", "generation", "last_used", "last_result", "last_run_id"})
_SHORTEST_SECRET = 16
_LONGEST_RESULT = 500
_NOBODY = "there is no webhook at this address, or not any more"
_UNFIT = "the settings of this webhook do not fit its agent any more; those who may see it see why"


class WebhookRequest(SettingsRequest):
    """A webhook to create or change; when changing, what is not given keeps its value.

    The settings are those of the runs that it starts. With ``acceptsInput`` an object that is posted is laid over
    ``inputParameters``. With ``secret`` (never shown; "" takes it away) senders must sign.
    """

    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"name": "shop changed", "inputParameters": '{"pages": 2}', "acceptsInput": True}
        },
    )

    name: Name | None = None
    is_enabled: StrictBool | None = None
    expires: Time | None = None
    accepts_input: StrictBool | None = None
    secret: Annotated[StrictStr | None, Field(max_length=1000, repr=False), Clean] = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What somebody posted to the address of a webhook; the names of ``headers`` are in lower case."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def key(self) -> str | None:
        """What is the same when the same is delivered again; None when the sender does not say."""
        for name in _DELIVERY_HEADERS:
            if self.headers.get(name):
                return hashlib.sha256(f"{name} {self.headers[name]}".encode()).hexdigest()
        return None


@dataclass(frozen=True, slots=True)
class Started:
    """What a delivery came to: the first run of its set. ``is_repeated``: an earlier delivery had started it."""

    agent_id: int
    run_id: int
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook, with the signature of its address for those who may start the agent."""

    webhook: Webhook
    signature: str | None


class Webhooks:
    """The webhooks of agents. ``on_change`` is called when a run queues."""

    def __init__(
        self, db: Database, clock: Clock, vault: Vault, signer: Signer, on_change: Callable[[], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._signer = signer
        self._on_change = on_change

    # --- keeping them ---

    def of_agent(self, actor: Actor, agent_id: int) -> list[Shown]:
        """The webhooks of an agent, oldest first."""
        with self._db.read() as c:
            agent = agent_of(c, actor, agent_id)
            return [self._shown(actor, agent, webhook) for webhook in webhooks.of_agent(c, agent_id)]

    def get(self, actor: Actor, agent_id: int, webhook_id: int) -> Shown:
        """One webhook; NotFound."""
        with self._db.read() as c:
            agent = agent_of(c, actor, agent_id)
            return self._shown(actor, agent, _webhook_or_404(c, agent_id, webhook_id))

    def create(self, actor: Actor, agent_id: int, request: WebhookRequest) -> Shown:
        """Add a webhook; InvalidInput names every field that is wrong, Conflict: the name is taken."""
        if request.name is None:
            raise InvalidInput.of("name", "is required: 1 to 200 characters")
        with self._db.write() as c:
            now = self._clock.now()
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            blank = Webhook(
                id=0,
                agent_id=agent_id,
                name=request.name,
                is_enabled=True,
                expires=None,
                accepts_input=False,
                input_parameters=None,
                settings=RunSettings(),
                generation=1,
                sealed_secret=None,
                created=now,
                updated=now,
            )
            webhook = self._changed(c, agent, blank, request, now)
            webhook = replace(webhook, id=webhooks.insert(c, webhook))
            given = request.model_dump(by_alias=True, exclude_unset=True, exclude={"secret"})
            self._note(
                c, actor, "webhook.create", agent, webhook, given | {"hasSecret": bool(request.secret)}
            )
            return self._shown(actor, agent, webhook)

    def update(self, actor: Actor, agent_id: int, webhook_id: int, request: WebhookRequest) -> Shown:
        """Change a webhook, not its address; what the request does not give keeps its value."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = _webhook_or_404(c, agent_id, webhook_id)
            webhook = self._changed(c, agent, old, request, self._clock.now())
            webhooks.update(c, webhook)
            changes = audit.difference(old, webhook, leave_out=_NOT_TOLD)
            if request.secret is not None:
                changes["hasSecret"] = [old.sealed_secret is not None, webhook.sealed_secret is not None]
            self._note(c, actor, "webhook.update", agent, webhook, changes)
            return self._shown(actor, agent, webhook)

    def rotate(self, actor: Actor, agent_id: int, webhook_id: int) -> Shown:
        """Give a webhook another address; the one before is worth nothing from now on."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = _webhook_or_404(c, agent_id, webhook_id)
            webhook = replace(old, generation=old.generation + 1, updated=self._clock.now())
            webhooks.update(c, webhook)
            self._note(c, actor, "webhook.rotate", agent, webhook)
            return self._shown(actor, agent, webhook)

    def delete(self, actor: Actor, agent_id: int, webhook_id: int) -> None:
        """Take a webhook away; its address is worth nothing from now on."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            webhook = _webhook_or_404(c, agent_id, webhook_id)
            webhooks.delete(c, webhook_id)
            self._note(c, actor, "webhook.delete", agent, webhook)

    def _shown(self, actor: Actor, agent: Agent, webhook: Webhook) -> Shown:
        """The webhook; with its address for those alone who may start the agent themselves."""
        if actor.is_read_only or not actor.has(agent.space_id, Role.EDITOR):
            return Shown(webhook, None)
        return Shown(webhook, self._signer.sign(_PURPOSE, webhook.id, webhook.generation))

    def _note(
        self,
        c: sa.Connection,
        actor: Actor,
        action: str,
        agent: Agent,
        webhook: Webhook,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        audit.note(
            c,
            actor,
            self._clock.now(),
            action,
            kind="webhook",
            id=webhook.id,
            name=webhook.name,
            space_id=agent.space_id,
            changes={"agentId": agent.id, **(changes or {})},
        )

    def _changed(
        self, c: sa.Connection, agent: Agent, old: Webhook, request: WebhookRequest, now: datetime
    ) -> Webhook:
        """``old`` with what was asked for; InvalidInput tells everything that is wrong, Conflict of the name."""
        new = replace(
            old,
            name=request.name or old.name,
            is_enabled=old.is_enabled if request.is_enabled is None else request.is_enabled,
            expires=request.expires or old.expires,
            accepts_input=old.accepts_input if request.accepts_input is None else request.accepts_input,
            input_parameters=request.input_parameters or old.input_parameters,
            settings=request.settings(old.settings),
            updated=now,
        )
        if request.secret is not None:
            sealed = self._vault.seal(request.secret) if request.secret else None
            new = replace(new, sealed_secret=sealed)
        errors = [*errors_of(lambda: check_references(c, request)), *_errors_of_input(c, agent, old, new)]
        if request.expires is not None and request.expires <= now:
            errors.append(FieldError("expires", "must be in the future"))
        if request.secret and not _can_be_secret(request.secret):
            errors.append(FieldError("secret", _right_secret()))
        if errors:
            raise InvalidInput(*errors)
        for other in webhooks.of_agent(c, agent.id):
            if other.name == new.name and other.id != old.id:
                raise Conflict(f"the agent has a webhook named {new.name!r} already (id {other.id})")
        return new

    # --- what is delivered ---

    def deliver(self, webhook_id: int, signature: str, delivery: Delivery) -> Started:
        """Start the agent of the webhook at this address, once for all deliveries that are called the same.

        NotFound: the address is wrong, or is not valid any more. NotAllowed: the sender did not sign as it must.
        Conflict and Gone: the webhook is switched off, has expired, or its agent cannot be started.
        """
        with self._db.read() as c:  # strangers shall not get to the writers' queue
            self._at(c, webhook_id, signature)
        refused: LamplighterError | None = None
        with self._db.write() as c:
            now = self._clock.now()
            webhook = self._at(c, webhook_id, signature)
            try:
                with c.begin_nested():
                    started = self._started(c, webhook, delivery, now)
            except LamplighterError as problem:
                refused = problem
                noted = f"refused: {problem.__cause__ or problem}"
                webhooks.note_use(c, webhook.id, now, noted[:_LONGEST_RESULT])
        if refused is not None:
            raise refused
        if not started.is_repeated:
            self._on_change()
        return started

    def _at(self, c: sa.Connection, webhook_id: int, signature: str) -> Webhook:
        """The webhook at an address; NotFound, which tells and takes the same whether there is the id or not."""
        webhook = webhooks.get(c, webhook_id)
        generation = 0 if webhook is None else webhook.generation
        is_right = self._signer.is_right(signature, _PURPOSE, webhook_id, generation)
        if webhook is None or not is_right:
            raise NotFound(_NOBODY)
        return webhook

    def _started(self, c: sa.Connection, webhook: Webhook, delivery: Delivery, now: datetime) -> Started:
        self._check_sender(webhook, delivery, now)
        if delivery.key is not None:
            run_id = webhooks.claim_delivery(c, webhook.id, delivery.key, now, now - _REPEATED_WITHIN)
            if run_id is not None:
                noted = f"run {run_id} had been started by the same delivery"
                webhooks.note_use(c, webhook.id, now, noted)
                return Started(webhook.agent_id, run_id, is_repeated=True)
        run_id = _launch(c, webhook, delivery.body, now)
        if delivery.key is not None:
            webhooks.name_run(c, webhook.id, delivery.key, run_id)
        webhooks.note_use(c, webhook.id, now, f"started run {run_id}", run_id)
        return Started(webhook.agent_id, run_id, is_repeated=False)

    def _check_sender(self, webhook: Webhook, delivery: Delivery, now: datetime) -> None:
        if webhook.sealed_secret is None:
            return
        try:
            secret = self._vault.unseal(webhook.sealed_secret)
        except CannotUnseal as problem:
            raise Conflict(_UNFIT) from problem
        why = why_not_signed(secret, delivery.headers, delivery.body, now)
        if why is not None:
            raise NotAllowed(f"this delivery is not signed as it must be: {why}")


def _launch(c: sa.Connection, webhook: Webhook, body: bytes, now: datetime) -> int:
    """Start the agent of a webhook; returns the first run."""
    if not webhook.is_enabled:
        raise Conflict("this webhook is switched off")
    if webhook.expires is not None and webhook.expires <= now:
        raise Gone(f"this webhook expired on {webhook.expires:%Y-%m-%d}")
    agent = agents.get(c, webhook.agent_id)
    if agent is None or agent.is_archived:
        raise Conflict("the agent of this webhook is archived")
    text = _input(c, agent, webhook, body)
    try:
        check_references(c, webhook.settings)
        check_input(c, agent, text)
    except InvalidInput as problem:  # it names things of the installation, which are not for strangers
        raise Conflict(_UNFIT) from problem
    start = launch.Launch(
        agent_id=agent.id,
        agent_version=agent.version,
        settings=webhook.settings,
        input_parameters=text,
        started_by=f"webhook {webhook.name}",
    )
    [set_id] = launch.launch_sets(c, [start], now)
    if set_id is None:
        raise AssertionError("a start by hand always gets its place")
    return runs.of_set(c, set_id)[0].id


def _input(c: sa.Connection, agent: Agent, webhook: Webhook, body: bytes) -> str | None:
    """The input of the runs, as JSON: what was posted over what is fixed; InvalidInput for what was posted."""
    if not webhook.accepts_input or not body.strip():
        return webhook.input_parameters
    try:
        posted = inputs.read(body.decode())
    except UnicodeDecodeError:
        raise InvalidInput.of("", "the body must be JSON in UTF-8") from None
    except InvalidInput as problem:
        raise InvalidInput.of("", f"the body {problem.errors[0].message}") from None
    if not isinstance(posted, dict):
        raise InvalidInput.of("", "the body must be a JSON object: it is laid over the webhook's own input")
    fixed = inputs.read(webhook.input_parameters)
    # What strangers write refers to no secrets, whatever it looks like.
    merged = fixed | inputs.literal(posted)
    text = json.dumps(merged, ensure_ascii=False)
    if len(text) > LONGEST_INPUT:
        raise TooLarge(f"the input of a run has at most {LONGEST_INPUT:,} characters")
    _, manifest = definition(c, agent.id, agent.version)
    wrong = inputs.problems(manifest, merged)
    if wrong:
        raise InvalidInput(*(FieldError("", f"the input does not fit: {sentence}") for sentence in wrong))
    return text


def _errors_of_input(c: sa.Connection, agent: Agent, old: Webhook, new: Webhook) -> list[FieldError]:
    """What is wrong with the fixed input, if that is to be looked at: it is new, or is used anew."""
    is_same = (new.input_parameters, new.accepts_input) == (old.input_parameters, old.accepts_input)
    if old.id and is_same and (old.is_enabled or not new.is_enabled):
        return []
    if not new.accepts_input:
        return errors_of(lambda: check_input(c, agent, new.input_parameters))
    # What is posted may bring what is lacking, so that is looked at when it is.
    errors = errors_of(lambda: inputs.read(new.input_parameters))
    if not errors and not isinstance(inputs.read(new.input_parameters), dict):
        errors.append(FieldError(inputs.FIELD, "must be a JSON object when acceptsInput is true"))
    return errors


def _can_be_secret(secret: str) -> bool:
    return key_of(secret) is not None if secret.startswith(PREFIX) else len(secret) >= _SHORTEST_SECRET


def _right_secret() -> str:
    return (
        f"must be {RIGHT_SECRET} (Standard Webhooks), or any text of {_SHORTEST_SECRET} to 1000 characters"
        " (GitHub and what signs alike)"
    )


def _webhook_or_404(c: sa.Connection, agent_id: int, webhook_id: int) -> Webhook:
    webhook = webhooks.get(c, webhook_id)
    if webhook is None or webhook.agent_id != agent_id:
        raise NotFound(f"agent {agent_id} has no webhook {webhook_id}")
    return webhook
