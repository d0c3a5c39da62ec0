"""What runs used is written down once, with its cost, and stays."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lamplighter import charging, lifecycle
from lamplighter.charging import Work
from lamplighter.model import (
    Counters,
    Run,
    RunSettings,
    RunStatus,
    SortRuns,
    StopCause,
    TransactionType,
    UsageType,
    Verdict,
)
from lamplighter.planner import CREDIT
from lamplighter.store import billing, runs
from lamplighter.store.billing import Span
from lamplighter.store.database import Database
from lamplighter.store.tables import usage
from store_rows import NOON, make_agent, make_server, start_set

ALL = tuple(UsageType)
ALWAYS = Span(NOON - timedelta(days=999), NOON + timedelta(days=999))
HOUR = timedelta(hours=1)
AN_HOUR = {UsageType.SERVER_TIME: 2 * CREDIT, UsageType.AGENT_INPUTS: 10, UsageType.EXPORT_CPM: CREDIT}


@pytest.fixture
def agent(db: Database) -> int:
    with db.write() as c:
        make_server(c)
        billing.set_rates(c, AN_HOUR, NOON)
        return make_agent(c)


def running(c: sa.Connection, agent: int, now: datetime, settings: RunSettings | None = None) -> Run:
    """A run that began ``now``."""
    set_id = start_set(c, agent, settings)
    [claim] = runs.claim(c, 1, 1, now)
    runs.begin(c, claim, now)
    [run] = runs.of_set(c, set_id)
    return run


def end(c: sa.Connection, run: Run, now: datetime, work: Work = charging.NOTHING) -> bool:
    """The run fails, which needs no export."""
    return lifecycle.conclude(c, run, Verdict(RunStatus.FAILURE, "no luck"), Counters(), now, work)


def costs(c: sa.Connection, agent: int, span: Span = ALWAYS) -> dict[int, int]:
    found, _ = billing.runs_of_agent(
        c, agent, span, ALL, sort=SortRuns.DATE, descending=False, skip=0, limit=100
    )
    return {run.run_id: run.cost for run in found}


def test_an_attempt_is_charged_when_it_ends_and_only_once(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON)
        assert end(c, run, NOON + HOUR, Work(inputs=3, exported_records=500))
        assert not end(c, run, NOON + 2 * HOUR)
        assert costs(c, agent) == {run.id: 2 * CREDIT + 30 + CREDIT // 2}
        with pytest.raises(IntegrityError):
            charging.attempt_ended(c, run, charging.NOTHING, NOON)


def test_each_attempt_is_charged_for_its_own_time(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON, RunSettings(max_retries=1))
        end(c, run, NOON + HOUR)
        [claim] = runs.claim(c, 1, 1, NOON + 5 * HOUR)
        runs.begin(c, claim, NOON + 5 * HOUR)
        again = runs.current(c, [claim])[claim]
        end(c, again, NOON + 6 * HOUR)
        [found], count = billing.runs_of_agent(
            c, agent, ALWAYS, ALL, sort=SortRuns.DATE, descending=False, skip=0, limit=9
        )
    assert (count, found.cost) == (1, 4 * CREDIT)
    assert (found.start_time, found.end_time) == (NOON, NOON + 6 * HOUR)


def test_a_cost_stays_when_the_rates_change_and_the_run_is_removed(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON)
        end(c, run, NOON + HOUR)
        billing.set_rates(c, {UsageType.SERVER_TIME: 7 * CREDIT}, NOON)
        runs.delete(c, run.id)
        assert costs(c, agent) == {run.id: 2 * CREDIT}
        assert billing.balance(c) == -2 * CREDIT


def test_what_costs_nothing_is_written_down_and_leaves_the_history_alone(db: Database, agent: int) -> None:
    with db.write() as c:
        billing.set_rates(c, dict.fromkeys(UsageType, 0), NOON)
        run = running(c, agent, NOON)
        end(c, run, NOON + HOUR)
        assert costs(c, agent) == {run.id: 0}
        assert billing.history(c, skip=0, limit=9) == ([], 0)


def test_a_run_that_never_was_on_a_server_is_not_charged(db: Database, agent: int) -> None:
    with db.write() as c:
        [run] = runs.of_set(c, start_set(c, agent))
        lifecycle.cancel(c, run, "stopped before it started", NOON + HOUR)
        assert c.execute(sa.select(sa.func.count()).select_from(usage)).scalar_one() == 0


def test_a_run_that_is_stopped_is_charged_for_its_time(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON)
        runs.ask_stop(c, run.id, "stop", NOON)
        [stopping] = runs.on_server(c, 1)
        assert stopping.stop_cause is StopCause.ASKED
        end(c, stopping, NOON + HOUR)
        assert costs(c, agent) == {run.id: 2 * CREDIT}


def test_the_spending_of_a_utc_day_is_one_transaction(db: Database, agent: int) -> None:
    midnight = NOON + timedelta(hours=12)
    with db.write() as c:
        billing.add_credits(c, TransactionType.CREDIT, 10 * CREDIT, "a start", NOON)
        for begin, finish in (
            (NOON, NOON + HOUR),
            (NOON, midnight - timedelta(milliseconds=1)),
            (NOON, midnight),
        ):
            end(c, running(c, agent, begin), finish)
        billing.add_credits(c, TransactionType.ADJUSTMENT, -CREDIT, None, midnight)
        found, count = billing.history(c, skip=0, limit=9)
        assert billing.balance(c) == found[0].balance
    first_day = 2 * CREDIT + 24 * CREDIT - 1  # a millisecond less is 0.56 millionths less
    assert count == 4
    assert [(one.type.value, one.amount, one.message) for one in found] == [
        ("Adjustment", -CREDIT, None),
        ("Debit", -24 * CREDIT, "usage of 2026-01-06"),
        ("Debit", -first_day, "usage of 2026-01-05"),
        ("Credit", 10 * CREDIT, "a start"),
    ]
    assert [one.balance for one in found[::-1]] == [
        10 * CREDIT,
        10 * CREDIT - first_day,
        -14 * CREDIT - first_day,
        -15 * CREDIT - first_day,
    ]


def test_a_page_of_the_history_has_the_same_balances_as_the_whole(db: Database, agent: int) -> None:
    with db.write() as c:
        for amount in range(1, 8):
            billing.add_credits(c, TransactionType.CREDIT, amount, None, NOON)
        whole, _ = billing.history(c, skip=0, limit=99)
        assert billing.history(c, skip=2, limit=3) == (whole[2:5], 7)


def test_usage_belongs_to_the_instant_at_which_its_attempt_ended(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON)
        end(c, run, NOON + HOUR)
        at_the_end, before = (
            Span(NOON + HOUR, NOON + HOUR),
            Span(NOON, NOON + HOUR - timedelta(milliseconds=1)),
        )
        assert costs(c, agent, at_the_end) == {run.id: 2 * CREDIT}
        assert costs(c, agent, before) == {}
        assert billing.spent(c, None, at_the_end) == 2 * CREDIT
        assert billing.spent(c, {1}, at_the_end) == 2 * CREDIT
        assert billing.spent(c, {2}, at_the_end) == 0


def test_a_combined_export_is_charged_to_the_first_run_each_time_it_is_made(db: Database, agent: int) -> None:
    with db.write() as c:
        run = running(c, agent, NOON)
        for _ in range(2):
            charging.set_exported(c, run.id, agent, 1000, 77, NOON + HOUR)
        assert costs(c, agent) == {run.id: 2 * CREDIT}
        [day] = billing.days(c, None, ALWAYS, agent)
    assert (day.used[UsageType.EXPORT_CPM], day.used[UsageType.EXPORT_GB]) == (2000, 154)


@pytest.mark.parametrize("sort", SortRuns)
@pytest.mark.parametrize("descending", [False, True])
def test_costs_of_runs_are_sorted_and_paged_by_the_database(
    db: Database, agent: int, sort: SortRuns, descending: bool
) -> None:
    with db.write() as c:
        made: list[int] = []
        for hours, inputs in ((3, 0), (1, 900_000), (2, 5)):
            run = running(c, agent, NOON - hours * HOUR)
            end(c, run, NOON + len(made) * HOUR, Work(inputs=inputs))
            made.append(run.id)
        first, second, third = made
        wanted = {
            SortRuns.DATE: [first, second, third],
            SortRuns.DURATION: [second, first, third],
            SortRuns.COST: [first, third, second],
        }[sort]
        wanted = wanted[::-1] if descending else wanted
        pages = [
            billing.runs_of_agent(c, agent, ALWAYS, ALL, sort=sort, descending=descending, skip=skip, limit=2)
            for skip in (0, 2)
        ]
    assert [[run.run_id for run in found] for found, _ in pages] == [wanted[:2], wanted[2:]]
    assert {count for _, count in pages} == {3}


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_ranges_of_usage_are_read_from_an_index(db: Database, agent: int) -> None:
    queries = {
        "ix_usage_end_time": "SELECT sum(export_cpm_cost) FROM usage WHERE end_time BETWEEN 1 AND 2",
        "ix_usage_agent": "SELECT run_id FROM usage WHERE agent_id = 1 AND end_time BETWEEN 1 AND 2",
    }
    with db.read() as c:
        for index, query in queries.items():
            [(_, _, _, step)] = c.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
            assert f"USING INDEX {index}" in step
