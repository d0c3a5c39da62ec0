"""Runs as clients of the contract start, watch, stop and fetch them."""

from typing import Any

import httpx
import pytest
from wire_shapes import check_shape

from foreign_client import ForeignClient
from running_server import KEY, TERMINAL, RunningServer, eventually

# Everything that a client sends which always sends everything.
FULL_START = {
    "Parallelism": 1,
    "ParallelMaxConcurrency": 1,
    "ParallelExport": "Combined",
    "InputParameters": '{"url": "https://example.com/p"}',
    "Timeout": 60,
    "IsExclusive": True,
    "IsWaitOnFailure": False,
    "IsRunSynchronously": False,
    "LogLevel": "Info",
    "LogMode": "Text",
}


def ended(client: ForeignClient, agent_id: int, run_id: int) -> dict[str, Any]:
    """The run when polling shows that it has ended."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(f"/agent/{agent_id}/run/{run_id}/status")
        return run if run["status"] in TERMINAL else None

    return eventually(look)


def test_a_run_is_started_polled_and_listed(client: ForeignClient, agent_id: int) -> None:
    answer = client.send("POST", f"/agent/{agent_id}/start", FULL_START)
    started = answer.json()
    over = ended(client, agent_id, started["runId"])

    assert answer.status_code == 202
    check_shape("run", started)
    check_shape("run", over)
    assert started["id"] == started["runId"]
    assert started["tableType"] == "run"
    assert (over["status"], over["dataCount"], over["recordsExported"]) == (9, 2, 2)
    assert over["tableType"] == "history"
    assert over["errorMessage"] is None
    [newest] = client.get(f"/agent/{agent_id}/runs?maxRecords=1")
    check_shape("run", newest)
    assert newest["id"] == started["id"]


@pytest.mark.parametrize("body", [None, {}, {"InputParameters": None, "Unknown": {"x": 1}}], ids=repr)
def test_a_start_needs_no_settings(client: ForeignClient, agent_id: int, body: Any) -> None:
    run = client.post(f"/agent/{agent_id}/start", body)

    assert ended(client, agent_id, run["id"])["status"] == 9


def test_a_synchronous_start_answers_the_records(client: ForeignClient, agent_id: int) -> None:
    answer = client.send("POST", f"/agent/{agent_id}/start", {**FULL_START, "IsRunSynchronously": True})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [{"sku": "a-1"}, {"sku": "a-2"}]


def test_a_synchronous_start_without_records_answers_an_empty_array(
    server: RunningServer, client: ForeignClient
) -> None:
    quiet = server.agent("finds nothing", "pass\n")

    assert client.post(f"/agent/{quiet}/start", {"isRunSynchronously": True}) == []


def test_a_synchronous_start_that_takes_too_long_is_a_gateway_time_out(server: RunningServer) -> None:
    slow = server.agent("slow", "import time\ntime.sleep(300)\n")

    answer = server.http.post(f"/agent/{slow}/start", json={"IsRunSynchronously": True, "Timeout": 1})

    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    [run] = server.call("GET", f"/agent/{slow}/runs")
    assert server.ended(slow, run["id"])["status"] == 8


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_stop_and_kill_answer_nothing_at_all(server: RunningServer, client: ForeignClient, verb: str) -> None:
    slow = server.agent(f"slow to {verb}", "import time\ntime.sleep(300)\n")
    run = client.post(f"/agent/{slow}/start")

    answer = client.send("POST", f"/agent/{slow}/run/{run['id']}/{verb}")

    assert answer.status_code == 204
    assert answer.content == b""
    assert "content-type" not in answer.headers
    assert ended(client, slow, run["id"])["status"] == 8


def test_files_are_downloaded_from_an_address_that_needs_no_credentials(
    server: RunningServer, client: ForeignClient, agent_id: int
) -> None:
    run = server.run(agent_id)
    path = f"/agent/{agent_id}/run/{run['id']}"
    files = client.get(f"{path}/files")
    for file in files:
        check_shape("file", file)
    records = next(file for file in files if file["name"] == "records.jsonl")
    address = f"{path}/file/{records['id']}/download"

    redirect = server.http.get(address)
    signed = redirect.headers["location"]
    whole, part, head = (
        httpx.get(signed),
        httpx.get(signed, headers={"Range": "bytes=0-3"}),
        httpx.head(signed),
    )

    assert redirect.status_code == 302
    assert signed.startswith("http://")
    assert whole.text == '{"sku":"a-1"}\n{"sku":"a-2"}\n'
    assert (part.status_code, part.text) == (206, whole.text[:4])
    assert head.headers["content-length"] == str(len(whole.content)) == str(records["fileSize"])
    assert server.http.head(address).status_code == 302
    # A client that follows redirects sends its own headers along, and knows only the final address.
    followed = client.send("GET", address)
    assert followed.url.path == httpx.URL(signed).path
    assert followed.content == whole.content


@pytest.mark.parametrize(
    ("method", "row_stays"),
    [("", False), ("?removeMethod=RemoveAllFiles", True), ("?RemoveMethod=removeentirerun", False)],
)
def test_a_run_or_its_files_are_removed(
    server: RunningServer, client: ForeignClient, agent_id: int, method: str, row_stays: bool
) -> None:
    run = server.run(agent_id)
    path = f"/agent/{agent_id}/run/{run['id']}"

    assert client.send("DELETE", path + method).status_code == 204

    found = server.http.get(f"{path}/status")
    assert found.status_code == (200 if row_stays else 404)
    if row_stays:
        assert client.get(f"{path}/files") == []


def test_an_archived_agent_cannot_be_started(server: RunningServer) -> None:
    away = server.agent("put away", "pass\n")
    server.call("POST", f"/agent/{away}/archive", expect=204)

    answer = server.http.post(f"/agent/{away}/start", json=FULL_START)

    assert answer.status_code == 409
    assert KEY not in answer.text
