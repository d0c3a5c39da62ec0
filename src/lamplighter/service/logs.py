"""Reading the log of an attempt, whole or line by line, with secrets hidden."""

from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from lamplighter.masking import Mask

_CHUNK = 256 * 1024


def blocks(file: BinaryIO, size: int, mask: Mask) -> Iterator[bytes]:
    """The first ``size`` bytes of a log in pieces; what the mask hides is hidden across their borders too.

    Closes the file.
    """
    with file:
        if not mask:
            while size > 0 and (block := file.read(min(_CHUNK, size))):
                size -= len(block)
                yield block
            return
        for begin in range(0, size, _CHUNK):
            first, end = max(0, begin - mask.reach), min(begin + _CHUNK, size)
            file.seek(first)
            data = file.read(end + mask.reach - first)
            yield mask.pieces(data, (begin - first, end - first))[0]


def lines(file: BinaryIO, offset: int, mask: Mask) -> list[tuple[str, int]]:
    """Some whole lines from ``offset`` on, each with the offset behind it; of an endless line, a piece."""
    first = max(0, offset - mask.reach) if mask else offset
    file.seek(first)
    data = file.read(offset - first + _CHUNK + mask.reach)
    begin, full = offset - first, len(data) == offset - first + _CHUNK + mask.reach
    end = data.rfind(b"\n", begin) + 1 or (len(data) - mask.reach if full else 0)
    cuts = [begin]
    for line in data[begin:end].splitlines(keepends=True):
        cuts.append(cuts[-1] + len(line))
    texts = mask.pieces(data, cuts) if mask else [data[a:b] for a, b in pairwise(cuts)]
    # A carriage return would end the event's line early.
    return [
        (text.decode("utf-8", "replace").rstrip("\r\n").replace("\r", " "), first + cut)
        for text, cut in zip(texts, cuts[1:], strict=True)
    ]


def whole_lines(file: BinaryIO, size: int) -> int:
    """How many of the first ``size`` bytes are whole lines: the end of what may be half a secret still."""
    for begin in range((size - 1) // _CHUNK * _CHUNK, -1, -_CHUNK):
        file.seek(begin)
        found = file.read(min(_CHUNK, size - begin)).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
    return 0
