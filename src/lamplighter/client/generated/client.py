"""Made from client/client.py by `make client`. Do not edit."""

from types import TracebackType
from typing import Self

import httpx

from lamplighter.client.generated.agents import AgentRoutes
from lamplighter.client.generated.analytics import Analytics
from lamplighter.client.generated.api_keys import ApiKeys
from lamplighter.client.generated.audit_log import AuditLog
from lamplighter.client.generated.billing import Billing
from lamplighter.client.generated.health import HealthRoutes
from lamplighter.client.generated.notifications import Notifications
from lamplighter.client.generated.proxy_pools import ProxyPools
from lamplighter.client.generated.retention import Retention
from lamplighter.client.generated.runs import RunRoutes
from lamplighter.client.generated.schedules import ScheduleRoutes
from lamplighter.client.generated.secrets import Secrets
from lamplighter.client.generated.sending import Sender
from lamplighter.client.generated.server_groups import ServerGroups
from lamplighter.client.generated.spaces import Spaces
from lamplighter.client.generated.users import Users
from lamplighter.client.generated.webhooks import Webhooks
from lamplighter.client.sending import authorization


class Client(HealthRoutes, AgentRoutes, ScheduleRoutes, RunRoutes):
    """Requests to one server with one API key or token. Close it after use, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``url`` is the server's address, such as http://127.0.0.1:8080; InvalidInput when it is none.

        ``api_key`` is a key of the server (``sk-…``), ``token`` a bearer token; give one of them. ``transport``
        is httpx's, in the place of the network.
        """
        sender = Sender(url, authorization(api_key, token), transport)
        super().__init__(sender)
        self.url = sender.url
        self.analytics = Analytics(sender)
        self.api_keys = ApiKeys(sender)
        self.audit_log = AuditLog(sender)
        self.billing = Billing(sender)
        self.notifications = Notifications(sender)
        self.proxy_pools = ProxyPools(sender)
        self.retention = Retention(sender)
        self.secrets = Secrets(sender)
        self.server_groups = ServerGroups(sender)
        self.spaces = Spaces(sender)
        self.users = Users(sender)
        self.webhooks = Webhooks(sender)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
