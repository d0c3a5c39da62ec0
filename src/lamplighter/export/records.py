"""From the lines an agent wrote to files people can use: checked JSON Lines, CSV, Parquet.

The agent's own file is only read. A line that is not a JSON object is left out and counted; it stays in the
attempt's folder as it was written.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamplighter.export.csv_file import CSV, write_csv
from lamplighter.export.lines import checked_batches, lines_of, record_and_line, whole_file
from lamplighter.export.parquet_file import PARQUET, write_parquet
from lamplighter.export.values import MOST_COLUMNS as MOST_COLUMNS
from lamplighter.export.values import fields_of
from lamplighter.manifest.json_schema import RecordSchema

JSONL = "records.jsonl"
_COPIED_AT_ONCE = 256 * 1024


@dataclass(slots=True)
class RecordSummary:
    """What is in a records file.

    ``lacking`` counts the records without a field that was asked for; ``filled``, for each top-level field (at
    most ``MOST_COLUMNS`` of them), those in which it is neither null nor an empty text, list or object.
    ``mismatches`` counts the records that do not match the schema; ``first_mismatch`` is the number of the
    first one, from 1, and ``mismatch`` the place in it and the reason.
    """

    count: int = 0
    bad_lines: int = 0
    first_bad_line: int | None = None
    columns: list[str] = field(default_factory=list)
    lacking: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    mismatches: int = 0
    first_mismatch: int | None = None
    mismatch: str | None = None


def check_records(
    raw: Path, target: Path, required: Sequence[str], schema: Mapping[str, Any] | None = None
) -> RecordSummary:
    """Copy the records of ``raw`` into ``target``, whole or not at all, and say what is in them.

    ``required`` are the fields that no record may lack, ``schema`` the JSON Schema that each has to match.
    """
    survey = _Survey(required, None if schema is None else RecordSchema(schema))
    summary = survey.summary
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as out:
        for number, line in enumerate(lines_of(raw), start=1):
            found = record_and_line(line)
            if found is None:
                if line.strip():
                    summary.bad_lines += 1
                    summary.first_bad_line = summary.first_bad_line or number
                continue
            record, whole_line = found
            survey.look_at(record)
            out.write(whole_line)
    return survey.finished()


def merge(parts: Sequence[Path], target: Path) -> int:
    """Put checked records files one behind the other into ``target``, whole or not at all; how many records.

    The parts are copied as they are: each of their lines is a record, with its end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    block = bytearray(_COPIED_AT_ONCE)  # one for all, not new memory for each
    with whole_file(target) as out:
        for part in parts:
            with part.open("rb", buffering=0) as file:
                while size := file.readinto(block):
                    count += block.count(b"\n", 0, size)
                    out.write(memoryview(block)[:size])
    return count


def columns_of(records: Path) -> list[str]:
    """The fields of checked records in the order in which they are first seen; of too many not all."""
    columns: dict[str, None] = {}
    for batch in checked_batches(records):
        columns.update(fields_of(batch))
        if len(columns) > MOST_COLUMNS:
            break
    return list(columns)


def write_formats(
    records: Path, folder: Path, formats: Collection[str], columns: Sequence[str]
) -> dict[str, Path]:
    """Write checked records (of a run, or merged ones of a set) into ``folder`` in each of the formats.

    ``columns`` are their fields. Returns the file of each format; without records, or with more columns than a
    table has, there is neither CSV nor Parquet. Each is written whole or not at all.
    """
    written = {"jsonl": records} if "jsonl" in formats else {}
    for name, target, write in (
        ("csv", folder / CSV, write_csv),
        ("parquet", folder / PARQUET, write_parquet),
    ):
        if name in formats and 0 < len(columns) <= MOST_COLUMNS:
            write(records, target, columns)
            written[name] = target
        else:
            target.unlink(missing_ok=True)  # of an attempt before this one
    return written


class _Survey:
    """Gathers what is said of records, one record after the other."""

    def __init__(self, required: Sequence[str], schema: RecordSchema | None) -> None:
        self.summary = RecordSummary()
        self._required = required
        self._schema = schema
        self._columns: dict[str, None] = {}  # in the order in which they were first seen

    def look_at(self, record: Mapping[str, Any]) -> None:
        """Count one more record."""
        summary, filled = self.summary, self.summary.filled
        summary.count += 1
        if len(self._columns) <= MOST_COLUMNS:
            self._columns.update(dict.fromkeys(record))
        summary.lacking.update(name for name in self._required if record.get(name) in (None, ""))
        for name, value in record.items():
            # 0 and false are values like any other.
            if (value or isinstance(value, int | float)) and (name in filled or len(filled) < MOST_COLUMNS):
                filled[name] += 1
        reason = None if self._schema is None else self._schema.mismatch(record)
        if reason is not None:
            summary.mismatches += 1
            if summary.first_mismatch is None:
                summary.first_mismatch, summary.mismatch = summary.count, reason

    def finished(self) -> RecordSummary:
        """What was gathered."""
        self.summary.columns = list(self._columns)
        return self.summary
