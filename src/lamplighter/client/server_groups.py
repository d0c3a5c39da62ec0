"""Server groups and servers."""

from typing import TypedDict

from lamplighter.client.sending import AsyncRoutes


class ServerGroup(TypedDict):
    """A named group of servers; ``servers`` are the names of those that live."""

    id: int
    name: str
    description: str | None
    servers: list[str]
    created: str
    updated: str


class Server(TypedDict):
    """A server; ``running`` is the number of runs on it."""

    id: int
    name: str
    groups: list[str]
    concurrency: int
    running: int
    isLive: bool
    drainingSince: str | None
    labels: dict[str, str]
    started: str
    leaseUntil: str


class Queue(TypedDict):
    """What waits for the servers of a group (null: for any server), and who takes it."""

    serverGroupId: int | None
    serverGroup: str | None
    queued: int
    oldestQueued: str | None
    running: int
    places: int
    live: list[str]
    draining: list[str]
    lost: list[str]


class AsyncServerGroups(AsyncRoutes):
    """The routes of server groups: ``client.server_groups``."""

    async def every(self) -> list[ServerGroup]:
        """All groups by name."""
        return await self._ask(list[ServerGroup], "GET", "/server-groups")

    async def get(self, group_id: int) -> ServerGroup:
        """One group."""
        return await self._ask(ServerGroup, "GET", f"/server-groups/{group_id}")

    async def create(self, name: str, description: str | None = None) -> ServerGroup:
        """Make a group."""
        body = {"name": name, "description": description}
        return await self._ask(ServerGroup, "POST", "/server-groups", json=body)

    async def update(self, group_id: int, name: str, description: str | None) -> ServerGroup:
        """Replace the name and description of a group."""
        body = {"name": name, "description": description}
        return await self._ask(ServerGroup, "PUT", f"/server-groups/{group_id}", json=body)

    async def delete(self, group_id: int) -> None:
        """Take a group away that nothing uses."""
        await self._tell("DELETE", f"/server-groups/{group_id}")

    async def servers(self) -> list[Server]:
        """The servers ever seen, by name."""
        return await self._ask(list[Server], "GET", "/servers")

    async def queues(self) -> list[Queue]:
        """What waits for any server, and then for each group by name."""
        return await self._ask(list[Queue], "GET", "/queues")

    async def drain(self, server_id: int) -> Server:
        """Let a server finish what it has and take nothing new."""
        return await self._ask(Server, "POST", f"/servers/{server_id}/drain")

    async def undrain(self, server_id: int) -> Server:
        """Let a server take runs again."""
        return await self._ask(Server, "POST", f"/servers/{server_id}/undrain")
