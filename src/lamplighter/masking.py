"""Hides secrets in text that an agent made: *** takes the place of every value, however it is spelled.

Values are found as they are, percent-encoded as in addresses, and escaped as in JSON, HTML or Python, also in
pieces of text that begin or end inside of one. What is shorter than four characters is not hidden: it would
blot out the rest, too. Nothing else is found: no other encoding, no part of a value.
"""

import html
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from urllib.parse import quote

HIDDEN = b"***"
_SHORTEST = 4
_LONGEST_BY_CHARACTER = 2000
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")
_ALSO = {" ": ["+"], "\n": ["\r\n"], "'": ["\\'"], "/": ["\\/"]}


class Mask:
    """What is to be hidden; false when that is nothing.

    ``reach`` is how many bytes before and behind a piece of text decide what of the piece is hidden.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        parts = {part for value in values for part in _parts(value)}
        spelled = [
            # Each character may be spelled in its own way, but in a long value that costs too much.
            [_spellings(text) for text in (part if len(part) <= _LONGEST_BY_CHARACTER else [part])]
            for part in sorted(parts)
        ]
        self._patterns = [re.compile(b"".join(map(_any_of, part))) for part in spelled]
        self.reach = max((sum(max(map(len, one)) for one in part) for part in spelled), default=1) - 1

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def text(self, text: str) -> str:
        """``text`` with all values hidden."""
        data = text.encode("utf-8", "surrogatepass")
        return self.pieces(data, (0, len(data)))[0].decode("utf-8", "surrogatepass")

    def pieces(self, data: bytes, cuts: Sequence[int]) -> list[bytes]:
        """The pieces of ``data`` between each two of ``cuts``, with all values hidden.

        A value that is in several pieces is hidden in the first one, and missing in the others.
        """
        spans = self._spans(data)
        found: list[bytes] = []
        index = 0
        for begin, end in pairwise(cuts):
            shown, at = [], begin
            while index < len(spans) and spans[index][0] < end:
                first, behind = spans[index]
                if first >= begin:
                    shown += [data[at:first], HIDDEN]
                at = max(at, behind)
                if behind > end:
                    break
                index += 1
            found.append(b"".join([*shown, data[at:end]]))
        return found

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where the values are, as (first, behind), in order and without overlap."""
        merged: list[tuple[int, int]] = []
        for first, behind in sorted(span for pattern in self._patterns for span in _places(pattern, data)):
            if merged and first < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(behind, merged[-1][1]))
            else:
                merged.append((first, behind))
        return merged


def _places(pattern: re.Pattern[bytes], data: bytes) -> Iterable[tuple[int, int]]:
    """All places of a pattern, those too that overlap: a cut must not change what is found."""
    at = 0
    while found := pattern.search(data, at):
        yield found.span()
        at = found.start() + 1


def _parts(value: str) -> set[str]:
    """A value, and its lines: a log is read line by line."""
    return {part for part in (value, *map(str.strip, value.splitlines())) if len(part) >= _SHORTEST}


def _spellings(text: str) -> frozenset[bytes]:
    """How a character of a value, or a whole value, may stand in what an agent prints."""
    raw = text.encode("utf-8", "surrogatepass")
    if text in _PLAIN:
        return frozenset([raw])
    percent = quote(text, safe="", errors="surrogatepass")
    unit = "".join(f"\\u{unit:04x}" for unit in _utf_16(text))
    texts = [percent, percent.lower(), unit, unit.upper().replace("U", "u"), html.escape(text)]
    texts += [json.dumps(text)[1:-1], repr(text)[1:-1], *_ALSO.get(text, ())]
    return frozenset([raw, *(one.encode("utf-8", "surrogatepass") for one in texts)])


def _utf_16(text: str) -> Iterable[int]:
    pairs = text.encode("utf-16-be", "surrogatepass")
    return (high << 8 | low for high, low in zip(pairs[::2], pairs[1::2], strict=True))


def _any_of(spellings: frozenset[bytes]) -> bytes:
    # The longest first: a short one may be the beginning of a long one.
    ordered = sorted(spellings, key=lambda one: (-len(one), one))
    return b"(?:" + b"|".join(map(re.escape, ordered)) + b")" if len(ordered) > 1 else re.escape(ordered[0])
