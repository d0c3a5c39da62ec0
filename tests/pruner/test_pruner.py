"""What is kept no longer goes, whole and little by little; what goes on, or is still needed, stays."""

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lamplighter import lifecycle, pruner
from lamplighter.files import Files
from lamplighter.launch import Launch, launch_sets
from lamplighter.model import TERMINAL, Limits, Outcome, RunSettings, RunStatus
from lamplighter.planner import Entry
from lamplighter.pruner import Pruner
from lamplighter.store import agents, fires, retention, runs, sets
from lamplighter.store import files as file_list
from lamplighter.store.database import Database
from lamplighter.store.tables import parallel_sets, run_statistics
from lamplighter.store.tables import runs as table
from store_rows import NOON, make_agent, make_schedule, make_server, start_set

DAY = timedelta(days=1)


@dataclass
class House:
    """A database and files, and a pruner for them."""

    db: Database
    files: Files
    now: datetime = NOON
    pruner: Pruner = field(init=False)

    def __post_init__(self) -> None:
        self.pruner = Pruner(self.db, self.files)

    def agent(self, name: str = "agent") -> int:
        with self.db.write() as c:
            return make_agent(c, name)

    def keep(self, agent_id: int | None = None, **limits: int) -> None:
        """Set the limits of an agent, or of the space."""
        with self.db.write() as c:
            if agent_id is None:
                retention.set_of_space(c, 1, Limits(**limits), NOON)
            else:
                retention.set_of_agent(c, 1, agent_id, Limits(**limits), NOON)

    def ended_run(
        self, agent_id: int, status: RunStatus = RunStatus.COMPLETED, *, parts: int = 1
    ) -> list[int]:
        """The ids of the runs of a set that has ended just now, with all that runs leave."""
        with self.db.write() as c:
            text = str([{"n": n} for n in range(parts)]).replace("'", '"')
            set_id = start_set(c, agent_id, RunSettings(parallelism=parts), text)
            ids = [run.id for run in runs.of_set(c, set_id)]
            c.execute(
                table.update()
                .where(table.c.id.in_(ids))
                .values(status=status.value, attempt=2, end_time=self.now, start_time=self.now)
            )
            c.execute(parallel_sets.update().where(parallel_sets.c.id == set_id).values(state="ended"))
            for run_id in ids:
                self._leave_files(c, run_id)
        self.now += timedelta(minutes=1)
        return ids

    def _leave_files(self, c: sa.Connection, run_id: int) -> None:
        for number in (1, 2):
            folder = self.files.attempt(run_id, number)
            for path in (
                folder.snapshots / "1.html",
                folder.evidence / "evidence.json",
                folder.files / "a.bin",
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("kept")
            folder.records.write_text('{"n": 1}\n')
            folder.input.write_text("{}")
            folder.say(NOON, "starts")
            folder.export.mkdir()
            (folder.export / "records.jsonl").write_text('{"n": 1}\n')
        listed = [
            ("records.jsonl", "Export", 9, "attempt-2/export/records.jsonl"),
            ("log.txt", "Log", 9, "attempt-2/log.txt"),
            ("snapshots/1.html", "Snapshot", 4, "attempt-2/snapshots/1.html"),
            ("evidence/evidence.json", "Evidence", 4, "attempt-2/evidence/evidence.json"),
            ("a.bin", "File", 4, "attempt-2/files/a.bin"),
        ]
        file_list.replace(c, run_id, listed, NOON)

    def prune(self) -> int:
        return self.pruner.prune_once(self.now)

    def ids(self, agent_id: int) -> list[int]:
        """The runs that are left, oldest first."""
        with self.db.read() as c:
            return sorted(runs.ids_of_agent(c, agent_id))

    def listed(self, run_id: int) -> list[str]:
        with self.db.read() as c:
            return [file.name for file in file_list.of_run(c, run_id)]

    def there(self, run_id: int) -> set[str]:
        """The files in a run's folder."""
        folder = self.files.run_folder(run_id)
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def house(db: Database, tmp_path: Path) -> House:
    return House(db, Files(tmp_path / "files"))


def test_without_limits_everything_is_kept(house: House) -> None:
    agent = house.agent()
    kept = [house.ended_run(agent)[0] for _ in range(3)]
    house.now += 10_000 * DAY
    assert house.prune() == 0
    assert house.ids(agent) == kept


def test_the_newest_runs_are_kept_and_the_others_go_whole(house: House) -> None:
    agent, other = house.agent(), house.agent("other")
    house.keep(agent, runs_count=2)
    made = [house.ended_run(agent)[0] for _ in range(5)]
    elsewhere = house.ended_run(other)
    assert house.prune() == 3
    assert house.ids(agent) == made[3:]
    assert house.ids(other) == elsewhere
    for run_id in made[:3]:
        assert not house.files.run_folder(run_id).exists()
        assert house.listed(run_id) == []
    assert "attempt-2/export/records.jsonl" in house.there(made[3])
    assert house.prune() == 0


def test_runs_go_when_they_have_been_over_for_so_many_days(house: House) -> None:
    agent = house.agent()
    house.keep(runs_days=30)
    old = house.ended_run(agent)[0]
    house.now += 29 * DAY
    young = house.ended_run(agent)[0]
    assert house.prune() == 0
    house.now += DAY
    assert house.prune() == 1
    assert house.ids(agent) == [young]
    assert not house.files.run_folder(old).exists()


def test_an_agents_own_limit_counts_more_than_its_spaces(house: House) -> None:
    careful, other = house.agent("careful"), house.agent("other")
    house.keep(runs_count=1)
    house.keep(careful, runs_count=3)
    for agent in (careful, other):
        for _ in range(4):
            house.ended_run(agent)
    house.prune()
    assert (len(house.ids(careful)), len(house.ids(other))) == (3, 1)
    with house.db.write() as c:
        retention.clear_of_agent(c, careful)
    house.prune()
    assert len(house.ids(careful)) == 1


def test_logs_can_go_while_records_and_files_stay(house: House) -> None:
    agent = house.agent()
    house.keep(logs_count=1)
    old, young = house.ended_run(agent)[0], house.ended_run(agent)[0]
    before = house.there(young)
    assert house.prune() == 1
    assert house.there(young) == before
    assert house.listed(old) == ["records.jsonl", "a.bin"]
    assert {
        "attempt-2/export/records.jsonl",
        "attempt-1/files/a.bin",
        "attempt-2/records.jsonl",
    } <= house.there(old)
    assert not any("snapshots" in path or "evidence" in path for path in house.there(old))
    for number in (1, 2):
        text = house.files.attempt(old, number).log.read_text()
        assert "the log was removed: it is kept no longer" in text
        assert "starts" not in text
    assert house.prune() == 0, "once is enough"


def test_records_and_files_can_go_while_logs_stay(house: House) -> None:
    agent = house.agent()
    house.keep(files_days=1)
    old = house.ended_run(agent)[0]
    combined = house.files.run_folder(old) / "combined-1" / "records.jsonl"
    combined.parent.mkdir()
    combined.write_text("{}\n")
    house.now += DAY
    assert house.prune() == 1
    assert house.listed(old) == ["log.txt", "snapshots/1.html", "evidence/evidence.json"]
    left = house.there(old)
    assert {"attempt-1/log.txt", "attempt-2/evidence/evidence.json", "attempt-2/input.json"} <= left
    assert not any("records" in path or "/files/" in path or "combined" in path for path in left)
    assert house.prune() == 0


def test_a_run_that_was_tried_again_has_logs_again(house: House) -> None:
    agent = house.agent()
    house.keep(logs_days=1)
    run_id = house.ended_run(agent, RunStatus.FAILURE)[0]
    house.now += 2 * DAY
    assert house.prune() == 1
    with house.db.write() as c:
        run = runs.get(c, run_id)
        assert run is not None
        assert lifecycle.restart(c, run, "restarted", house.now)
        [claim] = runs.claim(c, make_server(c), 1, house.now)
    house.files.attempt(run_id, claim.attempt).path.mkdir()
    house.files.attempt(run_id, claim.attempt).say(house.now, "starts again")
    with house.db.write() as c:
        ended = table.update().values(status=RunStatus.FAILURE.value, end_time=house.now)
        c.execute(ended)
        c.execute(parallel_sets.update().values(state="ended"))
    assert house.prune() == 0
    house.now += 2 * DAY
    assert house.prune() == 1
    assert "starts again" not in house.files.attempt(run_id, claim.attempt).log.read_text()


@pytest.mark.parametrize("status", sorted(set(RunStatus) - TERMINAL - {RunStatus.INVALID}))
def test_a_run_that_has_not_ended_is_never_touched(house: House, status: RunStatus) -> None:
    agent = house.agent()
    house.keep(runs_days=1, runs_count=1, logs_count=1, files_count=1)
    [run_id] = house.ended_run(agent)
    with house.db.write() as c:
        c.execute(table.update().values(status=status.value, end_time=None))
        c.execute(parallel_sets.update().values(state="active"))
    before = house.there(run_id)
    house.now += 10 * DAY
    for _ in range(3):
        house.ended_run(agent)
    house.prune()
    assert run_id in house.ids(agent)
    assert house.there(run_id) == before


def test_a_run_that_is_restarted_stays(house: House) -> None:
    agent = house.agent()
    house.keep(runs_days=1)
    [run_id] = house.ended_run(agent, RunStatus.FAILURE)
    house.now += 2 * DAY
    with house.db.write() as c:
        run = runs.get(c, run_id)
        assert run is not None
        lifecycle.restart(c, run, "restarted", house.now)
    assert house.prune() == 0
    assert house.ids(agent) == [run_id]


def test_the_runs_of_a_set_go_together_and_only_when_all_have_ended(house: House) -> None:
    agent = house.agent()
    house.keep(runs_count=2)
    parts = house.ended_run(agent, parts=4)
    assert house.prune() == 0, "two of the four are among the newest, and the first has the export of all"
    with house.db.write() as c:
        c.execute(table.update().where(table.c.id == parts[2]).values(status=1, end_time=None))
        c.execute(parallel_sets.update().values(state="active"))
    young = [house.ended_run(agent)[0] for _ in range(2)]
    assert house.prune() == 0
    with house.db.write() as c:
        c.execute(table.update().where(table.c.id == parts[2]).values(status=9, end_time=NOON))
        c.execute(parallel_sets.update().values(state="ended", combine_at=None))
        first = sa.select(table.c.set_id).where(table.c.id == parts[0]).scalar_subquery()
        c.execute(parallel_sets.update().where(parallel_sets.c.id == first).values(combine_at=house.now))
    assert house.prune() == 0, "their combined export is still to be made"
    with house.db.write() as c:
        sets.want_combining(c, 1, None)
    assert house.prune() == 4
    assert house.ids(agent) == young


def test_what_was_skipped_pushes_out_nothing_that_ran(house: House) -> None:
    agent = house.agent()
    house.keep(runs_count=2)
    ran = [house.ended_run(agent)[0] for _ in range(2)]
    skipped = [house.ended_run(agent, RunStatus.SKIPPED)[0] for _ in range(5)]
    assert house.prune() == 3
    assert house.ids(agent) == ran + skipped[3:]


def test_the_ledger_stays_when_runs_and_their_sets_go(house: House) -> None:
    agent = house.agent()
    house.keep(runs_days=1)
    with house.db.write() as c:
        schedule = make_schedule(c, agent)
        entry = Entry(NOON, NOON, 1, Outcome.FIRED, "fired on time")
        launch_sets(c, [Launch(agent, 1, RunSettings(), None, "test", schedule.id, entry)], NOON)
        [run] = runs.of_agent(c, agent, 1)
        c.execute(table.update().values(status=9, end_time=NOON, attempt=1))
        c.execute(parallel_sets.update().values(state="ended"))
        kept = {"run_id": run.id, "series": "s", "count": 1, "fields": {}, "stats": {}}
        c.execute(run_statistics.insert().values(kept))
    house.now += 2 * DAY
    assert house.prune() == 1
    with house.db.read() as c:
        [fire] = fires.of_schedule(c, schedule.id, limit=10)
        assert c.execute(sa.select(sa.func.count()).select_from(parallel_sets)).scalar_one() == 0
    assert (fire.due, fire.outcome, fire.run_ids) == (NOON, Outcome.FIRED, ())


def test_a_pass_takes_a_bounded_number_and_the_next_goes_on_with_another_agent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruner, "A_PASS", 3)
    busy, other = house.agent("busy"), house.agent("other")
    house.keep(runs_days=1)
    for agent in (busy, other):
        for _ in range(5):
            house.ended_run(agent)
    house.now += 2 * DAY
    left = []
    for _ in range(4):
        house.prune()
        left.append((len(house.ids(busy)), len(house.ids(other))))
    assert left == [(2, 5), (2, 2), (0, 1), (0, 0)]


