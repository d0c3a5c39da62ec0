"""What the database itself refuses, whatever the code above it does."""

import pytest
import sqlalchemy as sa

from lamplighter.launch import Launch, launch_sets
from lamplighter.model import Counters, Outcome, RunSettings, RunStatus
from lamplighter.planner import Entry
from lamplighter.store import runs as store_runs
from lamplighter.store.database import Database
from lamplighter.store.tables import parallel_sets, runs, schedules
from store_rows import NOON, make_agent, make_schedule, make_server, start_set


def test_a_due_time_is_in_the_ledger_once(db: Database) -> None:
    with db.write() as c:
        agent = make_agent(c)
        schedule = make_schedule(c, agent)
        fire = Launch(
            agent, 1, RunSettings(), None, "test", schedule.id, Entry(NOON, NOON, 1, Outcome.FIRED, "")
        )
        launch_sets(c, [fire], NOON)
    with pytest.raises(sa.exc.IntegrityError, match="fires"), db.write() as c:
        launch_sets(c, [fire], NOON)
    with db.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one() == 1


def test_an_agent_has_one_active_exclusive_set(db: Database) -> None:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent, RunSettings(is_exclusive=True))
        waiting = start_set(c, agent, RunSettings(is_exclusive=True))
    with pytest.raises(sa.exc.IntegrityError), db.write() as c:
        c.execute(parallel_sets.update().where(parallel_sets.c.id == waiting).values(state="active"))


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("runs", {"status": RunStatus.INVALID.value}),
        ("runs", {"status": 99}),
        ("runs", {"ready_at": 1}),
        ("runs", {"agent_id": 999}),
        ("schedules", {"schedule_type": 4}),
        ("schedules", {"is_enabled": False}),
        ("schedules", {"next_due": None}),
        ("schedules", {"decided_until": 9_999_999_999_999}),
        ("schedules", {"parallelism": 51}),
        ("parallel_sets", {"state": "lost"}),
    ],
)
def test_values_that_make_no_sense_are_refused(db: Database, table: str, values: dict[str, object]) -> None:
    with db.write() as c:
        agent = make_agent(c)
        make_schedule(c, agent)
        start_set(c, agent)
    assignments = ", ".join(f"{column} = :{column}" for column in values)
    with pytest.raises(sa.exc.IntegrityError), db.write() as c:
        c.execute(sa.text(f"UPDATE {table} SET {assignments}"), values)


def test_what_an_older_attempt_says_changes_nothing(db: Database) -> None:
    with db.write() as c:
        start_set(c, make_agent(c))
        server = make_server(c)
        [old] = store_runs.claim(c, server, 1, NOON)
        store_runs.put_back(c, old, "lost", NOON)
        [new] = store_runs.claim(c, server, 1, NOON)
        assert (old.run_id, old.attempt + 1) == (new.run_id, new.attempt)
        before = store_runs.get(c, new.run_id)
        assert not store_runs.begin(c, old, NOON)
        assert not store_runs.time_out(c, old, "too long", NOON)
        assert not store_runs.progress(c, old, Counters(data_count=9))
        assert not store_runs.put_back(c, old, "again", NOON)
        assert not store_runs.retry(c, old, "again", Counters(), None, NOON)
        assert not store_runs.finish(c, old, RunStatus.FAILURE, "no", Counters(), NOON)
        assert store_runs.get(c, new.run_id) == before


def test_a_new_attempt_is_not_asked_what_the_one_before_was(db: Database) -> None:
    with db.write() as c:
        start_set(c, make_agent(c))
        server = make_server(c)
        [old] = store_runs.claim(c, server, 1, NOON)
        store_runs.time_out(c, old, "too long", NOON)
        store_runs.ask_kill(c, old.run_id)
        store_runs.retry(c, old, "again", Counters(), None, NOON)
        [new] = store_runs.claim(c, server, 1, NOON)
        run = store_runs.get(c, new.run_id)
    assert run is not None
    assert (run.stop_cause, run.stop_asked, run.kill_asked) == (None, None, False)


def test_ids_are_never_given_out_again(db: Database) -> None:
    with db.write() as c:
        agent = make_agent(c)
        first = make_schedule(c, agent)
        c.execute(schedules.delete())
        assert make_schedule(c, agent).id == first.id + 1


def test_a_write_that_fails_leaves_nothing(db: Database) -> None:
    def fail_half_way() -> None:
        with db.write() as c:
            make_agent(c)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with db.read() as c:
        assert c.execute(sa.text("SELECT count(*) FROM agents")).scalar_one() == 0
