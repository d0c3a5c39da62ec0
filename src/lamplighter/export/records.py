"""From the lines an agent wrote to records people can use: checked JSON Lines, and CSV.

The agent's own file is only read. A line that is not a JSON object is left out and counted; it stays in the
attempt's folder as it was written.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamplighter.files import open_plain

# Beyond these a table is no table: the CSV is left out, and a line is no record.
MOST_COLUMNS = 1000
LONGEST_LINE = 16 * 1024**2
JSONL = "records.jsonl"
CSV = "records.csv"


@dataclass(slots=True)
class RecordSummary:
    """What is in a records file. ``lacking`` counts the records without a field that was asked for."""

    count: int = 0
    bad_lines: int = 0
    first_bad_line: int | None = None
    columns: list[str] = field(default_factory=list)
    lacking: Counter[str] = field(default_factory=Counter)


def read_records(path: Path, *, skip: int = 0) -> Iterator[dict[str, Any]]:
    """The records of a JSON Lines file from the ``skip``-th on, without the lines that are none."""
    seen = 0
    for line in _lines(path):
        record = _record(line)
        if record is not None:
            seen += 1
            if seen > skip:
                yield record


def check_records(raw: Path, target: Path, required: Sequence[str]) -> RecordSummary:
    """Copy the records of ``raw`` into ``target``, whole or not at all, and say what is in them."""
    summary = RecordSummary()
    columns: dict[str, None] = {}  # in the order in which they were first seen
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".part")
    with temporary.open("wb") as out:
        for number, line in enumerate(_lines(raw), start=1):
            record = _record(line)
            if record is None:
                if line.strip():
                    summary.bad_lines += 1
                    summary.first_bad_line = summary.first_bad_line or number
                continue
            summary.count += 1
            if len(columns) <= MOST_COLUMNS:
                columns.update(dict.fromkeys(record))
            summary.lacking.update(name for name in required if record.get(name) in (None, ""))
            out.write(line if line.endswith(b"\n") else line + b"\n")
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(target)
    summary.columns = list(columns)
    return summary


def write_csv(records: Path, target: Path, columns: Sequence[str]) -> None:
    """Write the records as CSV with these columns, whole or not at all; nested values become JSON."""
    temporary = target.with_suffix(".part")
    # Half of a surrogate pair, which JSON can carry and UTF-8 cannot, is written as an escape.
    with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for record in read_records(records):
            writer.writerow([_cell(record, name) for name in columns])
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(target)


def _lines(path: Path) -> Iterator[bytes]:
    file = open_plain(path)
    if file is None:
        return
    with file:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                line = b"too long to be a record"
            yield line


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _cell(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
