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
import functools
import json
import linecache
import logging
import os
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path, PurePath
from time import monotonic
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

T = TypeVar("T")
# A report has room for so many pairs of a proxy and a target host, with so long a last error.
_MOST_PAIRS, _LONGEST_ERROR = 2000, 200


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
    """The addresses of the proxies to use, the best one first; empty when the run has no pool.

    They hold the credentials, percent-encoded. ``HTTP_PROXY`` and ``HTTPS_PROXY`` are the first of them.
    """
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
        self.exceptions: list[dict[str, Any]] = []
        self.proxies: dict[tuple[int, str], dict[str, Any]] = {}
        self.reported = False
        self._told = 0.0
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

    def tell(self) -> None:
        """Write the report as it is now, and once more at the end of the process."""
        if not self.reported:
            self.reported = True
            atexit.register(self.write_report, True)
        self._told = monotonic()
        self.write_report(False)

    def tell_soon(self) -> None:
        """The same, but at most once a second: the report at the end has what came after it."""
        if not self.reported or monotonic() - self._told >= 1:
            self.tell()

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
            "exceptions": self.exceptions,
        }
        if self.proxies:
            content["proxies"] = list(self.proxies.values())
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
        _output.counts.update({name: count for name, count in given.items() if count is not None})
        _output.stats.update(stats or {})
        if problem:
            _output.problems.append(problem)
        _output.tell()


def proxy_used(
    address: str,
    url: str = "",
    *,
    ok: bool = True,
    traffic: int = 0,
    error: object = None,
    at_proxy: bool = False,
) -> None:
    """Tell how a request through a proxy went: it is counted, and proxies that fail are rested.

    ``address`` is one of ``proxies()``, others are passed over; ``url`` is what was asked for, ``traffic`` counts
    bytes. Not ``ok`` rests the proxy for the host of ``url``; with ``at_proxy``, when the proxy itself failed
    (no connection with it, wrong credentials), for every host. ``error`` says what went wrong.
    """
    proxy_id = _proxy_ids(os.environ.get("LAMPLIGHTER_PROXY_PLAN", "")).get(address)
    if proxy_id is None:
        return
    with _output.lock:
        key = (proxy_id, (urlsplit(url).hostname or "") if url else "")
        if key not in _output.proxies and len(_output.proxies) >= _MOST_PAIRS:
            key = (proxy_id, "")
        new = {"requests": 0, "failures": 0, "traffic": 0, "failuresInRow": 0, "atProxy": False}
        entry = _output.proxies.setdefault(key, {"id": key[0], "host": key[1], **new})
        entry["requests"] += 1
        entry["traffic"] += traffic
        if ok:
            entry["failuresInRow"] = 0
        else:
            text = _without_credentials(str(error or "failed"), address)
            entry.update(
                failures=entry["failures"] + 1,
                failuresInRow=entry["failuresInRow"] + 1,
                lastError=text[:_LONGEST_ERROR],
                atProxy=at_proxy,
            )
        _output.tell_soon()


@functools.cache
def _proxy_ids(plan: str) -> dict[str, int]:
    """The ids of the proxies by their addresses, with and without credentials."""
    if not plan or not Path(plan).exists():
        return {}
    known = {proxy["url"]: proxy["id"] for proxy in json.loads(Path(plan).read_bytes())["proxies"]}
    bare: dict[str, int] = {}
    for address, proxy_id in known.items():
        scheme, _, rest = address.partition("://")
        bare.setdefault(f"{scheme}://{rest.rpartition('@')[2]}", proxy_id)
    return bare | known


def _without_credentials(text: str, address: str) -> str:
    user_info = urlsplit(address).netloc.rpartition("@")[0]
    username, _, password = user_info.partition(":")
    for secret in (user_info, password, unquote(password), username, unquote(username)):
        if len(secret) > 2:
            text = text.replace(secret, "…")
    return without_passwords(text)


# ---- What people look at afterwards ------------------------------------------------------------------------
# The Scrapy side of Lamplighter uses these, too.

MOST_SNAPSHOTS = {"error": 100, "first": 10, "own": 110}
SNAPSHOT_BYTES, ALL_SNAPSHOT_BYTES = 2 * 1024**2, 20 * 1024**2
_PROJECT = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - compared as text


def snapshot(html: str, url: str | None = None, status: int | None = None) -> None:
    """Keep a page for the people who read the run, when its log mode is ``TextAndHtml``; otherwise do nothing.

    A line of the log names the file. What goes beyond 2 MiB of a page, 110 pages or 20 MiB is not kept.
    """
    if _snapshots is not None:
        told = f"{without_passwords(url)[:500]} " if url else ""
        told += "was kept" if status is None else f"answered {status}"
        with _output.lock:
            _snapshots.keep(html, "own", told, url=url, status=status)


