"""Addresses of proxies: reading what people write, and keeping the credentials in them to ourselves."""

import ipaddress
import json
import re
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from lamplighter.errors import InvalidInput
from lamplighter.model import Proxy
from lamplighter.vault import Vault

HIDDEN = "***"
SCHEMES = ("http", "https", "socks5", "socks5h", "socks4")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
_LONGEST_HOST = 253
_LONGEST_CREDENTIAL = 255  # what SOCKS 5 has room for
_LONGEST = 2000
_SHORTEST_HIDDEN = 3


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """Where a proxy is (``http://host:8080``), and who one says to be there."""

    address: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, name: str, text: str, username: str | None = None, password: str | None = None) -> Self:
        """What people wrote as the value of the field ``name``; InvalidInput never repeats credentials."""
        scheme, separator, rest = text.strip().partition("://")
        if not separator or scheme.lower() not in SCHEMES or len(text) > _LONGEST:
            words = ", ".join(f"{known}://" for known in SCHEMES)
            raise InvalidInput.of(name, f"must be an address such as http://host:8080 and begin with {words}")
        user_info, at, where = rest.rstrip("/").rpartition("@")
        if at:
            if username is not None or password is not None:
                raise InvalidInput.of(name, "has credentials twice: in url, and as username or password")
            user, colon, word = user_info.partition(":")
            username, password = unquote(user), unquote(word) if colon else None
        address = f"{scheme.lower()}://{_host_and_port(name, where)}"
        found = cls(address, username or None, password or None)
        found._check_credentials(name, scheme.lower())
        return found

    @classmethod
    def opened(cls, proxy: Proxy, vault: Vault) -> Self:
        """The address of a stored proxy with its credentials; CannotUnseal."""
        if proxy.sealed_credentials is None:
            return cls(proxy.address)
        username, password = json.loads(vault.unseal(proxy.sealed_credentials))
        return cls(proxy.address, username, password)

    def sealed_credentials(self, vault: Vault) -> str | None:
        """The credentials as they are stored; None when there are none."""
        return None if self.username is None else vault.seal(json.dumps([self.username, self.password]))

    @property
    def url(self) -> str:
        """The whole address, credentials percent-encoded: only for who is to use the proxy."""
        if self.username is None:
            return self.address
        word = "" if self.password is None else f":{quote(self.password, safe='')}"
        return self.address.replace("://", f"://{quote(self.username, safe='')}{word}@", 1)

    @property
    def shown(self) -> str:
        """The address as everybody may read it."""
        return shown(self.address, with_credentials=self.username is not None)

    @property
    def secrets(self) -> list[str]:
        """What nobody is to read in a text: the password; without one, the user name is a token.

        A user name beside a password may be any word, and hiding it would blot out the text. Both in Base64 are
        what an HTTP client sends, and prints.
        """
        if self.username is None:
            return []
        pair = f"{self.username}:{self.password or ''}"
        sent = [b64encode(data).decode() for data in _encoded(pair)]
        return [self.password or self.username, *sent]

    def hide(self, text: str) -> str:
        """``text`` without the secrets, as they are or percent-encoded."""
        for secret in self.secrets:
            for spelled in (secret, quote(secret, safe="")):
                if len(spelled) >= _SHORTEST_HIDDEN:
                    text = text.replace(spelled, HIDDEN)
        return text

    def _check_credentials(self, name: str, scheme: str) -> None:
        if self.password is not None and self.username is None:
            raise InvalidInput.of(
                name, "has a password without a user name: write http://user:password@host:8080"
            )
        if not all(
            text.isprintable() and len(text.encode(errors="replace")) <= _LONGEST_CREDENTIAL
            for text in (self.username or "", self.password or "")
        ):
            raise InvalidInput.of(
                name,
                f"user name and password must be printable, and at most {_LONGEST_CREDENTIAL} bytes each",
            )
        if scheme.startswith("http") and ":" in (self.username or ""):
            raise InvalidInput.of(name, "the user name of an HTTP proxy cannot hold a colon")
        if scheme == "socks4" and self.password is not None:
            raise InvalidInput.of(
                name, "a socks4 proxy takes a user name only: leave the password out, or use socks5"
            )


def secrets_in(proxies: Iterable[Proxy], vault: Vault) -> list[str]:
    """What is to be hidden in what is printed by who uses these proxies; CannotUnseal."""
    return [secret for proxy in proxies for secret in ProxyAddress.opened(proxy, vault).secrets]


def _encoded(text: str) -> list[bytes]:
    """The bytes that clients make of it: they do not agree on the encoding."""
    found = [text.encode()]
    with suppress(UnicodeEncodeError):
        found.append(text.encode("latin-1"))
    return list(dict.fromkeys(found))


def shown(address: str, *, with_credentials: bool) -> str:
    """A proxy's address as everybody may read it: ``http://***@host:8080``."""
    return address.replace("://", f"://{HIDDEN}@", 1) if with_credentials else address


def host_and_port(address: str) -> tuple[str, int]:
    """Where to connect to for the address of a proxy."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 0


def _host_and_port(name: str, text: str) -> str:
    """``text`` in the one form that is stored."""
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        if re.fullmatch(r"[^:/?#]+|\[[^\]]*\]", text):
            raise InvalidInput.of(name, "has no port: write it as http://host:8080")
        raise InvalidInput.of(
            name, "must be scheme, host and port and nothing behind them, such as http://host:8080"
        )
    host, port = found["host"].lower(), int(found["port"])
    if not 1 <= port <= 65535:
        raise InvalidInput.of(name, "has a port out of range: 1 to 65535")
    if len(host) > _LONGEST_HOST:
        raise InvalidInput.of(name, f"has a host name of more than {_LONGEST_HOST} characters")
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError as problem:
            raise InvalidInput.of(name, "has no IPv6 address between the brackets") from problem
    return f"{host}:{port}"
