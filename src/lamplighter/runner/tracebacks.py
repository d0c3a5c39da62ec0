"""Exceptions of Python programs: read from the end of a log, and shown with the lines of the agent's files.

A log holds what an agent printed, so a traceback in it may be made up. No file outside of the agent's
folder is read for one, and no link is followed.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lamplighter.disk import open_plain

_HEADER = "Traceback (most recent call last):"
_JOINS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_FRAME = re.compile(r' {2}File "([^"]{1,1000})", line ([0-9]{1,9})(?:, in (.*))?')
_END = re.compile(r"([A-Za-z_][\w.]{0,199})(?:: (.*))?")
_MARGIN_OF_GROUP = re.compile(r"^ {0,40}[|+] ")
_UNREADABLE = ("SyntaxError", "IndentationError", "TabError")
_MOST_TRIES = 20
_MOST_IN_CHAIN = 5
_LINES_AROUND = 3
_LARGEST_SOURCE = 1024**2


def last_exceptions(log: str) -> list[dict[str, Any]]:
    """The last traceback of a log, the exception that ended it first and then those it came from.

    Each has ``type``, ``message`` and ``traceback``: frames from the innermost on, with ``file``, ``line``,
    ``function`` and ``source``. Of an exception group it is the last of its exceptions. Empty when there is none.
    """
    lines = [_MARGIN_OF_GROUP.sub("", line.rstrip("\r")) for line in log.split("\n")]
    starts = [number for number, line in enumerate(lines) if line == _HEADER]
    unread = _unread(lines, starts[-1] if starts else -1)
    if unread is not None:
        return [unread]
    for start in starts[: -_MOST_TRIES - 1 : -1]:
        found = _traceback(lines[start + 1 :])
        if found is not None:
            return [found, *_causes(lines, starts, start)]
    return []


def source_lines(work: Path, file: str, line: int) -> list[list[Any]]:
    """Numbered lines of the agent's ``file`` around ``line``; none when it is not plainly one of its files."""
    path = _inside(work, file)
    content = None if path is None else open_plain(path)
    if content is None:
        return []
    with content:
        lines = content.read(_LARGEST_SOURCE).decode("utf-8", "replace").split("\n")
    if not 1 <= line <= len(lines):
        return []
    first = max(1, line - _LINES_AROUND)
    return [
        [number, lines[number - 1].rstrip()]
        for number in range(first, min(len(lines), line + _LINES_AROUND) + 1)
    ]


def short_name(work: Path, file: str) -> str:
    """The path of a file in the agent's folder; of any other file the path as it is."""
    path = Path(os.path.normpath(work / file))
    return str(path.relative_to(work)) if path.is_relative_to(work) else file


def is_own(work: Path, file: str) -> bool:
    """Whether a traceback's file is in the agent's folder, and not in an environment or the like there."""
    return not short_name(work, file).startswith(("/", "<")) and "site-packages" not in file


def _inside(work: Path, file: str) -> Path | None:
    try:
        path = (work / file).resolve()
        is_own = not work.is_symlink() and path.is_relative_to(work.resolve())
    except (OSError, ValueError, RuntimeError):  # a name too long, a NUL in it, links in a circle
        return None
    return path if is_own and path.suffix == ".py" else None


def _traceback(lines: Sequence[str]) -> dict[str, Any] | None:
    """The traceback whose frames begin with the first of ``lines``; None when it is cut off."""
    frames: list[dict[str, Any]] = []
    for line in lines:
        if frame := _FRAME.fullmatch(line):
            number = int(frame[2])
            frames.append({"file": frame[1], "line": number, "function": frame[3] or "", "source": []})
        elif not line.startswith("  "):
            end = _END.fullmatch(line)
            return end and {"type": end[1], "message": end[2] or "", "traceback": frames[::-1]}
        elif frames and not frames[-1]["source"]:
            frames[-1]["source"] = [[frames[-1]["line"], line.strip()]]
    return None


def _unread(lines: Sequence[str], after: int) -> dict[str, Any] | None:
    """A program that Python could not even read: that is told without a header, behind all tracebacks."""
    places = [n for n, line in enumerate(lines) if n > after and _FRAME.fullmatch(line)]
    starts = [n for n in places if n == 0 or not lines[n - 1].startswith(("  ", _HEADER))]
    for start in starts[: -_MOST_TRIES - 1 : -1]:
        found = _traceback(lines[start:])
        if found is not None and found["type"] in _UNREADABLE:
            return found
    return None


def _causes(lines: Sequence[str], starts: Sequence[int], start: int) -> Iterator[dict[str, Any]]:
    """What the traceback at ``start`` came from, the nearest first."""
    for earlier in starts[max(0, starts.index(start) - _MOST_IN_CHAIN) : starts.index(start)][::-1]:
        between = [line for line in lines[earlier:start] if line.strip()]
        found = _traceback(lines[earlier + 1 :]) if between[-1] in _JOINS else None
        if found is None:
            return
        yield found
        start = earlier
