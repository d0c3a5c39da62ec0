"""What explains a failed attempt, gathered in one file beside the page that failed: ``evidence/evidence.json``.

Nearly all of it was written by the agent, so every part is checked, bounded and made of plain text. What the
document holds is written in docs/guide.md; ``http.api.evidence`` has it as a type.
"""

import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from lamplighter.disk import open_plain
from lamplighter.export.reported import MOST_NAMES, numbers_of
from lamplighter.files import AttemptFolder
from lamplighter.model import GoodRun, RecordStatistics, Run
from lamplighter.runner import visits
from lamplighter.runner.tracebacks import is_own, last_exceptions, short_name, source_lines
from lamplighter.runner.verdict import Report

NAME = "evidence.json"
_TAIL = 256 * 1024
_LAST_LINES = 100
_LONGEST_LINE = 1000
_LONGEST_TEXT = 2000
_LONGEST_NAME = 300
_LONGEST_MASKED = 20_000
_MOST_EXCEPTIONS = 10
_MOST_FRAMES = 30
_MOST_SOURCE = 15
_MOST_DIFFERENCES = 20
_MOST_TYPES = 50
_MOST_PAGES = 1000
_LARGEST = 2**53
_WORTH_TELLING = 0.1  # a number that changed by less, of itself, explains nothing
_STATUS_CODE = re.compile(r"(?:.*/)?response_status_count/([1-5][0-9]{2})")
_EXCEPTION_TYPE = re.compile(r"(?:spider_exceptions|(?:.*/)?exception_type_count)/(?!count$)(.+)")
_COUNTS = {
    "errorCount": "errors",
    "pageCount": "pages",
    "dynamicPageCount": "dynamicPages",
    "requestCount": "requests",
    "traffic": "traffic",
}


class _Case(NamedTuple):
    """An attempt that failed; ``clip`` makes text of the agent's fit to be kept."""

    folder: AttemptFolder
    report: Mapping[str, Any]
    log: str
    pages: list[str]
    clip: "_Clip"


