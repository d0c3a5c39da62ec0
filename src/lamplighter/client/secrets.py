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

    async def every(self) -> list[Secret]:
        """All secrets by name, without their values."""
        return await self._ask(list[Secret], "GET", "/secrets")

    async def put(self, name: str, value: str) -> Secret:
        """Set a secret, new or in the place of the value before."""
        return await self._ask(Secret, "PUT", _path(name), json={"value": value})

    async def remove(self, name: str) -> None:
        """Forget a secret."""
        await self._tell("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/secrets/{quote(name, safe='')}"
