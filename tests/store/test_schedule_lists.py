"""Lists of schedules are read and counted from an index, whatever was deleted."""

import pytest

from lamplighter.store import schedules
from lamplighter.store.database import Database
from query_plans import plan, plan_of, queries_of
from store_rows import NOON, make_agent, make_schedule


def test_deleted_schedules_are_neither_listed_nor_counted(db: Database) -> None:
    with db.write() as c:
        one, other = make_agent(c), make_agent(c, "other")
        made = [make_schedule(c, agent).id for agent in (one, other, one, other)]
        schedules.delete(c, made[0], NOON)
        counts = [schedules.count_in_spaces(c, None, None)]
        listed = [schedule.id for schedule in schedules.in_spaces(c, None, None, skip=1, limit=5)]
        schedules.delete_of_agent(c, other, NOON)
        counts.append(schedules.count_in_spaces(c, None, None))
        counts.append(schedules.count_in_spaces(c, frozenset({1}), None))
    assert listed == [made[1], made[3]]
    assert counts == [3, 1, 1]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_no_list_is_sorted_and_no_count_reads_schedules_one_by_one(db: Database) -> None:
    with db.write() as c:
        agent = make_agent(c)
        for _ in range(3):
            make_schedule(c, agent)
        listed = plan_of(c, lambda: schedules.in_spaces(c, None, None, skip=1, limit=1))
        of_agent = plan_of(c, lambda: schedules.of_agent(c, agent))
        counts = queries_of(c, lambda: schedules.count_in_spaces(c, None, None))
        counted = [plan(c, query) for query in counts]
    assert listed == ["SCAN schedules USING INDEX ix_schedules_there"]
    assert of_agent == ["SEARCH schedules USING INDEX ix_schedules_there (agent_id=?)"]
    assert counted == [
        ["SCAN schedules USING COVERING INDEX ix_schedules_gone"],
        ["SEARCH schedules USING INDEX ix_schedules_gone (<expr>=?)"],
    ]
