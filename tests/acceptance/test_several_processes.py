"""Several real processes on one PostgreSQL: APIs, schedulers and a runner that come and go."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from real_postgresql import Databases
from running_server import KEY, RunningServer, eventually

SAYS_IT = 'import os\nopen(os.environ["LAMPLIGHTER_RECORDS"], "a").write(\'{"a": 1}\\n\')\n'
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(600)\n"


class Fleet:
    """Two servers with API and scheduler, and one runner, which share a database and a data folder."""

    def __init__(self, stack: ExitStack, data: Path, address: str) -> None:
        self.environment = {"LAMPLIGHTER_DATABASE_URL": address}
        self.data = data
        self.controllers = [stack.enter_context(self._process("api", "scheduler")) for _ in range(2)]
        self.runner = stack.enter_context(self._process("runner"))

    def _process(self, *roles: str) -> RunningServer:
        made = RunningServer(self.data, environment=self.environment)
        made.roles = roles
        return made


@pytest.fixture
def fleet(postgresql: Databases, tmp_path: Path) -> Iterator[Fleet]:
    address = postgresql.make("template1")  # an empty one: the processes bring it up to date
    with ExitStack() as stack:
        yield Fleet(stack, tmp_path / "data", address)
    postgresql.drop(address)


def in_a_moment() -> str:
    return (datetime.now(UTC) + timedelta(seconds=5)).isoformat()


def test_a_run_is_started_by_one_server_and_seen_to_end_by_another(fleet: Fleet) -> None:
    one, other = fleet.controllers
    agent = one.agent("a", SAYS_IT)
    run = one.call("POST", f"/agent/{agent}/start", {}, expect=202)

    ended = other.ended(agent, run["id"])

    assert ended["status"] == 9
    assert ended["dataCount"] == 1


def test_a_run_that_one_server_started_is_stopped_by_way_of_another(fleet: Fleet) -> None:
    one, other = fleet.controllers
    agent = one.agent("a", WAITS)
    run = one.call("POST", f"/agent/{agent}/start", {}, expect=202)
    eventually(lambda: "waits" in other.log(agent, run["id"]))

    other.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)

    assert one.ended(agent, run["id"])["status"] == 8


def test_a_schedule_fires_once_although_two_schedulers_look_at_it_and_one_is_killed(fleet: Fleet) -> None:
    one, other = fleet.controllers
    agent = one.agent("a", SAYS_IT)
    schedule = one.call(
        "POST",
        f"/agent/{agent}/schedules",
        {"name": "soon", "runEveryCount": 30, "runEveryPeriod": 3, "startTime": in_a_moment()},
        expect=201,
    )
    one.kill()

    def fired() -> list[dict[str, object]]:
        found: list[dict[str, object]] = other.call("GET", f"/agent/{agent}/schedules/{schedule['id']}/fires")
        return found

    fires = eventually(fired)

    assert [fire["outcome"] for fire in fires] == ["fired"]
    assert len(other.call("GET", f"/agent/{agent}/runs")) == 1


def test_a_process_without_the_api_only_tells_how_it_is(fleet: Fleet) -> None:
    with httpx.Client(headers={"Authorization": f"ApiKey {KEY}"}) as client:
        assert client.get(f"{fleet.runner.url}/health/ready").status_code == 200
        assert client.get(f"{fleet.runner.url}/api/v1/agent/all").status_code == 404


def test_a_second_runner_on_the_data_folder_is_refused(fleet: Fleet) -> None:
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "lamplighter.cli.app",
            "up",
            "--data",
            fleet.data,
            "--port=0",
            "--role=runner",
        ],
        env={**os.environ, **fleet.environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 6
    assert "another server is running on the data folder" in second.stderr
