"""The use case of moving in: a schedule's ledger beside the times at which another system ran the same job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from pydantic import ConfigDict, Field

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import InvalidInput
from lamplighter.model import Actor, Fire, Outcome
from lamplighter.planner import Comparison
from lamplighter.service.access import agent_of
from lamplighter.service.requests import Between, Request, Time, Until
from lamplighter.service.schedules import schedule_of
from lamplighter.store import fires
from lamplighter.store.database import Database

MOST_TIMES = 10_000
# Of the ledger's rows, those that started nothing and were not to, but for the reason in the row.
_NOT_RUN = frozenset({Outcome.MERGED, Outcome.SKIPPED})


class CompareRequest(Request):
    """The times of another system; without a period that of these times, as far as the ledger has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"times": ["2026-03-01T08:00:03Z", "2026-03-02T08:00:01Z"], "toleranceSeconds": 60}]
        }
    )

    times: Annotated[list[Time], Field(max_length=MOST_TIMES)]
    tolerance_seconds: Annotated[int, Between(0, 3600)] = 60
    start_date: Time | None = None
    end_date: Until | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found between ``begin`` and ``end``; ``outside`` of the times given lie beyond them.

    ``rows`` are the ledger's for our times. ``missed`` are those of due times that did not run, oldest first.
    """

    begin: datetime
    end: datetime
    tolerance: timedelta
    outside: int
    found: Comparison
    rows: dict[datetime, Fire]
    missed: Sequence[Fire]
    timezone: str

    def why_not(self, theirs: datetime) -> str | None:
        """Why we have no fire at a time of theirs; None when it is no due time of ours."""
        for row in self.missed:
            if row.due - self.tolerance <= theirs <= row.last_due + self.tolerance:
                return f"{row.outcome}: {row.reason}"
        return None


class Comparisons:
    """Comparing ledgers with the times of other systems."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def compare(self, actor: Actor, agent_id: int, schedule_id: int, request: CompareRequest) -> Compared:
        """The due times that ran, or would have run in shadow, beside the times of another system."""
        tolerance = timedelta(seconds=request.tolerance_seconds)
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            schedule = schedule_of(c, agent_id, schedule_id)
            begin, end = _period(request, schedule.created, self._clock.now())
            # What lies around the period may be the same as something in it.
            rows = _rows(c, schedule_id, begin, end, tolerance)
        ran = {row.due: row for row in rows if row.outcome not in _NOT_RUN}
        theirs = [time for time in request.times if begin - tolerance <= time <= end + tolerance]
        found = _within(planner.compare(list(ran), theirs, tolerance), begin, end)
        return Compared(
            begin=begin,
            end=end,
            tolerance=tolerance,
            outside=len(request.times) - len(found.both) - len(found.only_theirs),
            found=found,
            rows=ran,
            missed=[row for row in rows if row.outcome in _NOT_RUN],
            timezone=schedule.timing.timezone,
        )


def _period(request: CompareRequest, created: datetime, now: datetime) -> tuple[datetime, datetime]:
    """From when to when: what was said, else from the first to the last of the times, within what we know."""
    if request.start_date and request.end_date and request.start_date > request.end_date:
        raise InvalidInput.of("endDate", "must not lie before startDate")
    begin = request.start_date or min(request.times, default=created)
    end = request.end_date or max(request.times, default=now)
    begin, end = max(begin, created), min(end, now)
    return begin, max(begin, end)


def _within(found: Comparison, begin: datetime, end: datetime) -> Comparison:
    """What lies in the period, with one of its times at least."""
    return Comparison(
        tuple(pair for pair in found.both if begin <= pair.ours <= end or begin <= pair.theirs <= end),
        tuple(time for time in found.only_ours if begin <= time <= end),
        tuple(time for time in found.only_theirs if begin <= time <= end),
    )


def _rows(
    c: sa.Connection, schedule_id: int, begin: datetime, end: datetime, around: timedelta
) -> list[Fire]:
    rows = fires.between(c, schedule_id, begin - around, end + around, MOST_TIMES + 1)
    if len(rows) > MOST_TIMES:
        raise InvalidInput.of(
            "startDate",
            f"the ledger has more than {MOST_TIMES:,} rows from {planner.iso(begin)} to {planner.iso(end)}:"
            " say a shorter period",
        )
    return rows
