"""How the server is."""

from typing import TypedDict, cast

from lamplighter.client.problems import json_of
from lamplighter.client.sending import AsyncRoutes


class Health(TypedDict):
    """How the server is."""

    status: str
    version: str
    tzdataVersion: str
    time: str
    runsGoing: int
    runsWaiting: int


class AsyncHealthRoutes(AsyncRoutes):
    """The routes that tell whether the server works now; they are never asked again by themselves."""

    async def live(self) -> None:
        """Return when the server's process answers."""
        async with self._sender.stream("/health/live", may_repeat=False):
            return

    async def ready(self) -> Health:
        """How the server is; raises unless it serves. Needs no API key."""
        async with self._sender.stream("/health/ready", may_repeat=False) as answer:
            await answer.aread()
            return cast(Health, json_of(answer, self._sender.url))
