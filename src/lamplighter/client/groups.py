"""Server groups and servers."""

from collections.abc import Callable
from typing import Any, TypedDict, cast


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
    started: str
    leaseUntil: str


class ServerGroups:
    """The routes of server groups, over the client's ``call``."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def every(self) -> list[ServerGroup]:
        """All groups by name."""
        return cast(list[ServerGroup], self._call("GET", "/server-groups"))

    def get(self, group_id: int) -> ServerGroup:
        """One group."""
        return cast(ServerGroup, self._call("GET", f"/server-groups/{group_id}"))

    def create(self, name: str, description: str | None = None) -> ServerGroup:
        """Make a group."""
        body = {"name": name, "description": description}
        return cast(ServerGroup, self._call("POST", "/server-groups", json=body))

    def update(self, group_id: int, name: str, description: str | None) -> ServerGroup:
        """Replace the name and description of a group."""
        body = {"name": name, "description": description}
        return cast(ServerGroup, self._call("PUT", f"/server-groups/{group_id}", json=body))

    def delete(self, group_id: int) -> None:
        """Take a group away that nothing uses."""
        self._call("DELETE", f"/server-groups/{group_id}")

    def servers(self) -> list[Server]:
        """The servers ever seen, by name."""
        return cast(list[Server], self._call("GET", "/servers"))
