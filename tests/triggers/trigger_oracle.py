"""The rules once more, slowly: every minute is looked at. Nothing here is shared with the evaluator."""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lamplighter.triggers import DstGap, DstOverlap

MINUTE = timedelta(minutes=1)
_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def _values(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        base, _, step = item.partition("/")
        first, _, last = base.partition("-")
        if base == "*":
            first, last = str(low), str(high)
        end = int(last or (high if step else first))
        found.update(range(int(first), end + 1, int(step or 1)))
    return found


def _day_of_month_matches(item: str, day: datetime) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if item == "L" or item.startswith("L-"):
        return day.day == length - int(item[2:] or 0)
    if item == "LW" or item.endswith("W"):
        target = length if item == "LW" else int(item[:-1])
        if target > length:
            return False
        working = [n for n in range(1, length + 1) if calendar.weekday(day.year, day.month, n) < 5]
        return day.day == min(working, key=lambda n: abs(n - target))
    return day.day in _values(item, 1, 31)


def _day_of_week_matches(item: str, day: datetime) -> bool:
    weekday = day.isoweekday() % 7
    if item.endswith("L"):
        length = calendar.monthrange(day.year, day.month)[1]
        return weekday == int(item[:-1]) % 7 and day.day > length - 7
    if "#" in item:
        number, nth = item.split("#")
        return weekday == int(number) % 7 and (day.day - 1) // 7 + 1 == int(nth)
    if item == "*" or item.startswith("*/"):
        return weekday in _values(item, 0, 6)
    return weekday in {value % 7 for value in _values(item, 0, 7)}


def wall_matches(expression: str) -> Callable[[datetime], bool]:
    """Whether a naive wall time is named by an expression of numbers."""
    minute, hour, day_of_month, month, day_of_week = expression.split()
    minutes, hours, months = _values(minute, 0, 59), _values(hour, 0, 23), _values(month, 1, 12)

    def matches(wall: datetime) -> bool:
        if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
            return False
        by_month = any(_day_of_month_matches(item, wall) for item in day_of_month.split(","))
        by_week = any(_day_of_week_matches(item, wall) for item in day_of_week.split(","))
        if day_of_month.startswith("*") or day_of_week.startswith("*"):
            return by_month and by_week
        return by_month or by_week

    return matches


def names_all_hours(expression: str) -> bool:
    return len(_values(expression.split()[1], 0, 23)) == 24


def slow_fires(
    matches: Callable[[datetime], bool],
    zone: str,
    start: datetime,
    end: datetime,
    *,
    real_clock: bool = False,
    gap: DstGap = DstGap.AFTER,
    overlap: DstOverlap = DstOverlap.FIRST,
) -> list[datetime]:
    """All fires from ``start`` to ``end``, both whole minutes and included."""
    tz = ZoneInfo(zone)
    found = []
    instant = start
    while instant <= end:
        local = instant.astimezone(tz)
        wall, before = local.replace(tzinfo=None), (instant - MINUTE).astimezone(tz).replace(tzinfo=None)
        fires = matches(wall)
        if not real_clock:
            fires = fires and _pass_wanted(local, overlap)
            skipped = before + MINUTE
            while gap is DstGap.AFTER and skipped < wall and not fires:
                fires = matches(skipped)
                skipped += MINUTE
        if fires:
            found.append(instant)
        instant += MINUTE
    return found


def _pass_wanted(local: datetime, overlap: DstOverlap) -> bool:
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if first == second or overlap is DstOverlap.BOTH:
        return True
    return local.fold == (1 if overlap is DstOverlap.SECOND else 0)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
