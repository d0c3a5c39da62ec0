"""The loops over a real database and a clock that the test moves."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from lamplighter import lifecycle, metrics, planner
from lamplighter.engine import BACKLOG_PER_SECOND, Engine
from lamplighter.errors import Unavailable
from lamplighter.model import CatchUp, Fire, RunSettings, RunStatus, Verdict
from lamplighter.planner import LEASE
from lamplighter.service.health import Health
from lamplighter.store import agents, fires, groups, runs, schedules, turns
from lamplighter.store.database import Database
from lamplighter.store.tables import schedules as table
from query_plans import plan, queries_of
from store_rows import NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock


@pytest.fixture
def engine(db: Database, clock: VirtualClock) -> Engine:
    return Engine(db, clock, lambda: None)


def ledger(db: Database, schedule_id: int) -> list[Fire]:
    with db.read() as c:
        return fires.of_schedule(c, schedule_id, limit=1000)


def test_what_is_due_fires_and_is_due_again(db: Database, clock: VirtualClock, engine: Engine) -> None:
    with db.write() as c:
        agent = make_agent(c)
        schedule = make_schedule(c, agent)
    engine.pass_once(clock.advance(seconds=60))
    [fire] = ledger(db, schedule.id)
    assert (fire.due, fire.outcome.value, fire.count) == (NOON + timedelta(minutes=1), "fired", 1)
    with db.read() as c:
        [run] = runs.of_agent(c, agent, 10)
        again = schedules.get(c, agent, schedule.id)
    assert fire.run_ids == (run.id,)
    assert (run.status, run.scheduled_time) == (RunStatus.QUEUING, fire.due)
    assert again is not None
    assert again.next is not None
    assert again.next.time == NOON + timedelta(minutes=2)


def test_nothing_fires_before_its_time(db: Database, clock: VirtualClock, engine: Engine) -> None:
    with db.write() as c:
        schedule = make_schedule(c, make_agent(c))
    look_again = engine.pass_once(clock.advance(seconds=59, milliseconds=999))
    assert ledger(db, schedule.id) == []
    assert look_again == NOON + timedelta(minutes=1)


def test_two_schedulers_fire_a_due_time_once(db: Database, clock: VirtualClock, engine: Engine) -> None:
    with db.write() as c:
        schedule = make_schedule(c, make_agent(c))
    other = Engine(db, clock, lambda: None)
    now = clock.advance(seconds=60)
    engine.pass_once(now)
    other.pass_once(now)
    engine.pass_once(now)
    assert len(ledger(db, schedule.id)) == 1


def test_a_schedule_that_cannot_be_evaluated_does_not_stop_the_others(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        bad, good = make_schedule(c, agent), make_schedule(c, agent)
        c.execute(table.update().where(table.c.id == bad.id).values(timezone="Mars/Olympus_Mons"))
    engine.pass_once(clock.advance(seconds=60))
    assert len(ledger(db, good.id)) == 1
    with db.read() as c:
        broken = schedules.get(c, agent, bad.id)
    assert broken is not None
    assert broken.problem is not None
    assert "Mars/Olympus_Mons" in broken.problem
    with db.write() as c:
        c.execute(table.update().where(table.c.id == bad.id).values(timezone="UTC"))
    engine.pass_once(clock.advance(minutes=5))
    outcomes = {fire.due: fire.outcome.value for fire in ledger(db, bad.id)}
    assert outcomes[NOON + timedelta(minutes=6)] == "fired", "its owed due times are caught up with"
    assert outcomes[NOON + timedelta(minutes=1)] == "merged"


def test_a_schedule_that_the_database_refuses_does_not_stop_the_others(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    """A row in the ledger that should not be there makes the whole batch fail; then each goes alone."""
    with db.write() as c:
        agent = make_agent(c)
        bad, good = make_schedule(c, agent), make_schedule(c, agent)
        due = NOON + timedelta(minutes=1)
        row = {"schedule_id": bad.id, "due": due, "last_due": due, "count": 1, "outcome": "fired"}
        fires.insert(c, [row | {"reason": "planted", "decided": NOON}])
    engine.pass_once(clock.advance(seconds=60))
    assert [fire.outcome.value for fire in ledger(db, good.id)] == ["fired"]
    with db.read() as c:
        refused = schedules.get(c, agent, bad.id)
    assert refused is not None
    assert refused.problem is not None


def test_an_archived_agents_fires_end_as_skipped(db: Database, clock: VirtualClock, engine: Engine) -> None:
    with db.write() as c:
        agent = make_agent(c)
        schedule = make_schedule(c, agent)
        agents.update(c, agent, {"is_archived": True})
    engine.pass_once(clock.advance(seconds=60))
    [fire] = ledger(db, schedule.id)
    assert (fire.outcome.value, fire.reason) == ("skipped", "the agent is archived")
    with db.read() as c:
        [run] = runs.of_agent(c, agent, 10)
    assert (run.status, run.message) == (RunStatus.SKIPPED, "the agent is archived")


def test_an_exclusive_fire_is_held_then_skipped_and_goes_on_when_the_agent_is_free(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        schedule = make_schedule(c, agent, settings=RunSettings(is_exclusive=True))
        server = make_server(c)
    for _ in range(3):
        engine.pass_once(clock.advance(seconds=60))
    assert [fire.outcome.value for fire in ledger(db, schedule.id)] == ["skipped", "held", "fired"]
    assert ledger(db, schedule.id)[0].reason == "previous run still waiting"
    with db.write() as c:
        [claim] = runs.claim(c, server, 10, clock.now())
        runs.begin(c, claim, clock.now())
        runs.export(c, claim)
        run = runs.get(c, claim.run_id)
        assert run is not None
        lifecycle.conclude(c, run, Verdict(RunStatus.COMPLETED, "done"), run.counters, clock.now())
        [following] = runs.claim(c, server, 10, clock.now())
    assert following.run_id > claim.run_id


def test_a_backlog_is_fired_at_a_bounded_rate_and_never_delays_what_is_due_now(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        for _ in range(BACKLOG_PER_SECOND + 50):
            make_schedule(c, agent, "0 13 * * *")
        on_time = make_schedule(c, agent, "0 15 * * *")
    now = clock.advance(hours=3)
    engine.pass_once(now)
    assert [fire.outcome.value for fire in ledger(db, on_time.id)] == ["fired"]
    count = sa.text("SELECT count(*) FROM fires WHERE outcome = 'late'")
    with db.read() as c:
        assert c.execute(count).scalar_one() == BACKLOG_PER_SECOND
    engine.pass_once(clock.advance(milliseconds=500))
    with db.read() as c:
        assert c.execute(count).scalar_one() == BACKLOG_PER_SECOND
    engine.pass_once(clock.advance(milliseconds=500))
    with db.read() as c:
        assert c.execute(count).scalar_one() == BACKLOG_PER_SECOND + 50


def test_schedules_that_catch_up_with_everything_leave_half_of_the_rate_to_the_others(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        for _ in range(BACKLOG_PER_SECOND):
            make_schedule(c, agent, catch_up=CatchUp.ALL)
        latest = make_schedule(c, agent, "0 13 * * *")
    engine.pass_once(clock.advance(hours=2))
    assert [fire.outcome.value for fire in ledger(db, latest.id)] == ["late"]


def test_the_scheduler_goes_on_after_whatever_went_wrong(
    db: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass fails three times with an error that nobody thought of; then the schedule fires all the same."""

    def stop() -> None:
        scheduler.stop()

    scheduler = Engine(db, clock, stop)
    with db.write() as c:
        schedule = make_schedule(c, make_agent(c))
    works = scheduler.pass_once
    failures = iter([MemoryError("no"), sa.exc.TimeoutError("no"), RuntimeError("no")])

    def fails_at_first(now: datetime) -> datetime:
        for failure in failures:
            raise failure
        return works(now)

    monkeypatch.setattr(scheduler, "pass_once", fails_at_first)
    scheduler.run()
    assert len(ledger(db, schedule.id)) == 1
    assert scheduler.last_good_pass == NOON + timedelta(minutes=1)


