"""Secrets. Values go in and never come out."""

from typing import TypedDict
from urllib.parse import quote

from lamplighter.client.sending import AsyncRoutes


class SecretUse(TypedDict):
    """What refers to a secret: a schedule, or, without one, the agent's own agent.toml."""

    agentId: int
    agentName: str
    scheduleId: int | None
    scheduleName: str | None


class Secret(TypedDict):
    """A secret, without its value."""

    name: str
    created: str
    updated: str
    usedBy: list[SecretUse]


class AsyncSecrets(AsyncRoutes):
    """The routes of secrets: ``client.secrets``."""

    async def every(self, space_id: int | None = None) -> list[Secret]:
        """All secrets by name, without their values; of the first space that one may use when none is said."""
        return await self._ask(list[Secret], "GET", "/secrets", params=_in(space_id))

    async def put(self, name: str, value: str, space_id: int | None = None) -> Secret:
        """Set a secret, new or in the place of the value before."""
        return await self._ask(Secret, "PUT", _path(name), params=_in(space_id), json={"value": value})

    async def remove(self, name: str, space_id: int | None = None) -> None:
        """Forget a secret."""
        await self._tell("DELETE", _path(name), params=_in(space_id))


def _in(space_id: int | None) -> dict[str, int]:
    return {} if space_id is None else {"spaceId": space_id}


def _path(name: str) -> str:
    return f"/secrets/{quote(name, safe='')}"
