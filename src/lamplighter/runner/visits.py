"""What the web said to an attempt that failed: answers, requests without one, walls, proxies, the page that failed.

It is the part ``web`` of the evidence. All of it was written by the agent, so every part is checked and bounded.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from lamplighter.disk import open_plain
from lamplighter.runner.walls import wall_of

_MOST = 20  # of each kind
_MOST_STATUSES = 50
_LARGEST = 2**53
_LARGEST_PAGE = 256 * 1024
_LONGEST = 500
_LONGEST_TITLE = 200
_STATUS = re.compile(r"[1-9][0-9]{2}", re.ASCII)
_OF_PAGE = re.compile(r"<!-- ([^\n]{1,3000}) -->\n", re.ASCII)  # the first line of a page that was kept
_NEEDS_SCRIPT = (
    b"enable javascript",
    b"javascript is required",
    b"javascript is disabled",
    b"requires javascript",
    b"turn on javascript",
    b"activate javascript",
)
_EMPTY_ROOTS = (b'id="root"></div>', b'id="app"></div>', b'id="__next"></div>', b"<app-root></app-root>")

Clip = Callable[..., str]


def told(
    report: Mapping[str, Any], stats: Mapping[str, float], page: Path | None, clip: Clip
) -> dict[str, Any]:
    """The part of the evidence; ``page`` is the file of a kept page, ``clip`` makes text fit to be kept."""
    return {
        "answers": _answers(report.get("answers"), clip),
        "failures": [_failure(entry, clip) for entry in _entries(report, "failures")],
        "walls": [_wall(entry, clip) for entry in _entries(report, "walls")],
        "proxies": _proxies(report, clip),
        "forbiddenByRobots": int(stats.get("robotstxt/forbidden", 0)),
        "page": _facts(page, clip),
    }


def _answers(given: Any, clip: Clip) -> dict[str, dict[str, int]]:
    """How often which host answered with which status."""
    hosts = list(given.items())[:_MOST] if isinstance(given, dict) else []
    return {clip(host): _statuses(counts) for host, counts in hosts if isinstance(counts, dict)}


def _statuses(counts: Mapping[Any, Any]) -> dict[str, int]:
    return {
        status: count
        for status, count in list(counts.items())[:_MOST_STATUSES]
        if isinstance(status, str) and _STATUS.fullmatch(status) and _is_count(count)
    }


def _failure(entry: Mapping[str, Any], clip: Clip) -> dict[str, Any]:
    return {
        "host": clip(entry.get("host")),
        "type": clip(entry.get("type")),
        "message": clip(entry.get("message"), _LONGEST),
        "count": _count(entry, "count"),
    }


def _wall(entry: Mapping[str, Any], clip: Clip) -> dict[str, Any]:
    return {
        "host": clip(entry.get("host")),
        "wall": clip(entry.get("wall")),
        "status": _count(entry, "status"),
        "count": _count(entry, "count"),
    }


def _proxies(report: Mapping[str, Any], clip: Clip) -> dict[str, Any] | None:
    """The sums over all proxies, and the last errors of those that failed; None when none was used."""
    entries = list(_entries(report, "proxies", 1000))
    if not entries:
        return None
    failing = [entry for entry in entries if _count(entry, "failures")]
    at_proxy = [entry for entry in failing if entry.get("atProxy") is True]
    errors = dict.fromkeys(clip(entry.get("lastError"), _LONGEST) for entry in at_proxy or failing)
    return {
        "used": len({entry.get("id") for entry in entries if _is_count(entry.get("id"))}),
        "requests": sum(_count(entry, "requests") for entry in entries),
        "failures": sum(_count(entry, "failures") for entry in failing),
        "atProxy": sum(_count(entry, "failures") for entry in at_proxy),
        "errors": [error for error in errors if error][:3],
    }


def _entries(report: Mapping[str, Any], name: str, most: int = _MOST) -> Iterator[Mapping[str, Any]]:
    given = report.get(name)
    for entry in given[:most] if isinstance(given, list) else ():
        if isinstance(entry, dict):
            yield entry


def _count(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name)
    return value if _is_count(value) else 0


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


# --- the page ---


def _facts(path: Path | None, clip: Clip) -> dict[str, Any] | None:
    """What the kept page is, as far as a program can tell; None when there is none."""
    file = None if path is None else open_plain(path)
    if file is None:
        return None
    with file:
        content = file.read(_LARGEST_PAGE)
    first, _, rest = content.partition(b"\n")
    said = _OF_PAGE.fullmatch(first.decode("utf-8", "replace") + "\n")
    parts = said[1].split(" | ") if said else []
    statuses = [int(part[7:]) for part in parts if re.fullmatch(r"status [1-9][0-9]{2}", part)]
    text = (rest if said else content).lower()
    return {
        "url": clip(parts[0], _LONGEST) if parts and "://" in parts[0] else None,
        "status": statuses[0] if statuses else None,
        "title": clip(_title(content), _LONGEST_TITLE),
        "wall": wall_of(text, statuses[0] if statuses else 200),
        "asksToLogIn": b'type="password"' in text or b"type='password'" in text,
        "needsScript": any(root in text for root in _EMPTY_ROOTS)
        or (len(text) < 20_000 and any(mark in text for mark in _NEEDS_SCRIPT)),
    }


def _title(content: bytes) -> str:
    """Found by steps and not by an expression, which a hostile page could keep busy."""
    lower = content.lower()
    begin = lower.find(b">", lower.find(b"<title")) + 1 if b"<title" in lower else 0
    end = lower.find(b"</title", begin) if begin else -1
    text = content[begin:end][:1000].decode("utf-8", "replace") if end > 0 else ""
    return " ".join(html.unescape(text).split())
