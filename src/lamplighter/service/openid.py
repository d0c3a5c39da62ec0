"""Tokens of an OpenID Connect issuer: its keys are fetched, kept for a while, and fetched anew when they change."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from lamplighter.clock import Clock
from lamplighter.errors import NotAuthenticated, Unavailable
from lamplighter.service.tokens import check_claims

log = structlog.get_logger()

# Signatures that only the issuer can make: never "none", and never a secret that is shared with us.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_KEEP_FOR = timedelta(minutes=5)
# Tokens with keys that nobody knows must not make us ask the issuer all the time.
_ASK_AT_MOST_EVERY = timedelta(seconds=5)
_PATIENCE = 10.0
_LARGEST = 1024**2


@dataclass(frozen=True, slots=True)
class Stranger:
    """A user as the issuer knows it: ``subject`` for ever, ``name`` for people."""

    issuer: str
    subject: str
    name: str
    email: str | None


class OpenIdIssuer:
    """One issuer, for one audience. Several threads may ask at once."""

    def __init__(self, issuer: str, audience: str, clock: Clock) -> None:
        self.issuer = issuer
        self._audience = audience
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched: datetime | None = None
        self._asked: datetime | None = None

    def read(self, token: str) -> Stranger:
        """Whose token it is; NotAuthenticated says what is wrong with it, Unavailable: the issuer is away."""
        try:
            claims = self._claims(token)
            check_claims(claims, self.issuer, self._audience, self._clock.now())
        except ExpiredTokenError as problem:
            raise NotAuthenticated("this token has expired: get a new one from its issuer") from problem
        except (JoseError, ValueError, TypeError, OverflowError) as problem:
            raise NotAuthenticated(f"this token is not valid here: {problem}") from problem
        email = claims.get("email")
        name = claims.get("preferred_username") or email or claims["sub"]
        return Stranger(self.issuer, str(claims["sub"]), str(name)[:200], str(email)[:320] if email else None)

    def _claims(self, token: str) -> dict[str, Any]:
        keys = self._known_keys()
        try:
            return jwt.decode(token, keys, _ALGORITHMS).claims
        except InvalidKeyIdError:  # the issuer may have changed its keys
            newer = self._fetch_unless_just_done()
            return jwt.decode(token, newer, _ALGORITHMS).claims

    def _known_keys(self) -> KeySet:
        now = self._clock.now()
        with self._lock:
            if self._keys is not None and self._fetched is not None and now - self._fetched < _KEEP_FOR:
                return self._keys
        return self._fetch_unless_just_done()

    def _fetch_unless_just_done(self) -> KeySet:
        """The issuer's keys as they are now; those that are known when it was just asked, or is away."""
        with self._lock:
            now = self._clock.now()
            if self._asked is None or now - self._asked >= _ASK_AT_MOST_EVERY:
                self._asked = now
                try:
                    self._keys, self._fetched = _fetch(self.issuer), now
                except (httpx.HTTPError, JoseError, ValueError, TypeError, KeyError) as problem:
                    log.warning("the issuer's keys cannot be had", issuer=self.issuer, error=str(problem))
            if self._keys is None:
                raise Unavailable(f"the keys of {self.issuer} cannot be had at the moment: try again")
            return self._keys


def _fetch(issuer: str) -> KeySet:
    """The keys that the issuer's configuration leads to; only those that are for signatures."""
    with httpx.Client(timeout=_PATIENCE, follow_redirects=False) as http:
        about = _json(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about["issuer"] != issuer:
            raise ValueError(f"it calls itself {about['issuer']!r}")
        found = _json(http, str(about["jwks_uri"]))
    keys = [key for key in found["keys"] if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
    return KeySet.import_key_set({"keys": keys})


def _json(http: httpx.Client, address: str) -> dict[str, Any]:
    answer = http.get(address).raise_for_status()
    if len(answer.content) > _LARGEST:
        raise ValueError(f"{address} answers with too much")
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError(f"{address} does not answer with an object")
    return found
