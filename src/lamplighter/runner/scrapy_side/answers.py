"""What the web said, host by host: statuses, requests without an answer, walls against robots."""

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import Request, Response

from ...agent import without_passwords
from ..walls import MOST_READ, wall_of
from .bodies import text_of

MOST_HOSTS = 20
MOST_FAILURES = 20
OTHER_HOSTS = "*"  # of a crawl of very many hosts
LONGEST = 500


class Answers:
    """Of all crawls of the run; it holds no more than a report should."""

    def __init__(self) -> None:
        self._statuses: dict[str, Counter[str]] = {}
        self._failures: dict[tuple[str, str], dict[str, Any]] = {}
        self._walls: Counter[tuple[str, str, int]] = Counter()

    def answered(self, response: Response, request: Request) -> None:
        """A page as it came from the wire."""
        self._of(host_of(request)).update([str(response.status)])

    def walled(self, wall: str, response: Response, request: Request) -> None:
        """A page that is ``wall``."""
        key = (host_of(request), wall, response.status)
        if key in self._walls or len(self._walls) < MOST_HOSTS:
            self._walls[key] += 1

    def failed(self, error: BaseException, request: Request | None) -> None:
        """A request that came to nothing, however often it was tried."""
        host, kind = host_of(request) if request else "", type(error).__name__
        if (host, kind) not in self._failures and len(self._failures) >= MOST_FAILURES:
            return
        message = without_passwords(" ".join(str(error).split()))[:LONGEST]
        new = {"host": host, "type": kind, "message": message, "count": 0}
        self._failures.setdefault((host, kind), new)["count"] += 1

    def told(self) -> dict[str, Any]:
        """All of it, as the report has it."""
        return {
            "answers": {host: dict(statuses) for host, statuses in self._statuses.items()},
            "failures": list(self._failures.values()),
            "walls": [
                {"host": host, "wall": wall, "status": status, "count": count}
                for (host, wall, status), count in self._walls.items()
            ],
        }

    def _of(self, host: str) -> Counter[str]:
        if host not in self._statuses and len(self._statuses) >= MOST_HOSTS:
            host = OTHER_HOSTS
        return self._statuses.setdefault(host, Counter())


def host_of(request: Request) -> str:
    """The host that a request goes to; empty for an address that has none."""
    try:
        return urlsplit(request.url).hostname or ""
    except ValueError:
        return ""


def wall_in(response: Response) -> str | None:
    """What the page is called when it is a wall against robots."""
    headers = {str(name).lower(): str(value) for name, value in response.headers.to_unicode_dict().items()}
    # Error pages are looked at as they were downloaded, and may be compressed still.
    text = (
        response.body
        if response.status < 400
        else (text_of(response, MOST_READ) or "").encode("utf-8", "replace")
    )
    return wall_of(text, response.status, headers)
