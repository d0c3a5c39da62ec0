"""Records as CSV that a spreadsheet opens as it is: one column a field, nothing taken for a formula."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamplighter.export.lines import checked_batches, whole_file
from lamplighter.export.values import json_text, most_rows

CSV = "records.csv"
# With one of these at its beginning, a spreadsheet takes a text for a formula, or moves it to another cell.
_FORMULA = frozenset({"=", "+", "-", "@", "\t", "\r"})
_NOT_AS_JSON = (bool, list, dict)  # what the writer would write otherwise than JSON does
_NUMBERS = {int, float, type(None)}
_TEXTS = {str, type(None)}
_BOOLEANS = {bool, type(None)}
_WORDS = {True: "true", False: "false"}
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
        for batch in checked_batches(records, most_rows(len(columns))):
            writer.writerows(
                zip(*(_cells([row.get(name) for row in batch]) for name in columns), strict=True)
            )
        text.flush()
        text.detach()  # the file is closed by who opened it


def _cells(column: list[Any]) -> list[Any]:
    """The values of a column as they are written; of most columns they are looked at together."""
    types = set(map(type, column))
    if types <= _NUMBERS:
        return column
    if types <= _TEXTS and _FORMULA.isdisjoint({text[:1] for text in column if text}):
        return column
    if types <= _BOOLEANS:
        return list(map(_WORDS.get, column))
    return list(map(_cell, column))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _guarded(value)
    return json_text(value) if isinstance(value, _NOT_AS_JSON) else value


def _guarded(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA and not _NUMBER.fullmatch(text) else text
