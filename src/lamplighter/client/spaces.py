"""Spaces, their members, and starting all that is in one."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class Space(TypedDict):
    """A part of the installation with agents and members of its own."""

    id: int
    name: str
    description: str | None
    organizationId: int
    created: str
    updated: str
    isDefaultAccess: bool


class SpaceAgent(TypedDict):
    """An agent in a space; ``status`` is that of its last run."""

    id: int
    name: str
    description: str | None
    configType: str
    status: int | None
    validationStatus: str
    lastActivity: str | None


class Member(TypedDict):
    """A member of a space; ``role`` is ``viewer``, ``editor`` or ``owner``."""

    userId: int
    userName: str
    role: str
    created: str


class RunAllResult(TypedDict):
    """What became of one agent: its run, or why there is none."""

    agentId: int
    agentName: str
    success: bool
    runId: int | None
    errorMessage: str | None


class RunAll(TypedDict):
    """What became of the agents of a space that were to be started."""

    spaceId: int
    spaceName: str
    totalAgents: int
    agentsStarted: int
    agentsFailed: int
    results: list[RunAllResult]


class AsyncSpaces(AsyncRoutes):
    """The routes of spaces: ``client.spaces``."""

    async def every(self) -> list[Space]:
        """The spaces that one may see, by name."""
        return await self._ask(list[Space], "GET", "/spaces")

    async def named(self, name: str) -> Space:
        """The space with this name, in any letter case."""
        return await self._ask(Space, "GET", "/spaces/search", params={"name": name})

    async def get(self, space_id: int) -> Space:
        """One space."""
        return await self._ask(Space, "GET", f"/spaces/{space_id}")

    async def create(self, body: Mapping[str, Any]) -> Space:
        """Make a space: ``name``, ``description`` and ``isDefaultAccess``."""
        return await self._ask(Space, "POST", "/spaces", json=body)

    async def update(self, space_id: int, body: Mapping[str, Any]) -> Space:
        """Change a space; what is not given keeps its value."""
        return await self._ask(Space, "PUT", f"/spaces/{space_id}", json=body)

    async def delete(self, space_id: int) -> None:
        """Take a space away that has no agents."""
        await self._tell("DELETE", f"/spaces/{space_id}")

    async def agents(self, space_id: int) -> list[SpaceAgent]:
        """The agents of a space, by name."""
        return await self._ask(list[SpaceAgent], "GET", f"/spaces/{space_id}/agents")

    async def run_all(self, space_id: int, input_parameters: str | None = None) -> RunAll:
        """Start all agents of a space, with the same input (JSON) when one is given."""
        body = {"inputParameters": input_parameters}
        # Each start is written down for itself, which takes its time in a large space.
        return await self._ask(RunAll, "POST", f"/spaces/{space_id}/run-all", json=body, timeout=300)

    async def members(self, space_id: int) -> list[Member]:
        """The members of a space, by name."""
        return await self._ask(list[Member], "GET", f"/spaces/{space_id}/members")

    async def put_member(self, space_id: int, user_id: int, role: str) -> Member:
        """Make a user a member of a space, or change the role: ``viewer``, ``editor`` or ``owner``."""
        path = f"/spaces/{space_id}/members/{user_id}"
        return await self._ask(Member, "PUT", path, json={"role": role})

    async def remove_member(self, space_id: int, user_id: int) -> None:
        """End a membership."""
        await self._tell("DELETE", f"/spaces/{space_id}/members/{user_id}")
