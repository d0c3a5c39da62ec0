"""Deliveries of real runs: what fails is kept and only delivered again; nothing is delivered or scraped twice."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from running_server import TERMINAL, RunningServer, eventually

FAILURE, STOPPED, COMPLETED, WAITING = 6, 8, 9, 12
# Each process leaves a trace of its own, so that it does not depend on what the server believes.
AGENT = """
import json, os
with open(TRACE, "a") as trace:
    trace.write(os.environ["LAMPLIGHTER_RUN_ID"] + "\\n")
rows = json.load(open(os.environ["LAMPLIGHTER_INPUT"]))
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as f:
    for row in rows if isinstance(rows, list) else [rows]:
        f.write(json.dumps(row) + "\\n")
"""


class Hook:
    """A receiver of deliveries that answers with ``status``; ``before`` is called before it does."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.before: Callable[[], None] = lambda: None
        self.taken: list[tuple[str, list[Any]]] = []
        self.asked = 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.asked += 1
                hook.before()
                if hook.status == 200:
                    records = [json.loads(line) for line in body.splitlines()]
                    hook.taken.append((self.headers["Idempotency-Key"], records))
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what went wrong."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def agent_of(server: RunningServer, name: str, trace: Path, hook: Hook) -> int:
    return server.agent(name, f"TRACE = {str(trace)!r}\n{AGENT}", f'[export]\ndestination = "{hook.url}"\n')


def begun(trace: Path) -> int:
    """How many processes were started."""
    return len(trace.read_text().split())


def whole_set(server: RunningServer, agent: int) -> list[dict[str, Any]]:
    """The runs of the agent in the order of their numbers, when all have ended."""

    def look() -> list[dict[str, Any]] | None:
        runs = sorted(server.call("GET", f"/agent/{agent}/runs"), key=lambda run: int(run["id"]))
        return runs if all(run["status"] in TERMINAL for run in runs) else None

    return eventually(look)


def restart(server: RunningServer, agent: int, run: int) -> dict[str, Any]:
    server.call("POST", f"/agent/{agent}/run/{run}/restart", expect=202)
    return server.ended(agent, run)


def test_what_could_not_be_delivered_is_kept_and_a_restart_only_delivers_it(
    server: RunningServer, hook: Hook, trace: Path
) -> None:
    agent = agent_of(server, "kept", trace, hook)
    hook.status = 404
    run = server.run(agent, inputParameters='{"n": 1}')
    assert run["status"] == FAILURE
    assert "404" in run["message"]
    assert run["message"].endswith("the records are kept, and a restart only delivers them")
    assert server.call("GET", f"/agent/{agent}/run/{run['id']}/records") == [{"n": 1}]

    hook.status = 200
    run = restart(server, agent, run["id"])
    assert (run["status"], run["attempt"]) == (COMPLETED, 2)
    assert begun(trace) == 1
    assert [records for _, records in hook.taken] == [[{"n": 1}]]
    names = {file["name"] for file in server.call("GET", f"/agent/{agent}/run/{run['id']}/files")}
    assert names == {"records.jsonl", "records.csv", "log.txt", "log-attempt-1.txt"}


def test_a_receiver_that_is_away_is_waited_for_without_scraping_again(
    server: RunningServer, hook: Hook, trace: Path
) -> None:
    agent = agent_of(server, "patient", trace, hook)
    hook.status = 410
    settings = {"isWaitOnFailure": True, "retryDelaySeconds": 1, "maxRetries": 50}
    run = server.call("POST", f"/agent/{agent}/start", settings, expect=202)
    eventually(lambda: server.status(agent, run["id"])["attempt"] >= 3)
    hook.status = 200
    assert server.ended(agent, run["id"])["status"] == COMPLETED
    assert begun(trace) == 1
    assert len(hook.taken) == 1


