"""Use cases of analytics: what fires next, and sums over what ran."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import InvalidInput, LamplighterError
from lamplighter.model import Actor, RunStatus, Timing
from lamplighter.planner import Ahead
from lamplighter.service.access import agent_of
from lamplighter.store import summaries, upcoming
from lamplighter.store.database import Database
from lamplighter.store.summaries import FailedRun as FailedRun  # part of what this module offers
from lamplighter.store.summaries import RecordSums, RunCount
from lamplighter.store.upcoming import Rhythm, Upcoming, moment

_WEEK = timedelta(days=7)
_GOOD = (RunStatus.COMPLETED, RunStatus.SUCCESS)


class Fire(NamedTuple):
    """A fire that is to come, of a schedule; ``fires`` of it are in the range, ``starts`` is with jitter."""

    schedule_id: int
    schedule_name: str
    agent_id: int
    agent_name: str
    time: datetime
    starts: datetime
    timezone: str
    fires: int


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that a summary counts together: their statuses, and whether they are those with errors, or without."""

    statuses: tuple[RunStatus, ...]
    has_errors: bool | None = None

    def holds(self, runs: RunCount) -> bool:
        """Whether these runs belong to it."""
        return runs.status in self.statuses and self.has_errors in (None, runs.has_errors)


GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "Completed": Group(_GOOD, has_errors=False),
        "CompletedWithErrors": Group(_GOOD, has_errors=True),
        "Failed": Group((RunStatus.FAILURE, RunStatus.FAILED)),
        "Running": Group((RunStatus.STARTING, RunStatus.RUNNING, RunStatus.EXPORTING, RunStatus.STOPPING)),
        "Queued": Group((RunStatus.QUEUING, RunStatus.WAITING)),
        "Stopped": Group((RunStatus.STOPPED,)),
        "Skipped": Group((RunStatus.SKIPPED,)),
    }
)
_SINGLE = ("Success", "Failure", "Starting", "Exporting", "Stopping", "Queuing", "Waiting")


@dataclass(frozen=True, slots=True)
class RunsSummary:
    """How many runs ended how, or go on; ``counts`` is by the names of ``GROUPS``."""

    start: datetime
    end: datetime
    total: int
    counts: Mapping[str, int]
    failed: list[FailedRun] | None


@dataclass(frozen=True, slots=True)
class RecordsSummary:
    """What the runs of a range of time did."""

    start: datetime
    end: datetime
    sums: RecordSums


def checked_range(
    start: datetime | None, end: datetime | None, default_start: datetime, default_end: datetime
) -> tuple[datetime, datetime]:
    """The range that is asked for; InvalidInput when it ends before it begins."""
    first, last = start or default_start, end or default_end
    if last < first:
        begin = (
            "startDate" if start is not None else f"{first:%Y-%m-%dT%H:%M:%SZ}, the beginning when not said"
        )
        raise InvalidInput.of("endDate", f"must not be before {begin}")
    return first, last


