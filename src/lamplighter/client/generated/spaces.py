"""Made from client/spaces.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.spaces import Member, RunAll, Space, SpaceAgent


class Spaces(Routes):
    """The routes of spaces: ``client.spaces``."""

    def every(self) -> list[Space]:
        """The spaces that one may see, by name."""
        return self._ask(list[Space], "GET", "/spaces")

    def named(self, name: str) -> Space:
        """The space with this name, in any letter case."""
        return self._ask(Space, "GET", "/spaces/search", params={"name": name})

    def get(self, space_id: int) -> Space:
        """One space."""
        return self._ask(Space, "GET", f"/spaces/{space_id}")

    def create(self, body: Mapping[str, Any]) -> Space:
        """Make a space: ``name``, ``description`` and ``isDefaultAccess``."""
        return self._ask(Space, "POST", "/spaces", json=body)

    def update(self, space_id: int, body: Mapping[str, Any]) -> Space:
        """Change a space; what is not given keeps its value."""
        return self._ask(Space, "PUT", f"/spaces/{space_id}", json=body)

    def delete(self, space_id: int) -> None:
        """Take a space away that has no agents."""
        self._tell("DELETE", f"/spaces/{space_id}")

    def agents(self, space_id: int) -> list[SpaceAgent]:
        """The agents of a space, by name."""
        return self._ask(list[SpaceAgent], "GET", f"/spaces/{space_id}/agents")

    def run_all(self, space_id: int, input_parameters: str | None = None) -> RunAll:
        """Start all agents of a space, with the same input (JSON) when one is given."""
        body = {"inputParameters": input_parameters}
        # Each start is written down for itself, which takes its time in a large space.
        return self._ask(RunAll, "POST", f"/spaces/{space_id}/run-all", json=body, timeout=300)

    def members(self, space_id: int) -> list[Member]:
        """The members of a space, by name."""
        return self._ask(list[Member], "GET", f"/spaces/{space_id}/members")

    def put_member(self, space_id: int, user_id: int, role: str) -> Member:
        """Make a user a member of a space, or change the role: ``viewer``, ``editor`` or ``owner``."""
        path = f"/spaces/{space_id}/members/{user_id}"
        return self._ask(Member, "PUT", path, json={"role": role})

    def remove_member(self, space_id: int, user_id: int) -> None:
        """End a membership."""
        self._tell("DELETE", f"/spaces/{space_id}/members/{user_id}")