def test_the_runs_of_a_deleted_agent_go_too(house: House) -> None:
    agent = house.agent()
    house.keep(runs_days=1)
    house.ended_run(agent)
    with house.db.write() as c:
        agents.update(c, agent, {"deleted": NOON})
    house.now += 2 * DAY
    assert house.prune() == 1


def test_a_pass_comes_now_and_then_at_once_when_asked_and_empties_the_trash(
    house: House, tmp_path: Path
) -> None:
    agent = house.agent()
    trash = tmp_path / "files" / "runs" / "trash"
    house.pruner.pass_once(house.now)
    house.keep(runs_days=1)
    house.ended_run(agent)
    house.now += 2 * DAY
    again = house.pruner.pass_once(house.now)
    assert again is not None
    assert house.ids(agent) == []
    assert list(trash.iterdir()) == []
    house.ended_run(agent)
    house.keep(runs_days=1, runs_count=1)
    [young] = house.ended_run(agent)
    house.pruner.pass_once(again - timedelta(seconds=1))
    assert len(house.ids(agent)) == 2, "not yet"
    house.pruner.ask()
    house.pruner.pass_once(again - timedelta(seconds=1))
    assert house.ids(agent) == [young]


def test_what_an_agent_made_unusual_goes_as_well(house: House, tmp_path: Path) -> None:
    """Links are not followed, folders that may not be written to are moved all the same."""
    agent = house.agent()
    house.keep(files_days=1, logs_days=1)
    [run_id] = house.ended_run(agent)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    attempt = house.files.attempt(run_id, 2)
    shutil.rmtree(attempt.files)
    attempt.files.symlink_to(precious)
    attempt.log.unlink()
    attempt.log.symlink_to(precious / "file")
    (house.files.attempt(run_id, 1).files).chmod(0o500)
    (house.files.run_folder(run_id) / "attempt-x").symlink_to(precious)
    house.now += 2 * DAY
    assert house.prune() == 2
    house.files.empty_trash()
    assert (precious / "file").read_text() == "mine"
    assert [path.name for path in precious.iterdir()] == ["file"]
    assert not attempt.files.exists()
    assert not attempt.log.is_symlink()
