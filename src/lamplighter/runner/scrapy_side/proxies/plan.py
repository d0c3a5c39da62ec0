"""The plan of proxies that the server made for this run."""

import json
import pathlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from ..problems import CannotStartError

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080, "socks4": 1080, "socks4a": 1080}
ROTATIONS = ("RoundRobin", "Random", "Sticky")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; ``host`` is an IP address or a name, an IPv6 address without its brackets."""

    id: int
    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """Without the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the run may use: the proxies in their order, where to start, and which are rested.

    ``rested`` has for (id of a proxy, host of a target; "" for all) how many seconds its rest still takes.
    """

    rotation: str
    start: int
    proxies: tuple[Proxy, ...]
    rested: dict[tuple[int, str], float]


def read_plan(path: str | None) -> Plan | None:
    """The plan in a file, None without one; CannotStartError for one that cannot be followed.

    The message does not quote the file, which has credentials in it.
    """
    if not path:
        return None
    try:
        document = json.loads(pathlib.Path(path).read_bytes())
        entries = [(entry, _proxy(entry)) for entry in document["proxies"]]
        rested = {
            (proxy.id, str(host)): float(seconds)
            for entry, proxy in entries
            for host, seconds in (entry.get("rested") or {}).items()
        }
        plan = Plan(
            str(document["rotation"]),
            int(document.get("start", 0)),
            tuple(proxy for _, proxy in entries),
            rested,
        )
    except OSError as error:
        raise CannotStartError(f"The plan of proxies cannot be read: {error.strerror}.") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CannotStartError(f"The plan of proxies is not understood ({type(error).__name__}).") from None
    if plan.rotation not in ROTATIONS or not plan.proxies:
        raise CannotStartError("The plan of proxies has no proxy, or a rotation that is not known.")
    return plan


def _proxy(entry: dict[str, Any]) -> Proxy:
    parts = urlsplit(entry["url"])
    return Proxy(
        int(entry["id"]),
        parts.scheme,
        parts.hostname or "",
        parts.port or PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
