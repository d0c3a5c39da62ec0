"""API keys."""

from typing import TypedDict

from lamplighter.client.sending import AsyncRoutes


class Key(TypedDict):
    """An API key, without the key; ``spaceId`` is the one space that it is good for, None all of its user."""

    id: int
    userId: int
    userName: str
    description: str | None
    prefix: str
    isReadOnly: bool
    spaceId: int | None
    created: str
    expires: str
    revoked: str | None
    lastUsed: str | None


class NewKey(Key):
    """An API key that was just made; ``key`` is shown this once."""

    key: str


class AsyncApiKeys(AsyncRoutes):
    """The routes of API keys: ``client.api_keys``."""

    async def every(self) -> list[Key]:
        """One's own API keys, for an administrator those of all, without the keys themselves."""
        return await self._ask(list[Key], "GET", "/api-keys")

    async def get(self, key_id: int) -> Key:
        """One API key, without the key itself."""
        return await self._ask(Key, "GET", f"/api-keys/{key_id}")

    async def create(
        self,
        description: str | None = None,
        expires: str | None = None,
        *,
        is_read_only: bool = False,
        space_id: int | None = None,
        user_id: int | None = None,
    ) -> NewKey:
        """Make an API key; ``expires`` is an ISO time.

        It may only read with ``is_read_only``, and is good for one space only with ``space_id``. ``user_id`` is
        whose it is to be; only an administrator may say another.
        """
        body = {
            "description": description,
            "expires": expires,
            "isReadOnly": is_read_only,
            "spaceId": space_id,
            "userId": user_id,
        }
        return await self._ask(NewKey, "POST", "/api-keys", json=body)

    async def revoke(self, key_id: int) -> None:
        """Revoke an API key."""
        await self._tell("DELETE", f"/api-keys/{key_id}")
