"""Made from client/users.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.users import Me, User


class Users(Routes):
    """The routes of users: ``client.users``."""

    def every(self) -> list[User]:
        """All users by name; for administrators and owners of spaces."""
        return self._ask(list[User], "GET", "/users")

    def me(self) -> Me:
        """The user behind the credentials."""
        return self._ask(Me, "GET", "/users/me")

    def get(self, user_id: int) -> User:
        """One user."""
        return self._ask(User, "GET", f"/users/{user_id}")

    def create(self, body: Mapping[str, Any]) -> User:
        """Add a user: ``name``, ``email`` and ``isAdmin``."""
        return self._ask(User, "POST", "/users", json=body)

    def update(self, user_id: int, body: Mapping[str, Any]) -> User:
        """Change a user; what is not given keeps its value. ``isActive`` false shuts the user out."""
        return self._ask(User, "PUT", f"/users/{user_id}", json=body)

    def set_password(self, user_id: int, password: str, current: str | None = None) -> None:
        """Set a password for getting tokens; all tokens of the user end. Oneself says the current one, too."""
        body = {"password": password, "currentPassword": current}
        self._tell("PUT", f"/users/{user_id}/password", json=body)

    def sign_out(self, user_id: int) -> None:
        """End all tokens of a user; API keys stay."""
        self._tell("POST", f"/users/{user_id}/sign-out")

    def delete(self, user_id: int) -> None:
        """Take a user away, with the memberships and keys."""
        self._tell("DELETE", f"/users/{user_id}")
