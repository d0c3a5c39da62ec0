"""Cron expressions for people who do not know cron: days and times of the clock, there and back. Pure.

Not every expression can be said so. One that cannot is edited as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lamplighter.errors import InvalidInput

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth", "L": "last"}
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?")
_MONTH_DAY = re.compile(r"(?:[1-9]|[12]\d|3[01])W?|L|LW|L-(?:[1-9]|[12]\d|30)", re.IGNORECASE)
_MOST_TIMES = 24


@dataclass(frozen=True, slots=True)
class Days:
    """On which days at which times: ``on`` is every, weekdays, monthdays or nth. Days of the week are 1 to 7."""

    times: tuple[tuple[int, int], ...]
    on: str = "every"
    weekdays: tuple[int, ...] = ()
    monthdays: tuple[str, ...] = ()
    nth: str = "1"
    nth_day: int = 1
    months: tuple[int, ...] = ()

    @property
    def times_text(self) -> str:
        """The times as they are written in a form."""
        return ", ".join(f"{hour:02}:{minute:02}" for hour, minute in self.times)

    @property
    def monthdays_text(self) -> str:
        """The days of the month as they are written in a form."""
        return ", ".join(self.monthdays)


def read_times(text: str) -> tuple[tuple[int, int], ...]:
    """``9:00, 17:30`` as hours and minutes; InvalidInput at the field ``times``."""
    found = set()
    for word in text.replace(";", ",").replace(" ", ",").split(","):
        if not word:
            continue
        match = _TIME.fullmatch(word)
        if match is None or int(match[1]) > 23 or int(match[2] or 0) > 59:
            raise InvalidInput.of("times", f"{word!r} is not a time of the day: write one such as 09:00")
        found.add((int(match[1]), int(match[2] or 0)))
    if not found:
        raise InvalidInput.of("times", "is required: one or more times such as 09:00, 17:00")
    hours, minutes = {hour for hour, _ in found}, {minute for _, minute in found}
    if len(hours) * len(minutes) != len(found):
        raise InvalidInput.of(
            "times",
            "cannot be one schedule: give all hours the same minutes, such as 09:30, 17:30, or make two",
        )
    return tuple(sorted(found))


def read_monthdays(text: str) -> tuple[str, ...]:
    """``1, 15, L`` as the days of a month; InvalidInput at the field ``monthdays``."""
    days = [word.upper() for word in text.replace(" ", ",").split(",") if word]
    wrong = next((day for day in days if not _MONTH_DAY.fullmatch(day)), None)
    if wrong is not None or not days:
        given = f"{wrong!r} is not a day of the month: " if wrong is not None else "is required: "
        raise InvalidInput.of("monthdays", f"{given}write numbers from 1 to 31, or L for the last day")
    return tuple(dict.fromkeys(days))


def expression_of(days: Days) -> str:
    """The cron expression that says the same; InvalidInput when a choice is missing."""
    hours = _field({hour for hour, _ in days.times}, 24)
    minutes = _field({minute for _, minute in days.times}, 60)
    months = _field(set(days.months), 12, first=1) if days.months else "*"
    month_day, week_day = "*", "*"
    if days.on == "weekdays":
        if not days.weekdays:
            raise InvalidInput.of("weekday", "choose at least one day of the week")
        week_day = _field(set(days.weekdays), 7, first=1)
    elif days.on == "monthdays":
        month_day = ",".join(days.monthdays)
    elif days.on == "nth":
        week_day = f"{days.nth_day}L" if days.nth == "L" else f"{days.nth_day}#{days.nth}"
    return f"{minutes} {hours} {month_day} {months} {week_day}"


def days_of(expression: str) -> Days | None:
    """What an expression says in days and times; None when it cannot be said so."""
    fields = expression.split()
    if len(fields) != 5:
        return None
    minutes, hours = _numbers(fields[0], 0, 59), _numbers(fields[1], 0, 23)
    months = () if fields[3] in "*?" else _numbers(fields[3], 1, 12)
    if minutes is None or hours is None or months is None or len(minutes) * len(hours) > _MOST_TIMES:
        return None
    times = tuple((hour, minute) for hour in hours for minute in minutes)
    found = _which_days(fields[2].upper(), fields[4].upper())
    return None if found is None else replace(found, times=times, months=months)


def _which_days(month_day: str, week_day: str) -> Days | None:
    if week_day in "*?":
        if month_day in "*?":
            return Days(())
        days = tuple(month_day.split(","))
        return Days((), "monthdays", monthdays=days) if all(map(_MONTH_DAY.fullmatch, days)) else None
    if month_day not in "*?":
        return None
    nth = re.fullmatch(r"([0-7])(?:#([1-5])|L)", week_day)
    if nth is not None:
        return Days((), "nth", nth=nth[2] or "L", nth_day=int(nth[1]) or 7)
    chosen = _numbers(_without_names(week_day), 0, 7)
    return (
        None if chosen is None else Days((), "weekdays", weekdays=tuple(sorted({day or 7 for day in chosen})))
    )


def restricts_both_days(expression: str) -> bool:
    """Whether day-of-month and day-of-week both say something: then either is enough, which surprises many."""
    fields = expression.split()
    return len(fields) == 5 and not any(fields[index].startswith(("*", "?")) for index in (2, 4))


def _field(values: set[int], size: int, first: int = 0) -> str:
    if values == set(range(first, first + size)):
        return "*"
    return ",".join(f"{a}-{b}" if b - a > 1 else str(a) if a == b else f"{a},{b}" for a, b in _ranges(values))


def _ranges(values: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for value in sorted(values):
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found


def _numbers(field: str, least: int, most: int) -> tuple[int, ...] | None:
    """The values of a field of numbers, ranges and lists; None for anything else."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part)
        if match is None or int(match[1]) < least or int(match[2] or match[1]) > most:
            return None
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(found)) or None


def _without_names(field: str) -> str:
    for number, name in enumerate(WEEKDAYS, start=1):
        field = field.replace(name[:3].upper(), str(number))
    return field
