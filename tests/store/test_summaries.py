"""Sums over runs are made by the database, from one index that has all they need."""

from datetime import timedelta

import pytest

from lamplighter.model import RunStatus
from lamplighter.store import summaries
from lamplighter.store.database import Database
from lamplighter.store.summaries import RecordSums
from lamplighter.store.tables import runs
from query_plans import plan_of
from store_rows import NOON, make_agent, start_set

LATER = NOON + timedelta(days=1)


@pytest.fixture
def agents(db: Database) -> tuple[int, int]:
    """Two agents with a run each, the one Completed with errors, the other in Failure."""
    with db.write() as c:
        found = make_agent(c, "one"), make_agent(c, "two")
        for agent, status in zip(found, (RunStatus.COMPLETED, RunStatus.FAILURE), strict=True):
            set_id = start_set(c, agent)
            values = {
                "status": status.value,
                "error_count": 2,
                "data_count": 7,
                "export_count": 5,
                "page_count": 9,
            }
            c.execute(runs.update().where(runs.c.set_id == set_id).values(values))
    return found


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spaces", [None, frozenset({1, 2})])
def test_the_runs_themselves_are_not_read(
    db: Database, agents: tuple[int, int], spaces: frozenset[int] | None
) -> None:
    with db.read() as c:
        plans = [
            plan_of(c, lambda: summaries.run_counts(c, spaces, NOON, LATER)),
            plan_of(c, lambda: summaries.record_sums(c, spaces, NOON, LATER, None)),
        ]
    for plan in plans:
        assert plan[0] == "SEARCH runs USING COVERING INDEX ix_runs_created (created>? AND created<?)"


def test_runs_are_counted_by_status_and_errors(db: Database, agents: tuple[int, int]) -> None:
    with db.read() as c:
        found = summaries.run_counts(c, None, NOON, NOON)
        assert summaries.run_counts(c, None, NOON + timedelta(milliseconds=1), LATER) == []
        assert summaries.run_counts(c, frozenset({2}), NOON, LATER) == []
    assert {(one.status, one.has_errors, one.count) for one in found} == {
        (RunStatus.COMPLETED, True, 1),
        (RunStatus.FAILURE, True, 1),
    }


def test_records_are_summed_for_one_agent_or_all(db: Database, agents: tuple[int, int]) -> None:
    with db.read() as c:
        assert summaries.record_sums(c, None, NOON, LATER, None) == RecordSums(2, 14, 10, 4, 18)
        assert summaries.record_sums(c, frozenset({1}), NOON, LATER, agents[0]) == RecordSums(1, 7, 5, 2, 9)
        assert summaries.record_sums(c, None, LATER, LATER, None) == RecordSums(0, 0, 0, 0, 0)


def test_failures_are_told_newest_first_and_no_more_than_wanted(
    db: Database, agents: tuple[int, int]
) -> None:
    with db.write() as c:
        for _ in range(3):
            set_id = start_set(c, agents[0])
            values = {"status": RunStatus.FAILED.value, "message": "no luck"}
            c.execute(runs.update().where(runs.c.set_id == set_id).values(values))
        both = (RunStatus.FAILURE, RunStatus.FAILED)
        found = summaries.failed_runs(c, None, NOON, LATER, both, 3)
        assert summaries.failed_runs(c, frozenset({2}), NOON, LATER, both, 3) == []
        only = summaries.failed_runs(c, frozenset({1}), NOON, LATER, (RunStatus.FAILURE,), 3)
    assert [run.run_id for run in found] == [5, 4, 3]
    assert {(run.agent_name, run.message, run.space_name) for run in found} == {("one", "no luck", "Default")}
    assert [run.agent_name for run in only] == ["two"]
