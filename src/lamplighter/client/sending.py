"""The layer under all routes: connections, credentials, problems, and requests that are sent again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import uuid4

import httpx

from lamplighter.client.problems import error_of, is_address, is_local, json_of
from lamplighter.errors import InvalidInput

Answer = TypeVar("Answer")

_PATIENCE = httpx.Timeout(60, connect=10)
_PAUSES = (0.1, 0.3, 0.6)  # seconds before a request is sent again, each time it is
_LONGEST_PAUSE = 60  # seconds; a server that wants more of them has its refusal raised


def authorization(api_key: str | None, token: str | None) -> str | None:
    """The header for one of the two; None for neither, InvalidInput for both."""
    if api_key and token:
        raise InvalidInput.of("token", "must not be given together with an API key")
    if token:
        return f"Bearer {token}"
    return f"ApiKey {api_key}" if api_key else None


class AsyncSender:
    """Sends requests to one server with one set of credentials."""

    def __init__(
        self, url: str, authorization: str | None, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        if not is_address(url):
            raise InvalidInput.of("url", f"must be an address such as http://127.0.0.1:8080, not {url!r}")
        self.url = url.rstrip("/")
        self._transport = transport
        self._http = self.session(url, {"Authorization": authorization} if authorization else {})

    def session(self, address: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
        """Connections to ``address`` that send these headers."""
        return httpx.AsyncClient(
            headers=headers,
            timeout=_PATIENCE,
            transport=self._transport,
            # A proxy of the environment is not for a server on this machine.
            trust_env=not is_local(self.url),
            # Reading all certificates takes longer than most requests, and plain HTTP has no use for them.
            verify=not address.startswith("http:"),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, kind: type[Answer], method: str, path: str, **more: Any) -> Answer:
        """The JSON answer of one request, which is a ``kind``; ``path`` is what follows /api/v1.

        ``more`` is httpx's: ``params``, ``json``, ``data``, ``files``, ``timeout``. Raises ApiError or
        CannotConnect.
        """
        answer = await self._send(self._http, method, f"/api/v1{path}", more, is_stream=False)
        return cast(Answer, json_of(answer, self.url))

    async def tell(self, method: str, path: str, **more: Any) -> None:
        """One request whose answer has nothing in it; otherwise like ``ask``."""
        answer = await self._send(self._http, method, f"/api/v1{path}", more, is_stream=False)
        if answer.content:
            json_of(answer, self.url)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        http: httpx.AsyncClient | None = None,
        may_repeat: bool = True,
        **more: Any,
    ) -> AsyncIterator[httpx.Response]:
        """One GET of a path, or of a whole address, whose answer is read as it comes."""
        answer = await self._send(
            http or self._http, "GET", path, more, is_stream=True, may_repeat=may_repeat
        )
        try:
            yield answer
        except httpx.TransportError as problem:
            raise error_of(problem, self.url) from problem
        finally:
            await answer.aclose()

    async def _send(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        more: Mapping[str, Any],
        *,
        is_stream: bool,
        may_repeat: bool = True,
    ) -> httpx.Response:
        """The answer of one request, which is sent again where that is safe and may help."""
        address = path if path.startswith("http") else f"{self.url}{path}"
        # Built once: the server compares the body of a repeated POST with that of the first.
        request = http.build_request(method, address, **more)
        if method == "POST":
            request.headers["Idempotency-Key"] = str(uuid4())
        pauses = iter(_PAUSES if may_repeat else ())
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await http.send(request, stream=is_stream)
                if outcome.status_code < 400:
                    return outcome
                await outcome.aread()
            except httpx.TransportError as problem:
                outcome = problem
            pause = next(pauses, None)
            wait = None if pause is None else _wait_before_repeat(request, outcome, pause)
            if wait is None:
                raise error_of(outcome, self.url)
            await asyncio.sleep(wait)


class AsyncRoutes:
    """The base of all groups of routes: ``_ask`` returns an answer, ``_tell`` expects none."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender
        self._ask = sender.ask
        self._tell = sender.tell


def _wait_before_repeat(
    request: httpx.Request, outcome: httpx.Response | httpx.TransportError, pause: float
) -> float | None:
    """Seconds after which the request may be sent again; None when it must not be, or it would not help.

    Without a connection, and when the server says 429, nothing was done, whatever was asked. Otherwise the request
    may have been carried out: a GET changes nothing, and a POST has a key by which the server knows it again.
    """
    if isinstance(outcome, httpx.ConnectError):
        return pause
    if isinstance(outcome, httpx.NetworkError | httpx.RemoteProtocolError):
        return pause if request.method in ("GET", "POST") else None
    if isinstance(outcome, httpx.TransportError):
        return None
    said = outcome.headers.get("Retry-After", "")
    asked = float(said) if said.isascii() and said.isdigit() else None
    if outcome.status_code == 503 and request.method == "GET":
        asked = pause if asked is None else asked
    elif outcome.status_code != 429:
        return None
    return None if asked is None or asked > _LONGEST_PAUSE else asked
