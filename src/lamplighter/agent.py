"""For the authors of agents written in Python: what the run was given, and what it gives back.

    from lamplighter import agent

    for row in agent.rows():
        agent.emit({"url": row["url"], "price": 12.5})

Everything works outside Lamplighter too, so that an agent can be tried on the command line: the input is then
empty and records are printed. The file needs nothing but Python and may be copied next to the agent.

What the run was given stands here as values: ``run_id``, ``attempt`` (from 1), ``shard_index`` (from 1) and
``shard_count``, ``scheduled_time`` (None for a run started by hand), ``log_level`` (a level of ``logging``),
and ``files``, the folder for output that is not records. What must be read first is a function.
"""

import atexit
import json
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else otherwise


def _instant(text: str | None) -> datetime | None:
    """Times without an offset are UTC."""
    if not text:
        return None
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _level(name: str | None) -> int:
    levels = {"fatal": logging.CRITICAL, "error": logging.ERROR, "warning": logging.WARNING}
    return levels.get((name or "").lower(), logging.INFO)


run_id: str | None = os.environ.get("LAMPLIGHTER_RUN_ID") or None
attempt: int = _number("LAMPLIGHTER_ATTEMPT", 1)
shard_index: int = _number("LAMPLIGHTER_SHARD_INDEX", 1)
shard_count: int = _number("LAMPLIGHTER_SHARD_COUNT", 1)
scheduled_time: datetime | None = _instant(os.environ.get("LAMPLIGHTER_SCHEDULED_TIME"))
log_level: int = _level(os.environ.get("LAMPLIGHTER_LOG_LEVEL"))
files: Path = Path(os.environ.get("LAMPLIGHTER_FILES") or ".")


# ---- What goes in ------------------------------------------------------------------------------------------


def input() -> dict[str, Any] | list[dict[str, Any]]:  # noqa: A001 - ``agent.input()`` is what it is
    """The input parameters: an object, or the rows of this run. Empty when there are none."""
    path = os.environ.get("LAMPLIGHTER_INPUT")
    if not path:
        return {}
    value = json.loads(Path(path).read_bytes() or b"null")
    if value is None:
        return {}
    if not all(isinstance(row, dict) for row in (value if isinstance(value, list) else [value])):
        raise TypeError("the input must be a JSON object, or an array of objects")
    return value  # type: ignore[no-any-return] # just checked


def rows() -> list[dict[str, Any]]:
    """The input as rows, whatever it was: an object is one row, no input is none."""
    value = input()
    if isinstance(value, list):
        return value
    return [value] if value else []


def share(items: Sequence[T]) -> list[T]:
    """The part of ``items`` that falls to this run when several runs share the work."""
    return list(items[shard_index - 1 :: shard_count])


def proxies() -> list[str]:
    """The addresses of the proxies to use; empty when the run has no pool."""
    path = os.environ.get("LAMPLIGHTER_PROXIES")
    if not path or not Path(path).exists():
        return []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


# ---- What comes out ----------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """What ``json`` itself has no form for."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _json(value: Any) -> bytes:
    """One line of JSON in UTF-8, without the line's end."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    if "NaN" in text or "Infinity" in text:  # may be Python's, which JSON does not know
        value = json.loads(text, parse_constant=lambda _: None)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, as broken pages have them
        return json.dumps(json.loads(text), separators=(",", ":")).encode()


class _Output:
    """The records file and the report of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.records = 0
        self.counts = {"pages": 0, "dynamicPages": 0, "requests": 0, "errors": 0, "traffic": 0}
        self.problems: list[str] = []
        self.stats: dict[str, Any] = {}
        self.reported = False
        self._file: int | None = None

    def write(self, line: bytes) -> None:
        """One write call a line on a file opened to append: lines of threads and processes never mix."""
        path = os.environ.get("LAMPLIGHTER_RECORDS")
        with self.lock:
            if path and self._file is None:
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if self._file is None:
                sys.stdout.write(line.decode())
                sys.stdout.flush()
            else:
                while line:  # a second time only when the disk took a part
                    line = line[os.write(self._file, line) :]
            self.records += 1

    def write_report(self, final: bool) -> None:
        """Replace the report in one step: a reader sees the old one or the new one."""
        path = os.environ.get("LAMPLIGHTER_REPORT")
        if not path:
            return
        content = {
            "final": final,
            "finishReason": None,
            "problems": self.problems,
            "counts": {**self.counts, "records": self.records},
            "stats": self.stats,
        }
        temporary = Path(f"{path}.tmp")
        temporary.write_bytes(_json(content))
        temporary.replace(path)


_output = _Output()


def emit(record: Mapping[str, Any]) -> None:
    """Give one record back. Dates, decimals, sets and the like become text and lists; NaN becomes null."""
    if not isinstance(record, Mapping):
        raise TypeError(f"a record is a dict of field names and values, not {type(record).__name__}")
    _output.write(_json(record) + b"\n")


def emit_many(records: Iterable[Mapping[str, Any]]) -> int:
    """Give records back as they come; returns how many there were."""
    count = 0
    for record in records:
        emit(record)
        count += 1
    return count


def report(
    *,
    pages: int | None = None,
    dynamic_pages: int | None = None,
    requests: int | None = None,
    errors: int | None = None,
    traffic: int | None = None,
    problem: str | None = None,
    stats: Mapping[str, Any] | None = None,
) -> None:
    """Tell the server how it goes; call it as often as you like.

    Numbers are totals so far, ``traffic`` is in bytes. A ``problem`` is a sentence for whoever reads the run:
    each one is kept, and any of them makes the run a failure, even when the exit status is 0.
    """
    given = {
        "pages": pages,
        "dynamicPages": dynamic_pages,
        "requests": requests,
        "errors": errors,
        "traffic": traffic,
    }
    with _output.lock:
        if not _output.reported:
            _output.reported = True
            atexit.register(_output.write_report, True)
        _output.counts.update({name: count for name, count in given.items() if count is not None})
        _output.stats.update(stats or {})
        if problem:
            _output.problems.append(problem)
        _output.write_report(False)
