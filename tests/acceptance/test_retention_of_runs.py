"""Retention on a real server: what is beyond the limits goes, and nothing that goes on or is still wanted."""

from pathlib import Path
from typing import Any

import pytest

from running_server import RunningServer, eventually

EMITS = "from lamplighter import agent\nprint('said', flush=True)\nagent.emit({'n': 1})\n"
WAITS = """
import time
from pathlib import Path
from lamplighter import agent
agent.emit({"n": 1})
while not Path(GATE).exists():
    time.sleep(0.02)
"""


def run_ids(server: RunningServer, agent: int) -> list[int]:
    return [run["id"] for run in server.call("GET", f"/agent/{agent}/runs")]


def folder_of(server: RunningServer, run_id: int) -> Path:
    return server.data / "runs" / str(run_id // 1000) / str(run_id)


def download(server: RunningServer, agent: int, run_id: int, file: dict[str, Any]) -> str:
    path = f"/agent/{agent}/run/{run_id}/file/{file['id']}/download"
    return server.http.get(path, follow_redirects=True).text


def test_only_the_newest_runs_stay_and_they_stay_whole(server: RunningServer) -> None:
    agent = server.agent("two of five", EMITS)
    first = [server.run(agent)["id"] for _ in range(3)]
    old_file = server.call("GET", f"/agent/{agent}/run/{first[0]}/files")[0]
    server.call("PUT", f"/agent/{agent}/retention", {"runsCount": 2})
    eventually(lambda: run_ids(server, agent) == first[:0:-1])
    last = [server.run(agent)["id"] for _ in range(2)]
    server.call("PUT", f"/agent/{agent}/retention", {"runsCount": 2})
    eventually(lambda: run_ids(server, agent) == last[::-1])
    for run_id in first:
        assert not folder_of(server, run_id).exists(), "it goes before its row does"
        assert server.http.get(f"/agent/{agent}/run/{run_id}/status").status_code == 404
    gone = f"/agent/{agent}/run/{first[0]}/file/{old_file['id']}/download"
    assert server.http.get(gone).status_code == 404
    for run_id in last:
        files = {f["name"]: f for f in server.call("GET", f"/agent/{agent}/run/{run_id}/files")}
        assert download(server, agent, run_id, files["records.jsonl"]) == '{"n":1}\n'
        assert "said" in server.log(agent, run_id)
    eventually(lambda: not list((server.data / "runs" / "trash").iterdir()))


def test_a_run_that_goes_is_never_removed(server: RunningServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = server.agent("slow", f"GATE = {str(gate)!r}\n{WAITS}")
    going = server.call("POST", f"/agent/{slow}/start", {}, expect=202)["id"]
    eventually(lambda: server.status(slow, going)["status"] == 1)
    gone = server.call("POST", f"/agent/{slow}/start", {"isRunSynchronously": False}, expect=202)["id"]
    server.call("POST", f"/agent/{slow}/run/{gone}/stop", expect=204)
    server.ended(slow, gone)
    quick = server.call("POST", f"/agent/{slow}/start", {}, expect=202)["id"]
    server.call("POST", f"/agent/{slow}/run/{quick}/stop", expect=204)
    server.ended(slow, quick)
    limits = {"runsCount": 1, "logsCount": 1, "filesCount": 1}
    server.call("PUT", f"/agent/{slow}/retention", limits)
    eventually(lambda: gone not in run_ids(server, slow))
    assert run_ids(server, slow) == [quick, going]
    gate.touch()
    ended = server.ended(slow, going)
    assert (ended["status"], ended["dataCount"]) == (9, 1)
    assert server.call("GET", f"/agent/{slow}/run/{going}/records") == [{"n": 1}], "it ended last"
    server.call("PUT", f"/agent/{slow}/retention", limits)
    eventually(lambda: run_ids(server, slow) == [going])


@pytest.mark.parametrize("what", ["logs", "files"])
def test_logs_and_files_of_older_runs_can_go_by_themselves(server: RunningServer, what: str) -> None:
    agent = server.agent(f"without {what}", EMITS)
    old, young = (server.run(agent)["id"] for _ in range(2))
    server.call("PUT", f"/agent/{agent}/retention", {f"{what}Count": 1})

    def names(run_id: int) -> set[str]:
        return {f["name"] for f in server.call("GET", f"/agent/{agent}/run/{run_id}/files")}

    eventually(lambda: names(old) != names(young))
    assert run_ids(server, agent) == [young, old]
    records = [server.call("GET", f"/agent/{agent}/run/{run_id}/records") for run_id in (old, young)]
    logs = [server.log(agent, run_id) for run_id in (old, young)]
    assert "said" in logs[1]
    assert records[1] == [{"n": 1}]
    if what == "logs":
        assert names(old) == names(young) - {"log.txt"}
        assert "the log was removed: it is kept no longer (retention)" in logs[0]
        assert records[0] == [{"n": 1}]
    else:
        assert names(old) == {"log.txt"}
        assert "said" in logs[0]
        assert records[0] == []
