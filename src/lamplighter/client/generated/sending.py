"""Made from client/sending.py by `make client`. Do not edit."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from uuid import uuid4

import httpx

from lamplighter.client.problems import error_of, is_address, is_local, json_of
from lamplighter.client.sending import (
    _PATIENCE,
    _PAUSES,
    Answer,
    _wait_before_repeat,
)
from lamplighter.errors import InvalidInput


class Sender:
    """Sends requests to one server with one set of credentials."""

    def __init__(self, url: str, authorization: str | None, transport: httpx.BaseTransport | None) -> None:
        if not is_address(url):
            raise InvalidInput.of("url", f"must be an address such as http://127.0.0.1:8080, not {url!r}")
        self.url = url.rstrip("/")
        self._transport = transport
        self._http = self.session(url, {"Authorization": authorization} if authorization else {})

    def session(self, address: str, headers: Mapping[str, str]) -> httpx.Client:
        """Connections to ``address`` that send these headers."""
        return httpx.Client(
            headers=headers,
            timeout=_PATIENCE,
            transport=self._transport,
            # A proxy of the environment is not for a server on this machine.
            trust_env=not is_local(self.url),
            # Reading all certificates takes longer than most requests, and plain HTTP has no use for them.
            verify=not address.startswith("http:"),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, kind: type[Answer], method: str, path: str, **more: Any) -> Answer:
        """The JSON answer of one request, which is a ``kind``; ``path`` is what follows /api/v1.

        ``more`` is httpx's: ``params``, ``json``, ``data``, ``files``, ``timeout``. Raises ApiError or
        CannotConnect.
        """
        answer = self._send(self._http, method, f"/api/v1{path}", more, is_stream=False)
        return cast(Answer, json_of(answer, self.url))

    def tell(self, method: str, path: str, **more: Any) -> None:
        """One request whose answer has nothing in it; otherwise like ``ask``."""
        answer = self._send(self._http, method, f"/api/v1{path}", more, is_stream=False)
        if answer.content:
            json_of(answer, self.url)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        http: httpx.Client | None = None,
        may_repeat: bool = True,
        **more: Any,
    ) -> Iterator[httpx.Response]:
        """One GET of a path, or of a whole address, whose answer is read as it comes."""
        answer = self._send(http or self._http, "GET", path, more, is_stream=True, may_repeat=may_repeat)
        try:
            yield answer
        except httpx.TransportError as problem:
            raise error_of(problem, self.url) from problem
        finally:
            answer.close()

    def _send(
        self,
        http: httpx.Client,
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
                outcome = http.send(request, stream=is_stream)
                if outcome.status_code < 400:
                    return outcome
                outcome.read()
            except httpx.TransportError as problem:
                outcome = problem
            pause = next(pauses, None)
            wait = None if pause is None else _wait_before_repeat(request, outcome, pause)
            if wait is None:
                raise error_of(outcome, self.url)
            time.sleep(wait)


class Routes:
    """The base of all groups of routes: ``_ask`` returns an answer, ``_tell`` expects none."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._ask = sender.ask
        self._tell = sender.tell
