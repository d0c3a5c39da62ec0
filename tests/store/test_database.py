"""Transactions, and rows that are inserted at once."""

import threading
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

from lamplighter.model import RunSettings, SetState
from lamplighter.store import sets
from lamplighter.store.database import Database, insert_all
from lamplighter.store.tables import audit_log
from store_rows import NOON, make_agent, start_set

PATIENCE = 60


def take_both_places(stack: ExitStack, asked: Database) -> None:
    """Two threads read until the stack is left."""
    leave = threading.Event()

    def read(is_in: threading.Event) -> None:
        with asked.read():
            is_in.set()
            leave.wait(PATIENCE)

    for _ in range(2):
        is_in = threading.Event()
        thread = threading.Thread(target=read, args=(is_in,))
        thread.start()
        stack.callback(thread.join)
        assert is_in.wait(PATIENCE)
    stack.callback(leave.set)


def test_of_requests_a_third_one_reads_when_one_of_two_has_read(tmp_path: Path) -> None:
    asked = Database.embedded(tmp_path / "lamplighter.db").for_requests()
    has_read = threading.Event()

    def read() -> None:
        with asked.read():
            has_read.set()

    third = threading.Thread(target=read)
    with ExitStack() as stack:
        take_both_places(stack, asked)
        third.start()
        assert not has_read.wait(0.2)
    assert has_read.wait(PATIENCE)
    third.join()
    asked.close()


def test_who_fires_and_runs_does_not_wait_for_requests(db: Database) -> None:
    asked = db.for_requests()
    with ExitStack() as stack:
        take_both_places(stack, asked)
        with db.read() as c:
            assert c.execute(sa.select(sa.literal(1))).scalar_one() == 1
        with db.write() as c:
            make_agent(c)


def test_a_request_that_reads_may_read_again_before_it_has_ended(tmp_path: Path) -> None:
    asked = Database.embedded(tmp_path / "lamplighter.db").for_requests()
    with asked.read(), asked.read(), asked.read() as c:
        assert c.execute(sa.select(sa.literal(1))).scalar_one() == 1
    with ExitStack() as stack:
        take_both_places(stack, asked)  # it has given back one place, not three
    asked.close()


def test_rows_inserted_at_once_get_ids_in_their_order(db: Database) -> None:
    with db.write() as c:
        rows = [
            {"time": NOON, "user_name": "a", "action": f"{n}", "kind": "b", "subject_id": "c", "changes": {}}
            for n in range(2500)
        ]
        first, second = insert_all(c, audit_log, rows), insert_all(c, audit_log, rows[:1])
        told = {row.id: row.action for row in c.execute(sa.select(audit_log))}
    assert [told[key] for key in first] == [row["action"] for row in rows]
    assert [told[key] for key in second] == ["0"]
    assert not set(first) & set(second)


def test_of_many_active_sets_one_stands_in_the_way_and_each_that_waits(db: Database) -> None:
    with db.write() as c:
        busy, alone, idle = (make_agent(c, name) for name in ("busy", "alone", "idle"))
        for _ in range(3):
            start_set(c, busy)
        for _ in range(3):
            start_set(c, alone, RunSettings(is_exclusive=True))
        found = sets.in_the_way(c, [busy, alone, idle])
    seen = sorted((one.agent_id, one.state.value, one.is_exclusive) for one in found)
    assert seen == [
        (busy, SetState.ACTIVE.value, False),
        (alone, SetState.ACTIVE.value, True),
        (alone, SetState.WAITING.value, True),
        (alone, SetState.WAITING.value, True),
    ]
