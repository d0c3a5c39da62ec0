"""Due times at ``anchor + k · interval``: elapsed time as instants, calendar time as wall times.

Always computed from the anchor and never from the fire before, so nothing drifts: a month after 31
January is the last day of February, two months after it is 31 March.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date

from lamplighter.triggers.cron import month_length
from lamplighter.triggers.daylight import LocalFires
from lamplighter.triggers.instants import DAY, EPOCH_ORDINAL, FIRST_INSTANT, LAST_INSTANT


@dataclass(frozen=True, slots=True)
class ElapsedFires:
    """The instants ``start + k · step`` for k from 0 up to, not including, ``times`` (None: without end)."""

    start: int
    step: int
    times: int | None = None

    def next_from(self, instant: int) -> int | None:
        k = max(0, -((self.start - instant) // self.step))
        return None if self.times is not None and k >= self.times else self.start + k * self.step

    def last_upto(self, instant: int) -> int | None:
        k = self._fires_upto(instant) - 1
        return None if k < 0 else self.start + k * self.step

    def count(self, first: int, last: int) -> int:
        return max(0, self._fires_upto(last) - self._fires_upto(first - 1))

    def _fires_upto(self, instant: int) -> int:
        fires = max(0, (instant - self.start) // self.step + 1)
        return fires if self.times is None else min(fires, self.times)


NEVER = ElapsedFires(start=0, step=1, times=0)


class _SteppedWalls(ABC):
    """Wall times numbered by k from 1 on; a kind of step says which is the k-th, and which the last one by then."""

    __slots__ = ()

    def first_from(self, wall: int) -> int | None:
        return self._at(max(1, self._index(wall - 1) + 1))

    def last_upto(self, wall: int) -> int | None:
        k = self._index(wall)
        return None if k < 1 else self._at(k)

    def count(self, first: int, last: int) -> int:
        return max(0, max(0, self._index(last)) - max(0, self._index(first - 1)))

    @abstractmethod
    def _index(self, wall: int) -> int:
        """The greatest k whose wall time is not above ``wall``."""

    @abstractmethod
    def _at(self, k: int) -> int | None:
        """The k-th wall time, or None when it lies beyond all time."""


@dataclass(frozen=True, slots=True)
class DayWalls(_SteppedWalls):
    """The wall times ``anchor + k · days`` for k from 1; the anchor itself is an instant, not a wall time."""

    anchor: int
    days: int

    def _index(self, wall: int) -> int:
        return (wall - self.anchor) // (self.days * DAY)

    def _at(self, k: int) -> int | None:
        wall = self.anchor + k * self.days * DAY
        return None if wall > LAST_INSTANT else wall


@dataclass(frozen=True, slots=True)
class MonthWalls(_SteppedWalls):
    """The wall times ``anchor + k · months`` for k from 1; the last day of a shorter month."""

    anchor: int
    months: int

    def _index(self, wall: int) -> int:
        now, start = _date_of(wall), _date_of(self.anchor)
        k = (12 * (now.year - start.year) + now.month - start.month) // self.months
        reached = self._at(k)
        return k if reached is not None and reached <= wall else k - 1

    def _at(self, k: int) -> int | None:
        start = _date_of(self.anchor)
        years, month = divmod(start.month - 1 + k * self.months, 12)
        year = start.year + years
        if not 1 <= year <= 9999:
            return None
        day = min(start.day, month_length(year, month + 1))
        return (date(year, month + 1, day).toordinal() - EPOCH_ORDINAL) * DAY + self.anchor % DAY


def _date_of(wall: int) -> date:
    clamped = min(max(wall, FIRST_INSTANT), LAST_INSTANT)
    return date.fromordinal(clamped // DAY + EPOCH_ORDINAL)


@dataclass(frozen=True, slots=True)
class AnchoredFires:
    """The anchor, which always fires, and after it the wall times counted from it."""

    anchor: int
    later: LocalFires

    def next_from(self, instant: int) -> int | None:
        return self.anchor if instant <= self.anchor else self.later.next_from(instant)

    def last_upto(self, instant: int) -> int | None:
        if instant < self.anchor:
            return None
        found = self.later.last_upto(instant)
        return self.anchor if found is None else found

    def count(self, first: int, last: int) -> int:
        anchor_itself = first <= self.anchor <= last
        return anchor_itself + self.later.count(max(first, self.anchor + 1), last)
