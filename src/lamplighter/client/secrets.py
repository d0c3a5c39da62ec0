"""Secrets over the HTTP API. Values go in and never come out."""

from collections.abc import Callable
from typing import Any, TypedDict, cast
from urllib.parse import quote


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


class Secrets:
    """The secrets of a server; ``call`` makes one request and returns its JSON answer."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def every(self) -> list[Secret]:
        """All secrets by name, without their values."""
        return cast(list[Secret], self._call("GET", "/secrets"))

    def put(self, name: str, value: str) -> Secret:
        """Set a secret, new or in the place of the value before."""
        return cast(Secret, self._call("PUT", _path(name), json={"value": value}))

    def remove(self, name: str) -> None:
        """Forget a secret."""
        self._call("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/secrets/{quote(name, safe='')}"
