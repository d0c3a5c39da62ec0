"""Where a zone's offset from UTC changes, found by looking rather than by reading zoneinfo's internals.

Time is cut into blocks of equal length. A block is searched once, when first asked for: the offset is
probed every few days, and where two probes differ the change between them is found by bisection. No two
changes in the database are closer together than the distance of two probes (a test checks every zone
against its file).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from lamplighter.triggers.instants import DAY, EPOCH, FIRST_INSTANT, LAST_INSTANT, SECOND
from lamplighter.triggers.zones import zone

PROBE = 4 * DAY
BLOCK = 64 * PROBE
_MOST_BLOCKS = 256
_EARLIEST = (FIRST_INSTANT + 2 * DAY) // SECOND
_LATEST = (LAST_INSTANT - 2 * DAY) // SECOND
_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of instants with one offset: ``start`` belongs to it, ``end`` to the next one.

    ``before`` and ``after`` are the offsets on the other side of its ends. They equal ``offset`` where a
    piece ends only because its block does.
    """

    start: int
    end: int
    offset: int
    before: int
    after: int


class Timeline:
    """The pieces of one zone. Instants, wall times and offsets are microseconds (see ``instants``)."""

    __slots__ = ("_blocks", "_only", "name", "zone")

    def __init__(self, zone_info: ZoneInfo, name: str) -> None:
        self.zone = zone_info
        self.name = name
        self._only = _only_piece(zone_info)
        self._blocks: dict[int, tuple[list[int], list[Piece]]] = {}

    def piece(self, instant: int) -> Piece:
        """The piece that contains the instant."""
        if self._only is not None:
            return self._only
        block = self._blocks.get(instant // BLOCK)
        if block is None:
            block = self._search(instant // BLOCK)
        starts, pieces = block
        return pieces[bisect_right(starts, instant) - 1]

    def _search(self, number: int) -> tuple[list[int], list[Piece]]:
        edge, end = number * BLOCK, (number + 1) * BLOCK
        offset = self._offset(edge)
        starts, offsets = [edge], [self._offset(edge - SECOND), offset]
        for latest in range(edge + PROBE - SECOND, end, PROBE):
            later = self._offset(latest)
            if later != offset:
                starts.append(self._change(latest - PROBE, latest, later))
                offsets.append(later)
                offset = later
        offsets.append(self._offset(end))
        ends = [*starts[1:], end]
        pieces = [
            Piece(start, stop, offsets[i + 1], offsets[i], offsets[i + 2])
            for i, (start, stop) in enumerate(zip(starts, ends, strict=True))
        ]
        if len(self._blocks) >= _MOST_BLOCKS:
            self._blocks.clear()
        self._blocks[number] = (starts, pieces)
        return starts, pieces

    def _change(self, low: int, high: int, later: int) -> int:
        """The first instant after ``low`` with the offset of ``high``, to the second."""
        while high - low > SECOND:
            middle = (low + high) // (2 * SECOND) * SECOND
            if self._offset(middle) == later:
                high = middle
            else:
                low = middle
        return high

    def _offset(self, instant: int) -> int:
        # A zone ahead of UTC has no local time for the last hours of year 9999, hence the clamp.
        seconds = min(max(instant // SECOND, _EARLIEST), _LATEST)
        return _microseconds(datetime.fromtimestamp(seconds, self.zone).utcoffset())


def _only_piece(zone_info: ZoneInfo) -> Piece | None:
    """That of a zone like UTC, which never changes; None for every other one."""
    told = zone_info.utcoffset(None)
    if told is None:
        return None
    offset = _microseconds(told)
    return Piece(FIRST_INSTANT - BLOCK, LAST_INSTANT + BLOCK, offset, offset, offset)


@lru_cache(maxsize=1024)
def _microseconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset // _ONE_SECOND * SECOND


def timeline(name: str) -> Timeline:
    """The timeline of the zone of that name; an unknown name raises InvalidInput for ``timezone``."""
    return _timeline(zone(name).key)


@lru_cache(maxsize=1024)
def _timeline(canonical: str) -> Timeline:
    return Timeline(zone(canonical), canonical)


def local_time(instant: int, line: Timeline) -> datetime:
    """The instant as an aware datetime in the zone of the timeline."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(line.zone)
