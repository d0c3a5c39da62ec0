"""The real server is killed again and again while schedules fire every second and runs are going."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from running_server import RunningServer, eventually

SCHEDULES = 60
SECONDS = 60
SEED = 20260105

# Each process writes its own beginning and end, so that the trace does not depend on what the server believes.
AGENT = """
import json, os, sys, time
from pathlib import Path

def trace(what):
    line = json.dumps({"run": int(os.environ["LAMPLIGHTER_RUN_ID"]), "what": what}) + "\\n"
    handle = os.open(TRACE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())

trace("begin")
number = json.loads(Path(os.environ["LAMPLIGHTER_INPUT"]).read_text())["number"]
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as records:
    for index in range(number % 5 + 1):
        records.write(json.dumps({"index": index}) + "\\n")
        records.flush()
        time.sleep(0.1 * (number % 7))
trace("end")
sys.exit(3 if number % 10 == 9 else 0)
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


def test_no_due_time_is_lost_or_doubled_and_running_agents_are_adopted(tmp_path: Path, trace: Path) -> None:
    chance = random.Random(SEED)
    server = RunningServer(tmp_path / "data", concurrency=8).start()
    agent = server.agent("crash", f"TRACE = {str(trace)!r}\n{AGENT}")
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    schedules = [_add_schedule(server, agent, begin, number) for number in range(SCHEDULES)]
    end = begin + timedelta(seconds=SECONDS)
    kills = _kill_until(server, end, chance)
    assert kills > 3, "the server must have been killed"
    for schedule in schedules:
        server.call("POST", f"/agent/{agent}/schedules/{schedule}/disable", expect=204)
    runs = _ended_runs(server, agent)
    stopped_firing = datetime.now(UTC)

    due_times = Counter[tuple[int, datetime]]()
    run_ids: list[int] = []
    for number, schedule in enumerate(schedules):
        ledger = server.call("GET", f"/agent/{agent}/schedules/{schedule}/fires?maxRecords=1000")
        for fire in ledger:
            first = datetime.fromisoformat(fire["dueTime"])
            for step in range(fire["count"]):
                due_times[schedule, first + step * timedelta(minutes=1)] += 1
            run_ids += fire["runIds"]
            assert bool(fire["runIds"]) is (fire["outcome"] in ("fired", "late")), fire
        due = begin + timedelta(seconds=number)
        while due <= min(end, stopped_firing):
            assert due_times[schedule, due] == 1, (
                f"schedule {number} at {due}: {due_times[schedule, due]} times"
            )
            due += timedelta(minutes=1)
    assert set(due_times.values()) == {1}
    assert sorted(run_ids) == sorted(runs), "every run has its fire and every fire its run"

    _check_trace(trace, runs)
    server.stop()
    server.http.close()


def _add_schedule(server: RunningServer, agent: int, begin: datetime, number: int) -> int:
    body = {
        "name": f"second {number}",
        "runEveryCount": 1,
        "runEveryPeriod": 1,
        "startTime": (begin + timedelta(seconds=number)).isoformat(),
        "inputParameters": json.dumps({"number": number}),
    }
    return int(server.call("POST", f"/agent/{agent}/schedules", body, expect=201)["id"])


def _kill_until(server: RunningServer, end: datetime, chance: random.Random) -> int:
    kills = 0
    while True:
        moment = datetime.now(UTC) + timedelta(seconds=chance.uniform(0.2, 9))
        eventually(lambda until=moment: datetime.now(UTC) >= until)  # type: ignore[misc]
        if datetime.now(UTC) >= end:
            return kills
        server.kill()
        server.start()
        kills += 1


def _ended_runs(server: RunningServer, agent: int) -> dict[int, dict[str, Any]]:
    def look() -> dict[int, dict[str, Any]] | None:
        found = server.call("GET", f"/agent/{agent}/runs?maxRecords=1000")
        going = [run for run in found if run["status"] in (1, 2, 3, 4, 5, 12)]
        return None if going else {run["id"]: run for run in found}

    return eventually(look)


def _check_trace(trace: Path, runs: dict[int, dict[str, Any]]) -> None:
    """Each run's process began once and ended once, and its verdict is the true one."""
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    begins = Counter(line["run"] for line in lines if line["what"] == "begin")
    ends = Counter(line["run"] for line in lines if line["what"] == "end")
    assert begins == ends == Counter(runs.keys())
    for run in runs.values():
        number = int(run["startedBy"].rsplit(" ", 1)[1])
        wanted = 6 if number % 10 == 9 else 9
        assert run["status"] == wanted, run["message"]
        assert run["dataCount"] == number % 5 + 1
