"""What pages look at across agents: who is silent, what goes and what went, on each database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from lamplighter.model import Actor, Outcome, Role, RunStatus
from lamplighter.service.overview import Overview
from lamplighter.store import fires, schedules
from lamplighter.store.database import Database
from lamplighter.store.tables import runs
from lamplighter.triggers import TZDATA_VERSION
from store_rows import ADMIN, NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock

STRANGER = Actor(9, "stranger", is_admin=False)
MEMBER = Actor(8, "member", is_admin=False, roles={1: Role.VIEWER})


@pytest.fixture
def overview(db: Database, clock: VirtualClock) -> Overview:
    return Overview(db, clock)


def ran(
    c: sa.Connection,
    agent: int,
    status: RunStatus,
    *,
    created: datetime = NOON,
    seconds: float | None = 60,
    records: int = 0,
    **more: object,
) -> int:
    """A run of an agent, as it would be after ``seconds``."""
    set_id = start_set(c, agent)
    values: dict[str, object] = {"status": status.value, "created": created, "data_count": records}
    if seconds is not None:
        values |= {"start_time": created, "end_time": created + timedelta(seconds=seconds)}
    c.execute(runs.update().where(runs.c.set_id == set_id).values({**values, **more}))
    return int(c.execute(sa.select(runs.c.id).where(runs.c.set_id == set_id)).scalar_one())


def ledger(c: sa.Connection, schedule: int, due: datetime, outcome: Outcome, reason: str) -> None:
    row = {"schedule_id": schedule, "due": due, "last_due": due, "count": 1, "outcome": outcome.value}
    fires.insert(c, [{**row, "reason": reason, "decided": due, "is_shadow": False}])


def test_an_installation_is_new_until_there_is_an_agent_to_be_seen(db: Database, overview: Overview) -> None:
    assert overview.is_new(ADMIN)
    with db.write() as c:
        make_agent(c)
    assert not overview.is_new(ADMIN)
    assert not overview.is_new(MEMBER)
    assert overview.is_new(STRANGER)


def test_nobody_is_silent_when_all_goes_well(db: Database, overview: Overview) -> None:
    with db.write() as c:
        schedule = make_schedule(c, make_agent(c))
        ledger(c, schedule.id, NOON - timedelta(minutes=1), Outcome.FIRED, "fired on time")
    assert overview.silent(ADMIN) == []


def test_a_schedule_that_cannot_be_evaluated_is_silent(db: Database, overview: Overview) -> None:
    with db.write() as c:
        schedule = make_schedule(c, make_agent(c))
        schedules.set_problem(c, schedule.id, "no such zone", NOON + timedelta(hours=1))
    [silence] = overview.silent(ADMIN)
    assert (silence.schedule_id, silence.reason) == (schedule.id, "cannot be evaluated: no such zone")
    assert overview.silent(STRANGER) == []
    assert len(overview.silent(MEMBER)) == 1


def test_a_schedule_that_is_due_and_was_not_fired_is_silent(
    db: Database, overview: Overview, clock: VirtualClock
) -> None:
    with db.write() as c:
        make_schedule(c, make_agent(c))
    clock.advance(minutes=2)
    assert overview.silent(ADMIN) == []
    clock.advance(minutes=2)
    [silence] = overview.silent(ADMIN)
    assert "has not been fired" in silence.reason
    assert silence.since == NOON + timedelta(minutes=1)


def test_a_schedule_whose_newest_due_time_was_skipped_is_silent(db: Database, overview: Overview) -> None:
    with db.write() as c:
        agent = make_agent(c)
        silent, talking, off = (make_schedule(c, agent, "0 0 1 1 *") for _ in range(3))
        for schedule in (silent, talking, off):
            ledger(c, schedule.id, NOON - timedelta(hours=2), Outcome.SKIPPED, "previous run still waiting")
        ledger(c, talking.id, NOON - timedelta(hours=1), Outcome.FIRED, "fired on time")
        schedules.update(c, replace(off, is_enabled=False, next=None), TZDATA_VERSION)
    [silence] = overview.silent(ADMIN)
    assert silence.schedule_id == silent.id
    assert silence.reason == "was skipped: previous run still waiting"


def test_an_agent_whose_runs_queue_for_long_is_silent_once(
    db: Database, overview: Overview, clock: VirtualClock
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent)
        start_set(c, agent)
    assert overview.silent(ADMIN) == []
    clock.advance(minutes=11)
    [silence] = overview.silent(ADMIN)
    assert (silence.agent_id, silence.since) == (agent, NOON)
    assert "queue" in silence.reason


def test_what_goes_is_told_with_its_server_and_how_many_places_there_are(
    db: Database, overview: Overview
) -> None:
    with db.write() as c:
        agent, server = make_agent(c), make_server(c)
        make_server(c, "gone", lease=timedelta(seconds=-1))
        going = ran(c, agent, RunStatus.RUNNING, seconds=None, server_id=server, start_time=NOON)
        start_set(c, agent)
    found = overview.going(ADMIN, 5)
    [(trace, name)] = found.runs
    assert (trace.run_id, trace.agent_name, name) == (going, "agent", "server")
    assert trace.seconds is None
    assert (found.counts, found.places) == ({RunStatus.RUNNING: 1, RunStatus.QUEUING: 1}, 10)
    assert overview.going(STRANGER, 5).runs == []
    assert overview.going(STRANGER, 5).counts == {}


def test_days_are_those_of_the_readers_clock(db: Database, overview: Overview) -> None:
    with db.write() as c:
        agent = make_agent(c)
        ran(c, agent, RunStatus.SUCCESS, created=NOON - timedelta(hours=1), records=5)
        # Late on Sunday in Berlin is Monday already in Tokyo.
        ran(c, agent, RunStatus.FAILURE, created=datetime(2026, 1, 4, 20, 0, tzinfo=UTC))
        ran(c, agent, RunStatus.STOPPED, created=NOON - timedelta(days=40))
    berlin = overview.volume(ADMIN, 3, "Europe/Berlin")
    assert [(day.day.day, day.good, day.bad, day.records) for day in berlin] == [
        (3, 0, 0, 0),
        (4, 0, 1, 0),
        (5, 1, 0, 5),
    ]
    tokyo = overview.volume(ADMIN, 3, "Asia/Tokyo")
    assert [(day.day.day, day.runs) for day in tokyo] == [(3, 0), (4, 0), (5, 2)]
    assert sum(day.runs for day in overview.volume(STRANGER, 3, "UTC")) == 0


def test_newest_runs_are_narrowed_by_status_and_space(db: Database, overview: Overview) -> None:
    with db.write() as c:
        agent = make_agent(c)
        first = ran(c, agent, RunStatus.FAILURE, created=NOON)
        second = ran(c, agent, RunStatus.SUCCESS, created=NOON + timedelta(seconds=1))
    assert [one.run_id for one in overview.newest(ADMIN, None, skip=0, limit=5)] == [second, first]
    assert [one.run_id for one in overview.newest(MEMBER, [RunStatus.FAILURE], skip=0, limit=5)] == [first]
    assert overview.newest(STRANGER, None, skip=0, limit=5) == []
    traces = overview.traces(ADMIN, [agent], 5)[agent]
    assert [one.run_id for one in traces] == [first, second]


def test_runs_with_warnings_are_told_when_they_ended_well(db: Database, overview: Overview) -> None:
    with db.write() as c:
        agent = make_agent(c)
        ran(c, agent, RunStatus.SUCCESS)
        warned = ran(c, agent, RunStatus.SUCCESS, warnings=["far less than usual"])
        ran(c, agent, RunStatus.FAILURE, warnings=["so it failed"])
    [(trace, sentences)] = overview.warned(ADMIN, 5)
    assert (trace.run_id, sentences) == (warned, ["far less than usual"])


def test_a_timeline_has_what_went_and_what_is_planned_as_long_as_usual(
    db: Database, overview: Overview
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        long_ago = NOON - timedelta(hours=9)
        for seconds in (10, 20, 30):
            ran(c, agent, RunStatus.SUCCESS, created=long_ago, seconds=seconds)
        ran(c, agent, RunStatus.FAILURE, created=long_ago, seconds=9000)
        inside = ran(c, agent, RunStatus.SUCCESS, created=NOON - timedelta(minutes=30), seconds=20)
        make_schedule(c, agent, "0 13,20 * * *")
        make_server(c)
    found = overview.timeline(ADMIN, NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    assert [one.run_id for one in found.past] == [inside]
    [planned] = found.planned
    assert (planned.start, planned.seconds) == (NOON + timedelta(hours=1), 20)
    assert (found.places, found.cut) == (10, False)
    assert overview.next_due(ADMIN, [agent, 99]) == {agent: NOON + timedelta(hours=1)}
    elsewhere = overview.timeline(STRANGER, NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    assert (elsewhere.past, elsewhere.planned) == ([], [])


def test_due_times_are_counted_by_hour_whether_they_are_few_or_many(db: Database, overview: Overview) -> None:
    midnight = NOON.replace(hour=0)
    with db.write() as c:
        agent = make_agent(c)
        make_schedule(c, agent, "* * * * *")
        make_schedule(c, agent, "30 14,15 * * *")
        make_schedule(c, agent, "30 14,15 * * *")
        make_schedule(c, agent, "0 16 * * *", excluded_dates=("2026-01-05",))
        ran(c, agent, RunStatus.SUCCESS, created=midnight + timedelta(minutes=61))
    counts = overview.due_by_hour(ADMIN, midnight, 24)
    assert counts == [0] * 12 + [59, 60, 62, 62] + [60] * 8
    assert overview.ran_by_hour(ADMIN, midnight, 24) == [0, 1, *[0] * 22]
    assert overview.due_by_hour(STRANGER, midnight, 24) == [0] * 24
    assert overview.ran_by_hour(STRANGER, midnight, 24) == [0] * 24
