"""When another system ran a job, from a text: one time a line, or the lines of cron in a log of the system."""

import re
from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from lamplighter.cli.times import iso
from lamplighter.errors import InvalidInput

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s?(Z|[+-]\d\d:?\d\d)?(?=\s|$)")
_SYSLOG = re.compile(r"([A-Z][a-z]{2})\s+(\d{1,2}) (\d\d):(\d\d):(\d\d)(?=\s)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Debian's CRON[123]: (user) CMD (…), cronie's CROND[123]: (user) CMD (…); not CMDEND or CMDOUT.
_RAN = re.compile(r"\(([^()\s]+)\) CMD \((.*)\)\s*$")
_A_DAY = timedelta(days=1)
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class _Line:
    time: datetime
    command: str | None  # None: the line is nothing but a time
    is_of_cron: bool


def read_times(text: str, zone: tzinfo, now: datetime, command: str | None) -> list[str]:
    """The times in a text, as the API takes them; those without an offset are read in ``zone``.

    ``command`` is the command that is meant, or a part of it, where the lines are cron's. InvalidInput for a line
    that is none, and when it is not clear which command is meant.
    """
    lines = list(_lines(text, zone, now))
    ran = [line for line in lines if line.is_of_cron]
    if not ran and all(line.command is None for line in lines):
        return [iso(line.time) for line in lines]
    if not ran:
        raise InvalidInput.of("--times", "has no lines of cron such as: CRON[123]: (user) CMD (backup.sh)")
    said = (line.command or "" for line in ran)
    commands = list(dict.fromkeys(one for one in said if command is None or command in one))
    if not commands:
        there = list(dict.fromkeys(line.command or "" for line in ran))
        raise InvalidInput.of("--command", f"no line of cron has {command!r}; {_named(there)}")
    if len(commands) > 1 and command in commands:
        commands = [command]
    if len(commands) > 1:
        raise InvalidInput.of("--command", f"is to say which command is meant; {_named(commands)}")
    return [iso(line.time) for line in ran if line.command == commands[0]]


def _named(commands: list[str]) -> str:
    more = f" and {len(commands) - _MOST_NAMED} more" if len(commands) > _MOST_NAMED else ""
    return f"those there are: {'; '.join(commands[:_MOST_NAMED])}{more}"


def _lines(text: str, zone: tzinfo, now: datetime) -> Iterator[_Line]:
    before: datetime | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", "-- ")):  # journalctl sets such lines between boots
            continue
        try:
            time, rest = _time(line, zone, now, before)
        except (ValueError, OverflowError) as problem:
            form = 'a time such as 2026-03-01T09:00:00+01:00 or "Mar  1 09:00:01"'
            raise InvalidInput.of("--times", f"line {number} does not begin with {form}: {line}") from problem
        before = time
        ran = _RAN.search(rest)
        yield _Line(time, ran[2].strip() if ran else rest or None, ran is not None)


def _time(line: str, zone: tzinfo, now: datetime, before: datetime | None) -> tuple[datetime, str]:
    """The instant at the beginning of a line, and the rest of the line."""
    match = _ISO.match(line)
    if match:
        wall = datetime.fromisoformat(match[1] + (match[2] or ""))
        return _instant(wall, zone, before), line[match.end() :].strip()
    match = _SYSLOG.match(line)
    if match is None or match[1] not in _MONTHS:
        raise ValueError(line)
    month, day = _MONTHS.index(match[1]) + 1, int(match[2])
    clock = (int(match[3]), int(match[4]), int(match[5]))
    rest = line[match.end() :].strip()
    # The year is not in the line: it is the last one in which the day is not in the future.
    for year in range(now.year + 1, now.year - 5, -1):
        if (month, day) == (2, 29) and not isleap(year):
            continue
        time = _instant(datetime(year, month, day, *clock), zone, before)  # noqa: DTZ001 - the zone is set there
        if time <= now + _A_DAY:
            return time, rest
    raise ValueError(line)


def _instant(wall: datetime, zone: tzinfo, before: datetime | None) -> datetime:
    """The instant of a wall time; of one that exists twice the second, when the lines before are later."""
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return second if before is not None and first < before <= second else first
