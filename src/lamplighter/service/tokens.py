"""Our own tokens (RFC 7519): made for a user who signed in or showed an API key, and read again.

A token names its user and, when it was got for an API key, the key: what it may do is looked up anew with every
request, so revoking a key or switching a user off ends its tokens at once. Only this server reads them, so one
secret signs them (HS256).
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from lamplighter.errors import NotAuthenticated

ISSUER = "lamplighter"
GOOD_FOR = timedelta(hours=1)
_ALGORITHMS = ["HS256"]


@dataclass(frozen=True, slots=True)
class OwnToken:
    """What a token of ours says."""

    user_id: int
    api_key_id: int | None
    issued: datetime


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """A token that was just made, and for how many seconds it is good."""

    text: str
    seconds: int


class TokenSigner:
    """Makes and reads tokens with a key that is derived from the server's ``secret``."""

    def __init__(self, secret: bytes) -> None:
        # Of its own: what signs download addresses must not sign tokens.
        self._key = OctKey.import_key(hmac.digest(secret, b"lamplighter tokens", "sha256"))

    def make(self, user_id: int, api_key_id: int | None, now: datetime, expires: datetime) -> GrantedToken:
        """A token that is good until ``expires``."""
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": str(user_id),
            # With its milliseconds: a token of the second in which somebody signs out must end, too.
            "iat": now.timestamp(),
            "exp": int(expires.timestamp()),
        }
        if api_key_id is not None:
            claims["key"] = api_key_id
        text = jwt.encode({"alg": "HS256"}, claims, self._key, _ALGORITHMS)
        return GrantedToken(text, claims["exp"] - int(now.timestamp()))

    def read(self, token: str, now: datetime) -> OwnToken:
        """What a token says; NotAuthenticated when it is not ours, was changed or has expired."""
        try:
            claims = jwt.decode(token, self._key, _ALGORITHMS).claims
            check_claims(claims, ISSUER, ISSUER, now)
            key = claims.get("key")
            issued = datetime.fromtimestamp(float(claims["iat"]), UTC)
            return OwnToken(int(claims["sub"]), None if key is None else int(key), issued)
        except ExpiredTokenError as problem:
            raise NotAuthenticated("this token has expired: get a new one") from problem
        except (JoseError, ValueError, TypeError, KeyError, OverflowError) as problem:
            raise NotAuthenticated("this token is not valid here") from problem


def check_claims(claims: dict[str, Any], issuer: str, audience: str, now: datetime) -> None:
    """Raise JoseError unless the claims are of this issuer, for this audience, and good now.

    A clock that goes up to five seconds before ours is forgiven, an end that has come is not.
    """
    moment = int(now.timestamp())
    begun: dict[str, Any] = {name: claims[name] for name in ("nbf", "iat") if name in claims}
    jwt.JWTClaimsRegistry(moment, leeway=5).validate(begun)
    jwt.JWTClaimsRegistry(
        moment,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
    ).validate({name: value for name, value in claims.items() if name not in begun})
