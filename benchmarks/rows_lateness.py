"""Lateness: from the time at which an agent is due to the moment at which its process runs."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from filled_database import multiply
from lamplighter.store.database import Database
from peers import ask, python_of
from report import OURS, Case, Table
from running_server import RunningServer, eventually


class Work(NamedTuple):
    """How many are due in a second, for how many seconds, and how many more schedules there are."""

    each: int
    seconds: int
    idle: int


_ONE_A_SECOND = "one a second, nothing else"
_WORK: Mapping[str, Work] = {
    _ONE_A_SECOND: Work(1, 20, 0),
    "25 a second, 100,000 more schedules": Work(25, 10, 100_000),
    "50 a second, 100,000 more schedules": Work(50, 10, 100_000),
}
_AT_ONCE = {f"{count:,} in one second": Work(count, 1, 0) for count in (10, 100, 1_000)}
_MINUTES = 3  # of cron
_PATIENCE = 120  # seconds for the last to begin
# When they were due, in seconds of the epoch, or the word that says why there is nothing.
Serve = Callable[[Path, list[str], Work], list[float] | str]


def measure(rounds: int) -> list[Table]:
    """Tables of the median, of the 99th percentile, and of when the last of a burst has begun."""
    p50, p99 = _table("p50", "median", "ms"), _table("p99", "99th percentile", "ms")
    last = _table("last", "all due in one second, until the last has begun", "seconds")
    for name, work in {**_WORK, **_AT_ONCE}.items():
        middle, most, end = Case(name), Case(name), Case(name, size=work.each)
        for number in range(rounds):
            for subject, serve in _SUBJECTS.items():
                print(f"lateness, {name}: {subject}, round {number + 1} of {rounds}", flush=True)
                # A run of Prefect takes seconds of processor time.
                too_much = subject == "Prefect" and work.each > 10
                times = "not measured" if too_much else _times(serve, work)
                late = times if isinstance(times, str) else _late(*times)
                middle.add(subject, late if isinstance(late, str) else late[len(late) // 2])
                most.add(subject, late if isinstance(late, str) else late[int(len(late) * 0.99)])
                end.add(subject, times if isinstance(times, str) else times[1][-1] - times[0][0])
        if name in _WORK:
            p50.cases.append(middle)
            p99.cases.append(most)
        else:
            last.cases.append(end)
    return [p50, p99, last]


def _table(name: str, what: str, unit: str) -> Table:
    return Table(
        name=f"lateness-{name}",
        title=f"Lateness, {what}",
        unit=unit,
        how="From the due time to what `sh -c 'date +%s.%N'` prints; due times are spread evenly over a second. The"
        " n-th that prints is held against the n-th that was due. Ours keeps a ledger, a folder, a log and a keeper"
        " for each run, all on the disk; APScheduler and Celery start the command in a thread and keep nothing of"
        " it. Everyone may run 20 at once. SQLite has WAL and synchronous = FULL for ours and APScheduler; Celery's"
        " messages are on Redis's disk before they are sent (appendfsync = always); Prefect sets synchronous ="
        " NORMAL itself, and a run that it started too early counts as being late by that. For Prefect one is due"
        " every 5 seconds, and for cron every minute.",
        aim="99 % below 100 ms, below every peer",
        against=tuple(_SUBJECTS)[1:],
    )


def _times(serve: Serve, work: Work) -> tuple[list[float], list[float]] | str:
    """When they were due and when they began; or what is said of one that had not begun them all when it ended."""
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times"
        command = ["sh", "-c", f"date +%s.%N >> {shlex.quote(str(times))}"]
        due = serve(Path(folder), command, work)
        if isinstance(due, str):
            return due
        began = sorted(map(float, times.read_text(encoding="ascii").split()))
    if len(began) != len(due):
        return f"{len(began)} of {len(due)} began"
    return sorted(due), began


def _late(due: list[float], began: list[float]) -> list[float]:
    """Milliseconds, the least first."""
    return sorted(abs(a - b) * 1000 for a, b in zip(began, due, strict=True))


def _ours(folder: Path, command: list[str], work: Work) -> list[float]:
    server = RunningServer(folder / "data", concurrency=20)
    server.data.mkdir()
    with server:
        toml = f'[agent]\nname = "late"\nrun = {command!r}\n'
        agent = server.call("POST", "/agent", {"files": {"agent.toml": toml}}, expect=201)["id"]
        yearly = {"name": "idle", "cronExpression": "0 0 1 1 *"}
        server.call("POST", f"/agent/{agent}/schedules", yearly, expect=201)
    with closing(Database.embedded(server.data / "lamplighter.db")) as db, db.write() as c:
        multiply(c, work.idle, datetime.now(UTC) + timedelta(days=30))
    with server:
        count = work.each * work.seconds
        # The API takes no start that is less than a minute away.
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=65 + count / 50)
        due = [first + timedelta(seconds=number / work.each) for number in range(count)]
        for number, moment in enumerate(due):
            at = moment.isoformat().replace("+00:00", "Z")
            body = {"name": f"due {number}", "scheduleType": 1, "startTime": at}
            server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
        time.sleep(max(0.0, (due[-1] - datetime.now(UTC)).total_seconds()))
        eventually(lambda: _count(folder / "times") == count, patience=_PATIENCE, pause=1)
    return [moment.timestamp() for moment in due]


def _cron(folder: Path, command: list[str], work: Work) -> list[float] | str:
    """The cron of this machine, in a world of its own where it has one line; it only knows minutes."""
    if work != _WORK[_ONE_A_SECOND]:
        return "only knows minutes"
    if os.geteuid() != 0 or shutil.which("cron") is None:
        return "needs root and cron"
    table = folder / "crontab"
    table.write_text(f"* * * * * root {shlex.join(command)}\n".replace("%", "\\%"), encoding="ascii")
    table.chmod(0o644)
    world = (
        "mount -t tmpfs none /run && mount -t tmpfs none /etc/cron.d && mount -t tmpfs none /var/spool/cron"
        f" && mkdir /var/spool/cron/crontabs && mount --bind {table} /etc/crontab && exec cron -f"
    )
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", world])
    try:
        begun = datetime.now(UTC)
        eventually(lambda: _count(folder / "times") == _MINUTES, patience=90 * _MINUTES, pause=0.5)
    finally:
        process.terminate()
        process.wait()
    first = begun.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return [(first + timedelta(minutes=number)).timestamp() for number in range(_MINUTES)]


def _count(times: Path) -> int:
    return len(times.read_text(encoding="ascii").split()) if times.exists() else 0


def _peer(name: str, **more: int) -> Serve:
    def serve(folder: Path, command: list[str], work: Work) -> list[float]:
        # Celery reads all of its schedules before it begins.
        patience = {"start": 10 + work.idle // 1000, "after": 30 if work.each < 100 else 60}
        asked = {"folder": str(folder), "command": command, **work._asdict(), **patience, **more}
        [found] = ask(python_of(name), f"{name}_service", asked)
        due: list[float] = found["due"]
        return due

    return serve


_SUBJECTS: Mapping[str, Serve] = {
    OURS: _ours,
    "APScheduler": _peer("apscheduler"),
    "Celery": _peer("celery"),
    "Prefect": _peer("prefect", every=5),
    "cron": _cron,
}
