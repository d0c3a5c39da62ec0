"""Whose fault it is that a request through a proxy failed."""

import re
from dataclasses import dataclass

# Whatever the target is, only the proxy is dialled: these are about the way to the proxy. They are names, because
# versions of Scrapy differ: first they were Twisted's, later some are Scrapy's own.
NO_WAY_TO_PROXY = {
    "ConnectError",
    "ConnectionRefusedError",
    "DNSLookupError",
    "NoRouteError",
    "UnknownHostError",
    "CannotResolveHostError",
    "DownloadConnectionRefusedError",
}
NOBODYS_FAULT = {"CancelledError", "DownloadCancelledError", "IgnoreRequest", "NotSupported", "StopDownload"}
# What a proxy that works says of a target: not allowed, not reached, too slow.
OF_THE_TARGET = {403, 502, 503, 504}
# What a site says to a visitor whom it does not want, and a proxy of a site that it does not reach.
BLOCKS = {403, 429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Blame:
    """``at_proxy`` None: nobody can tell from this failure alone. ``refuses``: it was about our credentials."""

    error: str
    at_proxy: bool | None
    refuses: bool = False


def of_status(status: int, speaks_http: bool) -> Blame | None:
    """None for an answer that is none of the proxy's business.

    ``speaks_http``: the proxy may have answered itself, and did not only carry what a site said.
    """
    if status == 407 and speaks_http:
        return Blame("HTTP 407: the proxy refuses the credentials", True, refuses=True)
    return Blame(f"HTTP {status}", False) if status in BLOCKS else None


def of_exception(error: BaseException) -> Blame | None:
    """None for one that says nothing of the proxy."""
    name = type(error).__name__
    if name in NOBODYS_FAULT:
        return None
    text = " ".join(f"{name}: {error}".split())[:300]
    # Scrapy's own tunnel names the status so; that over httpx begins with it.
    found = re.search(r"'status': (\d{3})|^(\d{3}) ", str(error))
    if found and name in ("TunnelError", *NO_WAY_TO_PROXY):
        status = int(found[1] or found[2])
        return Blame(text, status not in OF_THE_TARGET, refuses=status == 407)
    return Blame(text, True if name == "TunnelError" or name in NO_WAY_TO_PROXY else None)


class Doubts:
    """Failures that may be the proxy's or the target's, such as a time-out: more of them give it away."""

    def __init__(self) -> None:
        self._answered: set[int] = set()
        self._silent: dict[int, list[str]] = {}

    def answered(self, proxy_id: int) -> None:
        """Something came back through the proxy."""
        self._answered.add(proxy_id)
        self._silent.pop(proxy_id, None)

    def at_proxy(self, proxy_id: int, host: str) -> bool:
        """Whether this one more failure means the proxy: it fails for several hosts, or never worked."""
        silent = self._silent.setdefault(proxy_id, [])
        silent.append(host)
        del silent[:-10]
        return len(set(silent)) > 1 or (proxy_id not in self._answered and len(silent) > 1)
