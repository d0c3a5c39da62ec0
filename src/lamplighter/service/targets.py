"""Targets of notifications: reading the addresses, keeping them sealed, and sending a message to one.

A target is an address of Apprise, or a plain webhook: ``webhook+https://host/path``, to which we post JSON that is
signed as Standard Webhooks says. The secret for that may follow after ``#``, a part of addresses that is never
sent; else it is made here, and shown once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx

from lamplighter.errors import FieldError, InvalidInput
from lamplighter.messenger import Messenger
from lamplighter.model import NotificationTarget
from lamplighter.planner.notifying import Letter
from lamplighter.signing import RIGHT_SECRET, key_of, new_secret, signed_headers
from lamplighter.vault import CannotUnseal, Vault

_SCHEMES = ("webhook+https://", "webhook+http://")
RIGHT_TARGET = (
    "write webhook+https://example.com/hook, or an address as Apprise reads it, such as"
    " mailtos://user:password@example.com, json://host:8000/path or slack://tokenA/tokenB/tokenC"
)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was made: of the target at this place (from 1), for its receiver to check signatures with."""

    target: int
    shown: str
    secret: str


class Targets:
    """Makes targets of addresses, and sends to them."""

    def __init__(self, vault: Vault, messenger: Messenger) -> None:
        self._vault = vault
        self._messenger = messenger

    def made(
        self, given: Sequence[str], known: Sequence[NotificationTarget]
    ) -> tuple[tuple[NotificationTarget, ...], tuple[NewSecret, ...]]:
        """The targets at these addresses, and the secrets that were made for some.

        An address that is given as one of ``known`` is shown is that one. InvalidInput says which is none, without
        showing it.
        """
        left, kept = list(known), dict[int, NotificationTarget]()
        for index, address in enumerate(given):
            found = next((target for target in left if target.shown == address), None)
            if found is not None:
                left.remove(found)
                kept[index] = found
        new = {index: address for index, address in enumerate(given) if index not in kept}
        plain = {i: address for i, address in new.items() if address.lower().startswith(_SCHEMES)}
        secrets: list[NewSecret] = []
        errors: dict[int, str] = {}
        for index, address in plain.items():
            try:
                kept[index], secret = self._webhook(address)
            except ValueError as problem:
                errors[index] = str(problem)
            else:
                secrets += [NewSecret(index + 1, kept[index].shown, secret)] if secret else []
        self._check_others({i: address for i, address in new.items() if i not in plain}, kept, errors)
        if errors:
            raise InvalidInput(
                *(
                    FieldError("targets", f"number {index + 1} is no target ({why}): {RIGHT_TARGET}")
                    for index, why in sorted(errors.items())
                )
            )
        return tuple(kept[index] for index in range(len(given))), tuple(secrets)

    def rotated(
        self, target: NotificationTarget, secret: str | None, overlap: timedelta, now: datetime
    ) -> tuple[NotificationTarget, str]:
        """The target with another secret (the one given, or a new one), and that secret.

        For the time of the overlap the one before signs too. InvalidInput: the target signs nothing, or it is no
        secret.
        """
        if target.sealed_secret is None:
            raise InvalidInput.of(
                "target", f"{target.shown} is no webhook+https address: nothing is signed for it"
            )
        if secret is not None and key_of(secret) is None:
            raise InvalidInput.of("secret", f"must be {RIGHT_SECRET}")
        secret = secret or new_secret()
        has_overlap = overlap > timedelta(0)
        new = replace(
            target,
            sealed_secret=self._vault.seal(secret),
            sealed_old_secret=target.sealed_secret if has_overlap else None,
            old_until=int((now + overlap).timestamp()) if has_overlap else None,
        )
        return new, secret

    def send(self, target: NotificationTarget, letter: Letter, now: datetime) -> str | None:
        """Send a message; None when it was delivered, else what went wrong."""
        try:
            address = self._vault.unseal(target.sealed)
            keys = self._keys(target, now)
        except CannotUnseal as problem:
            return str(problem)
        if not keys:
            return self._messenger.send(address, letter.title, letter.text, letter.kind)
        body = json.dumps(letter.payload, ensure_ascii=False, separators=(",", ":"))
        body = body.encode(errors="replace").decode()
        message_id = f"msg_{self._vault.fingerprint}_{letter.key}"
        headers = signed_headers(keys, message_id, now, body.encode())
        return self._messenger.post(
            address, headers | {"Content-Type": "application/json", "User-Agent": "lamplighter"}, body
        )

    def _webhook(self, address: str) -> tuple[NotificationTarget, str | None]:
        """The target at a plain webhook's address, and its secret if that was made here; ValueError."""
        url, _, given = address[len("webhook+") :].partition("#")
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as problem:
            raise ValueError(str(problem)) from problem
        if not parsed.host:
            raise ValueError("it has no host")
        if given and key_of(given) is None:
            raise ValueError(f"after # there must be a secret: {RIGHT_SECRET}")
        secret = given or new_secret()
        port = "" if parsed.port is None else f":{parsed.port}"
        shown = f"webhook+{parsed.scheme}://{parsed.host}{port}"
        target = NotificationTarget(shown, self._vault.seal(url), self._vault.seal(secret))
        return target, None if given else secret

    def _check_others(
        self, addresses: dict[int, str], kept: dict[int, NotificationTarget], errors: dict[int, str]
    ) -> None:
        """Put what Apprise makes of the addresses to ``kept``, or to ``errors``; NotInstalled."""
        checked = self._messenger.check(list(addresses.values())) if addresses else []
        for (index, address), one in zip(addresses.items(), checked, strict=True):
            if one.error is not None:
                errors[index] = one.error
            else:
                kept[index] = NotificationTarget(one.shown, self._vault.seal(address))

    def _keys(self, target: NotificationTarget, now: datetime) -> list[bytes]:
        """The keys that sign for a target: the present one, and for a while the one before."""
        sealed = [target.sealed_secret]
        if target.old_until is not None and now.timestamp() < target.old_until:
            sealed.append(target.sealed_old_secret)
        found = [key_of(self._vault.unseal(one)) for one in sealed if one is not None]
        return [key for key in found if key is not None]
