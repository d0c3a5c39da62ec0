"""Webhooks: addresses at which others start an agent."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class Webhook(TypedDict):
    """A webhook; ``url`` is null for those who may not start the agent themselves."""

    id: int
    agentId: int
    name: str
    url: str | None
    isEnabled: bool
    expires: str | None
    acceptsInput: bool
    hasSecret: bool
    inputParameters: str | None
    parallelism: int
    parallelMaxConcurrency: int | None
    parallelExport: str
    proxyPoolId: int | None
    serverGroupId: int | None
    logLevel: str
    logMode: str
    isExclusive: bool
    isWaitOnFailure: bool
    maxRetries: int | None
    retryDelaySeconds: int | None
    timeoutSeconds: int | None
    priority: int
    lastUsed: str | None
    lastResult: str | None
    lastRunId: int | None
    created: str
    updated: str


class AsyncWebhooks(AsyncRoutes):
    """The routes of webhooks: ``client.webhooks``."""

    async def of_agent(self, agent_id: int) -> list[Webhook]:
        """The webhooks of an agent, oldest first."""
        return await self._ask(list[Webhook], "GET", f"/agent/{agent_id}/webhooks")

    async def get(self, agent_id: int, webhook_id: int) -> Webhook:
        """One webhook."""
        return await self._ask(Webhook, "GET", f"/agent/{agent_id}/webhooks/{webhook_id}")

    async def create(self, agent_id: int, body: Mapping[str, Any]) -> Webhook:
        """Give an agent a webhook; ``name`` must be given."""
        return await self._ask(Webhook, "POST", f"/agent/{agent_id}/webhooks", json=body)

    async def update(self, agent_id: int, webhook_id: int, body: Mapping[str, Any]) -> Webhook:
        """Change a webhook, not its address; what is not given keeps its value."""
        return await self._ask(Webhook, "PUT", f"/agent/{agent_id}/webhooks/{webhook_id}", json=body)

    async def rotate(self, agent_id: int, webhook_id: int) -> Webhook:
        """Give a webhook another address; the one before ends at once."""
        return await self._ask(Webhook, "POST", f"/agent/{agent_id}/webhooks/{webhook_id}/rotate")

    async def delete(self, agent_id: int, webhook_id: int) -> None:
        """Take a webhook away; its address ends at once."""
        await self._tell("DELETE", f"/agent/{agent_id}/webhooks/{webhook_id}")
