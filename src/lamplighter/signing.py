"""Signing with HMAC-SHA256: our own addresses, and webhooks that come in and go out. Everything here is pure.

Webhooks are signed as Standard Webhooks (version 1) says: over ``id.timestamp.body``, with a secret that is
written ``whsec_`` and then base64. What comes in may also be signed as GitHub does it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
HUB_SIGNATURE = "x-hub-signature-256"
# A signed request that is older, or newer, may be a copy that somebody sends again.
TOLERANCE = timedelta(minutes=5)
RIGHT_SECRET = f"{PREFIX} and then base64 of 24 to 64 bytes"
_MOST_SIGNATURES = 16


class Signer:
    """Signs the parts of addresses that need no other credentials, with the server's own secret.

    ``purpose`` keeps the kinds apart: what was signed for one is worth nothing for another.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, purpose: str, *numbers: int) -> str:
        """The signature of these numbers for this purpose (one word), in hexadecimal."""
        words = " ".join((purpose, *map(str, numbers)))
        return hmac.new(self._secret, words.encode(), hashlib.sha256).hexdigest()

    def is_right(self, signature: str, purpose: str, *numbers: int) -> bool:
        """Whether ``signature`` is that of the numbers; takes as long whatever is wrong with it."""
        return hmac.compare_digest(signature.encode(), self.sign(purpose, *numbers).encode())


# --- Standard Webhooks ---


def new_secret() -> str:
    """A secret of 32 bytes of chance, as it is written."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes | None:
    """The key that a written secret stands for; None when it is none (see ``RIGHT_SECRET``)."""
    if not secret.startswith(PREFIX):
        return None
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if 24 <= len(key) <= 64 else None


def signed_headers(
    keys: Sequence[bytes], message_id: str, now: datetime, body: bytes | Iterable[bytes]
) -> dict[str, str]:
    """The three headers of a webhook that goes out, with a signature by each key; an id must have no full stop."""
    seconds = int(now.timestamp())
    codes = [_code(key, message_id, str(seconds)) for key in keys]
    for chunk in (body,) if isinstance(body, bytes) else body:
        for code in codes:
            code.update(chunk)
    written = (f"v1,{base64.b64encode(code.digest()).decode()}" for code in codes)
    return {ID: message_id, TIMESTAMP: str(seconds), SIGNATURE: " ".join(written)}


def why_not_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
    """None when the request was signed with the secret, else a sentence that says what is wrong with it.

    A Standard Webhooks signature counts when there is one, else GitHub's ``X-Hub-Signature-256``. The names of
    ``headers`` are in lower case. A secret that is not written ``whsec_…`` can only sign as GitHub does.
    """
    if SIGNATURE in headers:
        key = key_of(secret)
        if key is None:
            return f"a {SIGNATURE} needs a secret that is {RIGHT_SECRET}, and this webhook has another kind"
        return _why_not_standard(key, headers, body, now)
    given = headers.get(HUB_SIGNATURE)
    if given is None:
        return f"it is not signed: {ID}, {TIMESTAMP} and {SIGNATURE} are needed, or X-Hub-Signature-256"
    right = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    if hmac.compare_digest(given.strip().lower().encode(), right.encode()):
        return None
    return "X-Hub-Signature-256 is not that of this body and the webhook's secret"


def _why_not_standard(key: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
    message_id, seconds = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not message_id or not seconds:
        return f"{ID} and {TIMESTAMP} are needed beside {SIGNATURE}"
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return f"{TIMESTAMP} must be a number of seconds since 1970"
    code = _code(key, message_id, seconds)
    code.update(body)
    right = f"v1,{base64.b64encode(code.digest()).decode()}".encode()
    given = headers[SIGNATURE].split()[:_MOST_SIGNATURES]
    # No `any`: each comparison takes place, whatever the others say.
    if not sum(hmac.compare_digest(one.encode(), right) for one in given):
        return f"no {SIGNATURE} is that of this body and the webhook's secret"
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        return f"{TIMESTAMP} is more than 5 minutes away from the server's time"
    return None


def _code(key: bytes, message_id: str, seconds: str) -> hmac.HMAC:
    return hmac.new(key, f"{message_id}.{seconds}.".encode(), hashlib.sha256)
