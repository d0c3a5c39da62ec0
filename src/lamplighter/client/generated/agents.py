"""Made from client/agents.py by `make client`. Do not edit."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from lamplighter.client.agents import Agent, Version, _bundle
from lamplighter.client.generated.sending import Routes


class AgentRoutes(Routes):
    """The routes of agents, which are methods of the client itself."""

    def agents(self, **filters: Any) -> list[Agent]:
        """All agents; ``name`` and the other filters of the API narrow them."""
        return self._ask(list[Agent], "GET", "/agent/all", params=filters)

    def search_agents(self, query: str, max_records: int = 50) -> list[Agent]:
        """Agents whose name or description contains ``query``."""
        asked = {"query": query, "maxRecords": max_records}
        return self._ask(list[Agent], "GET", "/agent/search", params=asked)

    def agent(self, agent_id: int) -> Agent:
        """One agent."""
        return self._ask(Agent, "GET", f"/agent/{agent_id}")

    def create_agent(self, bundle: IO[bytes], fields: Mapping[str, str]) -> Agent:
        """Create an agent from a zip or tar.gz file."""
        return self._ask(Agent, "POST", "/agent", data=fields, files=_bundle(bundle))

    def save_agent(self, agent_id: int, bundle: IO[bytes] | None, fields: Mapping[str, str]) -> Agent:
        """Save the next version of an agent from a zip or tar.gz file; without one it has the files it had."""
        if bundle is None:
            return self._ask(Agent, "PUT", f"/agent/{agent_id}", json=fields)
        return self._ask(Agent, "PUT", f"/agent/{agent_id}", data=fields, files=_bundle(bundle))

    def delete_agent(self, agent_id: int) -> None:
        """Take an agent and its schedules away."""
        self._tell("DELETE", f"/agent/{agent_id}")

    def archive_agent(self, agent_id: int, *, archived: bool = True) -> None:
        """Put an agent away, or take it back."""
        self._tell("POST", f"/agent/{agent_id}/{'archive' if archived else 'unarchive'}")

    def versions(self, agent_id: int) -> list[Version]:
        """The versions of an agent, newest first."""
        return self._ask(list[Version], "GET", f"/agent/{agent_id}/versions")

    def bundle(self, agent_id: int, version: int) -> Iterator[bytes]:
        """The files of a version as a zip, piece by piece."""
        with self._sender.stream(f"/api/v1/agent/{agent_id}/version/{version}/bundle") as answer:
            yield from answer.iter_bytes()

    def restore_version(self, agent_id: int, version: int, comment: str | None = None) -> Agent:
        """Save the content of an old version as a new one."""
        path = f"/agent/{agent_id}/version/{version}/restore"
        return self._ask(Agent, "POST", path, json={"content": comment})
