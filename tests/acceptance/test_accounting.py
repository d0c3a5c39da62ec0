"""What real runs are charged for: each thing once, whatever becomes of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from running_server import TERMINAL, RunningServer, eventually

FAILURE, COMPLETED = 6, 9
ECHO = """
import json, os
from lamplighter import agent
for row in agent.input():
    agent.emit(row)
"""
ROWS = [{"n": n} for n in range(6)]
THROUGH_PROXIES = """
from lamplighter import agent
agent.report(traffic=5_000)
for address in agent.proxies():
    agent.proxy_used(address, "http://one.test/", traffic=1_000)
    agent.proxy_used(address, "http://two.test/", traffic=20)
"""
SAYS_NOTHING_OF_PROXIES = "from lamplighter import agent\nagent.report(traffic=5_000)\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("accounting") / "data") as running:
        # Credits for an input, a record and a byte are such that each can be seen in a sum.
        rates = {"Agent Inputs": 1, "Export CPM": 10_000, "Proxy Data": 1000}
        body = {"rates": [{"type": kind, "rate": rate} for kind, rate in rates.items()]}
        running.call("PUT", "/billing/rates", body)
        yield running


@contextmanager
def receiver(statuses: list[int]) -> Iterator[str]:
    """A webhook that answers with the statuses one after the other, and with 200 when there are none left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=hook.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{hook.server_port}/"
    hook.shutdown()
    thread.join()
    hook.server_close()


def used(server: RunningServer, agent: int) -> dict[str, float]:
    kinds = server.call("GET", f"/billing/agents/{agent}")["usageTypes"]
    return {kind["type"]: kind["used"] for kind in kinds if kind["type"] != "Server Time"}


def costs(server: RunningServer, agent: int) -> dict[int, float]:
    runs = server.call("GET", f"/billing/agents/{agent}/runs")["runs"]
    return {run["runId"]: run["cost"] for run in runs}


def ended_set(server: RunningServer, agent: int, **settings: Any) -> list[dict[str, Any]]:
    """The runs of a set that was started, in their sequence, when all have ended."""
    server.call(
        "POST", f"/agent/{agent}/start", {"inputParameters": json.dumps(ROWS), **settings}, expect=202
    )

    def look() -> list[dict[str, Any]] | None:
        runs = sorted(server.call("GET", f"/agent/{agent}/runs"), key=lambda run: int(run["sequence"]))
        return runs if all(run["status"] in TERMINAL for run in runs) else None

    return eventually(look)


def size_of(server: RunningServer, agent: int, run: int) -> int:
    """The bytes of the exported files of a run."""
    files = server.call("GET", f"/agent/{agent}/run/{run}/files")
    return sum(file["fileSize"] for file in files if file["fileType"] == "Export")


def test_each_part_of_a_set_pays_for_its_rows_and_the_first_for_the_combined_export(
    server: RunningServer,
) -> None:
    agent = server.agent("combined", ECHO)
    runs = ended_set(server, agent, parallelism=3)
    assert costs(server, agent) == {runs[0]["id"]: 62, runs[1]["id"]: 2, runs[2]["id"]: 2}
    size = size_of(server, agent, runs[0]["id"])
    assert size > 0
    assert used(server, agent) == {
        "Agent Inputs": 6,
        "Export CPM": 0.006,
        "Export GB": size / 10**9,
        "Proxy Data": 0,
    }


def test_separated_runs_pay_for_an_export_each(server: RunningServer) -> None:
    agent = server.agent("separated", ECHO)
    runs = ended_set(server, agent, parallelism=2, parallelExport="Separated")
    assert costs(server, agent) == {run["id"]: 33 for run in runs}
    sizes = [size_of(server, agent, run["id"]) for run in runs]
    assert used(server, agent)["Export GB"] == sum(sizes) / 10**9


def test_what_is_delivered_later_is_charged_then_and_nothing_twice(server: RunningServer) -> None:
    with receiver([404, 404]) as url:
        agent = server.agent("late", ECHO, f'[export]\ndestination = "{url}"\n')
        run = server.run(agent, inputParameters=json.dumps(ROWS))
        assert run["status"] == FAILURE
        assert costs(server, agent) == {run["id"]: 6}
        for status, cost in ((FAILURE, 6), (COMPLETED, 66)):
            server.call("POST", f"/agent/{agent}/run/{run['id']}/restart", expect=202)
            assert server.ended(agent, run["id"])["status"] == status
            assert costs(server, agent) == {run["id"]: cost}


def test_a_combined_export_is_charged_when_it_is_delivered(server: RunningServer) -> None:
    with receiver([404]) as url:
        agent = server.agent("late together", ECHO, f'[export]\ndestination = "{url}"\n')
        runs = ended_set(server, agent, parallelism=2)
        assert sum(costs(server, agent).values()) == 6
        [failed] = [run["id"] for run in runs if run["status"] == FAILURE]
        server.call("POST", f"/agent/{agent}/run/{failed}/restart", expect=202)
        assert server.ended(agent, failed)["status"] == COMPLETED
    assert costs(server, agent) == {runs[0]["id"]: 63, runs[1]["id"]: 3}


def test_each_attempt_pays_for_its_inputs(server: RunningServer, tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    main = f"import pathlib, sys\nmark = pathlib.Path({str(mark)!r})\n"
    main += "if not mark.exists():\n    mark.touch()\n    sys.exit(3)\n"
    agent = server.agent("retried", main + ECHO)
    settings = {"inputParameters": json.dumps(ROWS), "maxRetries": 1}
    run = server.run(agent, **settings)
    assert (run["status"], run["attempt"]) == (COMPLETED, 2)
    assert costs(server, agent) == {run["id"]: 72}
    [told] = server.call("GET", f"/billing/agents/{agent}/runs")["runs"]
    assert told["endTime"] == run["endTime"]
    assert told["startTime"] < run["startTime"], "that of the first attempt"


def test_only_what_went_through_proxies_is_proxy_data(server: RunningServer) -> None:
    pool = {"name": "a pool", "proxies": ["http://127.0.0.1:9", "http://127.0.0.1:10"]}
    pool_id = server.call("POST", "/proxy-pools", pool, expect=201)["id"]
    told = server.agent("tells", THROUGH_PROXIES)
    silent = server.agent("is silent", SAYS_NOTHING_OF_PROXIES)
    for agent, traffic in ((told, 2040), (silent, 5000)):
        server.run(agent)
        assert used(server, agent)["Proxy Data"] == 0
        server.run(agent, proxyPoolId=pool_id)
        assert used(server, agent)["Proxy Data"] == traffic / 10**9


def test_an_attempt_that_was_cut_off_with_its_server_is_charged_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    main = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.02)\n"
    with RunningServer(tmp_path / "data") as server:
        server.call("PUT", "/billing/rates", {"rates": [{"type": "Agent Inputs", "rate": 1}]})
        agent = server.agent("adopted", main + ECHO)
        body = {"inputParameters": json.dumps(ROWS)}
        run = server.call("POST", f"/agent/{agent}/start", body, expect=202)["id"]
        eventually(lambda: server.status(agent, run)["status"] == 1)
        server.kill()
        gate.touch()
        server.start()
        assert server.ended(agent, run)["status"] == COMPLETED
        assert costs(server, agent) == {run: 6}
        assert server.call("GET", "/billing/credits")["availableCredits"] == -6
