"""What it costs to hold schedules that are not due: time to start, memory, processor, size of the database."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from filled_database import prepare
from lamplighter.store.tables import schedules
from peers import ask, python_of
from report import OURS, Case, Table
from running_server import RunningServer

SIZES = (1_000, 100_000, 1_000_000)
_MOST_OF_CELERY = 100_000
_IDLE = 10  # seconds
_KINDS = {
    "start": ("until it serves, or has looked for what is due", "seconds"),
    "megabytes": ("resident memory, as far as it is more than with no schedule", "MB"),
    "idle": ("processor time while nothing is due", "ms a second"),
    "disk": ("size of the database", "MB"),
}


def measure(rounds: int) -> list[Table]:
    """A table for each kind of cost."""
    tables = {kind: _table(kind) for kind in _KINDS}
    for size in SIZES:
        for table in tables.values():
            table.cases.append(Case(f"{size:,} schedules", size=size))
        for number in range(rounds):
            print(f"holding {size:,}, round {number + 1} of {rounds}", flush=True)
            for subject, look in _SUBJECTS.items():
                # It reads all of its tasks before it begins, and keeps them in memory.
                too_much = subject == "Celery" and size > _MOST_OF_CELERY
                found = dict.fromkeys(_KINDS, "not measured") if too_much else look(size)
                for kind, value in found.items():
                    tables[kind].cases[-1].add(subject, value)
    return list(tables.values())


def _table(kind: str) -> Table:
    how, unit = _KINDS[kind]
    return Table(
        name=f"holding-{kind}",
        title=f"Holding schedules: {how}",
        unit=unit,
        how="None of them is due. Ours is the whole server in a process of its own (API, scheduler, runner),"
        " APScheduler and Celery beat are their schedulers alone, with a database on SQLite.",
        aim="flat memory, start below 3 s with 1,000,000",
        against=tuple(_SUBJECTS)[1:],
    )


def _ours(size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        empty = _looked_at(data)["megabytes"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        db = prepare(data, 1, size - 1)
        later = datetime.now(UTC) + timedelta(days=30)
        with db.write() as c:
            c.execute(schedules.update().values(next_due=later, fire_at=later))
        db.close()
        found = _looked_at(data)
    return {**found, "megabytes": max(found["megabytes"] - empty, 0.0)}


def _looked_at(data: Path) -> dict[str, float]:
    begun = time.perf_counter()
    with RunningServer(data) as server:
        started = time.perf_counter() - begun
        spent = _spent(server.pid)
        time.sleep(_IDLE)
        idle = (_spent(server.pid) - spent) / _IDLE * 1000
        pages = Path(f"/proc/{server.pid}/statm").read_text(encoding="ascii").split()[1]
    disk = sum(file.stat().st_size for file in data.glob("lamplighter.db*")) / 1e6
    return {"start": started, "megabytes": int(pages) * 4096 / 1e6, "idle": idle, "disk": disk}


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def _peer(name: str) -> Callable[[int], dict[str, float]]:
    def look(size: int) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            asked = {"jobs": size, "file": f"{folder}/jobs.db", "seconds": _IDLE}
            [answer] = ask(python_of(name), f"{name}_holding", asked)
        return {kind: float(value) for kind, value in answer.items()}

    return look


_SUBJECTS: Mapping[str, Callable[[int], dict[str, float]]] = {
    OURS: _ours,
    "APScheduler": _peer("apscheduler"),
    "Celery": _peer("celery"),
}
