"""Routes of server groups and servers."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from lamplighter import model
from lamplighter.http.api.access import Caller, Digits, Paging, Use, needs, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute
from lamplighter.service.groups import GroupRequest

router = APIRouter(tags=["server groups"], route_class=OnceRoute)
GroupId = Annotated[int, Path(alias="groupId", ge=1, le=2**31 - 1), Digits]
ServerId = Annotated[int, Path(alias="serverId", ge=1, le=2**31 - 1), Digits]


class GroupShape(Shape):
    """A named group of servers."""

    id: int
    name: str
    description: str | None
    servers: list[str] = Field(description="The names of the live servers that serve it")
    created: Time
    updated: Time

    @classmethod
    def of(cls, g: model.ServerGroup) -> "GroupShape":
        """The answer for a group."""
        return cls(
            id=g.id,
            name=g.name,
            description=g.description,
            servers=list(g.servers),
            created=g.created,
            updated=g.updated,
        )


class ServerShape(Shape):
    """A server that takes runs."""

    id: int
    name: str
    groups: list[str] = Field(description="The names of the groups it serves")
    concurrency: int
    running: int = Field(description="How many runs are on it")
    is_live: bool
    draining_since: Time | None = Field(description="Since when it takes no new runs; null: it takes some")
    labels: dict[str, str] = Field(description="What it was started with, for people")
    started: Time
    lease_until: Time = Field(description="Until when it may hold runs without being heard of")

    @classmethod
    def of(cls, s: model.ServerState) -> "ServerShape":
        """The answer for a server."""
        return cls(
            id=s.server.id,
            name=s.server.name,
            groups=list(s.groups),
            concurrency=s.server.concurrency,
            running=s.running,
            is_live=s.is_live,
            draining_since=s.server.draining_since,
            labels=dict(s.server.labels),
            started=s.server.started,
            lease_until=s.server.lease_until,
        )


class QueueShape(Shape):
    """What waits for the servers of a group, or for any server."""

    server_group_id: int | None = Field(description="Null: runs that any server may take")
    server_group: str | None
    queued: int
    oldest_queued: Time | None = Field(description="Since when the longest waits")
    running: int = Field(description="How many of its runs are on servers")
    places: int = Field(description="How many runs the live servers take at once, whichever they serve")
    live: list[str] = Field(description="The live servers that take its runs")
    draining: list[str] = Field(description="The live servers that take nothing new")
    lost: list[str] = Field(description="The servers of which nothing is heard")

    @classmethod
    def of(cls, q: model.Queue) -> "QueueShape":
        """The answer for a queue."""
        return cls(
            server_group_id=q.group_id,
            server_group=q.group,
            queued=q.queued,
            oldest_queued=q.oldest,
            running=q.running,
            places=q.places,
            live=list(q.live),
            draining=list(q.draining),
            lost=list(q.lost),
        )


@router.get("/server-groups", responses=problems(400, 401))
def list_groups(use: Use, caller: Caller, paging: Paging) -> list[GroupShape] | Page[GroupShape]:
    """The server groups, by name."""
    return paging.page([GroupShape.of(group) for group in use.groups.every(caller)])


@router.post(
    "/server-groups",
    status_code=201,
    responses=problems(400, 401, 409, 413, 415),
    openapi_extra=needs("name"),
)
def create_group(body: GroupRequest, response: Response, use: Use, caller: Caller) -> GroupShape:
    """Make a server group. Servers serve it that are started with its name."""
    group = use.groups.create(caller, body)
    response.headers["Location"] = f"/api/v1/server-groups/{group.id}"
    return GroupShape.of(group)


@router.get("/server-groups/{groupId}", responses=problems(400, 401, 404))
def read_group(group_id: GroupId, use: Use, caller: Caller) -> GroupShape:
    """One server group."""
    return GroupShape.of(use.groups.get(caller, group_id))


@router.put(
    "/server-groups/{groupId}", responses=problems(400, 401, 404, 409, 413, 415), openapi_extra=needs("name")
)
def update_group(group_id: GroupId, body: GroupRequest, use: Use, caller: Caller) -> GroupShape:
    """Replace the name and description of a server group."""
    return GroupShape.of(use.groups.update(caller, group_id, body))


@router.delete("/server-groups/{groupId}", status_code=204, responses=problems(400, 401, 404, 409))
def delete_group(group_id: GroupId, use: Use, caller: Caller) -> None:
    """Take a server group away that nothing uses."""
    use.groups.delete(caller, group_id)


@router.get("/servers", responses=problems(400, 401))
def list_servers(use: Use, caller: Caller, paging: Paging) -> list[ServerShape] | Page[ServerShape]:
    """The servers ever seen, by name."""
    return paging.page([ServerShape.of(one) for one in use.groups.servers(caller)])


@router.get("/queues", responses=problems(400, 401))
def list_queues(use: Use, caller: Caller, paging: Paging) -> list[QueueShape] | Page[QueueShape]:
    """What waits for any server, and then for each server group by name."""
    return paging.page([QueueShape.of(one) for one in use.groups.queues(caller)])


@router.post("/servers/{serverId}/drain", responses=problems(400, 401, 404))
def drain_server(server_id: ServerId, use: Use, caller: Caller) -> ServerShape:
    """Let a server finish what it has and take nothing new, also after it was started anew."""
    return ServerShape.of(use.groups.drain(caller, server_id, on=True))


@router.post("/servers/{serverId}/undrain", responses=problems(400, 401, 404))
def undrain_server(server_id: ServerId, use: Use, caller: Caller) -> ServerShape:
    """Let a server take runs again."""
    return ServerShape.of(use.groups.drain(caller, server_id, on=False))
