"""Use cases of sessions: signing in with a browser, and out of it.

A session ends 12 hours after its last use, 30 days after its beginning, when its user signs out everywhere or gets
a new password, and with the key that it was begun with. What it may do is looked up anew with every request.
"""

import hashlib
import secrets
from datetime import timedelta

from lamplighter.clock import Clock
from lamplighter.errors import NotAuthenticated
from lamplighter.model import Actor
from lamplighter.service.identity import Identity, actor_of, check_is_good
from lamplighter.store import keys, sessions, users
from lamplighter.store.database import Database

LONGEST = timedelta(days=30)
_LONGEST_UNUSED = timedelta(hours=12)
# A page that refreshes itself must not cost a write with every request.
_NOTE_USE_EVERY = timedelta(minutes=5)


class Sessions:
    """Who has signed in with a browser."""

    def __init__(self, db: Database, clock: Clock, identity: Identity) -> None:
        self._db = db
        self._clock = clock
        self._identity = identity

    def begin_with_password(self, name: str, password: str) -> str:
        """The token of a new session for the browser to keep; NotAuthenticated."""
        return self._begin(self._identity.user_with_password(name, password).id, None)

    def begin_with_key(self, key: str) -> str:
        """The token of a new session that may do what an API key may; NotAuthenticated."""
        known = self._identity.good_key(key)
        return self._begin(known.user_id, known.id)

    def _begin(self, user_id: int, api_key_id: int | None) -> str:
        token = secrets.token_urlsafe(32)
        with self._db.write() as c:
            now = self._clock.now()
            sessions.delete_over(c, now - LONGEST, now - _LONGEST_UNUSED)
            sessions.insert(c, _hash_of(token), user_id, api_key_id, now)
        return token

    def actor(self, token: str) -> Actor:
        """Whose session it is; NotAuthenticated when it is over."""
        now = self._clock.now()
        with self._db.read() as c:
            found = sessions.find(c, _hash_of(token))
            if found is None or now - found.created >= LONGEST or now - found.last_used >= _LONGEST_UNUSED:
                raise NotAuthenticated("the session is over: sign in again")
            since = users.tokens_since(c, found.user_id)
            if since is not None and found.created <= since:
                raise NotAuthenticated("signed out: sign in again")
            key = None if found.api_key_id is None else keys.get(c, found.api_key_id)
            if key is not None:
                check_is_good(key, now)
            actor = actor_of(c, found.user_id, key)
        if now - found.last_used >= _NOTE_USE_EVERY:
            with self._db.write() as c:
                sessions.used(c, found.id, now)
        return actor

    def end(self, token: str) -> None:
        """Sign out of one browser."""
        with self._db.write() as c:
            sessions.delete(c, _hash_of(token))


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()  # it has 256 bits of chance in it: see service.keys
