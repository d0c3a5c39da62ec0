"""Users: who may use the server."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class User(TypedDict):
    """A person or program that may use the server."""

    id: int
    name: str
    email: str | None
    isAdmin: bool
    isActive: bool
    created: str
    updated: str


class MyRole(TypedDict):
    """What one may do in a space: ``viewer``, ``editor`` or ``owner``."""

    spaceId: int
    role: str


class Me(User):
    """Oneself, and what the credentials that were sent may do."""

    roles: list[MyRole]
    isReadOnly: bool
    onlySpaceId: int | None


class AsyncUsers(AsyncRoutes):
    """The routes of users: ``client.users``."""

    async def every(self) -> list[User]:
        """All users by name; for administrators and owners of spaces."""
        return await self._ask(list[User], "GET", "/users")

    async def me(self) -> Me:
        """The user behind the credentials."""
        return await self._ask(Me, "GET", "/users/me")

    async def get(self, user_id: int) -> User:
        """One user."""
        return await self._ask(User, "GET", f"/users/{user_id}")

    async def create(self, body: Mapping[str, Any]) -> User:
        """Add a user: ``name``, ``email`` and ``isAdmin``."""
        return await self._ask(User, "POST", "/users", json=body)

    async def update(self, user_id: int, body: Mapping[str, Any]) -> User:
        """Change a user; what is not given keeps its value. ``isActive`` false shuts the user out."""
        return await self._ask(User, "PUT", f"/users/{user_id}", json=body)

    async def set_password(self, user_id: int, password: str, current: str | None = None) -> None:
        """Set a password for getting tokens; all tokens of the user end. Oneself says the current one, too."""
        body = {"password": password, "currentPassword": current}
        await self._tell("PUT", f"/users/{user_id}/password", json=body)

    async def sign_out(self, user_id: int) -> None:
        """End all tokens of a user; API keys stay."""
        await self._tell("POST", f"/users/{user_id}/sign-out")

    async def delete(self, user_id: int) -> None:
        """Take a user away, with the memberships and keys."""
        await self._tell("DELETE", f"/users/{user_id}")
