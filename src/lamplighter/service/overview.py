"""Use cases of looking at everything at once: what goes, what went, what is to come, and who is silent."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from statistics import median
from types import MappingProxyType

import sqlalchemy as sa

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import LamplighterError
from lamplighter.model import ON_SERVER, Actor, RunStatus, Timing
from lamplighter.service.analytics import remembered
from lamplighter.store import groups, overview, runs, servers, upcoming
from lamplighter.store.database import Database
from lamplighter.store.overview import Silence
from lamplighter.store.overview import Trace as Trace  # part of what this module offers
from lamplighter.store.tables import FAILED
from lamplighter.store.upcoming import Rhythm, Upcoming, moment

HOUR = timedelta(hours=1)
_MOST_SILENT = 20
_LATE = timedelta(minutes=2)
_LONG_QUEUE = timedelta(minutes=10)
_LATELY = timedelta(days=1)
_SAMPLE = 20  # runs from which the expected duration of the next one is told
_MOST_BARS = 2000


@dataclass(frozen=True, slots=True)
class Going:
    """What goes at present: runs on servers (those that began last), counts by status, and places of servers."""

    runs: list[tuple[Trace, str | None]]
    counts: Mapping[RunStatus, int]
    places: int

    @property
    def on_servers(self) -> int:
        """How many runs servers have."""
        return sum(count for status, count in self.counts.items() if status in ON_SERVER)

    @property
    def queued(self) -> int:
        """How many runs queue for a place."""
        return self.counts.get(RunStatus.QUEUING, 0)

    @property
    def waiting(self) -> int:
        """How many runs wait for another one, or for their next try."""
        return self.counts.get(RunStatus.WAITING, 0)


@dataclass(frozen=True, slots=True)
class Day:
    """The runs that were created on one day, and what they extracted."""

    day: date
    good: int
    bad: int
    other: int
    records: int

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return self.good + self.bad + self.other


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that is to come: ``seconds`` is how long the agent's runs took lately, None when none is known."""

    agent_id: int
    agent_name: str
    schedule_id: int
    schedule_name: str
    group_id: int | None
    start: datetime
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The runs that went in a window and those that are planned in it.

    ``cut`` says that there were more than are told. ``groups`` are the names of server groups by their ids,
    ``places`` how many runs the live servers take at once.
    """

    past: list[Trace]
    planned: list[Planned]
    cut: bool
    groups: Mapping[int, str]
    places: int


class Overview:
    """Looks over all agents that the caller sees."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def is_new(self, actor: Actor) -> bool:
        """Whether there is no agent yet that the caller sees."""
        with self._db.read() as c:
            return not overview.has_agents(c, actor.spaces)

    def going(self, actor: Actor, limit: int) -> Going:
        """What goes at present."""
        with self._db.read() as c:
            counts = runs.status_counts(c, actor.spaces)
            found = overview.on_servers(c, actor.spaces, limit)
            return Going(found, MappingProxyType(counts), _places(c, self._clock.now()))

    def volume(self, actor: Actor, days: int, timezone: str) -> list[Day]:
        """The last days, the oldest first, as the wall clock of the zone counts them; today is the last one."""
        now = self._clock.now()
        today = planner.local(now, timezone).date()
        first = today - timedelta(days=days - 1)
        with self._db.read() as c:
            hours = overview.hours(c, actor.spaces, now - timedelta(days=days), now)
        sums: dict[date, Counter[str]] = {first + timedelta(days=n): Counter() for n in range(days)}
        for hour in hours:
            day = sums.get(planner.local(hour.begin, timezone).date())
            if day is not None:
                kind = "good" if hour.status in planner.GOOD else "bad" if hour.status in FAILED else "other"
                day[kind] += hour.runs
                day["records"] += hour.records
        return [Day(day, s["good"], s["bad"], s["other"], s["records"]) for day, s in sums.items()]

    def silent(self, actor: Actor) -> list[Silence]:
        """Schedules and agents that do not run though they should, and why; one entry each."""
        now, seen = self._clock.now(), actor.spaces
        with self._db.read() as c:
            found = [
                *(
                    replace(one, reason=f"cannot be evaluated: {one.reason}")
                    for one in overview.not_evaluated(c, seen, _MOST_SILENT)
                ),
                *(
                    replace(
                        one, reason="is due and has not been fired: no scheduler runs, or it is far behind"
                    )
                    for one in overview.overdue(c, seen, now - _LATE, _MOST_SILENT)
                ),
                *(
                    replace(one, reason=f"was skipped: {one.reason}")
                    for one in overview.skipped(c, seen, now - _LATELY, _MOST_SILENT)
                ),
                *(
                    replace(one, reason=one.reason or "its runs queue: all places of its servers are taken")
                    for one in overview.stuck(c, seen, now - _LONG_QUEUE, _MOST_SILENT)
                ),
            ]
        known = {(one.agent_id, one.schedule_id): one for one in reversed(found)}
        return list(reversed(known.values()))[:_MOST_SILENT]

    def warned(self, actor: Actor, limit: int) -> list[tuple[Trace, list[str]]]:
        """The newest runs of the last day that ended well, and of which something is to be known all the same."""
        with self._db.read() as c:
            return overview.warned(c, actor.spaces, self._clock.now() - _LATELY, limit)

    def newest(
        self, actor: Actor, statuses: Collection[RunStatus] | None, *, skip: int, limit: int
    ) -> list[Trace]:
        """The newest runs of all agents, a part; only those in some statuses, if any are named."""
        with self._db.read() as c:
            return overview.newest(c, actor.spaces, statuses, skip, limit)

    def traces(self, actor: Actor, agent_ids: Collection[int], count: int) -> dict[int, list[Trace]]:
        """The newest runs of each of these agents, oldest first; the caller has seen the agents already."""
        with self._db.read() as c:
            return {one: overview.traces_of_agent(c, one, count)[::-1] for one in agent_ids}

    def next_due(self, actor: Actor, agent_ids: Collection[int]) -> dict[int, datetime]:
        """When each of these agents is due next; the caller has seen the agents already."""
        with self._db.read() as c:
            return overview.next_due(c, agent_ids)

    def usual_seconds(self, actor: Actor, agent_id: int) -> float | None:
        """How long the good ones of an agent's newest runs took; the caller has seen the agent already."""
        with self._db.read() as c:
            return _usual_seconds(c, agent_id)

    def timeline(self, actor: Actor, since: datetime, until: datetime) -> Timeline:
        """What went and what is planned in a window."""
        now = self._clock.now()
        with self._db.read() as c:
            past = overview.in_window(c, actor.spaces, since, until, _MOST_BARS + 1)
            planned = _planned(c, actor, max(now, since), until)
            cut = len(past) > _MOST_BARS or len(planned) >= _MOST_BARS
            return Timeline(past[-_MOST_BARS:], planned, cut, groups.names(c), _places(c, now))

    def due_by_hour(self, actor: Actor, since: datetime, hours: int) -> list[int]:
        """How many fires are to come in each hour from an instant on."""
        now = self._clock.now()
        until = since + hours * HOUR
        counts = [0] * hours
        with self._db.read() as c:
            same = Counter((row.rhythm, row.due) for row in upcoming.listed(c, actor.spaces, None, until))
        for (rhythm, due), number in same.items():
            with suppress(LamplighterError):  # what cannot be evaluated does not fire
                timing = rhythm.timing()
                for hour, fires in _fires_by_hour(timing, max(moment(due), now), since, hours):
                    counts[hour] += fires * number
        return counts

    def ran_by_hour(self, actor: Actor, since: datetime, hours: int) -> list[int]:
        """How many runs were created in each hour from an instant on."""
        counts = [0] * hours
        with self._db.read() as c:
            for hour in overview.hours(c, actor.spaces, since, since + hours * HOUR):
                index = (hour.begin - since) // HOUR
                if 0 <= index < hours:
                    counts[index] += hour.runs
        return counts


