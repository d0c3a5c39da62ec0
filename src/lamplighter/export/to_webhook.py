"""Delivery to a web address: one POST whose body is the file of records."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import httpx

from lamplighter.clock import Clock
from lamplighter.export.parcel import CONTENT_TYPES, PASSING, Delivery, Limits, TryFailed
from lamplighter.manifest.destination import DestinationSection, Format
from lamplighter.signing import key_of, signed_headers

_CHUNK = 64 * 1024
_MOST_OF_ANSWER = 300


def to_webhook(section: DestinationSection, delivery: Delivery, limits: Limits, clock: Clock) -> str:
    """Send the file; returns the host that took it with a status of 2xx. Raises ``TryFailed``."""
    kind: Format = (section.formats or ["jsonl"])[0]
    file = dict(delivery.files_for(section)).get(kind)  # without records there may be none
    headers = _headers(section, delivery, kind, file, clock.now())
    deadline = time.monotonic() + limits.whole
    timeout = httpx.Timeout(limits.whole, connect=limits.connect)
    try:
        with (
            httpx.Client(timeout=timeout) as client,
            client.stream("POST", section.to, content=_chunks(file, deadline), headers=headers) as answer,
        ):
            if not answer.is_success:
                raise _refusal(answer, limits)
    except (httpx.TimeoutException, _TooSlow) as problem:
        raise TryFailed(
            f"no answer in time ({type(problem).__name__.strip('_')})", can_pass=True
        ) from problem
    except httpx.TransportError as problem:
        raise TryFailed(str(problem) or type(problem).__name__, can_pass=True) from problem
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
        raise TryFailed(str(problem)) from problem
    return section.title


def signature(secret: str, timestamp: int, body: Iterator[bytes]) -> str:
    """The HMAC-SHA256 of ``timestamp``, a full stop and the body, in hexadecimal."""
    code = hmac.new(secret.encode(), f"{timestamp}.".encode(), hashlib.sha256)
    for chunk in body:
        code.update(chunk)
    return code.hexdigest()


class _TooSlow(Exception):
    """The body could not be sent within the time of a try."""


def _headers(
    section: DestinationSection, delivery: Delivery, kind: Format, file: Path | None, now: datetime
) -> dict[str, str]:
    due = delivery.scheduled_time
    headers = {
        **section.headers,
        "Content-Type": CONTENT_TYPES[kind],
        "Content-Length": str(file.stat().st_size if file else 0),
        "User-Agent": "lamplighter",
        "Idempotency-Key": delivery.key,
        "X-Lamplighter-Delivery": delivery.key,
        "X-Lamplighter-Agent": quote(delivery.agent_name, errors="replace"),
        "X-Lamplighter-Run": str(delivery.run_id),
        "X-Lamplighter-Attempt": str(delivery.attempt),
        "X-Lamplighter-Records": str(delivery.record_count),
        "X-Lamplighter-Scheduled-Time": "" if due is None else due.isoformat().replace("+00:00", "Z"),
    }
    if section.secret is not None:
        key = key_of(section.secret)
        if key is not None:
            headers |= signed_headers([key], delivery.key, now, _chunks(file))
        seconds = int(now.timestamp())
        headers["X-Lamplighter-Signature"] = (
            f"t={seconds},v1={signature(section.secret, seconds, _chunks(file))}"
        )
    return headers


def _chunks(file: Path | None, deadline: float | None = None) -> Iterator[bytes]:
    if file is None:
        return
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            if deadline is not None and time.monotonic() > deadline:
                raise _TooSlow
            yield chunk


def _refusal(answer: httpx.Response, limits: Limits) -> TryFailed:
    said = b""
    for chunk in answer.iter_raw():
        said += chunk
        if len(said) >= _MOST_OF_ANSWER:
            break
    text = " ".join(said[:_MOST_OF_ANSWER].decode(errors="replace").split())
    message = f"it answered {answer.status_code} {answer.reason_phrase}{': ' if text else ''}{text}"
    can_pass = answer.status_code >= 500 or answer.status_code in PASSING
    asked = answer.headers.get("Retry-After", "")
    wait = min(float(asked), limits.longest_wait) if asked.isascii() and asked.isdigit() else None
    return TryFailed(message, can_pass=can_pass, wait=wait)
