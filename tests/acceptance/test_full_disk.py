"""A disk that is full: runs end with the reason, nothing is lost, and all goes on when there is room again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from running_server import RunningServer, eventually
from small_disk import small_disk

FAILURE, COMPLETED = 6, 9
FILLS = """
import os
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as f:
    for n in range(100_000):
        f.write('{"n": %d, "text": "%s"}\\n' % (n, "x" * 1000))
        f.flush()
"""
FILLS_ALL_THERE_IS = """
import os, pathlib, time
data = pathlib.Path(os.environ["LAMPLIGHTER_FILES"]).parents[4]
with open(data / "ballast", "wb", buffering=0) as f:
    for size in (65536, 512, 1):
        try:
            while True:
                f.write(b"x" * size)
        except OSError:
            pass
while not pathlib.Path(GATE).exists():
    time.sleep(0.02)
"""


def test_an_agent_that_fills_the_disk_is_a_failure_that_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with small_disk(data / "runs", mib=8), RunningServer(data) as server:
        greedy = server.agent("greedy", FILLS)
        run = server.run(greedy)
        assert run["status"] == FAILURE
        assert "No space left on device" in run["message"]
        # With its files gone there is room again, for others and for itself.
        server.call("DELETE", f"/agent/{greedy}/run/{run['id']}?removeMethod=RemoveAllFiles", expect=204)
        modest = server.agent("modest", 'print("hello")')
        assert server.run(modest)["status"] == COMPLETED


def test_with_the_whole_data_folder_full_no_due_time_is_lost(tmp_path: Path) -> None:
    """The database cannot write either: what came due meanwhile fires when there is room again."""
    data, gate = tmp_path / "data", tmp_path / "gate"
    with small_disk(data, mib=24), RunningServer(data) as server:
        greedy = server.agent("greedy", f"GATE = {str(gate)!r}\n{FILLS_ALL_THERE_IS}")
        modest = server.agent("modest", 'print("hello")')
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)
        body = {
            "name": "every minute",
            "runEveryCount": 1,
            "runEveryPeriod": 1,
            "startTime": due.isoformat(),
        }
        schedule = server.call("POST", f"/agent/{modest}/schedules", body, expect=201)
        run = server.call("POST", f"/agent/{greedy}/start", {}, expect=202)
        ballast = data / "ballast"
        eventually(lambda: ballast.exists() and server.http.get("/agent/all").status_code == 200)
        eventually(lambda: datetime.now(UTC) > due + timedelta(seconds=3))
        ballast.unlink()
        gate.touch()
        assert server.ended(greedy, run["id"])["status"] == COMPLETED
        path = f"/agent/{modest}/schedules/{schedule['id']}/fires"
        fires = eventually(lambda: server.call("GET", path))
        assert fires[-1]["dueTime"] == due.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert fires[-1]["outcome"] in ("fired", "late")
        [first] = fires[-1]["runIds"]
        assert server.ended(modest, first)["status"] == COMPLETED
