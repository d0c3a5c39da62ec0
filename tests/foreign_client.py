"""A client as others write it: JSON headers on every request, redirects followed, JSON told by its type."""

from types import TracebackType
from typing import Any, Self

import httpx

from running_server import KEY, RunningServer


class ForeignClient:
    """Sends what a client sends that knows only the public contract, the address and the key."""

    def __init__(self, server: RunningServer) -> None:
        self._http = httpx.Client(
            base_url=server.url,
            headers={
                "Authorization": f"ApiKey {KEY}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            timeout=60,
            follow_redirects=True,
        )

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request; the type of the body is announced even when there is none."""
        answer = self._http.request(method, f"/api/v1{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str) -> Any:
        """What a GET answers."""
        return self._json(self.send("GET", path))

    def post(self, path: str, body: Any = None) -> Any:
        """What a POST answers; None when it answers nothing."""
        return self._json(self.send("POST", path, body))

    @staticmethod
    def _json(answer: httpx.Response) -> Any:
        # As many clients do: what calls itself JSON is read as JSON, even of an empty answer.
        if "application/json" in answer.headers.get("content-type", ""):
            return answer.json()
        return answer.text or None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
