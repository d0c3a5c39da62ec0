"""The lines of a records file, and files that are written whole or not at all."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from lamplighter.disk import open_plain, remove

LONGEST_LINE = 16 * 1024**2
DEEPEST = 200  # levels of nesting that every reader and writer behind us can take
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file that an agent wrote, each with its end; none when it is no plain file."""
    file = open_plain(path)
    if file is not None:
        with file:
            yield from _lines_in(file)


def _lines_in(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            line = b"too long to be a record"
        yield line


def records_in(file: BinaryIO, *, skip: int = 0) -> Iterator[dict[str, Any]]:
    """The records in a file that an agent writes, from the ``skip``-th on, without the lines that are none."""
    records = (record for record in map(record_of, _lines_in(file)) if record is not None)
    return islice(records, skip, None)


def checked_batches(path: Path, most: int = 10_000, size: int = 1024**2) -> Iterator[list[dict[str, Any]]]:
    """The records of a file whose lines were checked, some at a time; none when it is no plain file.

    They are at most ``most``, and were not more than ``size`` bytes, but for the last of them.
    """
    file = open_plain(path)
    if file is None:
        return
    with file:
        while lines := file.readlines(size):
            records = _decoded(lines)
            for begin in range(0, len(records), most):
                yield records[begin : begin + most]


def _decoded(lines: list[bytes]) -> list[dict[str, Any]]:
    try:
        return _DECODER.decode_lines(b"".join(lines))
    except msgspec.DecodeError:  # half of a surrogate pair, which was kept as an escape
        return [record for record in map(record_of, lines) if record is not None]


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None for what is no JSON object.

    NaN, Infinity and numbers that no double can hold, which programs write and JSON has not, become null.
    """
    found = record_and_line(line)
    return None if found is None else found[0]


def record_and_line(line: bytes) -> tuple[dict[str, Any], bytes] | None:
    """The record of a line, and the line as every reader of JSON takes it, with its end."""
    text = line.removeprefix(BYTE_ORDER_MARK)
    try:
        value = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        try:
            value = _LENIENT_DECODER.decode(text.decode())
        except (ValueError, RecursionError):
            return None
        text = json.dumps(value, separators=(",", ":")).encode()
    if not isinstance(value, dict) or _is_too_deep(line, value):
        return None
    return value, text if text.endswith(b"\n") else text + b"\n"


@contextmanager
def whole_file(target: Path, mark: str = "") -> Iterator[BinaryIO]:
    """A file to write that gets the name ``target`` when everything is in it and on the disk, else none.

    ``mark`` tells apart those who write a file of the same name at the same time.
    """
    temporary = target.with_name(f".{target.name}{mark}.part")
    remove(temporary)  # of a server that was killed, or what an agent has put there
    try:
        with temporary.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _finite(text: str) -> float | None:
    number = float(text)
    return None if math.isinf(number) else number


def _is_too_deep(line: bytes, value: Any) -> bool:
    if line.count(b"{") + line.count(b"[") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


# The first takes nothing but JSON, and objects only; what it refuses, the second one looks at again.
_DECODER = msgspec.json.Decoder(dict[str, Any])
_LENIENT_DECODER = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_finite)
