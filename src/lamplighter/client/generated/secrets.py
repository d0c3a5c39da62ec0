"""Made from client/secrets.py by `make client`. Do not edit."""

from lamplighter.client.generated.sending import Routes
from lamplighter.client.secrets import Secret, _path


class Secrets(Routes):
    """The routes of secrets: ``client.secrets``."""

    def every(self) -> list[Secret]:
        """All secrets by name, without their values."""
        return self._ask(list[Secret], "GET", "/secrets")

    def put(self, name: str, value: str) -> Secret:
        """Set a secret, new or in the place of the value before."""
        return self._ask(Secret, "PUT", _path(name), json={"value": value})

    def remove(self, name: str) -> None:
        """Forget a secret."""
        self._tell("DELETE", _path(name))
