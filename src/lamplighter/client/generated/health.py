"""Made from client/health.py by `make client`. Do not edit."""

from typing import cast

from lamplighter.client.generated.sending import Routes
from lamplighter.client.health import Health
from lamplighter.client.problems import json_of


class HealthRoutes(Routes):
    """The routes that tell whether the server works now; they are never asked again by themselves."""

    def live(self) -> None:
        """Return when the server's process answers."""
        with self._sender.stream("/health/live", may_repeat=False):
            return

    def ready(self) -> Health:
        """How the server is; raises unless it serves. Needs no API key."""
        with self._sender.stream("/health/ready", may_repeat=False) as answer:
            answer.read()
            return cast(Health, json_of(answer, self._sender.url))