def test_a_silent_loop_makes_the_server_not_ready(db: Database, clock: VirtualClock) -> None:
    begin = clock.now()
    health = Health(db, clock, lambda: {"scheduler": clock.now(), "runner": begin})
    clock.advance(seconds=30)
    assert health.load().going == 0
    clock.advance(seconds=1)
    with pytest.raises(Unavailable, match="the runner has not worked since"):
        health.load()


def test_a_run_that_was_to_stop_is_stopped_when_its_server_is_lost(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent, RunSettings(max_retries=3))
        lost = make_server(c, "lost", lease=LEASE)
        [claim] = runs.claim(c, lost, 10, NOON)
        runs.ask_stop(c, claim.run_id, "stop asked", NOON)
    engine.rescue_once(clock.advance(seconds=46))
    with db.read() as c:
        [run] = runs.of_agent(c, agent, 1)
    assert run.status is RunStatus.STOPPED


def test_runs_that_were_missed_queue_behind_those_that_are_on_time(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        missed, on_time = make_agent(c, "missed"), make_agent(c, "on time")
        make_schedule(c, missed, "0 13 * * *")
        server = make_server(c)
    engine.pass_once(clock.advance(hours=3))
    with db.write() as c:
        start_set(c, on_time)
        claims = runs.claim(c, server, 10, clock.now())
        order = [run.agent_id for claim in claims if (run := runs.get(c, claim.run_id))]
    assert order == [on_time, missed]


def test_due_times_are_recomputed_when_the_time_zone_database_changes(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        schedule = make_schedule(c, agent, "0 9 * * *", timezone="America/Vancouver")
        wrong = NOON + timedelta(days=30)
        c.execute(table.update().values(next_due=wrong, fire_at=wrong, tzdata_version="1999a"))
    assert engine.recompute_once() == 1
    assert engine.recompute_once() == 0
    with db.read() as c:
        again = schedules.get(c, agent, schedule.id)
    assert again is not None
    assert again.next == planner.next_due(schedule.id, schedule.timing, NOON)


def test_the_runs_of_a_lost_server_are_tried_again_or_fail(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent, RunSettings(max_retries=1))
        start_set(c, agent)
        lost = make_server(c, "lost", lease=LEASE)
        claims = runs.claim(c, lost, 10, NOON)
    assert engine.rescue_once(clock.advance(seconds=LEASE.total_seconds())) == 0
    assert engine.rescue_once(clock.advance(seconds=1)) == 2
    with db.write() as c:
        second, first = runs.of_agent(c, agent, 10)
        assert first.status is RunStatus.QUEUING
        assert second.status is RunStatus.FAILURE
        assert second.message is not None
        assert second.message.startswith("server lost")
        assert not runs.begin(c, claims[0], clock.now()), "the lost server's words no longer count"


def test_after_a_sleep_of_the_machine_servers_get_a_lease_to_come_back(
    db: Database, clock: VirtualClock, engine: Engine
) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent)
        server = make_server(c, "asleep", lease=LEASE)
        runs.claim(c, server, 10, NOON)

    def status() -> RunStatus:
        with db.read() as c:
            return runs.of_agent(c, agent, 1)[0].status

    engine.pass_once(clock.advance(hours=8))
    assert status() is RunStatus.STARTING, "the lid was closed: nobody could renew anything"
    for _ in range(int(LEASE.total_seconds())):
        assert status() is RunStatus.STARTING
        engine.pass_once(clock.advance(seconds=1))
    assert status() is RunStatus.FAILURE, "it had its time and did not come back"


def test_a_retry_waits_for_its_time(db: Database, clock: VirtualClock, engine: Engine) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent, RunSettings(is_wait_on_failure=True))
        server = make_server(c)
        [claim] = runs.claim(c, server, 10, NOON)
        run = runs.get(c, claim.run_id)
        assert run is not None
        lifecycle.conclude(c, run, Verdict(RunStatus.FAILURE, "no"), run.counters, NOON)
    engine.pass_once(clock.advance(seconds=50))
    with db.read() as c:
        assert [run.status for run in runs.of_agent(c, agent, 1)] == [RunStatus.WAITING]
    engine.pass_once(clock.advance(seconds=10))
    with db.read() as c:
        assert [run.status for run in runs.of_agent(c, agent, 1)] == [RunStatus.QUEUING]


