"""Made from client/api_keys.py by `make client`. Do not edit."""

from lamplighter.client.api_keys import Key, NewKey
from lamplighter.client.generated.sending import Routes


class ApiKeys(Routes):
    """The routes of API keys: ``client.api_keys``."""

    def every(self) -> list[Key]:
        """One's own API keys, for an administrator those of all, without the keys themselves."""
        return self._ask(list[Key], "GET", "/api-keys")

    def get(self, key_id: int) -> Key:
        """One API key, without the key itself."""
        return self._ask(Key, "GET", f"/api-keys/{key_id}")

    def create(
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
        return self._ask(NewKey, "POST", "/api-keys", json=body)

    def revoke(self, key_id: int) -> None:
        """Revoke an API key."""
        self._tell("DELETE", f"/api-keys/{key_id}")
