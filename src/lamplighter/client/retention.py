"""How long runs, logs and files are kept."""

from collections.abc import Mapping
from typing import TypedDict

from lamplighter.client.sending import AsyncRoutes


class Limits(TypedDict):
    """How long things are kept, in days after a run's end and in runs; None is for ever."""

    runsDays: int | None
    runsCount: int | None
    logsDays: int | None
    logsCount: int | None
    filesDays: int | None
    filesCount: int | None


class SpaceRetention(Limits):
    """The limits of a space."""

    spaceId: int


class AgentRetention(Limits):
    """The limits of an agent; ``effective`` are those that hold, with the space's."""

    agentId: int
    effective: Limits


class AsyncRetention(AsyncRoutes):
    """The routes of retention: ``client.retention``."""

    async def of_space(self, space_id: int | None = None) -> SpaceRetention:
        """The limits of a space; of the first one that one may use when none is said."""
        return await self._ask(SpaceRetention, "GET", "/retention", params=_in(space_id))

    async def set_of_space(
        self, limits: Mapping[str, int | None], space_id: int | None = None
    ) -> SpaceRetention:
        """Replace all limits of a space."""
        return await self._ask(SpaceRetention, "PUT", "/retention", params=_in(space_id), json=dict(limits))

    async def of_agent(self, agent_id: int) -> AgentRetention:
        """The limits of an agent."""
        return await self._ask(AgentRetention, "GET", f"/agent/{agent_id}/retention")

    async def set_of_agent(self, agent_id: int, limits: Mapping[str, int | None]) -> AgentRetention:
        """Replace all limits of an agent."""
        return await self._ask(AgentRetention, "PUT", f"/agent/{agent_id}/retention", json=dict(limits))

    async def clear_of_agent(self, agent_id: int) -> None:
        """Take the limits of an agent away."""
        await self._tell("DELETE", f"/agent/{agent_id}/retention")


def _in(space_id: int | None) -> dict[str, int]:
    return {} if space_id is None else {"spaceId": space_id}
