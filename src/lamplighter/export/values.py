"""Values of records in tables: what kind a column is, and the text of what no column can hold."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import chain
from typing import Any

# Beyond this a table is no table.
MOST_COLUMNS = 1000
INT64 = range(-(2**63), 2**63)
_EXACT_IN_DOUBLE = range(-(2**53), 2**53 + 1)
_MOST_CELLS = 1_000_000  # of a table, in memory at a time
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Kind(Enum):
    """What a column holds, over all records. ``JSON`` is the text of anything, so that nothing is lost."""

    EMPTY = "empty"  # nothing but null
    BOOLEAN = "boolean"
    INTEGER = "integer"  # of 64 bits
    NUMBER = "number"  # as a double, to which every integer among them can be turned exactly
    TEXT = "text"
    JSON = "json"


class _Seen(Enum):
    """What one value is; ``NEAR`` and ``WIDE`` are integers, to be told apart when they meet a double."""

    BOOLEAN = 1
    NEAR = 2
    WIDE = 3
    BEYOND = 4
    DOUBLE = 5
    TEXT = 6
    NESTED = 7


_OF_TYPE: Mapping[type, _Seen] = {
    bool: _Seen.BOOLEAN,
    float: _Seen.DOUBLE,
    str: _Seen.TEXT,
    list: _Seen.NESTED,
    dict: _Seen.NESTED,
}
_KINDS: Mapping[frozenset[_Seen], Kind] = {
    frozenset(): Kind.EMPTY,
    frozenset({_Seen.BOOLEAN}): Kind.BOOLEAN,
    frozenset({_Seen.NEAR}): Kind.INTEGER,
    frozenset({_Seen.WIDE}): Kind.INTEGER,
    frozenset({_Seen.NEAR, _Seen.WIDE}): Kind.INTEGER,
    frozenset({_Seen.DOUBLE}): Kind.NUMBER,
    frozenset({_Seen.DOUBLE, _Seen.NEAR}): Kind.NUMBER,
    frozenset({_Seen.TEXT}): Kind.TEXT,
}


def most_rows(columns: int) -> int:
    """How many rows of a table are in memory at most: 1,000 columns must not cost 1,000 times as much."""
    return max(1, _MOST_CELLS // max(1, columns))


def kinds_of(batches: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, Kind]:
    """The kind of each field over all the records, which come some at a time.

    Raises ``ValueError`` as soon as there are more fields than a table has columns.
    """
    seen: dict[str, set[_Seen]] = {}
    for batch in batches:
        for name in fields_of(batch):
            seen.setdefault(name, set()).update(_look([record.get(name) for record in batch]))
            if len(seen) > MOST_COLUMNS:
                raise ValueError(f"more than {MOST_COLUMNS:,} columns")
    return {name: _KINDS.get(frozenset(found), Kind.JSON) for name, found in seen.items()}


def fields_of(records: Iterable[Mapping[str, Any]]) -> dict[str, None]:
    """The names of the fields in the order in which they are first seen."""
    shapes = dict.fromkeys(map(tuple, records))  # few, whatever the number of records
    return dict.fromkeys(chain.from_iterable(shapes))


def json_text(value: Any) -> str:
    """``value`` as JSON, with letters as they are."""
    return _ENCODER.encode(value)


def clean_text(text: str) -> str:
    """``text`` with escapes for what UTF-8 cannot carry: halves of surrogate pairs, as in ``\\ud800``."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _look(values: list[Any]) -> set[_Seen]:
    """What the values of a column are that are not null."""
    types = set(map(type, values)) - {type(None)}
    seen = {_OF_TYPE[each] for each in types if each is not int}
    if int in types:
        integers = [value for value in values if type(value) is int]
        ends = (min(integers), max(integers))
        is_near = all(end in _EXACT_IN_DOUBLE for end in ends)
        seen |= {_Seen.NEAR} if is_near else set(map(_size_of, integers))
    return seen


def _size_of(integer: int) -> _Seen:
    if integer in _EXACT_IN_DOUBLE:
        return _Seen.NEAR
    return _Seen.WIDE if integer in INT64 else _Seen.BEYOND