class _Clip:
    """Text without secrets, not longer than it may be, and whole in UTF-8."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask

    def __call__(self, value: Any, most: int = _LONGEST_NAME) -> str:
        """``value`` when it is text, else no text."""
        text = value if isinstance(value, str) else ""
        # Masked before it is cut: half of a secret is one too.
        text = self._mask(text[:_LONGEST_MASKED].encode(errors="backslashreplace").decode())
        return text if len(text) <= most else f"{text[:most]}…"


def gather(
    folder: AttemptFolder,
    run: Run,
    verdict_message: str,
    exit_text: str,
    report_document: Mapping[str, Any],
    now_statistics: RecordStatistics,
    last_good: GoodRun | None,
    now: datetime,
    mask: Callable[[str], str] = str,
    memory_mb: int | None = None,
) -> None:
    """Write the evidence of a failed attempt, whole or not at all.

    It is called while the agent's working folder is still there. ``mask`` takes secrets out of text,
    ``memory_mb`` is the limit that the agent had. Nothing that an agent left behind raises; OSError when the disk
    is full.
    """
    report = report_document if isinstance(report_document, dict) else {}
    case = _Case(folder, report, _tail(folder.log), _pages(folder.evidence), _Clip(mask))
    exceptions = _exceptions(case)
    stats = numbers_of(report.get("stats"))
    page = _page(case, exceptions)
    document = {
        "runId": run.id,
        "attempt": run.attempt,
        "agentId": run.agent_id,
        "agentName": run.agent_name,
        "agentVersion": run.agent_version,
        "startTime": _iso(run.start_time),
        "endTime": _iso(now),
        "message": case.clip(verdict_message, _LONGEST_TEXT),
        "exit": _exit(case, exit_text, exceptions, stats)
        | {"memoryLimit": memory_mb and memory_mb * 1024**2},
        "counters": _counters(report, now_statistics),
        "statusCodes": _status_codes(stats, report.get("statuses")),
        "exceptionTypes": _exception_types(case, exceptions, stats),
        "exceptions": exceptions,
        "page": page,
        "web": visits.told(report, stats, _shown(case, page), case.clip),
        "lastLines": _last_lines(case),
        "lastGood": _last_good(last_good),
        "difference": None if last_good is None else _difference(case, now_statistics, stats, last_good),
    }
    _write(folder, json.dumps(document, indent=1).encode())


# --- the log and how the process ended ---


def _tail(path: Path) -> str:
    """The last whole lines of the log, at most 256 KiB."""
    file = open_plain(path)
    if file is None:
        return ""
    with file:
        begin = max(0, file.seek(0, os.SEEK_END) - _TAIL)
        file.seek(begin)
        content = file.read(_TAIL)
    if begin:
        content = content.partition(b"\n")[2] or b"(the last line is too long to be shown)"
    return content.decode("utf-8", "replace")


def _last_lines(case: _Case) -> list[str]:
    lines = case.log.rstrip("\n").split("\n")[-_LAST_LINES:] if case.log else []
    return [case.clip(line.rstrip("\r"), _LONGEST_LINE) for line in lines]


def _exit(
    case: _Case, text: str, exceptions: list[dict[str, Any]], stats: Mapping[str, float]
) -> dict[str, Any]:
    """How the process ended and what it took; the keeper wrote that down beside the log."""
    noted = _json_object(case.folder.path / "exit.json")
    code, signal_name = noted.get("exitCode"), re.fullmatch(r"killed by (\S+)", text)
    peak, cpu = noted.get("maxRssKb"), noted.get("cpuSeconds")
    ran_out = any(e["type"].rpartition(".")[2] == "MemoryError" for e in exceptions)
    return {
        "text": case.clip(text),
        "code": code if _is_count(code) else None,
        "signal": case.clip(signal_name[1]) if signal_name else None,
        "peakMemory": peak * 1024 if _is_count(peak) else None,
        "outOfMemory": ran_out or bool(stats.get("memusage/limit_reached")),
        "memoryKills": kills if _is_count(kills := noted.get("memoryKills")) else None,
        "cpuSeconds": cpu if _is_number(cpu) else None,
    }


def _json_object(path: Path) -> dict[str, Any]:
    file = open_plain(path)
    if file is None:
        return {}
    with file:
        try:
            value = json.loads(file.read(_TAIL))
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


# --- exceptions ---


def _exceptions(case: _Case) -> list[dict[str, Any]]:
    """Those that the agent reported; when it reports none, those at the end of its log."""
    reported = case.report.get("exceptions")
    found = [e for e in reported if isinstance(e, dict)] if isinstance(reported, list) else []
    if not found:
        found = last_exceptions(case.log)
        for raised in found:
            # As agents report them: frames of their own files come first, and in each part the innermost.
            raised["traceback"].sort(key=lambda frame: not is_own(case.folder.work, frame["file"]))
    return [_exception(case, raised) for raised in found[:_MOST_EXCEPTIONS]]


def _exception(case: _Case, given: Mapping[str, Any]) -> dict[str, Any]:
    count, frames, page = given.get("count"), given.get("traceback"), case.clip(given.get("page"))
    frames = [f for f in frames if isinstance(f, dict)] if isinstance(frames, list) else []
    return {
        "type": case.clip(given.get("type")),
        "message": case.clip(given.get("message"), _LONGEST_TEXT),
        "url": case.clip(given.get("url"), _LONGEST_TEXT) or None,
        "page": page if page in case.pages else None,
        "count": max(1, count) if _is_count(count) else 1,
        "traceback": [_frame(case, frame) for frame in frames[:_MOST_FRAMES]],
    }


def _frame(case: _Case, given: Mapping[str, Any]) -> dict[str, Any]:
    file, line = str(given.get("file") or "")[:_LONGEST_MASKED], given.get("line")
    number = line if _is_count(line) else 0
    said = given.get("source")
    source = [pair for pair in said if _is_source_line(pair)] if isinstance(said, list) else []
    if len(source) < 2:  # the log has the line alone, and no more of a file than that
        source = source_lines(case.folder.work, file, number) or source
    return {
        "file": case.clip(short_name(case.folder.work, file)),
        "line": number,
        "function": case.clip(given.get("function")),
        "source": [{"line": n, "text": case.clip(text)} for n, text in source[:_MOST_SOURCE]],
    }


def _is_source_line(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and _is_count(pair[0]) and isinstance(pair[1], str)


def _pages(place: Path) -> list[str]:
    """The names of the plain files in the folder of evidence, but for the one that is made here."""
    try:
        with os.scandir(place) as entries:
            found = islice((e.name for e in entries if e.is_file(follow_symlinks=False)), _MOST_PAGES)
            return [] if place.is_symlink() else sorted(name for name in found if name != NAME)
    except OSError:
        return []


def _page(case: _Case, exceptions: list[dict[str, Any]]) -> str | None:
    """The file with the page that failed: that of the first exception which has one, else the last one kept."""
    of_exceptions = [e["page"] for e in exceptions if e["page"]]
    kept = [name for name in case.pages if case.clip(name) == name]
    return next(iter(of_exceptions + kept[::-1]), None)


def _shown(case: _Case, page: str | None) -> Path | None:
    """The page that is looked at to see what it is: the one that failed, else the last snapshot."""
    if page is not None:
        return case.folder.evidence / page
    snapshots = _pages(case.folder.snapshots)
    return case.folder.snapshots / snapshots[-1] if snapshots else None


# --- numbers ---


def _counters(report: Mapping[str, Any], now: RecordStatistics) -> dict[str, int]:
    said = Report.of(report)
    return {"dataCount": now.count} | {name: said.count(word) for name, word in _COUNTS.items()}


def _status_codes(stats: Mapping[str, float], counted: Any) -> dict[str, int]:
    """How often pages came with which HTTP status; ``counted`` tells where Scrapy's statistics are off."""
    found = ((_STATUS_CODE.fullmatch(name), count) for name, count in stats.items())
    codes = {match[1]: int(count) for match, count in found if match is not None}
    if codes or not isinstance(counted, dict):
        return codes
    return {
        code: count
        for code, count in counted.items()
        if isinstance(code, str) and re.fullmatch(r"[1-9][0-9]{2}", code, re.ASCII) and _is_count(count)
    }


