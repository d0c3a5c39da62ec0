"""A backup that was taken while the server worked is restored, and the schedules catch up as if it had slept."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.auditor import due_times_once, read_history
from lamplighter.files import Files
from lamplighter.store.database import Database
from real_postgresql import Databases, postgresql_programs
from run_processes import end_run_processes
from running_server import RunningServer, eventually

SAYS_IT = 'import os\nopen(os.environ["LAMPLIGHTER_RECORDS"], "a").write(\'{"attempt": 1}\\n\')\n'
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(600)\n"
DUE_TIMES = 24  # one a second


@dataclass
class Place:
    """Where an installation is: its folder and its database."""

    data: Path
    address: str | None

    def server(self) -> RunningServer:
        environment = {} if self.address is None else {"LAMPLIGHTER_DATABASE_URL": self.address}
        return RunningServer(self.data, environment=environment)

    def database(self) -> Database:
        if self.address is None:
            return Database.embedded(self.data / "lamplighter.db")
        return Database(self.address)


Backup = Callable[[Path], None]
Restore = Callable[[Path], Place]


@dataclass
class Scene:
    """An installation, and the commands of docs/operations.md to back it up into a folder and restore it."""

    place: Place
    backup: Backup
    restore: Restore


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    data, restored = tmp_path / "one" / "data", tmp_path / "other" / "data"
    data.parent.mkdir()
    restored.parent.mkdir()

    def copy_files(source: Path, target: Path) -> None:
        left = shutil.ignore_patterns("lamplighter.db*", "server.lock", "environments", "db.*")
        shutil.copytree(source, target, ignore=left, symlinks=True, dirs_exist_ok=True)

    if request.param == "sqlite":

        def backup(folder: Path) -> None:
            folder.mkdir()
            with (
                closing(sqlite3.connect(data / "lamplighter.db")) as source,
                closing(sqlite3.connect(folder / "lamplighter.db")) as target,
            ):
                source.backup(target)  # what .backup of the program sqlite3 does
            copy_files(data, folder)

        def restore(folder: Path) -> Place:
            shutil.copytree(folder, restored, symlinks=True)
            return Place(restored, None)

        yield Scene(Place(data, None), backup, restore)
        return
    databases: Databases = request.getfixturevalue("postgresql")
    address, other = databases.make("template1"), databases.make("template1")

    def backup_of_two(folder: Path) -> None:
        folder.mkdir()
        dump = [str(postgresql_programs() / "pg_dump"), "-Fc", "-f", str(folder / "db.dump"), address]
        subprocess.run(dump, check=True)
        copy_files(data, folder)

    def restore_of_two(folder: Path) -> Place:
        command = [str(postgresql_programs() / "pg_restore"), "-d", other, str(folder / "db.dump")]
        subprocess.run(command, check=True)
        copy_files(folder, restored)
        return Place(restored, other)

    yield Scene(Place(data, address), backup_of_two, restore_of_two)
    for one in (address, other):
        databases.drop(one)


def test_no_due_time_is_lost_or_doubled_by_a_restored_backup(scene: Scene, tmp_path: Path) -> None:
    server = scene.place.server().start()
    agent, long = server.agent("prices", SAYS_IT), server.agent("long", WAITS)
    run = server.call("POST", f"/agent/{long}/start", {}, expect=202)
    eventually(lambda: "waits" in server.log(long, run["id"]))
    begin = datetime.now(UTC) + timedelta(seconds=10)  # by then the schedules are made, on slow machines too
    for number in range(DUE_TIMES):
        body = {
            "name": f"{number}",
            "runEveryCount": 1,
            "runEveryPeriod": 1,
            "startTime": (begin + timedelta(seconds=number)).isoformat(),
            "endTime": (begin + timedelta(seconds=DUE_TIMES)).isoformat(),
            "catchUp": "all",
        }
        server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    _wait_until(begin + timedelta(seconds=DUE_TIMES / 3))
    scene.backup(tmp_path / "backup")
    _wait_until(begin + timedelta(seconds=2 * DUE_TIMES / 3))
    server.kill()
    server.http.close()
    end_run_processes(scene.place.data)  # the machine is lost, and its runs with it

    restored = scene.restore(tmp_path / "backup")
    with restored.server() as again:
        ended = again.ended(long, run["id"])
        assert ended["status"] == 6
        assert "vanished" in ended["message"]
        _wait_until(begin + timedelta(seconds=DUE_TIMES))
        eventually(lambda: _all_decided(again, agent))
        for one in again.call("GET", f"/agent/{agent}/runs?maxRecords=1000"):
            assert again.ended(agent, one["id"])["status"] == 9
    db = restored.database()
    history = read_history(db, Files(restored.data), tmp_path / "none")
    db.close()
    assert sum(len(kept.expected) for kept in history.schedules) == DUE_TIMES
    assert list(due_times_once(history)) == []


def _all_decided(server: RunningServer, agent: int) -> bool:
    schedules = server.call("GET", f"/agent/{agent}/schedules")
    return all(
        server.call("GET", f"/agent/{agent}/schedules/{schedule['id']}/fires") for schedule in schedules
    )


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
