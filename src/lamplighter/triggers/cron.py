"""A cron expression compiled to bit sets, and the wall times it names.

A day is a number of 1440 bits, one for each minute that fires, so the next fire of a day is its lowest
bit after a shift. Which days of a month match depends only on the month's length and on the weekday of
its first day: 28 masks at most, made when first needed.

Months are bits 1 to 12 and days of a month bits 1 to 31; minutes, hours and weekdays (Sunday is 0) count
from 0.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from lamplighter.triggers.instants import EPOCH_ORDINAL, LAST_ORDINAL, MINUTE

ALL_MINUTES = (1 << 60) - 1
ALL_HOURS = (1 << 24) - 1
ALL_MONTHS = (1 << 13) - 2
ALL_DAYS = (1 << 32) - 2
ALL_WEEKDAYS = (1 << 7) - 1

_DAY = 1440
_EVERY_WEEK = sum(1 << 7 * week for week in range(5))
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def month_length(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _LENGTHS[month]


def members(bits: int) -> list[int]:
    """The numbers of a bit set, in order."""
    found = []
    while bits:
        found.append(_lowest(bits))
        bits &= bits - 1
    return found


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


@dataclass(frozen=True, slots=True)
class MonthDays:
    """The day-of-month field. ``from_last`` has bit n for ``L-n``, ``nearest`` bit n for ``nW``."""

    days: int = 0
    from_last: int = 0
    nearest: int = 0
    last_working_day: bool = False

    @property
    def unrestricted(self) -> bool:
        return self.days == ALL_DAYS

    def mask(self, length: int, first_weekday: int) -> int:
        """The matching days of a month, as bits 1 to 31."""
        found = self.days
        for n in members(self.from_last):
            found |= 1 << length - n if n < length else 0
        for day in members(self.nearest):
            found |= 1 << _nearest_working_day(day, length, first_weekday) if day <= length else 0
        if self.last_working_day:
            found |= 1 << _nearest_working_day(length, length, first_weekday)
        return found & (2 << length) - 2


@dataclass(frozen=True, slots=True)
class WeekDays:
    """The day-of-week field. ``nth`` has bit 7·(k-1)+n for ``n#k``, ``last`` bit n for ``nL``."""

    days: int = 0
    nth: int = 0
    last: int = 0

    @property
    def unrestricted(self) -> bool:
        return self.days == ALL_WEEKDAYS

    def mask(self, length: int, first_weekday: int) -> int:
        """The matching days of a month, as bits 1 to 31."""
        found = _rotated(self.days, first_weekday) * _EVERY_WEEK
        if self.nth:
            for week in range(5):
                found |= _rotated(self.nth >> 7 * week & ALL_WEEKDAYS, first_weekday) << 7 * week
        found |= _rotated(self.last, first_weekday) * _EVERY_WEEK & ALL_WEEKDAYS << length - 7
        return (found & (1 << length) - 1) << 1


def _rotated(weekdays: int, first_weekday: int) -> int:
    """A set of weekdays seen from a month: bit 0 is the weekday of its first day."""
    return (weekdays | weekdays << 7) >> first_weekday & ALL_WEEKDAYS


def _nearest_working_day(day: int, length: int, first_weekday: int) -> int:
    """The day itself or the Monday to Friday nearest to it, never in another month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


@lru_cache(maxsize=4096)
def _masks_of(month_days: MonthDays, week_days: WeekDays, either: bool) -> list[int]:
    """Where the masks of two day fields are kept: expressions that differ in their times share them."""
    return [-1] * 28


@lru_cache(maxsize=4096)
def _shapes_of(months: int) -> list[tuple[int, int]]:
    """The lengths of these months, each with every weekday as its first."""
    return [
        (length, first_weekday)
        for month in members(months)
        for length in ((28, 29) if month == 2 else (_LENGTHS[month],))
        for first_weekday in range(7)
    ]


@lru_cache(maxsize=4096)
def _begins_of(hours: int) -> int:
    """The first minute of each of these hours, in a day's bits: times the minutes of one hour, all that fire."""
    return sum(1 << 60 * hour for hour in members(hours))