def without_passwords(text: str) -> str:
    """The text with … in place of the credentials of the addresses in it."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)


def page_bytes(html: str, url: str | None, status: int | None) -> bytes:
    """A page as a file of UTF-8: a line of what it is, then the page, cut at ``SNAPSHOT_BYTES``."""
    said = [without_passwords(url)[:2000] if url else "", "" if status is None else f"status {status}"]
    said.append(datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    data = html.encode("utf-8", "replace")
    if len(data) > SNAPSHOT_BYTES:
        said.append(f"cut after {SNAPSHOT_BYTES} bytes")
        data = data[:SNAPSHOT_BYTES].decode("utf-8", "ignore").encode()
    line = re.sub(r"[\s>]+", " ", " | ".join(filter(None, said))).replace("--", "- -")
    return f"<!-- {line} -->\n".encode() + data


class Snapshots:
    """The folder of pages that are kept for people; ``tell`` writes a line of the log."""

    def __init__(self, folder: str, tell: Callable[[str], None]) -> None:
        self._folder = Path(folder)
        self.tell = tell
        self._counts: Counter[str] = Counter()
        self._bytes = self._number = 0
        self._told: set[str] = set()

    def has_room(self, kind: str) -> bool:
        """Whether one more of the kind (a key of ``MOST_SNAPSHOTS``) is kept; that it is not is told once."""
        if self._counts[kind] >= MOST_SNAPSHOTS[kind]:
            if kind != "first":  # more of those is not to be expected
                self._tell_once(f"No more pages are kept in snapshots: {MOST_SNAPSHOTS[kind]} are there.")
            return False
        if self._bytes >= ALL_SNAPSHOT_BYTES:
            self._tell_once(
                f"No more pages are kept in snapshots: {self._bytes / 1024**2:.0f} MiB are there."
            )
            return False
        return True

    def keep(self, html: str, kind: str, told: str, *, url: str | None, status: int | None) -> str | None:
        """Keep a page and tell so; its name, or None when it is not kept."""
        if not self.has_room(kind):
            return None
        data = page_bytes(html, url, status)[: max(0, ALL_SNAPSHOT_BYTES - self._bytes)]
        try:
            name = self._write(_file_name(url, status), data)
        except OSError as error:
            self._tell_once(f"A page cannot be kept in snapshots: {error.strerror}")
            return None
        self._counts[kind] += 1
        self._bytes += len(data)
        self.tell(f"snapshots/{name}: {told}")
        return name

    def _write(self, ending: str, data: bytes) -> str:
        """Under the next number that is free: other processes of the run may keep pages, too."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            self._number += 1
            path = self._folder / f"{self._number:04d}{ending}"
            try:
                with path.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                continue
            except OSError:
                path.unlink(missing_ok=True)  # half a page is none
                raise
            return path.name

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.tell(text)


def _file_name(url: str | None, status: int | None) -> str:
    """What comes behind the number, in safe characters."""
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        host = ""
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", host)[:80].strip(".-_")
    return "".join(f"-{part}" for part in (status, safe) if part) + ".html"


def exception_entry(error: BaseException, url: str | None = None) -> dict[str, Any]:
    """An exception as the report has it: type, message, and where it was raised with the lines around.

    Frames of the project come first, and in each part the innermost.
    """
    frames = list(reversed(traceback.extract_tb(error.__traceback__)))
    if isinstance(error, SyntaxError) and error.filename:
        frames.insert(0, traceback.FrameSummary(error.filename, error.lineno, "<module>", lookup_line=False))
    own = [frame for frame in frames if _is_own(frame.filename)]
    others = [frame for frame in frames if not _is_own(frame.filename)]
    return {
        "type": type(error).__name__,
        "message": without_passwords(str(error))[:2000],
        "url": without_passwords(url) if url else None,
        "page": None,
        "count": 1,
        "traceback": [_frame_entry(frame) for frame in own[:10] + others[:5]],
    }


def _is_own(filename: str) -> bool:
    return filename.startswith(_PROJECT) and "site-packages" not in filename


def _frame_entry(frame: traceback.FrameSummary) -> dict[str, Any]:
    number = frame.lineno or 0
    lines = linecache.getlines(frame.filename)
    around = range(max(1, number - 3), min(len(lines), number + 3) + 1)
    name = frame.filename.removeprefix(_PROJECT)
    return {
        "file": re.split(r"site-packages/|/lib/python\d[\d.]*/", name)[-1],
        "line": number,
        "function": frame.name,
        "source": [[n, without_passwords(lines[n - 1].rstrip("\r\n"))[:200]] for n in around],
    }


def _note_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last word of a program that nobody rescues; what is printed and its exit status are as always."""
    try:
        if not issubclass(kind, KeyboardInterrupt):
            with _output.lock:
                _output.exceptions.append(exception_entry(error.with_traceback(trace)))
                _output.tell()
    finally:
        _other_hook(kind, error, trace)


def _to_standard_error(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


_kept_in = os.environ.get("LAMPLIGHTER_SNAPSHOTS")
_snapshots = Snapshots(_kept_in, _to_standard_error) if _kept_in else None
_other_hook = sys.excepthook
if os.environ.get("LAMPLIGHTER_REPORT") and not os.environ.get("LAMPLIGHTER_SPIDER"):
    sys.excepthook = _note_exception  # the report of a spider is not this module's
