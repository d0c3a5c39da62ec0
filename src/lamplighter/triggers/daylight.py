"""From wall times to instants: what daylight saving does to cron and to calendar intervals.

Within one piece of a timeline wall time and instant differ by a constant, so a schedule of wall times is
a plain search. At a change of offset two things can happen:

* *gap*: the clock jumps forward and some wall times do not exist. ``DstGap.AFTER`` fires once, at the
  instant of the jump, for all that were skipped; ``SKIP`` drops them.
* *overlap*: the clock goes back and some wall times come twice. ``DstOverlap`` says which pass fires.

A schedule that follows the real clock is ``SKIP`` with ``BOTH``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lamplighter.triggers.instants import DAY
from lamplighter.triggers.timeline import Piece, Timeline


class DstGap(StrEnum):
    """What becomes of a wall time that the clock jumps over."""

    AFTER = "after"
    SKIP = "skip"


class DstOverlap(StrEnum):
    """Which pass of a repeated wall time fires."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class WallTimes(Protocol):
    """A set of wall times in order."""

    def first_from(self, wall: int) -> int | None:
        """The least member that is not below ``wall``."""
        ...

    def last_upto(self, wall: int) -> int | None:
        """The greatest member that is not above ``wall``."""
        ...

    def count(self, first: int, last: int) -> int:
        """How many members lie in the closed range; 0 when it is empty."""
        ...


class Fires(Protocol):
    """A set of instants in order."""

    def next_from(self, instant: int) -> int | None:
        """The least fire that is not before ``instant``."""
        ...

    def last_upto(self, instant: int) -> int | None:
        """The greatest fire that is not after ``instant``."""
        ...

    def count(self, first: int, last: int) -> int:
        """How many fires lie in the closed range; 0 when it is empty."""
        ...


# No wall time is further than this from its instant, and no gap or overlap is longer.
_FAR = 3 * DAY
# A schedule whose every wall time falls into gaps that it skips would search for ever. Each step crosses
# a piece of the timeline, so this many steps are two centuries or more.
_STEPS = 500


@dataclass(frozen=True, slots=True)
class LocalFires:
    """The instants at which the clock of a zone shows one of a set of wall times."""

    walls: WallTimes
    timeline: Timeline
    gap: DstGap
    overlap: DstOverlap

    def next_from(self, instant: int) -> int | None:
        for _ in range(_STEPS):
            piece = self.timeline.piece(instant)
            low, high = self._window(piece)
            wall = self.walls.first_from(max(low, instant + piece.offset))
            if wall is not None and wall < high:
                return wall - piece.offset
            wall = self.walls.first_from(piece.end + min(piece.offset, piece.after))
            if wall is None:
                return None
            if self.gap is DstGap.AFTER and wall < piece.end + piece.after:
                return piece.end
            instant = max(piece.end, wall - _FAR)
        return None

    def last_upto(self, instant: int) -> int | None:
        for _ in range(_STEPS):
            piece = self.timeline.piece(instant)
            low, high = self._window(piece)
            wall = self.walls.last_upto(min(high - 1, instant + piece.offset))
            if wall is not None and wall >= low:
                return wall - piece.offset
            wall = self.walls.last_upto(piece.start + max(piece.offset, piece.before) - 1)
            if wall is None:
                return None
            if self.gap is DstGap.AFTER and piece.start + piece.before <= wall < piece.start + piece.offset:
                return piece.start
            instant = min(piece.start - 1, wall + _FAR)
        return None

    def count(self, first: int, last: int) -> int:
        total = 0
        instant = first
        while instant <= last:
            piece = self.timeline.piece(instant)
            low, high = self._window(piece)
            total += self.walls.count(max(low, instant + piece.offset), min(high - 1, last + piece.offset))
            if instant == piece.start and self.gap is DstGap.AFTER and self._jump_adds_a_fire(piece):
                total += 1
            instant = piece.end
        return total

    def skipped_by_jump(self, piece: Piece) -> int:
        """How many wall times the jump at the start of the piece leaves out; 0 when there is no jump."""
        return self.walls.count(piece.start + piece.before, piece.start + piece.offset - 1)

    def _jump_adds_a_fire(self, piece: Piece) -> bool:
        """Whether the jump fires for skipped wall times and not anyway for the one it lands on."""
        landing = piece.start + piece.offset
        return self.skipped_by_jump(piece) > 0 and self.walls.count(landing, landing) == 0

    def _window(self, piece: Piece) -> tuple[int, int]:
        """The wall times that fire in this piece: all it shows, less unwanted passes. End excluded."""
        low = piece.start + piece.offset
        high = piece.end + piece.offset
        if self.overlap is DstOverlap.FIRST and piece.before > piece.offset:
            low = piece.start + piece.before
        elif self.overlap is DstOverlap.SECOND and piece.after < piece.offset:
            high = piece.end + piece.after
        return low, high
