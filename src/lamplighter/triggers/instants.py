"""Instants as whole microseconds since 1970-01-01 UTC: plain integers cannot be compared by wall time.

Two datetimes that share a ZoneInfo compare and subtract by their wall clocks, so a repeated hour confuses
them. Inside this package an instant is therefore an integer. A *wall time* is an integer too: the instant
plus the zone's offset, that is, what the clock on the wall shows, counted as if it were UTC.
"""

from datetime import UTC, date, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)

FIRST_INSTANT = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
LAST_ORDINAL = date.max.toordinal()


def from_datetime(moment: datetime) -> int:
    """The instant of an aware datetime of any zone; a naive one raises ValueError."""
    if moment.tzinfo is not UTC and moment.utcoffset() is None:
        raise ValueError(f"a datetime without a timezone is not an instant: {moment!r}")
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(instant: int | None) -> datetime | None:
    """The instant as a UTC datetime; None when there is none or it lies outside the years 1 to 9999."""
    if instant is None or not FIRST_INSTANT <= instant <= LAST_INSTANT:
        return None
    return EPOCH + timedelta(microseconds=instant)


def wall_datetime(wall: int) -> datetime:
    """What the wall clock shows, as a naive datetime for printing; clamped to the years 1 to 9999."""
    clamped = min(max(wall, FIRST_INSTANT), LAST_INSTANT)
    return (EPOCH + timedelta(microseconds=clamped)).replace(tzinfo=None)
