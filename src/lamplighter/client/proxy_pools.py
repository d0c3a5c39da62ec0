"""Proxy pools."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class HostHealth(TypedDict):
    """How a proxy does with one target host; ``traffic`` is in bytes."""

    host: str
    requests: int
    failures: int
    traffic: int
    restedUntil: str | None
    lastError: str | None


class Proxy(TypedDict):
    """A proxy and how it does; ``url`` hides its credentials."""

    id: int
    url: str
    requests: int
    failures: int
    traffic: int
    lastUsed: str | None
    lastError: str | None
    restedUntil: str | None
    hosts: list[HostHealth]


class ProxyPool(TypedDict):
    """A pool with its proxies."""

    id: int
    name: str
    rotation: str
    created: str
    updated: str
    proxies: list[Proxy]


class ProxyPoolSums(TypedDict):
    """A pool in a list."""

    id: int
    name: str
    rotation: str
    created: str
    updated: str
    proxyCount: int
    restingCount: int
    requests: int
    failures: int
    traffic: int


class ProxyCheck(TypedDict):
    """Whether a proxy can be used."""

    id: int
    url: str
    ok: bool
    error: str | None


class AsyncProxyPools(AsyncRoutes):
    """The routes of proxy pools: ``client.proxy_pools``."""

    async def every(self) -> list[ProxyPoolSums]:
        """All pools by name."""
        return await self._ask(list[ProxyPoolSums], "GET", "/proxy-pools")

    async def get(self, pool_id: int) -> ProxyPool:
        """One pool with its proxies."""
        return await self._ask(ProxyPool, "GET", f"/proxy-pools/{pool_id}")

    async def create(self, body: Mapping[str, Any]) -> ProxyPool:
        """Make a pool: ``name``, ``proxies`` and ``rotation``."""
        return await self._ask(ProxyPool, "POST", "/proxy-pools", json=body)

    async def update(self, pool_id: int, body: Mapping[str, Any]) -> ProxyPool:
        """Change a pool; what is not given keeps its value, and ``proxies`` is the whole list."""
        return await self._ask(ProxyPool, "PUT", f"/proxy-pools/{pool_id}", json=body)

    async def delete(self, pool_id: int) -> None:
        """Delete a pool that nothing uses."""
        await self._tell("DELETE", f"/proxy-pools/{pool_id}")

    async def check(self, pool_id: int, url: str | None = None) -> list[ProxyCheck]:
        """Connect with each proxy of a pool, and with the site of ``url`` through it."""
        body = None if url is None else {"url": url}
        # Proxies that do not answer take their time, and a pool may have a thousand of them.
        return await self._ask(
            list[ProxyCheck], "POST", f"/proxy-pools/{pool_id}/check", json=body, timeout=300
        )
