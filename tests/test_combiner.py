"""The loop that makes the combined exports which no part of a set has made."""

from datetime import timedelta
from pathlib import Path

from lamplighter.combiner import combine_once
from lamplighter.export.records import JSONL
from lamplighter.files import Files
from lamplighter.model import RunSettings, RunStatus
from lamplighter.store import runs, sets
from lamplighter.store.database import Database
from lamplighter.store.tables import runs as runs_table
from store_rows import make_agent, start_set
from virtual_clock import VirtualClock


def test_a_set_that_cannot_be_merged_holds_up_no_other_and_leaves_nothing(
    db: Database, tmp_path: Path, clock: VirtualClock
) -> None:
    files = Files(tmp_path)
    with db.write() as c:
        agent = make_agent(c)
        for _ in range(2):
            start_set(c, agent, settings=RunSettings(parallelism=2))
        c.execute(runs_table.update().values(status=RunStatus.COMPLETED.value))
        broken, good = sorted({run.set_id for run in runs.of_agent(c, agent, 10)})
        for set_id in (broken, good):
            sets.want_combining(c, set_id, clock.now())
        first_of_broken, first_of_good = runs.of_set(c, broken)[0], runs.of_set(c, good)[0]
        for run in runs.of_agent(c, agent, 10):
            records = files.attempt(run.id, run.attempt).export / JSONL
            records.parent.mkdir(parents=True)
            records.write_bytes(b'{"n": 1}\n')
    unreadable = files.attempt(first_of_broken.id, 0).export / JSONL
    unreadable.unlink()
    unreadable.mkdir()

    for _ in range(3):
        combine_once(db, files, clock.now())

    with db.read() as c:
        assert runs.get(c, first_of_good.id).combined is not None  # type: ignore[union-attr]  # it is there
        assert sets.to_combine(c, clock.now(), 10) == []
        assert sets.to_combine(c, clock.now() + timedelta(minutes=1), 10) == [broken]
    assert list(files.run_folder(first_of_broken.id).glob("combined-*")) == []
    unreadable.rmdir()
    unreadable.write_bytes(b'{"n": 2}\n')
    combine_once(db, files, clock.advance(minutes=1))
    [folder] = files.run_folder(first_of_broken.id).glob("combined-*")
    assert (folder / JSONL).read_bytes() == b'{"n": 2}\n{"n": 1}\n'
