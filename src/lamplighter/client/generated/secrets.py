"""Made from client/secrets.py by `make client`. Do not edit."""

from lamplighter.client.generated.sending import Routes
from lamplighter.client.secrets import Secret, _in, _path


class Secrets(Routes):
    """The routes of secrets: ``client.secrets``."""

    def every(self, space_id: int | None = None) -> list[Secret]:
        """All secrets by name, without their values; of the first space that one may use when none is said."""
        return self._ask(list[Secret], "GET", "/secrets", params=_in(space_id))

    def put(self, name: str, value: str, space_id: int | None = None) -> Secret:
        """Set a secret, new or in the place of the value before."""
        return self._ask(Secret, "PUT", _path(name), params=_in(space_id), json={"value": value})

    def remove(self, name: str, space_id: int | None = None) -> None:
        """Forget a secret."""
        self._tell("DELETE", _path(name), params=_in(space_id))
