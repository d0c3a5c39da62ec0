"""Schedules that are all due in the same second: how long until all fires are committed."""

import tempfile
from pathlib import Path

from filled import fire_all, insert_same_rows, prepare
from peers import ask, python_of
from report import OURS, Case, Table

SIZES = (1_000, 10_000, 100_000)
_PEERS = {"apscheduler": "APScheduler", "celery": "Celery", "prefect": "Prefect"}
# Beyond this a round of theirs takes many minutes; Celery compares all of its schedules at every tick.
_MOST = {"apscheduler": 10_000, "celery": 1_000, "prefect": 10_000}


def measure(rounds: int) -> list[Table]:
    """One table; subjects take turns, each on a fresh database."""
    table = Table(
        name="burst",
        title="Schedules due in the same second, until all fires are committed",
        unit="seconds",
        how="SQLite with WAL and synchronous = FULL for everyone. The floor is a bare bulk insert of the rows that"
        " ours writes. APScheduler 3 has its jobs in its database store, with an executor that does nothing; it"
        " updates a row a job and keeps no ledger. Celery beat sends to a Redis that has each message on its disk"
        " (appendfsync = always) and then writes a row a task. Prefect makes its runs ahead of time, one of each"
        " deployment here, 1,000 at once; it sets synchronous = NORMAL itself.",
        aim="at most 2 times the floor (0.5 × or more in its column), 20 times the best peer",
        against=("bare insert", *_PEERS.values()),
    )
    for size in SIZES:
        case = Case(f"{size:,} schedules", {subject: [] for subject in (OURS, *table.against)}, size)
        for number in range(rounds):
            print(f"burst of {size:,}, round {number + 1} of {rounds}", flush=True)
            ours, floor = _ours(size)
            _add(case, OURS, ours)
            _add(case, "bare insert", floor)
            for name, title in _PEERS.items():
                if size > _MOST[name]:
                    case.values[title] = "not measured"
                else:
                    _add(case, title, _peer(name, size))
        table.cases.append(case)
    return [table]


def _add(case: Case, subject: str, value: float) -> None:
    values = case.values[subject]
    if isinstance(values, list):
        values.append(value)


def _ours(size: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        db, other = prepare(Path(one), size, 0), prepare(Path(two), size, 0)
        took = fire_all(db)
        floor = insert_same_rows(db, other)
        db.close()
        other.close()
    return took, floor


def _peer(name: str, size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        [answer] = ask(python_of(name), f"{name}_burst", {"jobs": size, "folder": folder})
    if answer["left"] != 0:
        raise RuntimeError(f"{_PEERS[name]} has not processed all of its jobs")
    return float(answer["seconds"])
