"""Real workers that reach a real installation only over a real broker."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from real_nats import RealNats
from real_postgresql import Databases
from real_s3 import s3_server
from running_server import RunningServer, eventually
from running_worker import RunningWorker

SAYS_IT = 'import os\nopen(os.environ["LAMPLIGHTER_RECORDS"], "a").write(\'{"a": 1}\\n\')\n'
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(600)\n"
GOES_ON = """
import pathlib, time, os
print("waits", flush=True)
data = pathlib.Path(os.environ["LAMPLIGHTER_FILES"]).parents[4]
while not (data / "finish").exists():
    time.sleep(0.1)
    if (data / "say").exists():
        print((data / "say").read_text(), flush=True)
        (data / "say").unlink()
pathlib.Path(os.environ["LAMPLIGHTER_FILES"], "page.html").write_text("<p>")
open(os.environ["LAMPLIGHTER_RECORDS"], "a").write('{"a": 1}\\n')
"""


class Fleet:
    """A broker, a store and a server with API and scheduler; workers are added by the tests."""

    def __init__(self, stack: ExitStack, folder: Path, address: str, store: Mapping[str, str]) -> None:
        self.folder = folder
        self.broker = stack.enter_context(RealNats(folder / "nats"))
        self.environment = {"LAMPLIGHTER_NATS_URL": self.broker.url, **store}
        self.server = RunningServer(
            folder / "data", environment={**self.environment, "LAMPLIGHTER_DATABASE_URL": address}
        )
        self.server.roles = ("api", "scheduler")
        stack.enter_context(self.server)
        self._stack = stack

    def worker(self, name: str, *groups: str) -> RunningWorker:
        """Start a worker."""
        made = RunningWorker(self.folder / name, name, environment=self.environment, groups=groups)
        return self._stack.enter_context(made)


@pytest.fixture(params=["folder", "s3"])
def fleet(request: pytest.FixtureRequest, postgresql: Databases, tmp_path: Path) -> Iterator[Fleet]:
    address = postgresql.make("template1")
    with ExitStack() as stack:
        store = {"LAMPLIGHTER_FILES_URL": f"file://{tmp_path}/store"}
        if request.param == "s3":
            bucket = stack.enter_context(s3_server())
            bucket.make("files")
            store = {"LAMPLIGHTER_FILES_URL": "s3://files/here", **bucket.environment}
        yield Fleet(stack, tmp_path, address, store)
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


def test_a_stop_that_is_asked_while_the_worker_is_out_of_reach_is_carried_out_when_it_is_back(
    fleet: Fleet,
) -> None:
    worker = fleet.worker("w1")
    agent = fleet.server.agent("a", WAITS)
    run = fleet.server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    eventually(lambda: "waits" in fleet.server.log(agent, run["id"]))
    worker.signal(signal.SIGSTOP)

    fleet.server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)
    assert fleet.server.status(agent, run["id"])["status"] == 5
    worker.signal(signal.SIGCONT)

    assert fleet.server.ended(agent, run["id"])["status"] == 8


def test_a_drained_worker_takes_nothing_and_another_one_does(fleet: Fleet) -> None:
    fleet.worker("w1")
    agent = fleet.server.agent("a", SAYS_IT)
    [one] = fleet.server.call("GET", "/servers")
    assert one["labels"] == {"zone": "eu-1"}
    fleet.server.call("POST", f"/servers/{one['id']}/drain")
    run = fleet.server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    fleet.worker("w2")
    assert fleet.server.ended(agent, run["id"])["serverName"] == "w2"


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

    (worker.data / "finish").touch()

    ended = fleet.server.ended(agent, run["id"])
    assert (ended["status"], ended["dataCount"]) == (9, 1)


def _is_said(fleet: Fleet, agent: int, run: int, line: str) -> bool:
    return line in fleet.server.log(agent, run)


def test_what_a_worker_writes_is_seen_at_once_and_found_when_it_is_gone(fleet: Fleet) -> None:
    worker = fleet.worker("w1")
    agent = fleet.server.agent("a", GOES_ON)
    run = fleet.server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    said = ["waits", *(f"line {number}" for number in range(5))]
    for line in said[1:]:
        (worker.data / "say.new").write_text(line)
        (worker.data / "say.new").rename(worker.data / "say")
        eventually(partial(_is_said, fleet, agent, run["id"], line))
    (worker.data / "finish").touch()
    fleet.server.ended(agent, run["id"])
    worker.stop()

    assert list((worker.data / "runs").glob("*/*")) == [], "nothing stays behind on the worker"
    text = fleet.server.log(agent, run["id"])
    assert [line for line in text.splitlines() if line in said] == said
    files = fleet.server.call("GET", f"/agent/{agent}/run/{run['id']}/files")
    [page] = [file for file in files if file["name"] == "page.html"]
    path = f"/agent/{agent}/run/{run['id']}/file/{page['id']}/download"
    assert fleet.server.http.get(path, follow_redirects=True).text == "<p>"
