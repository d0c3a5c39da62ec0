"""Operations of the OpenAPI document, carried out by their ids on a running server."""

from typing import Any

import httpx

from running_server import RunningServer


class Journey:
    """Carries out operations one after the other; ids that were said once hold for those that follow."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        document = httpx.get(f"{server.url}/openapi.json").json()
        self.operations = {
            operation["operationId"]: (method, path)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }
        self._ids: dict[str, Any] = {"version": 1, "secretName": "SHOP_PASSWORD"}

    def ask(self, operation: str, body: Any = None, query: str = "", **ids: Any) -> httpx.Response:
        """The answer to one operation, which must succeed."""
        self._ids |= ids
        method, path = self.operations[operation]
        address = f"{self.server.url}{path.format(**self._ids)}{query}"
        answer = self.server.http.request(method, address, json=body)
        assert answer.is_success or answer.status_code == 302, (
            f"{operation}: {answer.status_code} {answer.text}"
        )
        return answer