def _exception_types(
    case: _Case, exceptions: list[dict[str, Any]], stats: Mapping[str, float]
) -> dict[str, int]:
    """How often which type of exception was seen, the most frequent first."""
    seen: dict[str, int] = {}
    counted = [(e["type"], e["count"]) for e in exceptions]
    told = ((_EXCEPTION_TYPE.fullmatch(name), count) for name, count in stats.items())
    counted += [(case.clip(match[1]), int(count)) for match, count in told if match is not None]
    for path, count in counted:
        name = path.rpartition(".")[2]
        seen[name] = max(seen.get(name, 0), count)
    ranked = sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ranked[:_MOST_TYPES])


def _last_good(good: GoodRun | None) -> dict[str, Any] | None:
    if good is None:
        return None
    return {
        "runId": good.run_id,
        "agentVersion": good.agent_version,
        "endTime": _iso(good.end_time),
        "dataCount": good.statistics.count,
    }


def _difference(
    case: _Case, now: RecordStatistics, stats: Mapping[str, float], good: GoodRun
) -> dict[str, Any]:
    """What is other than in the last good run, the greatest changes first."""
    filled, filled_then = _rates(now), _rates(good.statistics)
    if len(filled_then) >= MOST_NAMES:  # others there were, and are not known any more
        filled = {name: rate for name, rate in filled.items() if name in filled_then}
    fields = _changes(case, filled, filled_then) if filled and filled_then else []
    return {
        "records": {"now": now.count, "then": good.statistics.count},
        "fields": fields,
        "stats": _changes(case, stats, good.stats),
    }


def _rates(statistics: RecordStatistics) -> dict[str, float]:
    count = statistics.count
    return {name: round(min(1, n / count), 3) for name, n in statistics.fields.items()} if count else {}


def _changes(case: _Case, now: Mapping[str, float], then: Mapping[str, float]) -> list[dict[str, Any]]:
    ranked: list[tuple[float, str]] = []
    for name in now.keys() | then.keys():
        new, old = now.get(name, 0), then.get(name, 0)
        if abs(new - old) > _WORTH_TELLING * max(abs(new), abs(old)):
            # What came or went altogether goes first, then what grew or shrank the most, as a ratio.
            ranked.append((-abs(math.log((abs(new) + 1e-3) / (abs(old) + 1e-3))), name))
    ranked.sort()
    return [
        {"name": case.clip(name), "now": now.get(name, 0), "then": then.get(name, 0)}
        for _, name in ranked[:_MOST_DIFFERENCES]
    ]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_count(value: Any) -> TypeGuard[int]:
    return _is_number(value) and isinstance(value, int)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- the file ---


def _write(folder: AttemptFolder, content: bytes) -> None:
    """Put the file where an agent may have put anything, by way of a new file beside it."""
    place = folder.evidence
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        place.unlink()
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    target = place / NAME
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target, ignore_errors=True)
    if target.is_dir() and not target.is_symlink():  # it could not be removed
        target.rename(tempfile.mkdtemp(dir=place))
    descriptor, temporary = tempfile.mkstemp(dir=folder.path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
