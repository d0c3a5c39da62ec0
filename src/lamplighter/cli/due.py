"""The due times of a schedule around a moment, as the server computes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lamplighter.cli.session import keep_said
from lamplighter.cli.times import Span, iso, read
from lamplighter.client import Client, Schedule

_MILLISECOND = timedelta(milliseconds=1)
_PAGE = 1000
_RUN_EVERY = 2
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
# How far back to look for the due time before a moment: the next distance only when there was none nearer.
_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 35, 400, 3000))


class DueTimes:
    """What the present settings of a schedule say, whether or not it was enabled."""

    def __init__(self, client: Client, schedule: Schedule) -> None:
        self._client = client
        self._body = _timing(schedule)
        no_start = schedule["scheduleType"] == _RUN_EVERY and schedule["startTime"] is None
        # Without a start, the first fire comes one interval after the creation.
        self._not_before = read(schedule["created"]) if no_start else _EARLIEST

    def within(self, span: Span, most: int = _PAGE) -> list[datetime]:
        """The due times in the span, oldest first, at most so many."""
        found = self._ask(span.begin - _MILLISECOND, most)
        return [moment for moment in found if moment < span.end]

    def after(self, moment: datetime) -> datetime | None:
        """The next due time after the moment."""
        return next(iter(self._ask(moment, 1)), None)

    def before(self, moment: datetime) -> datetime | None:
        """The last due time before the moment."""
        for distance in _BACK:
            last, begin = None, max(moment - distance, _EARLIEST)
            while page := self.within(Span(begin, moment)):
                last = page[-1]
                begin = last + _MILLISECOND
            if last is not None:
                return last
        return None

    def _ask(self, after: datetime, count: int) -> list[datetime]:
        after = max(after, self._not_before)
        planned = self._client.preview({**self._body, "after": iso(after), "count": count})
        return [read(fire["time"]) for fire in planned["fires"]]


def _timing(s: Schedule) -> dict[str, Any]:
    start = s["startTime"]
    if s["scheduleType"] == _RUN_EVERY:
        start = start or s["created"]
    return keep_said(
        scheduleType=s["scheduleType"],
        cronExpression=s["cronExpression"],
        timezone=s["timezone"],
        startTime=start,
        endTime=s["endTime"],
        runEveryCount=s["runEveryCount"],
        runEveryPeriod=s["runEveryPeriod"],
        dstGap=s["dstGap"],
        dstOverlap=s["dstOverlap"],
        excludedDates=s["excludedDates"],
    )
