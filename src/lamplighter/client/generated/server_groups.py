"""Made from client/server_groups.py by `make client`. Do not edit."""

from lamplighter.client.generated.sending import Routes
from lamplighter.client.server_groups import Queue, Server, ServerGroup


class ServerGroups(Routes):
    """The routes of server groups: ``client.server_groups``."""

    def every(self) -> list[ServerGroup]:
        """All groups by name."""
        return self._ask(list[ServerGroup], "GET", "/server-groups")

    def get(self, group_id: int) -> ServerGroup:
        """One group."""
        return self._ask(ServerGroup, "GET", f"/server-groups/{group_id}")

    def create(self, name: str, description: str | None = None) -> ServerGroup:
        """Make a group."""
        body = {"name": name, "description": description}
        return self._ask(ServerGroup, "POST", "/server-groups", json=body)

    def update(self, group_id: int, name: str, description: str | None) -> ServerGroup:
        """Replace the name and description of a group."""
        body = {"name": name, "description": description}
        return self._ask(ServerGroup, "PUT", f"/server-groups/{group_id}", json=body)

    def delete(self, group_id: int) -> None:
        """Take a group away that nothing uses."""
        self._tell("DELETE", f"/server-groups/{group_id}")

    def servers(self) -> list[Server]:
        """The servers ever seen, by name."""
        return self._ask(list[Server], "GET", "/servers")

    def queues(self) -> list[Queue]:
        """What waits for any server, and then for each group by name."""
        return self._ask(list[Queue], "GET", "/queues")

    def drain(self, server_id: int) -> Server:
        """Let a server finish what it has and take nothing new."""
        return self._ask(Server, "POST", f"/servers/{server_id}/drain")

    def undrain(self, server_id: int) -> Server:
        """Let a server take runs again."""
        return self._ask(Server, "POST", f"/servers/{server_id}/undrain")
