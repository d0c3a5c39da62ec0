"""Use cases of API keys: made here, shown once, kept only as a hash."""

import hashlib
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import InvalidInput, NotAllowed, NotFound
from lamplighter.model import Actor, ApiKey, Role
from lamplighter.service.access import space_for
from lamplighter.service.audit import note
from lamplighter.service.requests import KeyRequest
from lamplighter.store import keys, users
from lamplighter.store.database import Database

_GOOD_FOR = timedelta(days=365)


class Keys:
    """API keys. Everybody manages the own ones; administrators those of all."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def every(self, actor: Actor) -> list[ApiKey]:
        """The keys of the caller, or for an administrator all, oldest first."""
        with self._db.read() as c:
            return keys.every(c, None if actor.is_admin else actor.user_id)

    def get(self, actor: Actor, key_id: int) -> ApiKey:
        """One key; NotFound, also for that of somebody else."""
        with self._db.read() as c:
            return _key_or_404(c, actor, key_id)

    def create(self, actor: Actor, request: KeyRequest) -> tuple[ApiKey, str]:
        """Make a key; the second value is the key itself and cannot be had again.

        For the caller or, by an administrator, for another user; NotAllowed for who has only a limited key.
        """
        _require_whole(actor)
        if request.expires is not None and request.expires <= self._clock.now():
            raise InvalidInput.of("expires", "must be in the future")
        if request.user_id not in (None, actor.user_id) and not actor.is_admin:
            raise NotAllowed("only administrators may make keys for others: leave userId out")
        key = new_key()
        with self._db.write() as c:
            now = self._clock.now()
            owner = users.get(c, request.user_id or actor.user_id)
            if owner is None:
                raise InvalidInput.of("userId", f"there is no user with the id {request.user_id}")
            space = None if request.space_id is None else space_for(c, actor, request.space_id, Role.VIEWER)
            key_id = insert_key(
                c,
                owner.id,
                key,
                now,
                description=request.description,
                expires=request.expires,
                is_read_only=request.is_read_only is True,
                space_id=space,
            )
            made = _key_or_404(c, actor, key_id)
            given = {"userName": made.user_name, "isReadOnly": made.is_read_only, "expires": made.expires}
            note(
                c,
                actor,
                now,
                "apiKey.create",
                kind="apiKey",
                id=key_id,
                name=made.description,
                space_id=space,
                changes=given,
            )
        return made, key

    def revoke(self, actor: Actor, key_id: int) -> None:
        """End a key at once; NotFound."""
        _require_whole(actor)
        with self._db.write() as c:
            now = self._clock.now()
            known = _key_or_404(c, actor, key_id)
            keys.revoke(c, key_id, now)
            if known.revoked is None:
                note(
                    c,
                    actor,
                    now,
                    "apiKey.revoke",
                    kind="apiKey",
                    id=key_id,
                    name=known.description,
                    space_id=known.space_id,
                    changes={"userName": known.user_name},
                )


def insert_key(
    c: sa.Connection,
    user_id: int,
    key: str,
    now: datetime,
    *,
    description: str | None,
    expires: datetime | None = None,
    is_read_only: bool = False,
    space_id: int | None = None,
) -> int:
    """Keep a key of a user; returns its id. Good for a year when nothing else is said."""
    return keys.insert(
        c,
        {
            "user_id": user_id,
            "description": description,
            "prefix": key[:7],
            "key_hash": hash_of(key),
            "created": now,
            "expires": expires or now + _GOOD_FOR,
            "is_read_only": is_read_only,
            "space_id": space_id,
        },
    )


def new_key() -> str:
    """A key that nobody has."""
    return f"sk-{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """How a key is kept."""
    # A key has 256 bits of chance in it, so a plain hash cannot be guessed back as a password's could.
    return hashlib.sha256(key.encode()).hexdigest()


def _key_or_404(c: sa.Connection, actor: Actor, key_id: int) -> ApiKey:
    known = keys.get(c, key_id)
    if known is None or not (actor.is_admin or known.user_id == actor.user_id):
        raise NotFound(f"there is no API key {key_id}")
    return known


def _require_whole(actor: Actor) -> None:
    """A key that may do less than its user must not make or end keys that may do more."""
    if actor.is_read_only or actor.only_space is not None:
        limit = "may only read" if actor.is_read_only else f"is limited to space {actor.only_space}"
        raise NotAllowed(f"this key {limit}, so it cannot manage keys: use one without limits")
