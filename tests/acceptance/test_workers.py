"""Real workers that reach a real installation only over a real broker."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from real_nats import RealNats
from real_postgresql import Databases
from running_server import RunningServer, eventually
from running_worker import RunningWorker

SAYS_IT = 'import os\nopen(os.environ["LAMPLIGHTER_RECORDS"], "a").write(\'{"a": 1}\\n\')\n'
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(600)\n"
GOES_ON = """
import pathlib, time, os
print("waits", flush=True)
while not pathlib.Path(os.environ["LAMPLIGHTER_FILES"], "..", "..", "..", "..", "..", "finish").exists():
    time.sleep(0.1)
open(os.environ["LAMPLIGHTER_RECORDS"], "a").write('{"a": 1}\\n')
"""


class Fleet:
    """A broker and a server with API and scheduler; workers are added by the tests."""

    def __init__(self, stack: ExitStack, folder: Path, address: str) -> None:
        self.folder = folder
        self.broker = stack.enter_context(RealNats(folder / "nats"))
        self.environment = {"LAMPLIGHTER_NATS_URL": self.broker.url}
        self.server = RunningServer(
            folder / "data", environment={**self.environment, "LAMPLIGHTER_DATABASE_URL": address}
        )
        self.server.roles = ("api", "scheduler")
        stack.enter_context(self.server)
        self._stack = stack

    def worker(self, name: str, *groups: str) -> RunningWorker:
        """Start a worker."""
        made = RunningWorker(self.folder / "data", name, environment=self.environment, groups=groups)
        return self._stack.enter_context(made)


@pytest.fixture
def fleet(postgresql: Databases, tmp_path: Path) -> Iterator[Fleet]:
    address = postgresql.make("template1")
    with ExitStack() as stack:
        yield Fleet(stack, tmp_path, address)
    postgresql.drop(address)


def test_a_worker_takes_a_run_and_its_result_arrives(fleet: Fleet) -> None:
    fleet.worker("w1")
    agent = fleet.server.agent("a", SAYS_IT)

    run = fleet.server.run(agent)

    assert (run["status"], run["dataCount"], run["serverName"]) == (9, 1, "w1")


def test_a_run_on_a_worker_is_stopped(fleet: Fleet) -> None:
    fleet.worker("w1")
    agent = fleet.server.agent("a", WAITS)
    run = fleet.server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    eventually(lambda: "waits" in fleet.server.log(agent, run["id"]))

    fleet.server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)

    assert fleet.server.ended(agent, run["id"])["status"] == 8


def test_a_worker_that_is_started_again_adopts_its_runs(fleet: Fleet) -> None:
    worker = fleet.worker("w1")
    agent = fleet.server.agent("a", GOES_ON)
    run = fleet.server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    eventually(lambda: "waits" in fleet.server.log(agent, run["id"]))
    worker.kill()
    worker.start()
    assert "Adopted from its last process: 1 run." in worker.said
    worker.stop()
    worker.start()

    (fleet.folder / "data" / "finish").touch()

    ended = fleet.server.ended(agent, run["id"])
    assert (ended["status"], ended["dataCount"]) == (9, 1)
