"""Items as lines of JSON."""

import base64
import collections.abc
import datetime
import decimal
import enum
import json
import logging
import math
import numbers
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

from itemadapter import ItemAdapter, is_item
from scrapy.http import Request, Response

from .problems import Tally

log = logging.getLogger("lamplighter")


def plain(value: Any) -> Any:
    """The value in the types of JSON; TypeError for what has no such form."""
    for types, convert in PLAIN_FORMS:
        if isinstance(value, types):
            return convert(value)
    if is_item(value):
        return record_of(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def bytes_text(value: bytes) -> str:
    """Text where the bytes are text, else Base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


PLAIN_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (enum.Enum, lambda value: plain(value.value)),
    ((type(None), bool, str), lambda value: value),
    (numbers.Integral, int),
    (numbers.Real, lambda value: float(value) if math.isfinite(value) else None),  # JSON has no NaN
    ((decimal.Decimal, pathlib.PurePath, uuid.UUID), str),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
    (datetime.timedelta, lambda value: value.total_seconds()),
    (bytes, bytes_text),
    (Request, lambda value: f"<{type(value).__name__} {value.method} {value.url}>"),
    (Response, lambda value: f"<{type(value).__name__} {value.status} {value.url}>"),
    (collections.abc.Mapping, lambda value: {str(key): plain(inner) for key, inner in value.items()}),
    ((list, tuple, collections.deque), lambda value: [plain(inner) for inner in value]),
    # In a fixed order, so that the same page gives the same record.
    (collections.abc.Set, lambda value: sorted((plain(inner) for inner in value), key=str)),
)


def record_of(item: Any) -> dict[str, Any]:
    """The record of an item: its fields as a feed would export them, serializers of the fields included."""
    adapter = ItemAdapter(item)
    record = {}
    for name, value in adapter.items():
        serializer = adapter.get_field_meta(name).get("serializer")
        try:
            record[str(name)] = plain(serializer(value) if serializer else value)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"field {name}: {error}") from error
    return record


class Records:
    """The file that the records of the run are appended to. Every line is whole as soon as it is there."""

    def __init__(self, path: str | None) -> None:
        self._file = open(path, "ab") if path else None  # noqa: PTH123, SIM115 - open until the process ends
        self.count = 0
        self.lost = Tally()

    def add(self, item: Any) -> None:
        """Append one item. One that has no JSON form is an error in the log, not the end of the crawl."""
        try:
            record = record_of(item)
        except Exception as error:  # noqa: BLE001 - a field's serializer is the project's code
            log.error("An item of type %s cannot be recorded: %s", type(item).__name__, error)  # noqa: TRY400 - said in one line
            return
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        try:
            line = text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as broken pages have them
            line = json.dumps(record, separators=(",", ":")).encode()
        self._write(line + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            if self._file:
                self._file.write(line)
                self._file.flush()
        except OSError as error:
            self.lost.add(str(error))
            log.error("A record cannot be written: %s", error)  # noqa: TRY400 - the reason is the file's
            return
        self.count += 1
