"""The text of a cron expression, read strictly: what cannot mean what it says is refused with a reason.

Five fields: minute, hour, day of month, month, day of week. Each is a list of ``*``, a value, a range or
one of these with a step; months and weekdays may be three-letter English names. Days of the month also
take ``L``, ``L-n``, ``LW``, ``nW`` and weekdays ``nL``, ``n#k``; either may be ``?``, which means ``*``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from lamplighter.errors import InvalidInput
from lamplighter.triggers.cron import ALL_DAYS, ALL_WEEKDAYS, CronExpression, MonthDays, WeekDays

_LONGEST = 256
_STRANGE = re.compile(r"[^ \t!-~]")

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """One of the five. ``highest`` is what may be written (7 for Sunday), ``top`` is where ``*`` ends."""

    name: str
    low: int
    top: int
    highest: int
    names: dict[str, int]

    def refuse(self, reason: str) -> NoReturn:
        raise _refusal(f"{self.name}: {reason}")

    def number(self, text: str, item: str) -> int:
        """The value of a number or a name; refuses all else."""
        if text in self.names:
            return self.names[text]
        if not text.isdigit():
            self.refuse(self._not_a_value(text, item))
        value = int(text)
        if not self.low <= value <= self.highest:
            self.refuse(f"{_quoted(text)} is out of range; use {self.low} to {self.highest}")
        return value

    def _not_a_value(self, text: str, item: str) -> str:
        if text in ("h", "r") or text.startswith("h("):
            return f"{_quoted(item)} asks for a random time, which is not supported; use {self._allowed()}"
        if text == "?":
            return "'?' is only for day of month and day of week, alone; use '*'"
        if len(text) > 3 and text[:3] in self.names:
            return f"{_quoted(text)} is not a name; use {text[:3].upper()}"
        if text in ("", "*"):
            return f"{_quoted(item)} is incomplete; use {self._allowed()}"
        return f"{_quoted(item)} is not understood; use {self._allowed()}"

    def _allowed(self) -> str:
        named = (
            f" or {next(iter(self.names)).upper()} to {list(self.names)[-1].upper()}" if self.names else ""
        )
        return f"{self.low} to {self.highest}{named}"


_MINUTE = _Field("minute", 0, 59, 59, {})
_HOUR = _Field("hour", 0, 23, 23, {})
_DAY_OF_MONTH = _Field("day of month", 1, 31, 31, {})
_MONTH = _Field("month", 1, 12, 12, {name: 1 + i for i, name in enumerate(_MONTH_NAMES)})
_DAY_OF_WEEK = _Field("day of week", 0, 6, 7, {name: i for i, name in enumerate(_WEEKDAY_NAMES)})


@lru_cache(maxsize=8192)
def parse_cron(text: str) -> CronExpression:
    """The compiled expression. Anything that is wrong raises InvalidInput for the field ``cronExpression``.

    Spaces and tabs may surround and separate the fields and letters may have either case. When both day
    fields are restricted and neither starts with ``*`` or ``?``, a day matches if either field does,
    otherwise if both do.
    """
    minute, hour, day_of_month, month, day_of_week = _five_fields(text)
    month_days = _month_days(day_of_month)
    week_days = _week_days(day_of_week)
    either = day_of_month[0] not in "*?" and day_of_week[0] not in "*?"
    if either and (month_days.unrestricted or week_days.unrestricted):
        # One of the two always matches, so the other says nothing: the same sets as "* *".
        month_days, week_days, either = MonthDays(ALL_DAYS), WeekDays(ALL_WEEKDAYS), False
    compiled = CronExpression(
        minutes=_plain_set(_MINUTE, minute),
        hours=_plain_set(_HOUR, hour),
        month_days=month_days,
        months=_plain_set(_MONTH, month),
        week_days=week_days,
        either=either,
    )
    if not compiled.can_fire():
        raise _refusal(
            "day of month, month and day of week: no date ever matches "
            f"'{day_of_month} {month} {day_of_week}'; choose days that the months have"
        )
    return compiled


def _refusal(message: str) -> InvalidInput:
    return InvalidInput.of("cronExpression", message)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 24 else text[:21] + "...")


def _five_fields(text: str) -> list[str]:
    if len(text) > _LONGEST:
        raise _refusal(f"the expression has {len(text)} characters; use at most {_LONGEST}")
    strange = _STRANGE.search(text)
    if strange:
        raise _refusal(
            f"the character {strange.group()!a} at position {strange.start() + 1} is not allowed; "
            "use plain ASCII on one line, fields separated by spaces"
        )
    lowered = text.strip().lower()
    if lowered.startswith(("tz=", "cron_tz=")):
        raise _refusal("a timezone does not belong in the expression; set the schedule's timezone instead")
    if lowered.startswith("@"):
        lowered = _macro(lowered)
    fields = lowered.split()
    if len(fields) != 5:
        extra = "; seconds and years are not supported" if len(fields) in (6, 7) else ""
        raise _refusal(
            f"the expression has {len(fields)} {'field' if len(fields) == 1 else 'fields'}; "
            f"use exactly five: minute, hour, day of month, month, day of week{extra}"
        )
    return fields


def _macro(word: str) -> str:
    if word in _MACROS:
        return _MACROS[word]
    allowed = ", ".join(_MACROS)
    if word == "@reboot":
        raise _refusal(f"@reboot is not a time; use one of {allowed}")
    raise _refusal(f"{_quoted(word)} is not a macro; use one of {allowed}")


# However many expressions there are, most of their fields are alike.
_once = lru_cache(maxsize=4096)


@_once
def _plain_set(field: _Field, text: str) -> int:
    bits = 0
    for item in _items(field, text):
        bits |= _plain_item(field, item)
    return bits


def _items(field: _Field, text: str) -> list[str]:
    items = text.split(",")
    if "" in items:
        field.refuse(f"{_quoted(text)} has an empty entry; remove the extra comma")
    return items


def _plain_item(field: _Field, item: str) -> int:
    """``*``, ``a`` or ``a-b``, each perhaps with ``/step``, as bits."""
    base, slash, step_text = item.partition("/")
    step = _step(field, step_text, item) if slash else 1
    if base == "*":
        first, last = field.low, field.top
    elif "-" in base:
        first, last = _range(field, base, item)
    else:
        first = field.number(base, item)
        last = field.highest if slash else first
    if step == 1 and last <= field.top:
        return (2 << last) - (1 << first)
    bits = 0
    for value in range(first, last + 1, step):
        bits |= 1 << (value if value <= field.top else field.low)
    return bits


def _range(field: _Field, base: str, item: str) -> tuple[int, int]:
    first_text, _, last_text = base.partition("-")
    first, last = field.number(first_text, item), field.number(last_text, item)
    if first > last:
        field.refuse(f"the range {_quoted(base)} runs backward; use {_forward(field, first, last)}")
    return first, last


def _forward(field: _Field, first: int, last: int) -> str:
    """What a backward range was perhaps meant to be."""
    if last == 0 and field is _DAY_OF_WEEK:
        return f"{first}-7"
    if first > field.top:
        return f"{field.low}-{last}"
    return f"{first}-{field.top},{field.low}-{last}"


def _step(field: _Field, text: str, item: str) -> int:
    size = field.top - field.low + 1
    if not text.isdigit():
        field.refuse(f"the step of {_quoted(item)} is not a number; use 1 to {size}")
    step = int(text)
    if not 1 <= step <= size:
        problem = "would never advance" if step == 0 else "is larger than the field"
        field.refuse(f"the step of {_quoted(item)} {problem}; use 1 to {size}")
    return step


@_once
def _month_days(text: str) -> MonthDays:
    if text == "?":
        return MonthDays(ALL_DAYS)
    days = from_last = nearest = 0
    last_working_day = False
    for item in _items(_DAY_OF_MONTH, text):
        if item == "lw":
            last_working_day = True
        elif item.startswith("l"):
            from_last |= 1 << _days_before_last(item)
        elif item.endswith("w"):
            nearest |= 1 << _DAY_OF_MONTH.number(item[:-1], item)
        else:
            days |= _plain_item(_DAY_OF_MONTH, item)
    if days == ALL_DAYS:
        return MonthDays(ALL_DAYS)
    return MonthDays(days, from_last, nearest, last_working_day)


def _days_before_last(item: str) -> int:
    if item == "l":
        return 0
    number = item[2:]
    if item[1] != "-" or not number.isdigit() or not 1 <= int(number) <= 30:
        _DAY_OF_MONTH.refuse(f"{_quoted(item)} is not understood; use L, LW or L-1 to L-30")
    return int(number)


@_once
def _week_days(text: str) -> WeekDays:
    if text == "?":
        return WeekDays(ALL_WEEKDAYS)
    days = nth = last = 0
    for item in _items(_DAY_OF_WEEK, text):
        if "#" in item:
            nth |= _nth_weekday(item)
        elif item == "l":
            _DAY_OF_WEEK.refuse("'L' alone is ambiguous; use 6 for Saturday or 6L for the last Saturday")
        elif item.endswith("l"):
            last |= 1 << _DAY_OF_WEEK.number(item[:-1], item) % 7
        else:
            days |= _plain_item(_DAY_OF_WEEK, item)
    return _simplest(days, nth, last) if nth or last else WeekDays(days)


def _nth_weekday(item: str) -> int:
    weekday, _, which = item.partition("#")
    if which not in ("1", "2", "3", "4", "5"):
        _DAY_OF_WEEK.refuse(f"{_quoted(item)} has no such week; use #1 to #5")
    return 1 << 7 * (int(which) - 1) + _DAY_OF_WEEK.number(weekday, item) % 7


def _simplest(days: int, nth: int, last: int) -> WeekDays:
    """Drops what a wider entry already says, so that equal sets compare equal."""
    for weekday in range(7):
        weeks = [week for week in range(5) if nth >> 7 * week + weekday & 1]
        is_last = last >> weekday & 1
        if len(weeks) == 5 or (weeks[:4] == [0, 1, 2, 3] and is_last):
            days |= 1 << weekday
        if is_last:  # the fifth one of a month is always its last
            nth &= ~(1 << 28 + weekday)
        if days >> weekday & 1:
            last &= ~(1 << weekday)
            for week in weeks:
                nth &= ~(1 << 7 * week + weekday)
    return WeekDays(days, nth, last)
