"""Records as CSV that a spreadsheet opens as it is: one column a field, nothing taken for a formula."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lamplighter.export.lines import read_records, whole_file
from lamplighter.export.values import json_text

CSV = "records.csv"
# With one of these at its beginning, a spreadsheet takes a text for a formula, or moves it to another cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NOT_AS_JSON = (bool, list, dict)  # what the writer would write otherwise than JSON does
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def write_csv(records: Path, target: Path, columns: Sequence[str]) -> None:
    """Write the records as CSV with these columns, whole or not at all; nested values become JSON.

    Excel's dialect in UTF-8. Without a byte-order mark: most programs would take it for a part of the first
    column's name. A text that a spreadsheet would take for a formula, and that is no plain number, gets an
    apostrophe before it.
    """
    with whole_file(target) as out:
        # Half of a surrogate pair, which JSON can carry and UTF-8 cannot, is written as an escape.
        text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, dialect="excel")
        writer.writerow(map(_guarded, columns))
        writer.writerows(_rows(records, columns))
        text.flush()
        text.detach()  # the file is closed by who opened it


def _rows(records: Path, columns: Sequence[str]) -> Iterator[list[Any]]:
    for record in read_records(records):
        row = list(map(record.get, columns))
        for place, value in enumerate(row):
            if isinstance(value, str):
                if value.startswith(_FORMULA):
                    row[place] = _guarded(value)
            elif isinstance(value, _NOT_AS_JSON):
                row[place] = json_text(value)
        yield row


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
