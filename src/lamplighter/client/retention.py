"""How long runs, logs and files are kept."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast


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


class Retention:
    """The routes of retention, over the client's ``call``."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def of_space(self) -> SpaceRetention:
        """The limits of the first space."""
        return cast(SpaceRetention, self._call("GET", "/retention"))

    def set_of_space(self, limits: Mapping[str, int | None]) -> SpaceRetention:
        """Replace all limits of the first space."""
        return cast(SpaceRetention, self._call("PUT", "/retention", json=dict(limits)))

    def of_agent(self, agent_id: int) -> AgentRetention:
        """The limits of an agent."""
        return cast(AgentRetention, self._call("GET", f"/agent/{agent_id}/retention"))

    def set_of_agent(self, agent_id: int, limits: Mapping[str, int | None]) -> AgentRetention:
        """Replace all limits of an agent."""
        return cast(AgentRetention, self._call("PUT", f"/agent/{agent_id}/retention", json=dict(limits)))

    def clear_of_agent(self, agent_id: int) -> None:
        """Take the limits of an agent away."""
        self._call("DELETE", f"/agent/{agent_id}/retention")
