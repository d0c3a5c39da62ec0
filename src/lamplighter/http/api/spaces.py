"""Routes of spaces and their members."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from lamplighter import model
from lamplighter.http.api.access import Caller, Paging, SpaceId, Use, UserId, needs, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute
from lamplighter.service.requests import MemberRequest, RunAllRequest, SpaceRequest
from lamplighter.service.runs import Started

router = APIRouter(tags=["spaces"], route_class=OnceRoute)


class SpaceShape(Shape):
    """A part of the installation with agents of its own."""

    id: int
    name: str
    description: str | None
    organization_id: int = 1
    created: Time
    updated: Time
    is_default_access: bool

    @classmethod
    def of(cls, s: model.Space) -> "SpaceShape":
        """The answer for a space."""
        return cls(
            id=s.id,
            name=s.name,
            description=s.description,
            created=s.created,
            updated=s.updated,
            is_default_access=s.is_default_access,
        )


class SpaceAgentShape(Shape):
    """An agent in a space."""

    id: int
    name: str
    description: str | None
    config_type: str
    status: int | None
    validation_status: str
    last_activity: Time | None

    @classmethod
    def of(cls, a: model.Agent) -> "SpaceAgentShape":
        """The answer for an agent."""
        return cls(
            id=a.id,
            name=a.name,
            description=a.description,
            config_type=a.config_type,
            status=None if a.last_status is None else a.last_status.value,
            validation_status=a.validation_status,
            last_activity=a.last_activity,
        )


class RunAllResultShape(Shape):
    """What became of one agent: its run, or why there is none."""

    agent_id: int
    agent_name: str
    success: bool
    run_id: int | None
    error_message: str | None

    @classmethod
    def of(cls, s: Started) -> "RunAllResultShape":
        """The answer for an agent."""
        return cls(
            agent_id=s.agent.id,
            agent_name=s.agent.name,
            success=s.run is not None,
            run_id=None if s.run is None else s.run.id,
            error_message=s.problem,
        )


class RunAllShape(Shape):
    """What became of the agents of a space that were to be started."""

    space_id: int
    space_name: str
    total_agents: int
    agents_started: int
    agents_failed: int
    results: list[RunAllResultShape]


class MemberShape(Shape):
    """A member of a space."""

    user_id: int
    user_name: str
    role: model.Role
    created: Time

    @classmethod
    def of(cls, m: model.Member) -> "MemberShape":
        """The answer for a member."""
        return cls(user_id=m.user_id, user_name=m.user_name, role=m.role, created=m.created)


@router.get("/spaces", responses=problems(400, 401))
def list_spaces(use: Use, caller: Caller, paging: Paging) -> list[SpaceShape] | Page[SpaceShape]:
    """The spaces that one may see, by name."""
    return paging.page([SpaceShape.of(space) for space in use.spaces.every(caller)])


@router.get("/spaces/search", responses=problems(400, 401, 404))
def search_space(use: Use, caller: Caller, name: Annotated[str, Query(min_length=1)]) -> SpaceShape:
    """The space with this name, in any letter case."""
    return SpaceShape.of(use.spaces.named(caller, name))


@router.post(
    "/spaces", status_code=201, responses=problems(400, 401, 403, 409, 413, 415), openapi_extra=needs("name")
)
def create_space(body: SpaceRequest, response: Response, use: Use, caller: Caller) -> SpaceShape:
    """Make a space. With default access, every user may look into it."""
    space = use.spaces.create(caller, body)
    response.headers["Location"] = f"/api/v1/spaces/{space.id}"
    return SpaceShape.of(space)


@router.get("/spaces/{spaceId}", responses=problems(400, 401, 404))
def read_space(space_id: SpaceId, use: Use, caller: Caller) -> SpaceShape:
    """One space."""
    return SpaceShape.of(use.spaces.get(caller, space_id))


@router.put("/spaces/{spaceId}", responses=problems(400, 401, 403, 404, 409, 413, 415))
def update_space(space_id: SpaceId, body: SpaceRequest, use: Use, caller: Caller) -> SpaceShape:
    """Change a space; what is not sent keeps its value."""
    return SpaceShape.of(use.spaces.update(caller, space_id, body))


@router.delete("/spaces/{spaceId}", status_code=204, responses=problems(400, 401, 403, 404, 409))
def delete_space(space_id: SpaceId, use: Use, caller: Caller) -> None:
    """Take a space away that has no agents, with its members and secrets."""
    use.spaces.delete(caller, space_id)


@router.get("/spaces/{spaceId}/agents", responses=problems(400, 401, 404))
def list_space_agents(
    space_id: SpaceId, use: Use, caller: Caller, paging: Paging
) -> list[SpaceAgentShape] | Page[SpaceAgentShape]:
    """The agents of a space, by name."""
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, None)
    found, total = use.spaces.agents(caller, space_id, skip=skip, limit=limit)
    shapes = [SpaceAgentShape.of(agent) for agent in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes


@router.post("/spaces/{spaceId}/run-all", responses=problems(400, 401, 403, 404, 413, 415))
def run_all(space_id: SpaceId, use: Use, caller: Caller, body: RunAllRequest | None = None) -> RunAllShape:
    """Start all agents of a space, by name; one that cannot start does not stop the others."""
    space, found = use.runs.start_all(caller, space_id, body or RunAllRequest())
    results = [RunAllResultShape.of(one) for one in found]
    started = sum(one.success for one in results)
    return RunAllShape(
        space_id=space.id,
        space_name=space.name,
        total_agents=len(results),
        agents_started=started,
        agents_failed=len(results) - started,
        results=results,
    )


@router.get("/spaces/{spaceId}/members", responses=problems(400, 401, 404))
def list_members(
    space_id: SpaceId, use: Use, caller: Caller, paging: Paging
) -> list[MemberShape] | Page[MemberShape]:
    """The members of a space, by name."""
    return paging.page([MemberShape.of(one) for one in use.spaces.members(caller, space_id)])


@router.put("/spaces/{spaceId}/members/{userId}", responses=problems(400, 401, 403, 404, 413, 415))
def set_member(
    space_id: SpaceId, user_id: UserId, body: MemberRequest, use: Use, caller: Caller
) -> MemberShape:
    """Make a user a member of a space, or change the role: viewer, editor or owner."""
    return MemberShape.of(use.spaces.put_member(caller, space_id, user_id, body))


@router.delete("/spaces/{spaceId}/members/{userId}", status_code=204, responses=problems(400, 401, 403, 404))
def remove_member(space_id: SpaceId, user_id: UserId, use: Use, caller: Caller) -> None:
    """End a membership."""
    use.spaces.remove_member(caller, space_id, user_id)
