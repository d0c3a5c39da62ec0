"""The whole client: all groups of routes over one sender."""

from types import TracebackType
from typing import Self

import httpx

from lamplighter.client.agents import AsyncAgentRoutes
from lamplighter.client.analytics import AsyncAnalytics
from lamplighter.client.api_keys import AsyncApiKeys
from lamplighter.client.audit_log import AsyncAuditLog
from lamplighter.client.billing import AsyncBilling
from lamplighter.client.health import AsyncHealthRoutes
from lamplighter.client.notifications import AsyncNotifications
from lamplighter.client.proxy_pools import AsyncProxyPools
from lamplighter.client.retention import AsyncRetention
from lamplighter.client.runs import AsyncRunRoutes
from lamplighter.client.schedules import AsyncScheduleRoutes
from lamplighter.client.secrets import AsyncSecrets
from lamplighter.client.sending import AsyncSender, authorization
from lamplighter.client.server_groups import AsyncServerGroups
from lamplighter.client.spaces import AsyncSpaces
from lamplighter.client.users import AsyncUsers
from lamplighter.client.webhooks import AsyncWebhooks


class AsyncClient(AsyncHealthRoutes, AsyncAgentRoutes, AsyncScheduleRoutes, AsyncRunRoutes):
    """Requests to one server with one API key or token. Close it after use, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``url`` is the server's address, such as http://127.0.0.1:8080; InvalidInput when it is none.

        ``api_key`` is a key of the server (``sk-…``), ``token`` a bearer token; give one of them. ``transport``
        is httpx's, in the place of the network.
        """
        sender = AsyncSender(url, authorization(api_key, token), transport)
        super().__init__(sender)
        self.url = sender.url
        self.analytics = AsyncAnalytics(sender)
        self.api_keys = AsyncApiKeys(sender)
        self.audit_log = AsyncAuditLog(sender)
        self.billing = AsyncBilling(sender)
        self.notifications = AsyncNotifications(sender)
        self.proxy_pools = AsyncProxyPools(sender)
        self.retention = AsyncRetention(sender)
        self.secrets = AsyncSecrets(sender)
        self.server_groups = AsyncServerGroups(sender)
        self.spaces = AsyncSpaces(sender)
        self.users = AsyncUsers(sender)
        self.webhooks = AsyncWebhooks(sender)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sender.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
