"""Times as people write and read them.

What is typed is a *span*: ``9:00`` is the minute, ``2026-03-01`` the whole day. It is read on the wall clock of a
timezone, where a wall time may exist twice (then the span has two parts) or not at all (then it is the moment at
which the clocks jump).
"""

import os
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lamplighter.errors import InvalidInput

# The server computes with the pinned tzdata package; showing its times with another copy could disagree.
zoneinfo.reset_tzpath(to=[])

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_AMOUNT = re.compile(r"(\d{1,9})\s*([a-z]*)")
_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_PERIODS = {
    **dict.fromkeys(("m", "min", "minute", "minutes"), 1),
    **dict.fromkeys(("h", "hour", "hours"), 2),
    **dict.fromkeys(("d", "day", "days"), 3),
    **dict.fromkeys(("w", "week", "weeks"), 4),
    **dict.fromkeys(("month", "months"), 5),
}
_TIME_FORMS = 'such as 9:00, "yesterday 9:00", "monday 9:00", 2026-03-01, "2026-03-01 9:00" or an ISO time'


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begin`` until before ``end``, in UTC; ``note`` says what is special about the wall time."""

    begin: datetime
    end: datetime
    note: str | None = None


def parse(text: str, zone: tzinfo, now: datetime, field: str = "WHEN") -> list[Span]:
    """The moments that ``text`` may mean in ``zone``, oldest first; InvalidInput naming ``field``."""
    words = text.strip().lower()
    try:
        if re.match(r"\d{4}-\d\d-\d\d[t ]\d", words):
            return _parse_iso(words, zone)
        return _parse_words(words, zone, now)
    except (ValueError, OverflowError) as problem:
        raise InvalidInput.of(field, f"{text!r} is not a time {_TIME_FORMS}") from problem


def parse_moment(text: str, zone: tzinfo, now: datetime, field: str) -> str:
    """The first instant that ``text`` means, as the API takes it."""
    return iso(parse(text, zone, now, field)[0].begin)


def _parse_iso(words: str, zone: tzinfo) -> list[Span]:
    day, _, rest = words.partition(words[10])
    if re.search(r"[z+-]", rest):
        moment = datetime.fromisoformat(words.upper()).astimezone(UTC)
        return [Span(moment, moment + _length(rest))]
    return _on_wall(date.fromisoformat(day), rest, zone)


def _parse_words(words: str, zone: tzinfo, now: datetime) -> list[Span]:
    today = now.astimezone(zone).date()
    first, _, rest = words.partition(" ")
    if _CLOCK.fullmatch(words):
        return _on_wall(today, words, zone)
    if first == "now" and not rest:
        return [Span(now, now + timedelta(seconds=1))]
    day = _day(first, today)
    if rest:
        return _on_wall(day, rest.removeprefix("at").strip(), zone)
    begin, end = (datetime.combine(d, time(), zone).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    return [Span(begin, end)]


def _day(word: str, today: date) -> date:
    near = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if word in near:
        return today + timedelta(days=near[word])
    for number, name in enumerate(_DAYS):
        if len(word) >= 3 and name.startswith(word):  # the newest such day, which may be today
            return today - timedelta(days=(today.weekday() - number) % 7)
    return date.fromisoformat(word)


def _on_wall(day: date, clock: str, zone: tzinfo) -> list[Span]:
    """The instants at which the clocks of ``zone`` show this day and time: none is replaced by the jump."""
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise ValueError(clock)
    hour, minute, second = (int(part or 0) for part in match.groups())
    wall = datetime.combine(day, time(hour, minute, second), zone)
    length = _length(clock)
    first, second_pass = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
        jump = _jump(second_pass, first, zone)
        note = f"{clock} did not exist on {day}: the clocks jumped to {jump.astimezone(zone):%H:%M}"
        return [Span(jump, jump + timedelta(minutes=1), note)]
    if first == second_pass:
        return [Span(first, first + length)]
    note = f"{clock} existed twice on {day}: the clocks were set back"
    return [Span(moment, moment + length, note) for moment in (first, second_pass)]


def _jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The instant between the two at which the zone's offset changes."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _length(clock: str) -> timedelta:
    """A time with seconds is that second, one without is the minute."""
    return timedelta(seconds=1 if re.match(r"\d+:\d+:\d", clock) else 60)


def zone_of(name: str) -> tzinfo:
    """The zone of a name; UTC for one that is not known here (the server may know more)."""
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def local_zone() -> str:
    """The name of this machine's zone; UTC when it has none that can be told."""
    said = os.environ.get("TZ", "").removeprefix(":")
    link = Path("/etc/localtime").resolve().as_posix().rpartition("/zoneinfo/")[2]
    file = Path("/etc/timezone")
    written = file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
    for name in (said, link, written):
        if name and zone_of(name) is not UTC:
            return name
    return "UTC"


def read(text: str) -> datetime:
    """An instant of the API."""
    return datetime.fromisoformat(text)


def iso(moment: datetime) -> str:
    """An instant for the API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(text: str | None, zone: tzinfo | None = None, *, seconds: bool | None = None) -> str:
    """An instant of the API on the wall clock of ``zone``, or of this machine, with the offset from UTC."""
    if text is None:
        return ""
    return shown_moment(read(text), zone, seconds=seconds)


def shown_moment(moment: datetime, zone: tzinfo | None = None, *, seconds: bool | None = None) -> str:
    """An instant as people read it: ``2026-03-01 09:00 +01:00``; seconds unless zero, or as said."""
    wall = moment.astimezone(zone)
    form = "%Y-%m-%d %H:%M:%S" if (wall.second if seconds is None else seconds) else "%Y-%m-%d %H:%M"
    offset = wall.strftime("%z")
    return f"{wall.strftime(form)} {offset[:3]}:{offset[3:5]}"


def distance(moment: datetime, now: datetime) -> str:
    """How far a moment is: ``in 3 hours``, ``5 minutes ago``."""
    text = lasting(int(abs((moment - now).total_seconds())))
    return f"in {text}" if moment >= now else f"{text} ago"


def lasting(seconds: int) -> str:
    """A duration in its largest unit that says enough."""
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * length or seconds == length:
            return _so_many(seconds // length, unit)
    return _so_many(seconds, "second")


def exactly(seconds: int) -> str:
    """A duration in the largest unit that has no remainder: ``90 seconds``, ``2 hours``."""
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % length == 0:
            return _so_many(seconds // length, unit)
    return _so_many(seconds, "second")


def _so_many(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def clock_time(seconds: int) -> str:
    """How long a run took: ``0:07``, ``1:02:03``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def parse_seconds(text: Any, field: str) -> int:
    """Seconds from ``90``, ``90s``, ``"5 minutes"``, ``2h``, ``1 day``."""
    match = _AMOUNT.fullmatch(str(text).strip().lower())
    unit = None if match is None else _UNITS.get(match[2] or "s")
    if match is None or unit is None:
        raise InvalidInput.of(field, f'{text!r} is not a duration such as 90, 30s, 5m, 2h or "1 day"')
    return int(match[1]) * unit


def parse_every(text: str, field: str) -> tuple[int, int]:
    """Count and period of ``30 minutes``, ``2h``, ``day``, ``3 months``."""
    words = text.strip().lower()
    match = _AMOUNT.fullmatch(words if words[:1].isdigit() else f"1 {words}")
    period = None if match is None else _PERIODS.get(match[2])
    if match is None or period is None:
        forms = '"30 minutes", 2h, "1 day", "2 weeks" or "3 months"'
        raise InvalidInput.of(field, f"{text!r} is not an interval such as {forms}")
    return int(match[1]), period
