"""Made from client/proxy_pools.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.proxy_pools import ProxyCheck, ProxyPool, ProxyPoolSums


class ProxyPools(Routes):
    """The routes of proxy pools: ``client.proxy_pools``."""

    def every(self) -> list[ProxyPoolSums]:
        """All pools by name."""
        return self._ask(list[ProxyPoolSums], "GET", "/proxy-pools")

    def get(self, pool_id: int) -> ProxyPool:
        """One pool with its proxies."""
        return self._ask(ProxyPool, "GET", f"/proxy-pools/{pool_id}")

    def create(self, body: Mapping[str, Any]) -> ProxyPool:
        """Make a pool: ``name``, ``proxies`` and ``rotation``."""
        return self._ask(ProxyPool, "POST", "/proxy-pools", json=body)

    def update(self, pool_id: int, body: Mapping[str, Any]) -> ProxyPool:
        """Change a pool; what is not given keeps its value, and ``proxies`` is the whole list."""
        return self._ask(ProxyPool, "PUT", f"/proxy-pools/{pool_id}", json=body)

    def delete(self, pool_id: int) -> None:
        """Delete a pool that nothing uses."""
        self._tell("DELETE", f"/proxy-pools/{pool_id}")

    def check(self, pool_id: int, url: str | None = None) -> list[ProxyCheck]:
        """Connect with each proxy of a pool, and with the site of ``url`` through it."""
        body = None if url is None else {"url": url}
        # Proxies that do not answer take their time, and a pool may have a thousand of them.
        return self._ask(list[ProxyCheck], "POST", f"/proxy-pools/{pool_id}/check", json=body, timeout=300)
