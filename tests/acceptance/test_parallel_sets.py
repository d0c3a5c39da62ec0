"""Parallel sets over HTTP, with real processes: the split, the limit, the exports, what is missing, restarts."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from running_server import TERMINAL, RunningServer, eventually

COMPLETED, FAILURE, STOPPED, WAITING = 9, 6, 8, 12
ECHO = """
import json, os
rows = json.load(open(os.environ["LAMPLIGHTER_INPUT"]))
shard = int(os.environ["LAMPLIGHTER_SHARD_INDEX"])
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as f:
    for row in rows if isinstance(rows, list) else [rows]:
        if "fail" in row and not os.path.exists(row["fail"]):
            raise SystemExit(3)
        f.write(json.dumps({**row, "shard": shard, "count": os.environ["LAMPLIGHTER_SHARD_COUNT"]}) + "\\n")
"""
GATED = """
import os, pathlib, time
folder = pathlib.Path(os.environ["LAMPLIGHTER_FILES"]).parents[4] / "gate"
folder.mkdir(exist_ok=True)
(folder / os.environ["LAMPLIGHTER_RUN_ID"]).touch()
while not (folder / "open").exists():
    time.sleep(0.02)
"""


def start_set(server: RunningServer, agent: int, **settings: Any) -> list[dict[str, Any]]:
    """Start a set; its runs in their sequence."""
    first = server.call("POST", f"/agent/{agent}/start", settings, expect=202)
    return runs_of(server, agent, first["parallelSet"])


def runs_of(server: RunningServer, agent: int, parallel_set: int) -> list[dict[str, Any]]:
    found = server.call("GET", f"/agent/{agent}/runs?maxRecords=100")
    return sorted((r for r in found if r["parallelSet"] == parallel_set), key=lambda r: int(r["sequence"]))


def ended_set(server: RunningServer, agent: int, parallel_set: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]] | None:
        runs = runs_of(server, agent, parallel_set)
        return runs if all(run["status"] in TERMINAL for run in runs) else None

    return eventually(look)


def exports(server: RunningServer, agent: int, run: int) -> dict[str, str]:
    """The contents of the run's exported files by their names."""
    files = server.call("GET", f"/agent/{agent}/run/{run}/files")
    return {
        file["name"]: server.http.get(
            f"/agent/{agent}/run/{run}/file/{file['id']}/download", follow_redirects=True
        ).text
        for file in files
        if file["fileType"] == "Export"
    }


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def rows(count: int) -> list[dict[str, Any]]:
    return [{"n": n} for n in range(count)]


def test_rows_are_split_and_merged_in_order_when_the_last_part_has_ended(server: RunningServer) -> None:
    agent = server.agent("combined", ECHO)
    runs = start_set(server, agent, inputParameters=json.dumps(rows(10)), parallelism=3)
    assert len(runs) == 3
    runs = ended_set(server, agent, runs[0]["parallelSet"])
    # Whoever sees the whole set ended finds the merged export at once.
    found = exports(server, agent, runs[0]["id"])
    assert [record["n"] for record in lines(found["records.jsonl"])] == list(range(10))
    assert [record["shard"] for record in lines(found["records.jsonl"])] == [1] * 4 + [2] * 3 + [3] * 3
    table = list(csv.DictReader(io.StringIO(found["records.csv"].removeprefix("\ufeff"))))
    assert [row["n"] for row in table] == [str(n) for n in range(10)]
    assert runs[0]["message"].endswith("combined export of all 3 parts: 10 records")
    assert [run["recordsExported"] for run in runs] == [10, 0, 0]
    assert [run["recordsExtracted"] for run in runs] == [4, 3, 3]
    assert exports(server, agent, runs[1]["id"]) == {}
    records = server.call("GET", f"/agent/{agent}/run/{runs[0]['id']}/records")
    assert [record["n"] for record in records] == list(range(10))
    records = server.call("GET", f"/agent/{agent}/run/{runs[1]['id']}/records")
    assert [record["n"] for record in records] == [4, 5, 6]


def test_separated_parts_keep_their_own_files(server: RunningServer) -> None:
    agent = server.agent("separated", ECHO)
    runs = start_set(
        server, agent, inputParameters=json.dumps(rows(4)), parallelism=2, parallelExport="Separated"
    )
    runs = ended_set(server, agent, runs[0]["parallelSet"])
    for run, expected in zip(runs, ([0, 1], [2, 3]), strict=True):
        found = exports(server, agent, run["id"])
        assert [record["n"] for record in lines(found["records.jsonl"])] == expected
        assert run["recordsExported"] == 2
        assert "combined" not in run["message"]


def test_an_object_is_given_to_every_run_with_its_place_in_the_set(server: RunningServer) -> None:
    agent = server.agent("shared", ECHO)
    runs = start_set(server, agent, inputParameters='{"q": "lamp"}', parallelism=3)
    runs = ended_set(server, agent, runs[0]["parallelSet"])
    merged = lines(exports(server, agent, runs[0]["id"])["records.jsonl"])
    assert merged == [{"q": "lamp", "shard": n, "count": "3"} for n in (1, 2, 3)]