def _places(c: sa.Connection, now: datetime) -> int:
    return sum(one.concurrency for one in servers.every(c) if one.lease_until >= now)


def _planned(c: sa.Connection, actor: Actor, first: datetime, last: datetime) -> list[Planned]:
    rows: dict[int, Upcoming] = {}
    timings: dict[Rhythm, Timing] = {}
    ahead = remembered(upcoming.listed(c, actor.spaces, None, last), rows, timings)
    fires = list(islice(planner.fires_in_order(ahead, first, last), _MOST_BARS))
    wanted = {number for _, number in fires}
    group_of = overview.groups_of(c, wanted)
    seconds = {agent: _usual_seconds(c, agent) for agent in {rows[number].agent_id for number in wanted}}
    return [
        Planned(
            row.agent_id,
            row.agent_name,
            row.schedule_id,
            row.schedule_name,
            group_of.get(number),
            time,
            seconds[row.agent_id],
        )
        for time, number in fires
        for row in (rows[number],)
    ]


def _usual_seconds(c: sa.Connection, agent_id: int) -> float | None:
    took = [
        one.seconds
        for one in overview.traces_of_agent(c, agent_id, _SAMPLE)
        if one.status in planner.GOOD and one.seconds is not None
    ]
    return median(took) if took else None


def _fires_by_hour(timing: Timing, first: datetime, since: datetime, hours: int) -> Sequence[tuple[int, int]]:
    """The hours in which a schedule fires and how often: by steps when that is seldom, else by arithmetic."""
    last = since + hours * HOUR - timedelta(milliseconds=1)
    begin = max(first, since)
    if begin > last:
        return []
    if planner.count_fires(timing, begin, last) <= hours:
        found: Counter[int] = Counter()
        fire = planner.next_fire(timing, begin)
        while fire is not None and fire <= last:
            found[(fire - since) // HOUR] += 1
            fire = planner.next_fire(timing, fire + timedelta(milliseconds=1))
        return list(found.items())
    counted = []
    for hour in range((begin - since) // HOUR, hours):
        start = max(begin, since + hour * HOUR)
        counted.append(
            (hour, planner.count_fires(timing, start, since + (hour + 1) * HOUR - timedelta(milliseconds=1)))
        )
    return counted
