"""Routes of retention."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import Field

from lamplighter import model
from lamplighter.http.api.access import AgentId, Caller, SpaceQuery, Use, problems
from lamplighter.http.api.shapes import Shape
from lamplighter.service.retention import RetentionRequest

router = APIRouter(tags=["retention"])


class LimitsShape(Shape):
    """How long things are kept; null is for ever."""

    runs_days: int | None = Field(description="Whole runs, this many days after their end")
    runs_count: int | None = Field(description="Whole runs of an agent, so many of the newest")
    logs_days: int | None = Field(description="Logs, snapshots of pages and evidence of failures")
    logs_count: int | None
    files_days: int | None = Field(description="Records, exports and files that the agent kept")
    files_count: int | None


class SpaceRetentionShape(LimitsShape):
    """How long things are kept in a space."""

    space_id: int

    @classmethod
    def of(cls, space_id: int, limits: model.Limits) -> "SpaceRetentionShape":
        """The answer for a space."""
        return cls(space_id=space_id, **asdict(limits))


class AgentRetentionShape(LimitsShape):
    """How long things of an agent are kept: its own limits, and those that hold for it."""

    agent_id: int
    effective: LimitsShape = Field(description="Its own limits and, where it has none, those of its space")

    @classmethod
    def of(cls, agent_id: int, own: model.Limits, effective: model.Limits) -> "AgentRetentionShape":
        """The answer for an agent."""
        return cls(agent_id=agent_id, effective=LimitsShape(**asdict(effective)), **asdict(own))


@router.get("/retention", responses=problems(400, 401, 404))
def read_retention(use: Use, caller: Caller, space_id: SpaceQuery = None) -> SpaceRetentionShape:
    """How long things are kept in a space."""
    return SpaceRetentionShape.of(*use.retention.of_space(caller, space_id))


@router.put("/retention", responses=problems(400, 401, 404, 413, 415))
def update_retention(
    body: RetentionRequest, use: Use, caller: Caller, space_id: SpaceQuery = None
) -> SpaceRetentionShape:
    """Replace all limits of a space: what is not sent, or null, is kept for ever."""
    return SpaceRetentionShape.of(*use.retention.set_of_space(caller, space_id, body))


@router.get("/agent/{agentId}/retention", responses=problems(400, 401, 404))
def read_agent_retention(agent_id: AgentId, use: Use, caller: Caller) -> AgentRetentionShape:
    """How long things of an agent are kept."""
    return AgentRetentionShape.of(agent_id, *use.retention.of_agent(caller, agent_id))


@router.put("/agent/{agentId}/retention", responses=problems(400, 401, 404, 413, 415))
def update_agent_retention(
    agent_id: AgentId, body: RetentionRequest, use: Use, caller: Caller
) -> AgentRetentionShape:
    """Replace all limits of an agent: where it has none, those of its space hold."""
    return AgentRetentionShape.of(agent_id, *use.retention.set_of_agent(caller, agent_id, body))


@router.delete("/agent/{agentId}/retention", status_code=204, responses=problems(400, 401, 404))
def delete_agent_retention(agent_id: AgentId, use: Use, caller: Caller) -> None:
    """Take the limits of an agent away: those of its space hold."""
    use.retention.clear_of_agent(caller, agent_id)