def test_a_missing_part_is_named_and_its_restart_makes_the_export_anew(
    server: RunningServer, tmp_path: Path
) -> None:
    agent = server.agent("gap", ECHO)
    mended = tmp_path / "mended"
    given = [{"n": 0}, {"n": 1, "fail": str(mended)}, {"n": 2}]
    runs = start_set(server, agent, inputParameters=json.dumps(given), parallelism=3)
    runs = ended_set(server, agent, runs[0]["parallelSet"])
    assert [run["status"] for run in runs] == [COMPLETED, FAILURE, COMPLETED]

    def merged_without_part_2() -> dict[str, Any] | None:
        first = server.status(agent, runs[0]["id"])
        return first if "part 2 (Failure) is missing" in first["message"] else None

    first = eventually(merged_without_part_2)
    assert first["message"].endswith(
        "combined export of 2 of 3 parts: 2 records; part 2 (Failure) is missing"
    )
    assert [r["n"] for r in lines(exports(server, agent, first["id"])["records.jsonl"])] == [0, 2]
    old_files = {f["id"] for f in server.call("GET", f"/agent/{agent}/run/{first['id']}/files")}

    mended.touch()
    server.call("POST", f"/agent/{agent}/run/{runs[1]['id']}/restart", expect=202)
    assert server.ended(agent, runs[1]["id"])["status"] == COMPLETED
    first = server.status(agent, runs[0]["id"])
    assert first["message"].endswith("combined export of all 3 parts: 3 records")
    assert [r["n"] for r in lines(exports(server, agent, first["id"])["records.jsonl"])] == [0, 1, 2]
    assert first["recordsExported"] == 3
    assert {f["id"] for f in server.call("GET", f"/agent/{agent}/run/{first['id']}/files")} != old_files
    folders = list(server.data.glob(f"runs/*/{first['id']}/combined-*"))
    assert len(folders) == 1, "the old export is gone"


def test_at_most_so_many_runs_of_a_set_go_at_once(server: RunningServer) -> None:
    agent = server.agent("limited", GATED)
    runs = start_set(server, agent, inputParameters="{}", parallelism=4, parallelMaxConcurrency=2)
    gate = server.data / "gate"
    parallel_set = runs[0]["parallelSet"]
    eventually(lambda: gate.exists() and len(list(gate.iterdir())) == 2)
    waiting = [run for run in runs_of(server, agent, parallel_set) if run["status"] == WAITING]
    assert [run["sequence"] for run in waiting] == [3, 4]
    assert waiting[0]["message"] == "waits: at most 2 runs of the set go at once"
    # A run that is stopped while it waits is missing in the export, which is made all the same.
    server.call("POST", f"/agent/{agent}/run/{waiting[1]['id']}/stop", expect=204)
    (gate / "open").touch()
    ended = ended_set(server, agent, parallel_set)
    assert [run["status"] for run in ended] == [COMPLETED, COMPLETED, COMPLETED, STOPPED]
    eventually(lambda: "part 4 (Stopped) is missing" in server.status(agent, runs[0]["id"])["message"])


def test_a_set_that_ends_by_a_stop_is_merged_too(server: RunningServer, tmp_path: Path) -> None:
    """The last run to end is one that never began: no runner is there to merge."""
    agent = server.agent("stopped", ECHO)
    runs = start_set(
        server,
        agent,
        inputParameters=json.dumps([{"n": 0}, {"fail": str(tmp_path / "never")}]),
        parallelism=2,
        parallelMaxConcurrency=1,
        maxRetries=5,
        retryDelaySeconds=3600,
    )
    assert server.ended(agent, runs[0]["id"])["status"] == COMPLETED
    eventually(lambda: server.status(agent, runs[1]["id"])["attempt"] == 1)
    eventually(lambda: server.status(agent, runs[1]["id"])["status"] == WAITING)
    assert "combined" not in server.status(agent, runs[0]["id"])["message"]
    server.call("POST", f"/agent/{agent}/run/{runs[1]['id']}/stop", expect=204)
    eventually(
        lambda: "combined export of 1 of 2 parts: 1 record" in server.status(agent, runs[0]["id"])["message"]
    )
    assert list(exports(server, agent, runs[0]["id"])) == ["records.jsonl", "records.csv"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_killed_while_a_set_goes_merges_it_after_its_restart(tmp_path: Path, when: str) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("killed", GATED + ECHO)
        runs = start_set(server, agent, inputParameters=json.dumps(rows(4)), parallelism=2)
        gate = server.data / "gate"
        eventually(lambda: gate.exists() and len(list(gate.iterdir())) == 2)
        if when == "before":
            server.kill()
            (gate / "open").touch()
        else:
            (gate / "open").touch()
            server.kill()
        server.start()
        runs = ended_set(server, agent, runs[0]["parallelSet"])
        assert [run["status"] for run in runs] == [COMPLETED, COMPLETED]
        assert runs[0]["message"].endswith("combined export of all 2 parts: 4 records")
        found = exports(server, agent, runs[0]["id"])
        assert [record["n"] for record in lines(found["records.jsonl"])] == [0, 1, 2, 3]
