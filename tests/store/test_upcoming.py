"""What is due next is read from an index, in order, and only as far as it is taken."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa

from lamplighter.store import agents, schedules, upcoming
from lamplighter.store.database import Database
from lamplighter.store.tables import agents as agent_table
from lamplighter.store.tables import schedules as schedule_table
from query_plans import plan_of
from store_rows import NOON, make_agent, make_schedule

WEEK = NOON + timedelta(days=7)


@pytest.fixture
def agent(db: Database) -> int:
    with db.write() as c:
        return make_agent(c)


def ids(db: Database, since: datetime | None = None, until: datetime = WEEK, spaces: Any = None) -> list[int]:
    with db.read() as c:
        return [row.schedule_id for row in upcoming.listed(c, spaces, since, until)]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spaces", [None, frozenset({1, 2})])
@pytest.mark.parametrize("since", [None, NOON])
def test_the_answer_comes_from_the_index_in_its_order(
    db: Database, agent: int, spaces: frozenset[int] | None, since: datetime | None
) -> None:
    with db.write() as c:
        for cron in ("0 9 * * *", "* * * * *", "0 0 1 1 *"):
            make_schedule(c, agent, cron)
        listed = plan_of(c, lambda: list(upcoming.listed(c, spaces, since, WEEK)))
        counted = plan_of(c, lambda: upcoming.count_without_excluded_dates(c, spaces, since, WEEK))
    bounds = "next_due<?" if since is None else "next_due>? AND next_due<?"
    for plan in (listed, counted):
        assert plan[0] == f"SEARCH schedules USING INDEX ix_schedules_next_due ({bounds})"
        assert plan[1:] == ["SEARCH agents USING INTEGER PRIMARY KEY (rowid=?)"]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_plan_is_the_same_when_the_database_knows_how_many_rows_there_are(
    db: Database, agent: int
) -> None:
    with db.write() as c:
        for number in range(50):
            make_agent(c, f"agent {number}")
        make_schedule(c, agent)
        row = dict(c.execute(sa.select(schedule_table)).mappings().one())
        copies = [{**row, "id": None, "next_due": NOON + timedelta(hours=1 + n % 400)} for n in range(5000)]
        copies = [{**copy, "fire_at": copy["next_due"]} for copy in copies]
        c.execute(schedule_table.insert(), [{k: v for k, v in copy.items() if k != "id"} for copy in copies])
        c.exec_driver_sql("ANALYZE")
    with db.read() as c:
        plan = plan_of(c, lambda: list(upcoming.listed(c, frozenset({1}), NOON, WEEK)))
    assert plan[0].startswith("SEARCH schedules USING INDEX ix_schedules_next_due"), plan
    assert not any("TEMP B-TREE" in step or "SCAN" in step for step in plan), plan


def test_it_is_the_enabled_schedules_by_their_next_due_times(db: Database, agent: int) -> None:
    with db.write() as c:
        noon, often, never = (
            make_schedule(c, agent, cron).id for cron in ("0 12 * * *", "*/5 * * * *", "0 0 1 7 *")
        )
        gone, off = make_schedule(c, agent), make_schedule(c, agent)
        schedules.delete(c, gone.id, NOON)
        c.execute(
            schedule_table.update()
            .where(schedule_table.c.id == off.id)
            .values(is_enabled=False, next_due=None, fire_at=None)
        )
    assert ids(db) == [often, noon]
    assert ids(db, NOON + timedelta(hours=1)) == [noon]
    assert ids(db, until=NOON + timedelta(days=365)) == [often, noon, never]


def test_an_archived_agent_has_nothing_to_come(db: Database, agent: int) -> None:
    with db.write() as c:
        make_schedule(c, agent)
        c.execute(agent_table.update().values(is_archived=True))
    assert ids(db) == []


def test_only_agents_of_the_wanted_spaces_count(db: Database, agent: int) -> None:
    with db.write() as c:
        made = make_schedule(c, agent)
        space = agents.default_space(c)
    assert ids(db, spaces={space}) == [made.id]
    assert ids(db, spaces={space + 1}) == []
    assert ids(db, spaces=frozenset()) == []


def test_jitter_and_excluded_dates_come_with_the_rhythm(db: Database, agent: int) -> None:
    with db.write() as c:
        made = make_schedule(
            c, agent, jitter_seconds=30, excluded_dates=("2026-01-06",), timezone="Asia/Tokyo"
        )
        assert made.next is not None
        [row] = upcoming.listed(c, None, None, WEEK)
    assert upcoming.moment(row.due) == made.next.time
    assert upcoming.moment(row.fire_at) == made.next.fire_at
    assert row.rhythm.timing() == made.timing


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_who_takes_few_reads_few(db: Database, agent: int) -> None:
    with db.write() as c:
        for _ in range(1200):
            make_schedule(c, agent)
    with db.read() as c:
        driver = c.connection.driver_connection
        assert driver is not None
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        def cost(rows: Iterator[object], wanted: int) -> int:
            nonlocal steps
            steps = 0
            assert len(list(islice(rows, wanted))) == wanted
            return steps

        driver.set_progress_handler(count, 50)
        few = upcoming.listed(c, None, None, WEEK)
        assert cost(few, 3) < cost(upcoming.listed(c, None, None, WEEK), 1200)
        driver.set_progress_handler(None, 0)
        few.close()  # type: ignore[attr-defined]  # it is a generator
