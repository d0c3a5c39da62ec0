"""Made from client/retention.py by `make client`. Do not edit."""

from collections.abc import Mapping

from lamplighter.client.generated.sending import Routes
from lamplighter.client.retention import AgentRetention, SpaceRetention, _in


class Retention(Routes):
    """The routes of retention: ``client.retention``."""

    def of_space(self, space_id: int | None = None) -> SpaceRetention:
        """The limits of a space; of the first one that one may use when none is said."""
        return self._ask(SpaceRetention, "GET", "/retention", params=_in(space_id))

    def set_of_space(self, limits: Mapping[str, int | None], space_id: int | None = None) -> SpaceRetention:
        """Replace all limits of a space."""
        return self._ask(SpaceRetention, "PUT", "/retention", params=_in(space_id), json=dict(limits))

    def of_agent(self, agent_id: int) -> AgentRetention:
        """The limits of an agent."""
        return self._ask(AgentRetention, "GET", f"/agent/{agent_id}/retention")

    def set_of_agent(self, agent_id: int, limits: Mapping[str, int | None]) -> AgentRetention:
        """Replace all limits of an agent."""
        return self._ask(AgentRetention, "PUT", f"/agent/{agent_id}/retention", json=dict(limits))

    def clear_of_agent(self, agent_id: int) -> None:
        """Take the limits of an agent away."""
        self._tell("DELETE", f"/agent/{agent_id}/retention")
