"""Agents and their versions."""

from collections.abc import AsyncIterator, Mapping
from typing import IO, Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class Agent(TypedDict):
    """An agent; ``status`` is that of its last run, ``contentHash`` what the files of its version hash to."""

    id: int
    name: str
    description: str | None
    startUrl: str | None
    inputParameters: dict[str, Any]
    configType: str
    spaceId: int
    status: int | None
    version: int
    created: str
    updated: str
    lastActivity: str | None
    isArchived: bool
    documentation: str | None
    contentHash: str | None


class Version(TypedDict):
    """One saved state of an agent; ``contentHash`` is what its files hash to."""

    version: int
    userName: str
    created: str
    comments: str | None
    fileSize: int
    contentHash: str | None


class AsyncAgentRoutes(AsyncRoutes):
    """The routes of agents, which are methods of the client itself."""

    async def agents(self, **filters: Any) -> list[Agent]:
        """All agents; ``name`` and the other filters of the API narrow them."""
        return await self._ask(list[Agent], "GET", "/agent/all", params=filters)

    async def search_agents(self, query: str, max_records: int = 50) -> list[Agent]:
        """Agents whose name or description contains ``query``."""
        asked = {"query": query, "maxRecords": max_records}
        return await self._ask(list[Agent], "GET", "/agent/search", params=asked)

    async def agent(self, agent_id: int) -> Agent:
        """One agent."""
        return await self._ask(Agent, "GET", f"/agent/{agent_id}")

    async def create_agent(self, bundle: IO[bytes], fields: Mapping[str, str]) -> Agent:
        """Create an agent from a zip or tar.gz file."""
        return await self._ask(Agent, "POST", "/agent", data=fields, files=_bundle(bundle))

    async def save_agent(self, agent_id: int, bundle: IO[bytes] | None, fields: Mapping[str, str]) -> Agent:
        """Save the next version of an agent from a zip or tar.gz file; without one it has the files it had."""
        if bundle is None:
            return await self._ask(Agent, "PUT", f"/agent/{agent_id}", json=fields)
        return await self._ask(Agent, "PUT", f"/agent/{agent_id}", data=fields, files=_bundle(bundle))

    async def delete_agent(self, agent_id: int) -> None:
        """Take an agent and its schedules away."""
        await self._tell("DELETE", f"/agent/{agent_id}")

    async def archive_agent(self, agent_id: int, *, archived: bool = True) -> None:
        """Put an agent away, or take it back."""
        await self._tell("POST", f"/agent/{agent_id}/{'archive' if archived else 'unarchive'}")

    async def versions(self, agent_id: int) -> list[Version]:
        """The versions of an agent, newest first."""
        return await self._ask(list[Version], "GET", f"/agent/{agent_id}/versions")

    async def bundle(self, agent_id: int, version: int) -> AsyncIterator[bytes]:
        """The files of a version as a zip, piece by piece."""
        async with self._sender.stream(f"/api/v1/agent/{agent_id}/version/{version}/bundle") as answer:
            async for block in answer.aiter_bytes():
                yield block

    async def restore_version(self, agent_id: int, version: int, comment: str | None = None) -> Agent:
        """Save the content of an old version as a new one."""
        path = f"/agent/{agent_id}/version/{version}/restore"
        return await self._ask(Agent, "POST", path, json={"content": comment})


def _bundle(file: IO[bytes]) -> dict[str, tuple[str, IO[bytes], str]]:
    return {"bundle": ("bundle", file, "application/octet-stream")}