def test_a_combined_export_is_delivered_by_the_restart_of_the_part_that_could_not(
    server: RunningServer, hook: Hook, trace: Path
) -> None:
    agent = agent_of(server, "combined", trace, hook)
    hook.status = 404
    rows = [{"n": n} for n in range(6)]
    server.call(
        "POST", f"/agent/{agent}/start", {"inputParameters": json.dumps(rows), "parallelism": 3}, expect=202
    )
    runs = whole_set(server, agent)
    [failed] = [run for run in runs if run["status"] == FAILURE]
    assert "404" in failed["message"]
    assert server.status(agent, runs[0]["id"])["message"].endswith("3 parts: 6 records, not delivered")
    for _ in range(2):
        assert restart(server, agent, failed["id"])["status"] == FAILURE
    hook.status = 200
    assert restart(server, agent, failed["id"])["status"] == COMPLETED
    assert begun(trace) == 3
    assert [records for _, records in hook.taken] == [rows]
    first = server.status(agent, runs[0]["id"])
    assert first["message"].endswith("combined export of all 3 parts: 6 records, delivered")
    eventually(lambda: len(list(server.data.glob(f"runs/*/{first['id']}/combined-*"))) == 1)


def test_a_set_with_a_missing_part_is_delivered_when_the_part_is_there(
    server: RunningServer, hook: Hook, trace: Path, tmp_path: Path
) -> None:
    mended = tmp_path / "mended"
    main = f"""
TRACE = {str(trace)!r}
import json, os, pathlib, sys
if os.environ["LAMPLIGHTER_SHARD_INDEX"] == "2" and not pathlib.Path({str(mended)!r}).exists():
    sys.exit(3)
{AGENT}"""
    agent = server.agent("missing", main, f'[export]\ndestination = "{hook.url}"\n')
    rows = [{"n": n} for n in range(2)]
    server.call(
        "POST", f"/agent/{agent}/start", {"inputParameters": json.dumps(rows), "parallelism": 2}, expect=202
    )
    runs = whole_set(server, agent)
    eventually(lambda: "not delivered" in server.status(agent, runs[0]["id"])["message"])
    assert hook.taken == []
    mended.touch()
    assert restart(server, agent, runs[1]["id"])["status"] == COMPLETED
    assert [records for _, records in hook.taken] == [rows]


@pytest.mark.parametrize("again", [False, True])
def test_a_server_killed_as_soon_as_the_receiver_has_it_does_not_deliver_anything_else(
    tmp_path: Path, hook: Hook, trace: Path, again: bool
) -> None:
    """``again``: it is killed in an attempt that only delivers."""
    with RunningServer(tmp_path / "data") as server:
        agent = agent_of(server, "killed", trace, hook)
        hook.status = 404 if again else 200
        run = server.call("POST", f"/agent/{agent}/start", {"inputParameters": '{"n": 1}'}, expect=202)
        if again:
            assert server.ended(agent, run["id"])["status"] == FAILURE
            hook.status = 200
            server.call("POST", f"/agent/{agent}/run/{run['id']}/restart", expect=202)
        eventually(lambda: hook.taken)
        server.kill()
        server.start()
        assert server.ended(agent, run["id"])["status"] == COMPLETED
        assert begun(trace) == 1
        assert len({key for key, _ in hook.taken}) == 1
        assert hook.taken[0][1] == [{"n": 1}]


def test_a_stop_while_a_delivery_is_tried_again_ends_the_run(
    server: RunningServer, hook: Hook, trace: Path
) -> None:
    agent = agent_of(server, "stopped", trace, hook)
    hook.status, hook.headers = 503, {"Retry-After": "10"}
    run = server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    eventually(lambda: hook.asked == 1)
    server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)
    ended = server.ended(agent, run["id"])
    assert ended["status"] == STOPPED
    assert ended["message"].endswith("the records are kept")
    assert hook.asked == 1


def test_a_stop_that_comes_when_everything_is_delivered_comes_too_late(
    server: RunningServer, hook: Hook, trace: Path
) -> None:
    agent = agent_of(server, "too late", trace, hook)
    asked, stopped = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        stopped.wait(60)

    hook.before = hold
    run = server.call("POST", f"/agent/{agent}/start", {"inputParameters": '{"n": 1}'}, expect=202)
    assert asked.wait(60)
    server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)
    stopped.set()
    assert server.ended(agent, run["id"])["status"] == COMPLETED
    assert len(hook.taken) == 1