def test_what_cannot_be_foreseen_is_looked_for_once_a_second_however_often_something_is_due(
    db: Database, clock: VirtualClock
) -> None:
    looks: list[datetime] = []

    def may_rescue(now: datetime) -> bool:
        looks.append(now)
        return False

    engine = Engine(db, clock, lambda: None, may_rescue)
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent)
        server = make_server(c, lease=timedelta(seconds=1))
        assert runs.claim(c, server, 1, NOON)
    clock.advance(seconds=60)
    engine.pass_once(clock.now())  # it was away: whoever slept as well may renew its lease
    for _ in range(31 * 4):
        now = clock.advance(milliseconds=250)
        assert engine.pass_once(now) <= now + timedelta(seconds=1)
    assert len(looks) > 1
    assert {later - earlier for earlier, later in pairwise(looks)} == {timedelta(seconds=1)}


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_scheduler_reads_its_index_and_not_the_table(db: Database) -> None:
    """A million schedules that are not due cost nothing: the plan of the query says so."""
    with db.write() as c:
        server = make_server(c)
        groups.serve(c, server, ["eu"], NOON)
        start_set(c, make_agent(c), RunSettings())

    def look() -> None:
        with db.read() as c:
            schedules.due(c, after=NOON, until=NOON, limit=10)
            schedules.anything_due(c, after=None, until=NOON)
            schedules.next_fire_at(c, after=NOON)
            turns.anything_queues(c, server)
            groups.with_queues(c)
            groups.to_be_told(c, 1, "waits", 10)
        with db.write() as c:
            runs.claim(c, server, 10, NOON)

    queries = queries_of(db.engine, look)
    with db.read() as c:
        for query in queries:
            if query[0].startswith("SELECT"):
                steps = plan(c, query)
                scans = [step for step in steps if step.startswith(("SCAN runs", "SCAN schedules"))]
                assert all("INDEX" in step for step in scans), (query, steps)


def test_due_times_and_their_lateness_are_measured(db: Database, clock: VirtualClock, engine: Engine) -> None:
    def value(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(name, labels) or 0.0

    def state() -> tuple[float, ...]:
        return (
            value("lamplighter_due_times_total", outcome="fired"),
            value("lamplighter_due_times_total", outcome="merged"),
            value("lamplighter_fire_lateness_seconds_count"),
            value("lamplighter_fire_lateness_seconds_sum"),
        )

    with db.write() as c:
        make_schedule(c, make_agent(c))
    before = state()
    engine.pass_once(clock.advance(seconds=60, milliseconds=250))
    now = state()
    assert [round(b - a, 6) for a, b in zip(before, now, strict=True)] == [1, 0, 1, 0.25]
    engine.pass_once(clock.advance(hours=1))
    assert [round(b - a, 6) for a, b in zip(now, state(), strict=True)] == [1, 59, 1, 0.25]
