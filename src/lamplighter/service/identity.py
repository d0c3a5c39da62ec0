"""Use cases of identity: the first administrator, and who is asking."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError

from lamplighter.clock import Clock
from lamplighter.errors import NotAuthenticated
from lamplighter.model import Actor, ApiKey, Role, User
from lamplighter.service import passwords
from lamplighter.service.audit import note
from lamplighter.service.keys import hash_of, insert_key, new_key
from lamplighter.service.openid import OpenIdIssuer, Stranger
from lamplighter.service.tokens import GOOD_FOR, ISSUER, GrantedToken, TokenSigner
from lamplighter.store import keys, spaces, users
from lamplighter.store.database import Database

# The last use is noted to the minute: a busy key must not cost a write with every request.
_NOTE_USE_EVERY = timedelta(minutes=1)
_RIGHT_HEADER = "send the header as Authorization: ApiKey sk-… (or Authorization: Bearer <JWT>)"


class Identity:
    """Turns credentials into the actor that every use case takes."""

    def __init__(
        self, db: Database, clock: Clock, signer: TokenSigner, issuer: OpenIdIssuer | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._issuer = issuer

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
            raise NotAuthenticated(f"credentials are missing: {_RIGHT_HEADER}")
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        if not credentials or scheme.lower() not in ("apikey", "bearer"):
            raise NotAuthenticated(_RIGHT_HEADER)
        return self._by_key(credentials) if scheme.lower() == "apikey" else self._by_token(credentials)

    def token_for_password(self, name: str, password: str) -> GrantedToken:
        """A token for a user who signs in; NotAuthenticated."""
        user = self.user_with_password(name, password)
        now = self._clock.now()
        return self._signer.make(user.id, None, now, now + GOOD_FOR)

    def user_with_password(self, name: str, password: str) -> User:
        """The user who signs in so; NotAuthenticated, without saying whether there is such a user."""
        with self._db.read() as c:
            user = users.named(c, name)
            known = None if user is None else users.password_hash(c, user.id)
        # The work is the same for a user that is not there: how long it takes must tell nothing.
        fits = passwords.fits(password, known)
        if user is None or not fits or not user.is_active:
            raise NotAuthenticated("the name or the password is wrong")
        return user

    def token_for_key(self, key: str) -> GrantedToken:
        """A token that may do what an API key may, and is good no longer than the key; NotAuthenticated."""
        known, now = self.good_key(key), self._clock.now()
        return self._signer.make(known.user_id, known.id, now, min(known.expires, now + GOOD_FOR))

    def good_key(self, key: str) -> ApiKey:
        """The key that this is; NotAuthenticated when it is none, or its user is switched off."""
        return self._known_key(key)[0]

    def _by_key(self, key: str) -> Actor:
        return self._known_key(key)[1]

    def _known_key(self, key: str) -> tuple[ApiKey, Actor]:
        now = self._clock.now()
        with self._db.read() as c:
            known = keys.find(c, hash_of(key))
            if known is None:
                raise NotAuthenticated("this API key is not known")
            check_is_good(known, now)
            actor = actor_of(c, known.user_id, known)
        self._note_use(known, now)
        return known, actor

    def _by_token(self, token: str) -> Actor:
        if self._issuer is not None and _issuer_of(token) != ISSUER:
            return self._by_foreign_token(self._issuer.read(token))
        now = self._clock.now()
        own = self._signer.read(token, now)
        with self._db.read() as c:
            since = users.tokens_since(c, own.user_id)
            if since is not None and own.issued <= since:
                raise NotAuthenticated("this token was signed out: get a new one")
            known = None if own.api_key_id is None else keys.get(c, own.api_key_id)
            if own.api_key_id is not None:
                if known is None or known.user_id != own.user_id:
                    raise NotAuthenticated("the API key of this token is not known")
                check_is_good(known, now)
            return actor_of(c, own.user_id, known)

    def _by_foreign_token(self, stranger: Stranger) -> Actor:
        """The user that the issuer knows so; at the first time it is made, without any rights."""
        with self._db.read() as c:
            user_id = users.of_subject(c, stranger.issuer, stranger.subject)
            if user_id is not None:
                return actor_of(c, user_id)
        with self._db.write() as c:
            user_id = users.of_subject(c, stranger.issuer, stranger.subject)
            if user_id is None:
                now = self._clock.now()
                user_id = users.insert(
                    c,
                    {
                        "name": _free_name(c, stranger.name),
                        "email": stranger.email,
                        "is_admin": False,
                        "created": now,
                        "issuer": stranger.issuer,
                        "subject": stranger.subject,
                    },
                )
                made = actor_of(c, user_id)
                given = {"issuer": stranger.issuer, "subject": stranger.subject}
                note(c, made, now, "user.create", kind="user", id=user_id, name=made.name, changes=given)
            return actor_of(c, user_id)

    def _note_use(self, known: ApiKey, now: datetime) -> None:
        if known.last_used is None or now - known.last_used >= _NOTE_USE_EVERY:
            with self._db.write() as c:
                keys.used(c, known.id, now)


def check_is_good(known: ApiKey, now: datetime) -> None:
    """Raise NotAuthenticated when a key was revoked or has expired."""
    if known.revoked is not None:
        raise NotAuthenticated("this API key has been revoked")
    if known.expires <= now:
        raise NotAuthenticated(f"this API key expired on {known.expires:%Y-%m-%d}")


def _issuer_of(token: str) -> str | None:
    """Who a token says has made it: not yet to be believed, only to know who is to judge it."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
        return str(claims["iss"])
    except (JoseError, ValueError, TypeError, KeyError) as problem:
        raise NotAuthenticated(
            "this is no token: send the header as Authorization: Bearer <JWT>"
        ) from problem


def _free_name(c: sa.Connection, wanted: str) -> str:
    """The name, or with a number behind it when it is taken: a name at an issuer proves nothing here."""
    names = (wanted if number == 1 else f"{wanted} {number}" for number in count(1))
    return next(name for name in names if users.named(c, name) is None)


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
