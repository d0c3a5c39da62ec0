"""An embedded installation moves to PostgreSQL, with all that it has, and its schedules go on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.auditor import due_times_once, read_history
from lamplighter.files import Files
from lamplighter.store.database import Database
from real_postgresql import Databases
from running_server import RunningServer, eventually

SAYS_IT = (
    'import os\nprint("hello")\nopen(os.environ["LAMPLIGHTER_RECORDS"], "a").write(\'{"attempt": 1}\\n\')\n'
)
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def address(postgresql: Databases) -> Iterator[str]:
    address = postgresql.make("template1")
    yield address
    postgresql.drop(address)


def migrate(
    data: Path, address: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``lamplighter migrate``."""
    command = [sys.executable, "-m", "lamplighter.cli.app", "migrate", "--to", address, "--data", str(data)]
    told = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, env=told, check=False)


def refusal(data: Path, **environment: str) -> str:
    """Why ``lamplighter up`` does not start."""
    command = [sys.executable, "-m", "lamplighter.cli.app", "up", "--data", str(data), "--port", "0"]
    told = {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
    assert result.returncode == 6
    return result.stderr


def moved(data: Path, address: str, **environment: str) -> RunningServer:
    """The server on the new database."""
    return RunningServer(data, environment={"LAMPLIGHTER_DATABASE_URL": address, **environment})


def test_everything_is_there_afterwards_and_schedules_go_on(tmp_path: Path, address: str) -> None:
    data = tmp_path / "data"
    store = {"LAMPLIGHTER_FILES_URL": f"file://{tmp_path}/store"}
    with RunningServer(data) as server:
        agent = server.agent("prices", SAYS_IT)
        server.call("PUT", "/secrets/PASSWORD", {"value": "correct horse"}, expect=201)
        user = server.call("POST", "/users", {"name": "ada"}, expect=201)["id"]
        run = server.run(agent)
        gone = server.run(agent)["id"]
        server.call("DELETE", f"/agent/{agent}/run/{gone}?removeEntireRun=true", expect=204)
        [file] = [
            one
            for one in server.call("GET", f"/agent/{agent}/run/{run['id']}/files")
            if one["name"] == "records.csv"
        ]
        begin = datetime.now(UTC) + timedelta(seconds=10)  # by then they are made, on slow machines too
        for number in range(20):
            body = {
                "name": f"{number}",
                "runEveryCount": 1,
                "runEveryPeriod": 1,
                "startTime": (begin + timedelta(seconds=number)).isoformat(),
                "endTime": (begin + timedelta(seconds=20)).isoformat(),
                "catchUp": "all",
            }
            server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
        time.sleep(max(0.0, (begin + timedelta(seconds=4) - datetime.now(UTC)).total_seconds()))
        [here] = server.call("GET", "/servers")
        server.call("POST", f"/servers/{here['id']}/drain")
        eventually(lambda: not _going(server, agent, (1, 2, 3, 5)))
    result = migrate(data, address, store)
    assert result.returncode == 0, result.stderr
    assert "Moved: " in result.stdout

    with moved(data, address, **store) as again:
        again.call("POST", f"/servers/{here['id']}/undrain")
        assert again.status(agent, run["id"])["dataCount"] == 1
        assert "hello" in again.log(agent, run["id"])
        path = f"/agent/{agent}/run/{run['id']}/file/{file['id']}/download"
        assert "attempt" in again.http.get(path, follow_redirects=True).text
        assert again.call("GET", f"/users/{user}")["name"] == "ada"
        assert [one["name"] for one in again.call("GET", "/secrets")] == ["PASSWORD"]
        assert again.run(agent)["id"] > gone, "no number is given twice"
        time.sleep(max(0.0, (begin + timedelta(seconds=20) - datetime.now(UTC)).total_seconds()))
        eventually(lambda: not _undecided(again, agent))
        eventually(lambda: not _going(again, agent, (1, 2, 3, 4, 5, 12)))
    db = Database(address)
    history = read_history(db, Files.at(tmp_path / "here", store["LAMPLIGHTER_FILES_URL"], None), tmp_path)
    db.close()
    assert sum(len(kept.expected) for kept in history.schedules) == 20
    assert list(due_times_once(history)) == []


def test_the_old_database_is_used_by_no_server_afterwards(tmp_path: Path, address: str) -> None:
    data = tmp_path / "data"
    with RunningServer(data):
        pass
    assert migrate(data, address).returncode == 0
    assert "was moved to PostgreSQL: set LAMPLIGHTER_DATABASE_URL" in refusal(data)
    again = migrate(data, address)
    assert (again.returncode, "was moved before" in again.stderr) == (6, True)


def test_what_is_in_the_way_is_said_and_nothing_is_changed(tmp_path: Path, address: str) -> None:
    data = tmp_path / "data"
    nothing = migrate(tmp_path, address)
    assert (nothing.returncode, "it has no lamplighter.db" in nothing.stderr) == (5, True)
    with RunningServer(data) as server:
        held = migrate(data, address)
        assert (held.returncode, "another server is running" in held.stderr) == (6, True)
        agent = server.agent("long", WAITS)
        run = server.call("POST", f"/agent/{agent}/start", {}, expect=202)["id"]
        eventually(lambda: "waits" in server.log(agent, run))
        server.stop()
        going = migrate(data, address)
        assert (going.returncode, f"runs are going ({run})" in going.stderr) == (6, True)
        server.start()
        server.call("POST", f"/agent/{agent}/run/{run}/kill", expect=204)
        server.ended(agent, run)
    away = migrate(data, "postgresql://postgres@127.0.0.1:9/nothing")
    assert (away.returncode, "the database cannot be reached" in away.stderr) == (1, True)
    wrong = migrate(data, "mysql://x")
    assert (wrong.returncode, "LAMPLIGHTER_DATABASE_URL" in wrong.stderr) == (2, True)
    with moved(tmp_path / "other", address):
        pass
    full = migrate(data, address)
    assert (full.returncode, "is not empty" in full.stderr) == (6, True)
    with RunningServer(data) as server:
        assert server.status(agent, run)["status"] == 8


def test_a_server_with_another_key_of_the_vault_is_refused(tmp_path: Path, address: str) -> None:
    with moved(tmp_path / "one", address):
        pass
    told = refusal(tmp_path / "other", LAMPLIGHTER_DATABASE_URL=address)
    assert "vault.key is not the key of this installation's vault" in told
    (tmp_path / "other" / "vault.key").write_bytes((tmp_path / "one" / "vault.key").read_bytes())
    with moved(tmp_path / "other", address):
        pass


def _going(server: RunningServer, agent: int, statuses: tuple[int, ...]) -> bool:
    runs = server.call("GET", f"/agent/{agent}/runs?maxRecords=1000")
    return any(run["status"] in statuses for run in runs)


def _undecided(server: RunningServer, agent: int) -> bool:
    schedules = server.call("GET", f"/agent/{agent}/schedules")
    return not all(server.call("GET", f"/agent/{agent}/schedules/{one['id']}/fires") for one in schedules)
