"""Made from client/retention.py by `make client`. Do not edit."""

from collections.abc import Mapping

from lamplighter.client.generated.sending import Routes
from lamplighter.client.retention import AgentRetention, SpaceRetention


class Retention(Routes):
    """The routes of retention: ``client.retention``."""

    def of_space(self) -> SpaceRetention:
        """The limits of the first space."""
        return self._ask(SpaceRetention, "GET", "/retention")

    def set_of_space(self, limits: Mapping[str, int | None]) -> SpaceRetention:
        """Replace all limits of the first space."""
        return self._ask(SpaceRetention, "PUT", "/retention", json=dict(limits))

    def of_agent(self, agent_id: int) -> AgentRetention:
        """The limits of an agent."""
        return self._ask(AgentRetention, "GET", f"/agent/{agent_id}/retention")

    def set_of_agent(self, agent_id: int, limits: Mapping[str, int | None]) -> AgentRetention:
        """Replace all limits of an agent."""
        return self._ask(AgentRetention, "PUT", f"/agent/{agent_id}/retention", json=dict(limits))

    def clear_of_agent(self, agent_id: int) -> None:
        """Take the limits of an agent away."""
        self._tell("DELETE", f"/agent/{agent_id}/retention")
