"""Use cases of identity: the first administrator, API keys, who is asking."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import InvalidInput, NotAllowed, NotAuthenticated, NotFound
from lamplighter.model import Actor, ApiKey
from lamplighter.service.requests import KeyRequest
from lamplighter.store import keys
from lamplighter.store.database import Database

_GOOD_FOR = timedelta(days=365)
# The last use is noted to the minute: a busy key must not cost a write with every request.
_NOTE_USE_EVERY = timedelta(minutes=1)


class Keys:
    """API keys: made here, shown once, kept only as a hash."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def set_up(self, bootstrap_key: str | None, keep: Callable[[str], None]) -> str | None:
        """Create the administrator on the first start; ``keep`` gets a key that was made, before it counts.

        Returns the key that was made for it; None when ``bootstrap_key`` is that key or this is not the first
        start.
        """
        with self._db.write() as c:
            if keys.has_users(c):
                return None
            now = self._clock.now()
            user_id = keys.set_up(c, "admin", "Default", now)
            key = bootstrap_key or _new_key()
            self._insert(c, user_id, key, KeyRequest(description="administrator"))
            if not bootstrap_key:
                keep(key)  # a key that nobody could read afterwards would lock everybody out
        return None if bootstrap_key else key

    def authenticate(self, authorization: str | None) -> Actor:
        """The user behind an ``Authorization`` header; NotAuthenticated says what is wrong with it."""
        if not authorization:
            raise NotAuthenticated("credentials are missing: send the header Authorization: ApiKey sk-…")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "apikey" or not key.strip():
            raise NotAuthenticated("send the header as Authorization: ApiKey sk-…")
        with self._db.read() as c:
            found = keys.find(c, _hash(key.strip()))
        if found is None:
            raise NotAuthenticated("this API key is not known")
        known, actor = found
        now = self._clock.now()
        if known.revoked is not None:
            raise NotAuthenticated("this API key has been revoked")
        if known.expires <= now:
            raise NotAuthenticated(f"this API key expired on {known.expires:%Y-%m-%d}")
        if known.last_used is None or now - known.last_used >= _NOTE_USE_EVERY:
            with self._db.write() as c:
                keys.used(c, known.id, now)
        return actor

    def every(self, actor: Actor) -> list[ApiKey]:
        """All keys, oldest first; only for administrators."""
        _require_admin(actor)
        with self._db.read() as c:
            return keys.every(c)

    def get(self, actor: Actor, key_id: int) -> ApiKey:
        """One key; NotFound."""
        for known in self.every(actor):
            if known.id == key_id:
                return known
        raise NotFound(f"there is no API key {key_id}")

    def create(self, actor: Actor, request: KeyRequest) -> tuple[ApiKey, str]:
        """Make a key for the caller; the second value is the key itself and cannot be had again."""
        _require_admin(actor)
        if request.expires is not None and request.expires <= self._clock.now():
            raise InvalidInput.of("expires", "must be in the future")
        key = _new_key()
        with self._db.write() as c:
            key_id = self._insert(c, actor.user_id, key, request)
            return next(known for known in keys.every(c) if known.id == key_id), key

    def revoke(self, actor: Actor, key_id: int) -> None:
        """End a key at once; NotFound."""
        _require_admin(actor)
        with self._db.write() as c:
            if not keys.revoke(c, key_id, self._clock.now()):
                raise NotFound(f"there is no API key {key_id}")

    def _insert(self, c: sa.Connection, user_id: int, key: str, request: KeyRequest) -> int:
        now = self._clock.now()
        return keys.insert(
            c,
            {
                "user_id": user_id,
                "description": request.description,
                "prefix": key[:7],
                "key_hash": _hash(key),
                "created": now,
                "expires": request.expires or now + _GOOD_FOR,
            },
        )


def _new_key() -> str:
    return f"sk-{secrets.token_urlsafe(32)}"


def _hash(key: str) -> str:
    # A key has 256 bits of chance in it, so a plain hash cannot be guessed back as a password's could.
    return hashlib.sha256(key.encode()).hexdigest()


def _require_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise NotAllowed("only administrators may manage API keys")
