"""The proxies of the file: variables of the environment in them, and what may be shown of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lamplighter.cli.blueprint.document import ProxyEntry
from lamplighter.errors import InvalidInput
from lamplighter.proxy_address import HIDDEN, ProxyAddress

_VARIABLE = re.compile(r"\$(?P<escape>\$)?\{(?P<name>[^}]*)\}")
_RIGHT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class WantedProxy:
    """A proxy of the file: as it is ``shown``, and its whole ``url`` unless a variable in it is not set."""

    shown: str
    url: str | None = field(repr=False)
    missing: tuple[str, ...] = ()


def wanted_proxy(entry: ProxyEntry, environment: Mapping[str, str]) -> WantedProxy:
    """What an entry comes to; InvalidInput repeats no credentials.

    Who says a proxy that a server has already needs no credentials, so in their place a variable may be missing.
    """
    missing: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = found["name"]
        if found["escape"]:
            return found[0][1:]
        if not _RIGHT_NAME.fullmatch(name):
            raise InvalidInput.of(
                "", "has ${…} without the name of a variable: write ${NAME}, or $${ for the text ${"
            )
        if not environment.get(name):
            missing.append(name)
            return "unknown"
        return environment[name]

    scheme, separator, rest = entry.url.partition("://")
    user_info, at, where = rest.rpartition("@")
    where = _VARIABLE.sub(value, where)
    scheme = _VARIABLE.sub(value, scheme)
    if missing:
        raise InvalidInput.of("", _not_set(missing))
    texts = [_VARIABLE.sub(value, text or "") for text in (user_info, entry.username, entry.password)]
    url = f"{scheme}{separator}{texts[0]}{at}{where}"
    address = ProxyAddress.read(
        "", url, None if entry.username is None else texts[1], None if entry.password is None else texts[2]
    )
    if address.username == HIDDEN:
        raise InvalidInput.of(
            "", f"has {HIDDEN} for its credentials: write a variable, such as ${{PROXY_LOGIN}}"
        )
    return WantedProxy(address.shown, None if missing else address.url, tuple(missing))


def _not_set(names: list[str]) -> str:
    return f"needs the variable {', '.join(names)} of the environment, which is not set"


def lacks(proxy: WantedProxy) -> str:
    """What to say of a proxy that cannot be made, because a variable is not set."""
    return _not_set(list(proxy.missing))


def placeholder(shown: str, pool: str, number: int) -> str:
    """A proxy as it is shown, with a variable in the place of its hidden credentials."""
    word = re.sub(r"[^A-Z0-9]+", "_", pool.upper()).strip("_") or "POOL"
    return shown.replace(f"://{HIDDEN}@", f"://${{PROXY_{word}_{number}}}@", 1)
