"""Use cases of identity: the first administrator, and who is asking."""

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import NotAuthenticated
from lamplighter.model import Actor, ApiKey, Role
from lamplighter.service.keys import hash_of, insert_key, new_key
from lamplighter.store import keys, spaces, users
from lamplighter.store.database import Database

# The last use is noted to the minute: a busy key must not cost a write with every request.
_NOTE_USE_EVERY = timedelta(minutes=1)


class Identity:
    """Turns credentials into the actor that every use case takes."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def set_up(self, bootstrap_key: str | None, keep: Callable[[str], None]) -> str | None:
        """Create the administrator on the first start; ``keep`` gets a key that was made, before it counts.

        Returns the key that was made for it; None when ``bootstrap_key`` is that key or this is not the first
        start.
        """
        with self._db.write() as c:
            if users.any_yet(c):
                return None
            now = self._clock.now()
            user_id = users.set_up(c, "admin", "Default", now)
            key = bootstrap_key or new_key()
            insert_key(c, user_id, key, now, description="administrator")
            if not bootstrap_key:
                keep(key)  # a key that nobody could read afterwards would lock everybody out
        return None if bootstrap_key else key

    def authenticate(self, authorization: str | None) -> Actor:
        """The user behind an ``Authorization`` header; NotAuthenticated says what is wrong with it."""
        if not authorization:
            raise NotAuthenticated("credentials are missing: send the header Authorization: ApiKey sk-…")
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "apikey" or not credentials.strip():
            raise NotAuthenticated("send the header as Authorization: ApiKey sk-…")
        return self._by_key(credentials.strip())

    def _by_key(self, key: str) -> Actor:
        now = self._clock.now()
        with self._db.read() as c:
            known = keys.find(c, hash_of(key))
            if known is None:
                raise NotAuthenticated("this API key is not known")
            if known.revoked is not None:
                raise NotAuthenticated("this API key has been revoked")
            if known.expires <= now:
                raise NotAuthenticated(f"this API key expired on {known.expires:%Y-%m-%d}")
            actor = actor_of(c, known.user_id, known)
        if known.last_used is None or now - known.last_used >= _NOTE_USE_EVERY:
            with self._db.write() as c:
                keys.used(c, known.id, now)
        return actor


def actor_of(c: sa.Connection, user_id: int, key: ApiKey | None = None) -> Actor:
    """The user as an actor, within what the key allows; NotAuthenticated when it is switched off or gone."""
    user = users.get(c, user_id)
    if user is None or not user.is_active:
        raise NotAuthenticated("the user of these credentials is switched off")
    roles = spaces.roles(c, user_id)
    only = None if key is None else key.space_id
    if only is not None:
        role = Role.OWNER if user.is_admin else roles.get(only)
        roles = {} if role is None else {only: role}
    return Actor(
        user_id=user.id,
        name=user.name,
        is_admin=user.is_admin and only is None,
        roles=roles,
        is_read_only=key is not None and key.is_read_only,
        api_key_id=None if key is None else key.id,
        only_space=only,
    )
