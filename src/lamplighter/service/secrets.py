"""Use cases of secrets: set, list, remove; and what is to be hidden in the log of a run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
import structlog
from pydantic import ConfigDict, Field, StrictStr, ValidationError

from lamplighter.clock import Clock
from lamplighter.errors import Conflict, FieldError, InvalidInput, NotFound
from lamplighter.manifest import Manifest, inputs, references
from lamplighter.masking import Mask
from lamplighter.model import Actor, Agent, Role, Run
from lamplighter.service import audit
from lamplighter.service.access import space_for
from lamplighter.service.agents import definition
from lamplighter.service.proxies import credentials_of
from lamplighter.service.requests import Clean, Request
from lamplighter.store import secrets
from lamplighter.store.database import Database
from lamplighter.store.secrets import Referrer
from lamplighter.vault import Vault

log = structlog.get_logger()


class SecretRequest(Request):
    """The value of a secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    value: Annotated[StrictStr, Field(min_length=1, max_length=65_536, repr=False), Clean]


@dataclass(frozen=True, slots=True)
class SecretUse:
    """What refers to a secret: a schedule, or (``schedule_id`` None) an agent in its own agent.toml."""

    agent_id: int
    agent_name: str
    schedule_id: int | None
    schedule_name: str | None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it may be shown: everything but its value."""

    name: str
    created: datetime
    updated: datetime
    used_by: list[SecretUse]


class Secrets:
    """The secrets of the installation. A value goes in, and comes out only into the input of runs."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault

    def every(self, actor: Actor, space_id: int | None = None) -> list[Secret]:
        """The secrets of a space by name, without their values; of the first one when not said."""
        with self._db.read() as c:
            return _secrets_of(c, space_for(c, actor, space_id, Role.VIEWER))

    def put(
        self, actor: Actor, name: str, request: SecretRequest, space_id: int | None = None
    ) -> tuple[Secret, bool]:
        """Set a secret; the second value says whether it is new. Runs that begin from now on get the value."""
        if not references.can_be_name(name):
            raise InvalidInput.of("secretName", references.RIGHT_NAME)
        sealed = self._vault.seal(request.value)
        with self._db.write() as c:
            now = self._clock.now()
            space = space_for(c, actor, space_id, Role.EDITOR)
            is_new = secrets.put(c, space, name, sealed, now)
            action = "secret.create" if is_new else "secret.update"
            audit.note(c, actor, now, action, kind="secret", id=name, name=name, space_id=space)
            return next(one for one in _secrets_of(c, space) if one.name == name), is_new

    def delete(self, actor: Actor, name: str, space_id: int | None = None) -> None:
        """Forget a secret; NotFound, and Conflict while an enabled schedule refers to it."""
        with self._db.write() as c:
            space = space_for(c, actor, space_id, Role.EDITOR)
            known = secrets.names(c, space)
            if name not in known:
                raise NotFound("; ".join(inputs.unknown_secrets([name], known)))
            needed = [
                f"{one.schedule_name} of {one.agent_name} (id {one.schedule_id})"
                for one in secrets.referrers(c, space)
                if one.schedule_is_enabled and name in _names_in(one)
            ]
            if needed:
                raise Conflict(
                    f"enabled schedules refer to the secret {name}: {_some(needed)}; disable or change them first"
                )
            secrets.delete(c, space, name)
            audit.note(
                c,
                actor,
                self._clock.now(),
                "secret.delete",
                kind="secret",
                id=name,
                name=name,
                space_id=space,
            )


def check_input(c: sa.Connection, agent: Agent, text: str | None) -> None:
    """Raise InvalidInput unless ``text`` is an input that the agent takes and all secrets of a run are known.

    A secret that is missing is told at the field that refers to it: the input, or a key of agent.toml.
    """
    value = inputs.read(text)
    _, manifest = definition(c, agent.id, agent.version)
    wrong = [FieldError(inputs.FIELD, sentence) for sentence in inputs.problems(manifest, value)]
    if not wrong:
        places = {field: names for field, names in inputs.secret_places(manifest, value).items() if names}
        known = secrets.names(c, agent.space_id) if places else set()
        wrong = [
            FieldError(field, sentence)
            for field, names in places.items()
            for sentence in inputs.unknown_secrets(names, known)
        ]
    if wrong:
        raise InvalidInput(*wrong)


def mask_of(c: sa.Connection, vault: Vault, run: Run) -> Mask:
    """What is to be hidden in what a run printed: its secrets and its proxies' credentials, as they are now."""
    _, manifest = definition(c, run.agent_id, run.agent_version)
    names = inputs.secret_names_of(manifest, json.loads(run.input_json) or {})
    sealed = secrets.sealed(c, run.space_id, names) if names else {}
    return Mask([*map(vault.unseal, sealed.values()), *credentials_of(c, vault, run)])


def _secrets_of(c: sa.Connection, space: int) -> list[Secret]:
    found, used = secrets.every(c, space), secrets.referrers(c, space)
    uses: dict[str, list[SecretUse]] = {}
    for referrer in used:
        for name in _names_in(referrer):
            uses.setdefault(name, []).append(_use(referrer))
    return [Secret(one.name, one.created, one.updated, uses.get(one.name, [])) for one in found]


def _names_in(referrer: Referrer) -> set[str]:
    """The secrets that a run of a schedule would need, or those that an agent.toml itself refers to."""
    given: Any = json.loads(referrer.input_parameters or "{}")
    try:
        manifest = Manifest.model_validate(referrer.manifest)
    except ValidationError as problem:
        log.warning("a stored agent.toml cannot be read", agent=referrer.agent_id, error=str(problem))
        return inputs.secret_names([referrer.manifest, given])  # whatever may be meant
    return inputs.secret_names_of(manifest, given)


def _use(referrer: Referrer) -> SecretUse:
    return SecretUse(referrer.agent_id, referrer.agent_name, referrer.schedule_id, referrer.schedule_name)


def _some(things: Iterable[str]) -> str:
    listed = list(things)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more
