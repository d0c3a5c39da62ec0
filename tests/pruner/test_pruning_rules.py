"""What the pruner removes, against a slow and simple reading of the rules."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from lamplighter.files import Files
from lamplighter.model import Limits, RunStatus
from lamplighter.pruner import Pruner
from lamplighter.store import retention, runs
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.tables import parallel_sets
from lamplighter.store.tables import runs as table
from store_rows import NOON, make_agent


@dataclass
class OldSet:
    """A set that hypothesis thought of."""

    skipped: bool
    state: str
    combines: bool
    ends: list[int | None]  # hours before now, of each run; None is going


class Rules:
    """Which runs go, decided one by one."""

    def __init__(self, all_sets: list[OldSet], days: int | None, count: int | None) -> None:
        numbered, number = [], 0
        for old in all_sets:
            ids = range(number + 1, number + 1 + len(old.ends))
            number += len(old.ends)
            numbered.append((old, list(ids)))
        self.sets, self.days, self.count = numbered, days, count

    def going(self) -> set[int]:
        """The ids of the runs that are removed."""
        found: set[int] = set()
        for old, ids in self.sets:
            if old.state == "ended" and not old.combines and all(map(self._is_beyond, ids)):
                found.update(ids)
        return found

    def _is_beyond(self, run_id: int) -> bool:
        [(skipped, end)] = [
            (old.skipped, end)
            for old, ids in self.sets
            for number, end in zip(ids, old.ends, strict=True)
            if number == run_id
        ]
        if end is None:
            return False
        if self.days is not None and end > self.days * 24:
            return True
        alike = [
            (end, -number)
            for old, ids in self.sets
            for number, end in zip(ids, old.ends, strict=True)
            if old.skipped is skipped and end is not None
        ]
        return self.count is not None and (end, -run_id) in sorted(alike)[self.count :]


old_sets = st.builds(
    OldSet,
    skipped=st.booleans(),
    state=st.sampled_from(["ended", "ended", "ended", "active"]),
    combines=st.sampled_from([False, False, False, True]),
    ends=st.lists(st.none() | st.integers(0, 100), min_size=1, max_size=3),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an agent, to be copied."""
    file = tmp_path_factory.mktemp("template") / "lamplighter.db"
    db = Database.embedded(file)
    migrate(db)
    with db.write() as c:
        make_agent(c)
    db.close()
    return file


@settings(max_examples=60, deadline=None)
@given(
    all_sets=st.lists(old_sets, max_size=8),
    days=st.none() | st.integers(1, 4),
    count=st.none() | st.integers(1, 6),
)
def test_exactly_what_the_rules_say_goes(
    template: Path, all_sets: list[OldSet], days: int | None, count: int | None
) -> None:
    rules = Rules(all_sets, days, count)
    with TemporaryDirectory() as folder:
        shutil.copy(template, folder)
        db = Database.embedded(Path(folder) / template.name)
        with db.write() as c:
            for old, ids in rules.sets:
                _write(c, old, ids)
            retention.set_of_space(c, 1, Limits(runs_days=days, runs_count=count), NOON)
        Pruner(db, Files(Path(folder))).prune_once(NOON)
        with db.read() as c:
            left = set(runs.ids_of_agent(c, 1))
            sets_left = set(c.execute(sa.select(parallel_sets.c.id)).scalars())
        db.close()
    everything = {run_id for _, ids in rules.sets for run_id in ids}
    assert everything - left == rules.going()
    assert sets_left == {ids[0] for _, ids in rules.sets if set(ids) & left}


def _write(c: sa.Connection, old: OldSet, ids: list[int]) -> None:
    """The set has the id of its first run."""
    values = {"agent_id": 1, "agent_version": 1, "started_by": "test", "state": old.state, "size": len(ids)}
    settings_of_set = {
        "parallelism": len(ids),
        "parallel_export": "Combined",
        "log_level": "Info",
        "log_mode": "Text",
        "is_exclusive": False,
        "is_wait_on_failure": False,
        "priority": 0,
    }
    combine_at = NOON if old.combines else None
    c.execute(
        parallel_sets.insert().values(
            **values, **settings_of_set, id=ids[0], created=NOON, combine_at=combine_at
        )
    )
    for sequence, (run_id, end) in enumerate(zip(ids, old.ends, strict=True), start=1):
        ended = RunStatus.SKIPPED if old.skipped else RunStatus.FAILURE
        c.execute(
            table.insert().values(
                id=run_id,
                set_id=ids[0],
                agent_id=1,
                sequence=sequence,
                status=(RunStatus.RUNNING if end is None else ended).value,
                priority=0,
                is_catch_up=False,
                input_json="{}",
                created=NOON,
                end_time=None if end is None else NOON - timedelta(hours=end),
            )
        )