@dataclass(frozen=True, slots=True)
class CronExpression:
    """A valid cron expression. Two that compile to the same sets are equal and fire alike.

    ``either`` says how the two day fields combine when both are restricted: either must match, or both must.
    """

    minutes: int
    hours: int
    month_days: MonthDays
    months: int
    week_days: WeekDays
    either: bool
    times: int = field(init=False, repr=False, compare=False)
    _masks: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", self.minutes * _begins_of(self.hours))
        object.__setattr__(self, "_masks", _masks_of(self.month_days, self.week_days, self.either))

    @property
    def follows_real_clock(self) -> bool:
        """All 24 hours are named: the schedule counts minutes as they pass, whatever the wall clock does."""
        return self.hours == ALL_HOURS

    def can_fire(self) -> bool:
        """Whether any day ever matches. In 400 years every month begins on every weekday."""
        return any(self.days_of_month(*shape) for shape in _shapes_of(self.months))

    def days_of_month(self, length: int, first_weekday: int) -> int:
        """The matching days of a month of that shape, as bits 1 to 31; the months field is not looked at."""
        shape = 7 * (length - 28) + first_weekday
        mask = self._masks[shape]
        if mask < 0:
            mask = self._masks[shape] = self._combine(length, first_weekday)
        return mask

    def first_from(self, wall: int) -> int | None:
        """The first named wall time at or after ``wall``; None beyond year 9999."""
        minute = -(-wall // MINUTE)
        day, of_day = divmod(minute, _DAY)
        found = self._day_from(day)
        if found == day:
            rest = self.times >> of_day
            if rest:
                return (minute + _lowest(rest)) * MINUTE
            found = self._day_from(day + 1)
        return None if found is None else (found * _DAY + _lowest(self.times)) * MINUTE

    def last_upto(self, wall: int) -> int | None:
        """The last named wall time at or before ``wall``; None before year 1."""
        day, of_day = divmod(wall // MINUTE, _DAY)
        found = self._day_upto(day)
        if found == day:
            rest = self.times & (2 << of_day) - 1
            if rest:
                return (day * _DAY + rest.bit_length() - 1) * MINUTE
            found = self._day_upto(day - 1)
        return None if found is None else (found * _DAY + self.times.bit_length() - 1) * MINUTE

    def count(self, first: int, last: int) -> int:
        """How many named wall times lie in the closed range: whole days by number, the ends by bits."""
        first_day, low = divmod(-(-first // MINUTE), _DAY)
        last_day, high = divmod(last // MINUTE, _DAY)
        upto_high = self.times & (2 << high) - 1
        if first_day >= last_day:
            same_day = first_day == last_day and self._count_days(first_day, first_day)
            return (upto_high >> low).bit_count() if same_day else 0
        total = self._count_days(first_day + 1, last_day - 1) * self.times.bit_count()
        if self._count_days(first_day, first_day):
            total += (self.times >> low).bit_count()
        if self._count_days(last_day, last_day):
            total += upto_high.bit_count()
        return total

    def _combine(self, length: int, first_weekday: int) -> int:
        by_month = self.month_days.mask(length, first_weekday)
        by_week = self.week_days.mask(length, first_weekday)
        return by_month | by_week if self.either else by_month & by_week

    def _day_from(self, day: int) -> int | None:
        """The first matching day at or after ``day`` (days since 1970)."""
        ordinal = max(day + EPOCH_ORDINAL, 1)
        if ordinal > LAST_ORDINAL:
            return None
        found = date.fromordinal(ordinal)
        year, month, first = found.year, found.month, ordinal - found.day + 1
        if self.months >> month & 1:
            mask = self.days_of_month(month_length(year, month), first % 7) >> found.day
            if mask:
                return ordinal + _lowest(mask) - EPOCH_ORDINAL
        while True:
            later = self.months >> month + 1
            month += 1 + _lowest(later) if later else _lowest(self.months) - month
            year += not later
            if year > 9999:
                return None
            first = date(year, month, 1).toordinal()
            mask = self.days_of_month(month_length(year, month), first % 7)
            if mask:
                return first + _lowest(mask) - 1 - EPOCH_ORDINAL

    def _day_upto(self, day: int) -> int | None:
        """The last matching day at or before ``day`` (days since 1970)."""
        ordinal = min(day + EPOCH_ORDINAL, LAST_ORDINAL)
        if ordinal < 1:
            return None
        found = date.fromordinal(ordinal)
        year, month = found.year, found.month
        visible = (2 << found.day) - 1
        while True:
            if self.months >> month & 1:
                first = date(year, month, 1).toordinal()
                mask = self.days_of_month(month_length(year, month), first % 7) & visible
                if mask:
                    return first + mask.bit_length() - 2 - EPOCH_ORDINAL
            visible = -1
            earlier = self.months & (1 << month) - 1
            month = (earlier or self.months).bit_length() - 1
            year -= not earlier
            if year < 1:
                return None

    def _count_days(self, first: int, last: int) -> int:
        """How many days from ``first`` to ``last`` match, month by month."""
        ordinal, end = max(first + EPOCH_ORDINAL, 1), min(last + EPOCH_ORDINAL, LAST_ORDINAL)
        total = 0
        while ordinal <= end:
            day = date.fromordinal(ordinal)
            start = ordinal - day.day + 1
            length = month_length(day.year, day.month)
            if self.months >> day.month & 1:
                mask = self.days_of_month(length, start % 7)
                total += (mask & (2 << min(end - start + 1, length)) - 1).__rshift__(day.day).bit_count()
            ordinal = start + length
        return total