class Analytics:
    """What is to come and what was, over all agents that the caller sees."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def upcoming(
        self,
        actor: Actor,
        start: datetime | None,
        end: datetime | None,
        *,
        skip: int = 0,
        limit: int | None = None,
    ) -> list[Fire]:
        """The next fire of each schedule for which it is in the range, the earliest first; from the index.

        Without ``start`` it is whatever has not fired yet; without ``end`` it is a week.
        """
        _, last = self._range(start, end)
        with self._db.read() as c:
            found = _next_fires(upcoming.listed(c, actor.spaces, start, last), last)
            wanted = islice(found, skip, None if limit is None else skip + limit)
            counts: dict[tuple[Rhythm, datetime], int] = {}
            return [_listed(row, time, last, counts) for time, row in wanted]

    def count_upcoming(self, actor: Actor, start: datetime | None, end: datetime | None) -> int:
        """How many schedules ``upcoming`` has without a limit."""
        _, last = self._range(start, end)
        with self._db.read() as c:
            plain = upcoming.count_without_excluded_dates(c, actor.spaces, start, last)
            special = upcoming.listed(c, actor.spaces, start, last, only_excluding=True)
            return plain + sum(1 for _ in _next_fires(special, last))

    def every_fire(
        self, actor: Actor, start: datetime | None, end: datetime | None, limit: int
    ) -> tuple[list[Fire], bool]:
        """The first ``limit`` fires in the range, oldest first; and whether there are more."""
        first, last = self._range(start, end)
        with self._db.read() as c:
            rows: dict[int, Upcoming] = {}
            timings: dict[Rhythm, Timing] = {}
            ahead = remembered(upcoming.listed(c, actor.spaces, None, last), rows, timings)
            since = first if start is not None else moment(0)
            fires = list(islice(planner.fires_in_order(ahead, since, last), limit + 1))
        return [_fire(rows[number], time, 1) for time, number in fires[:limit]], len(fires) > limit

    def runs_summary(
        self,
        actor: Actor,
        start: datetime | None,
        end: datetime | None,
        status: str | None,
        details: int,
    ) -> tuple[RunsSummary, bool]:
        """Runs that were created in the range, today when not said; with the newest ``details`` that failed.

        The second answer is whether there are more of those. ``status`` is a name of ``GROUPS``, or the name or
        number of a status; InvalidInput.
        """
        group = None if status is None else _group_of(status)
        first, last = self._today(start, end)
        with self._db.read() as c:
            counted = summaries.run_counts(c, actor.spaces, first, last)
            counted = [one for one in counted if group is None or group.holds(one)]
            failures = [one for one in GROUPS["Failed"].statuses if group is None or one in group.statuses]
            failed = (
                summaries.failed_runs(c, actor.spaces, first, last, failures, details + 1)
                if details
                else None
            )
        counts = {
            name: sum(one.count for one in counted if group.holds(one)) for name, group in GROUPS.items()
        }
        total = sum(one.count for one in counted)
        cut = failed is not None and len(failed) > details
        return RunsSummary(first, last, total, counts, failed[:details] if failed is not None else None), cut

    def records_summary(
        self, actor: Actor, start: datetime | None, end: datetime | None, agent_id: int | None
    ) -> RecordsSummary:
        """What the runs that were created in the range did, today when not said; NotFound for the agent."""
        first, last = self._today(start, end)
        with self._db.read() as c:
            if agent_id is not None:
                agent_of(c, actor, agent_id)
            return RecordsSummary(first, last, summaries.record_sums(c, actor.spaces, first, last, agent_id))

    def _range(self, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        now = self._clock.now()
        return checked_range(start, end, now, (start or now) + _WEEK)

    def _today(self, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        now = self._clock.now()
        midnight = min(end or now, now).replace(hour=0, minute=0, second=0, microsecond=0)
        return checked_range(start, end, midnight, max(now, start or now))


def _next_fires(rows: Iterable[Upcoming], last: datetime) -> Iterator[tuple[datetime, Upcoming]]:
    """Each schedule with its next fire, in the order of the fires; ``rows`` come in that of their due times.

    A due time on an excluded date is none: then the schedule comes later, or not at all.
    """
    later: list[tuple[datetime, int, Upcoming]] = []
    for row in rows:
        due = moment(row.due)
        while later and later[0][0] < due:
            time, _, other = heappop(later)
            yield time, other
        if not row.rhythm.has_excluded_dates:
            yield due, row
            continue
        with suppress(LamplighterError):  # what cannot be evaluated does not fire
            fire = planner.next_fire(row.rhythm.timing(), due)
            if fire is not None and fire <= last:
                heappush(later, (fire, row.schedule_id, row))
    while later:
        time, _, other = heappop(later)
        yield time, other


def _listed(
    row: Upcoming, time: datetime, last: datetime, counts: dict[tuple[Rhythm, datetime], int]
) -> Fire:
    """What is told of a schedule; schedules with the same timing are counted once."""
    key = row.rhythm, time
    count = counts.get(key)
    if count is None:
        try:
            count = planner.count_fires(row.rhythm.timing(), time, last)
        except LamplighterError:  # it cannot be evaluated any more, and owes the due time that is known
            count = 1
        counts[key] = count
    return _fire(row, time, count)


def remembered(
    found: Iterable[Upcoming], rows: dict[int, Upcoming], timings: dict[Rhythm, Timing]
) -> Iterator[Ahead]:
    """The schedules as the planner wants them, kept in ``rows`` by their ids, each timing made once."""
    for row in found:
        timing = timings.get(row.rhythm)
        if timing is None:
            timing = timings[row.rhythm] = row.rhythm.timing()
        with suppress(LamplighterError):  # what cannot be evaluated does not fire
            planner.trigger_of(timing)
            rows[row.schedule_id] = row
            yield Ahead(moment(row.due), row.schedule_id, timing)


def _fire(row: Upcoming, time: datetime, count: int) -> Fire:
    starts = time
    if row.rhythm.jitter_seconds:
        starts = planner.fire_at(row.schedule_id, row.rhythm.timing(), time)
    return Fire(
        row.schedule_id,
        row.schedule_name,
        row.agent_id,
        row.agent_name,
        time,
        starts,
        row.rhythm.timezone,
        count,
    )


def _group_of(status: str) -> Group:
    words = {name.lower(): group for name, group in GROUPS.items()}
    for one in RunStatus:
        if one is not RunStatus.INVALID:
            words[str(one.value)] = Group((one,))
    words |= {name.lower(): Group((RunStatus[name.upper()],)) for name in _SINGLE}
    group = words.get(status.strip().lower())
    if group is None:
        known = ", ".join((*GROUPS, *_SINGLE))
        raise InvalidInput.of("status", f"must be one of: {known}; or the number of a status, 1 to 12")
    return group
