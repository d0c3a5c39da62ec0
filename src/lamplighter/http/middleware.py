"""What stands around the routes: limits on what is received, and what every answer carries. One class each."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from lamplighter import metrics
from lamplighter.errors import LamplighterError, TooLarge, UnsupportedMedia
from lamplighter.http.problems import path_for_log, problem_answer
from lamplighter.planner import WINDOW

log = structlog.get_logger()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_MOST_BYTES = 2 * 1024**2
_MOST_BYTES_OF_AGENT = 256 * 1024**2
_MOST_BYTES_OF_AGENT_IN_JSON = 32 * 1024**2  # as objects, JSON takes many times the memory of its text
_MOST_DRAINED = 512 * 1024**2
_MOST_BYTES_OF_ADDRESS = 8 * 1024
_MOST_BYTES_OF_HEADERS = 32 * 1024
_MOST_HEADERS = 100
_PATIENCE = 30.0  # seconds between two pieces of a body

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_A_YEAR = 365 * 24 * 3600
# Nothing of ours runs a script, is framed, or may be used by a page of another place. What agents left is not ours:
# it is sent to be saved, and if a browser shows it all the same, as a page without an origin, scripts and network.
_ON_EVERY_ANSWER = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{NOTHING}; sandbox",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """Puts the headers for browsers on every answer; what a route has set itself stays."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ON_EVERY_ANSWER.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", f"max-age={_A_YEAR}")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class Measured:
    """Counts the answers and measures how long they took to begin."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.answered(scope["method"], message["status"], time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, noted if scope["type"] == "http" else send)


class RateHeaders:
    """Every answer says how many requests a credential may send in which time; nothing when any number may be."""

    def __init__(self, app: App, limit: int) -> None:
        self._app = app
        self._headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Window-Seconds": str(int(WINDOW.total_seconds())),
        }
        if limit == 0:
            self._headers = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers)


class Defects:
    """Answers 500 when an error of ours comes through. It stands inside of what adds headers to answers.

    ``answer`` makes what is sent of the scope of the request and the error.
    """

    def __init__(self, app: App, answer: Callable[[Message, LamplighterError], App]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            log.exception("a request failed", method=scope["method"], path=path_for_log(scope["path"]))
            error = LamplighterError("something went wrong in the server; its log says what")
            await self._answer(scope, error)(scope, receive, send)


class AddressTooLong(TooLarge):
    """The address of a request is too long."""

    code = "address_too_long"
    status = 414
    title = "Address too long"


class HeadersTooLarge(TooLarge):
    """The headers of a request are too many or too long."""

    code = "headers_too_large"
    status = 431
    title = "Headers too large"


class HeadLimit:
    """Answers 414 to an address that is too long, 431 to too many or too large headers, 415 to a packed body."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        error = _head_error(scope) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
            return
        answer = problem_answer(scope["path"], error)
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


def _head_error(scope: Message) -> LamplighterError | None:
    encoding = next((value for name, value in scope["headers"] if name == b"content-encoding"), b"")
    if encoding.strip().lower() not in (b"", b"identity") and "/webhook/" not in scope["path"]:
        return UnsupportedMedia(
            f"Content-Encoding {encoding.decode('latin-1')!r} is not read: send it as it is"
        )
    if len(scope["raw_path"]) + len(scope["query_string"]) > _MOST_BYTES_OF_ADDRESS:
        return AddressTooLong(f"the address is longer than {_MOST_BYTES_OF_ADDRESS // 1024} KiB")
    headers = scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > _MOST_BYTES_OF_HEADERS:
        return HeadersTooLarge(f"the headers are larger than {_MOST_BYTES_OF_HEADERS // 1024} KiB")
    if len(headers) > _MOST_HEADERS:
        return HeadersTooLarge(f"there are more than {_MOST_HEADERS} headers")
    return None


class BodyLimit:
    """Answers 413 to a body that is too large, before it is read whole, and 408 to one that does not go on."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = _most_bytes(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            if int(declared) <= _MOST_DRAINED:
                with suppress(HTTPException):
                    await _drain(receive)
            await self._refuse(scope, receive, send, most)
            return
        seen, whole = 0, False

        async def counted() -> Message:
            nonlocal seen, whole
            # When the body is there, this waits for the client to go away, as long as it takes.
            message = await (receive() if whole else _next(receive))
            whole = not message.get("more_body")
            seen += len(message.get("body", b""))
            if seen > most:
                if not whole:
                    await _drain(receive)
                raise HTTPException(413, _too_large(most))
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Message, receive: Receive, send: Send, most: int) -> None:
        answer = problem_answer(scope["path"], TooLarge(_too_large(most)))
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


async def _next(receive: Receive) -> Message:
    try:
        return await asyncio.wait_for(receive(), _PATIENCE)
    except TimeoutError as problem:
        message = f"nothing more of the body came for {_PATIENCE:.0f} seconds"
        raise HTTPException(408, message, {"Connection": "close"}) from problem


async def _drain(receive: Receive) -> None:
    """Read what is still being sent: who is cut off while sending does not get to see the answer."""
    seen = 0
    while seen < _MOST_DRAINED:
        message = await _next(receive)
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _too_large(most: int) -> str:
    return f"the body is larger than {most // 1024**2} MiB"


def _most_bytes(scope: Message) -> int:
    if scope["path"] == "/agents/new":
        return _MOST_BYTES_OF_AGENT
    parts = scope["path"].rstrip("/").split("/")
    if parts[1:4] != ["api", "v1", "agent"] or len(parts) > 5:
        return _MOST_BYTES
    kind = dict(scope["headers"]).get(b"content-type", b"")
    is_form = kind.strip().lower().startswith(b"multipart/form-data")
    return _MOST_BYTES_OF_AGENT if is_form else _MOST_BYTES_OF_AGENT_IN_JSON
