"""A year of thousands of schedules, with outages, edits and crashes: nothing is lost, nothing doubled."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from simulation.audit import audit
from simulation.world import World


@pytest.mark.parametrize(("seed", "schedules", "days"), [(1, 2000, 366), (6, 60, 120), (7, 60, 120)])
def test_every_due_time_is_in_the_ledger_once_with_the_right_outcome(
    tmp_path: Path, seed: int, schedules: int, days: int
) -> None:
    world = World(tmp_path, seed, schedules)
    world.live(days)
    assert world.history.crashes > 10, "the simulation must have crashed now and then"
    assert world.history.outages
    with world.db.read() as c:
        outcomes = set(c.execute(sa.text("SELECT DISTINCT outcome FROM fires")).scalars())
    assert outcomes == {"fired", "late", "merged", "skipped", "held", "shadow"}
    assert audit(world.db, world.history, world.clock.time) == []
    world.db.close()


def _lose_a_fire(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE parallel_sets SET fire_id = NULL WHERE fire_id = 5"))
    c.execute(sa.text("DELETE FROM fires WHERE id = 5"))
    return "is not in the ledger"


def _invent_a_fire(c: sa.Connection) -> str:
    c.execute(
        sa.text(
            "INSERT INTO fires (schedule_id, due, last_due, count, outcome, reason, decided)"
            " SELECT schedule_id, due + 1000, due + 1000, 1, 'skipped', 'invented', decided"
            " FROM fires WHERE id = 5"
        )
    )
    return "was never due"


def _miscount(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE fires SET count = count + 1 WHERE count > 1"))
    return "covers"


def _say_the_wrong_thing(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE fires SET outcome = 'merged' WHERE outcome = 'fired'"))
    return "is merged"


def _lose_a_run(c: sa.Connection) -> str:
    c.execute(sa.text("DELETE FROM runs WHERE id = 5"))
    return "of its 1 runs"


def _run_without_a_fire(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE parallel_sets SET fire_id = NULL WHERE id = 5"))
    return "a run without a fire"


def _run_in_shadow(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE fires SET is_shadow = FALSE, outcome = 'fired' WHERE outcome = 'shadow'"))
    return "is fired in shadow"


def _fire_nothing(c: sa.Connection) -> str:
    c.execute(sa.text("UPDATE fires SET is_shadow = TRUE, outcome = 'shadow' WHERE id = 5"))
    return "has the outcome shadow, and the schedule was real"


@pytest.mark.parametrize(
    "fault",
    [
        _lose_a_fire,
        _invent_a_fire,
        _miscount,
        _say_the_wrong_thing,
        _lose_a_run,
        _run_without_a_fire,
        _run_in_shadow,
        _fire_nothing,
    ],
)
def test_the_auditor_finds_planted_faults(tmp_path: Path, fault: Callable[[sa.Connection], str]) -> None:
    world = World(tmp_path, 4, 30)
    world.live(60)
    assert audit(world.db, world.history, world.clock.time) == []
    with world.db.write() as c:
        sign = fault(c)
    assert any(sign in sentence for sentence in audit(world.db, world.history, world.clock.time))
    world.db.close()


def test_the_same_seed_gives_the_same_year(tmp_path: Path) -> None:
    ledgers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        world = World(tmp_path / name, 5, 20)
        world.live(40)
        with world.db.read() as c:
            ledgers.append(c.execute(sa.text("SELECT * FROM fires ORDER BY id")).all())
        world.db.close()
    assert ledgers[0] == ledgers[1]
