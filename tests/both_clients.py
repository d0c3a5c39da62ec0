"""One test for both clients: it is written for the asynchronous one, whose clothes the other wears."""

from collections.abc import AsyncIterator, Callable
from inspect import isgeneratorfunction
from typing import Any, Protocol, cast

import httpx

from lamplighter.client import AsyncClient, Client
from lamplighter.client.generated.sending import Routes


class Connect(Protocol):
    """Makes a client of either kind."""

    def __call__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        token: str | None = None,
        transport: httpx.MockTransport | None = None,
    ) -> AsyncClient: ...


def in_asynchronous_clothes(url: str, api_key: str | None = None, **more: Any) -> AsyncClient:
    """A client that waits, to be awaited."""
    return cast(AsyncClient, _Clothed(Client(url, api_key, **more)))


class _Clothed:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if isinstance(found, Routes):
            return _Clothed(found)
        if callable(found):
            return _items(found) if isgeneratorfunction(found) else _answer(found)
        return found

    async def __aenter__(self) -> "_Clothed":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._inner.close()


def _answer(method: Callable[..., Any]) -> Callable[..., Any]:
    async def answer(*given: Any, **named: Any) -> Any:
        return method(*given, **named)

    return answer


def _items(method: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
    async def items(*given: Any, **named: Any) -> AsyncIterator[Any]:
        for item in method(*given, **named):
            yield item

    return items
