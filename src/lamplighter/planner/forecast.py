"""What is to come: the fires of schedules in a range of time, by arithmetic and only as far as they are asked for.

A fire is a due time that is not on an excluded date. Times are due times: jitter delays what is started, not these.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from lamplighter.model import Timing
from lamplighter.planner.due_times import due_times, is_excluded, local, trigger_of
from lamplighter.triggers import count_between, zone

_INSTANT = timedelta(microseconds=1)


class Ahead(NamedTuple):
    """A schedule that is due next at ``due``; ``id`` puts those that are due together in order."""

    due: datetime
    id: int
    timing: Timing


def next_fire(timing: Timing, at_or_after: datetime) -> datetime | None:
    """The first fire at or after an instant; None when there is none ever."""
    moment = at_or_after - _INSTANT
    while True:
        due = next(iter(due_times(timing, moment, 1)), None)
        if due is None or not is_excluded(timing, due):
            return due
        moment = _day(local(due, timing.timezone).date(), timing.timezone)[1] - _INSTANT


def count_fires(timing: Timing, first: datetime, last: datetime) -> int:
    """How many fires lie in the closed range, without visiting them one by one.

    ``first`` must not be before the schedule's beginning, as no due time is.
    """
    trigger = trigger_of(timing)
    if timing.end_time is not None:
        last = min(last, timing.end_time)
    total = count_between(trigger, first, last)
    days = timing.excluded_dates
    if not days or not total:
        return total
    low = bisect_left(days, local(first, timing.timezone).date().isoformat())
    high = bisect_right(days, local(last, timing.timezone).date().isoformat())
    for day in days[low:high]:
        begin, end = _day(date.fromisoformat(day), timing.timezone)
        total -= count_between(trigger, max(first, begin), min(last, end - _INSTANT))
    return total


def fires_in_order(ahead: Iterable[Ahead], start: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Each fire from ``start`` to ``end`` with the id of its schedule, oldest first.

    ``ahead`` must come in the order of its due times. A schedule is taken from it only when all earlier fires have
    been taken, so whoever stops early has read little.
    """
    coming: list[tuple[datetime, int, Timing]] = []
    for one in ahead:
        while coming and coming[0][0] < one.due:
            yield _take_first(coming, end)
        first = next_fire(one.timing, max(one.due, start))
        if first is not None and first <= end:
            heapq.heappush(coming, (first, one.id, one.timing))
    while coming:
        yield _take_first(coming, end)


def _take_first(coming: list[tuple[datetime, int, Timing]], end: datetime) -> tuple[datetime, int]:
    """Take the first fire; the schedule's next one, if there is one by ``end``, is put in its place."""
    fire, schedule_id, timing = coming[0]
    following = next_fire(timing, fire + _INSTANT)
    if following is None or following > end:
        heapq.heappop(coming)
    else:
        heapq.heapreplace(coming, (following, schedule_id, timing))
    return fire, schedule_id


def _day(day: date, timezone: str) -> tuple[datetime, datetime]:
    """The instants at which a day begins in a zone, and the one after it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone(timezone))
    return midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
