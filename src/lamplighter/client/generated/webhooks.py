"""Made from client/webhooks.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.webhooks import Webhook


class Webhooks(Routes):
    """The routes of webhooks: ``client.webhooks``."""

    def of_agent(self, agent_id: int) -> list[Webhook]:
        """The webhooks of an agent, oldest first."""
        return self._ask(list[Webhook], "GET", f"/agent/{agent_id}/webhooks")

    def get(self, agent_id: int, webhook_id: int) -> Webhook:
        """One webhook."""
        return self._ask(Webhook, "GET", f"/agent/{agent_id}/webhooks/{webhook_id}")

    def create(self, agent_id: int, body: Mapping[str, Any]) -> Webhook:
        """Give an agent a webhook; ``name`` must be given."""
        return self._ask(Webhook, "POST", f"/agent/{agent_id}/webhooks", json=body)

    def update(self, agent_id: int, webhook_id: int, body: Mapping[str, Any]) -> Webhook:
        """Change a webhook, not its address; what is not given keeps its value."""
        return self._ask(Webhook, "PUT", f"/agent/{agent_id}/webhooks/{webhook_id}", json=body)

    def rotate(self, agent_id: int, webhook_id: int) -> Webhook:
        """Give a webhook another address; the one before ends at once."""
        return self._ask(Webhook, "POST", f"/agent/{agent_id}/webhooks/{webhook_id}/rotate")

    def delete(self, agent_id: int, webhook_id: int) -> None:
        """Take a webhook away; its address ends at once."""
        self._tell("DELETE", f"/agent/{agent_id}/webhooks/{webhook_id}")
