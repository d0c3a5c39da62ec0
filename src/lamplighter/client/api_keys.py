"""API keys."""

from typing import TypedDict

from lamplighter.client.sending import AsyncRoutes


class Key(TypedDict):
    """An API key, without the key."""

    id: int
    userName: str
    description: str | None
    prefix: str
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
        """All API keys, without the keys themselves."""
        return await self._ask(list[Key], "GET", "/api-keys")

    async def get(self, key_id: int) -> Key:
        """One API key, without the key itself."""
        return await self._ask(Key, "GET", f"/api-keys/{key_id}")

    async def create(self, description: str | None = None, expires: str | None = None) -> NewKey:
        """Make an API key; ``expires`` is an ISO time."""
        body = {"description": description, "expires": expires}
        return await self._ask(NewKey, "POST", "/api-keys", json=body)

    async def revoke(self, key_id: int) -> None:
        """Revoke an API key."""
        await self._tell("DELETE", f"/api-keys/{key_id}")
