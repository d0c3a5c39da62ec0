"""What good runs were like, found again for comparison."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from lamplighter.launch import Launch, launch_sets
from lamplighter.model import Claim, Counters, RecordStatistics, Run, RunSettings, RunStatus
from lamplighter.store import runs, statistics
from lamplighter.store.database import Database
from lamplighter.store.tables import run_statistics
from query_plans import plan_of
from store_rows import NOON, make_agent, make_schedule, make_server


@pytest.fixture
def agent(db: Database) -> int:
    with db.write() as c:
        make_server(c)
        return make_agent(c)


def started_set(c: sa.Connection, agent: int, schedule: int | None = None, parts: int = 1) -> list[Run]:
    """The runs of a set that a server has just taken."""
    settings = RunSettings(parallelism=parts)
    [set_id] = launch_sets(c, [Launch(agent, 1, settings, None, "test", schedule)], NOON)
    assert set_id is not None
    for claim in runs.claim(c, 1, 50, NOON):
        runs.begin(c, claim, NOON)
    return runs.of_set(c, set_id)


def started(c: sa.Connection, agent: int, schedule: int | None = None) -> Run:
    """A run by itself that a server has just taken."""
    [run] = started_set(c, agent, schedule)
    return run


def ended(
    c: sa.Connection,
    run: Run,
    count: int,
    fields: Mapping[str, int] | None = None,
    *,
    status: RunStatus = RunStatus.COMPLETED,
    stats: Mapping[str, Any] | None = None,
) -> Run:
    """The run after its end."""
    claim = Claim(run.id, run.attempt)
    if status is not RunStatus.FAILURE:
        runs.export(c, claim)
    if status is RunStatus.STOPPED:
        runs.ask_stop(c, run.id, "stop", NOON)
    statistics.keep(c, run.id, RecordStatistics(count, fields or {}), stats or {})
    assert runs.finish(c, claim, status, "", Counters(data_count=count), NOON)
    found = runs.get(c, run.id)
    assert found is not None
    return found


def counts(c: sa.Connection, run: Run) -> list[int]:
    return [good.statistics.count for good in statistics.good_runs(c, run, 10)]


def test_good_runs_are_found_newest_first(db: Database, agent: int) -> None:
    with db.write() as c:
        for count in range(12):
            ended(c, started(c, agent), count, {"title": count})
        now = started(c, agent)
        assert counts(c, now) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
        [newest] = statistics.good_runs(c, now, 1)
        assert newest.statistics == RecordStatistics(11, {"title": 11})


def test_a_run_that_met_its_criteria_is_a_good_one_and_one_that_failed_is_not(
    db: Database, agent: int
) -> None:
    with db.write() as c:
        ended(c, started(c, agent), 1, status=RunStatus.SUCCESS)
        ended(c, started(c, agent), 2, status=RunStatus.FAILURE)
        ended(c, started(c, agent), 3, status=RunStatus.STOPPED)
        assert counts(c, started(c, agent)) == [1]


def test_a_run_that_could_not_be_delivered_is_not_a_good_one(db: Database, agent: int) -> None:
    with db.write() as c:
        run = started(c, agent)
        runs.export(c, Claim(run.id, run.attempt))
        ended(c, run, 5, status=RunStatus.FAILURE)
        assert counts(c, started(c, agent)) == []


def test_only_runs_of_the_same_schedule_are_comparable(db: Database, agent: int) -> None:
    with db.write() as c:
        one, two = make_schedule(c, agent).id, make_schedule(c, agent).id
        ended(c, started(c, agent), 1)
        ended(c, started(c, agent, one), 2)
        ended(c, started(c, agent, two), 3)
        assert counts(c, started(c, agent)) == [1]
        assert counts(c, started(c, agent, one)) == [2]
        assert counts(c, started(c, agent, two)) == [3]
        assert counts(c, started(c, make_agent(c, "another"))) == []


def test_only_the_same_part_of_sets_of_the_same_size_is_comparable(db: Database, agent: int) -> None:
    with db.write() as c:
        for part, run in enumerate(started_set(c, agent, parts=3), start=1):
            ended(c, run, part)
        ended(c, started(c, agent), 100)
        assert [counts(c, run) for run in started_set(c, agent, parts=3)] == [[1], [2], [3]]
        assert [counts(c, run) for run in started_set(c, agent, parts=2)] == [[], []]


def test_a_run_is_not_compared_with_itself(db: Database, agent: int) -> None:
    with db.write() as c:
        run = ended(c, started(c, agent), 7)
        assert counts(c, run) == []
        assert statistics.good_runs(c, run, 1) == []


def test_what_is_kept_again_replaces_what_was_kept(db: Database, agent: int) -> None:
    with db.write() as c:
        run = started(c, agent)
        runs.export(c, Claim(run.id, run.attempt))
        statistics.keep(c, run.id, RecordStatistics(1, {"a": 1}), {"n": 1})
        ended(c, run, 2, {"b": 2}, stats={"n": 2})
        [good] = statistics.good_runs(c, started(c, agent), 1)
    assert good is not None
    assert (good.statistics, good.stats) == (RecordStatistics(2, {"b": 2}), {"n": 2})


def test_the_last_good_run_is_told_with_its_version_and_end(db: Database, agent: int) -> None:
    with db.write() as c:
        ended(c, started(c, agent), 1)
        run = ended(c, started(c, agent), 2)
        ended(c, started(c, agent), 3, status=RunStatus.FAILURE)
        [good] = statistics.good_runs(c, started(c, agent), 1)
    assert good is not None
    assert (good.run_id, good.statistics.count) == (run.id, 2)
    assert (good.agent_version, good.end_time) == (1, NOON)


def test_of_what_an_agent_reports_only_plain_numbers_are_kept(db: Database, agent: int) -> None:
    stats = {
        "finish_reason": "finished",
        "pages": 3,
        "seconds": 1.5,
        "is_big": True,
        "nan": float("nan"),
        "endless": float("inf"),
        "absurd": 10**400,
        "nested": {"a": 1},
        "half \ud800": 1,
        "nul \0": 1,
        "x" * 1000: 1,
    }
    with db.write() as c:
        ended(c, started(c, agent), 1, stats=stats)
        [good] = statistics.good_runs(c, started(c, agent), 1)
    assert good is not None
    assert good.stats == {"pages": 3, "seconds": 1.5}


def test_of_endless_fields_the_fullest_are_kept(db: Database, agent: int) -> None:
    fields = {f"field {n}": n for n in range(5000)} | {"y" * 10_000: 9999, "half \ud800": 9999}
    with db.write() as c:
        ended(c, started(c, agent), 9999, fields)
        [kept] = [good.statistics for good in statistics.good_runs(c, started(c, agent), 10)]
    assert kept.fields == {f"field {n}": n for n in range(4800, 5000)}


def test_statistics_go_with_their_run(db: Database, agent: int) -> None:
    with db.write() as c:
        run = ended(c, started(c, agent), 1)
        runs.delete(c, run.id)
        assert c.execute(sa.select(sa.func.count()).select_from(run_statistics)).scalar_one() == 0


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_good_runs_are_found_by_an_index_whatever_else_there_is(db: Database, agent: int) -> None:
    with db.write() as c:
        run = started(c, agent)
        plan = plan_of(c, lambda: statistics.good_runs(c, run, 10))
    assert plan[0].startswith("SEARCH run_statistics USING INDEX ix_run_statistics_series (series=?)")
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan), plan


def test_failed_runs_leave_nothing_to_be_passed_over(db: Database, agent: int) -> None:
    with db.write() as c:
        for _ in range(5):
            ended(c, started(c, agent), 0, status=RunStatus.FAILURE)
        assert c.execute(sa.select(sa.func.count()).select_from(run_statistics)).scalar_one() == 0
