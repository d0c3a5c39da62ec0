"""Schedules that are all due in the same second: how long until all fires are committed."""

import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from filled_database import DUE, prepare
from lamplighter.clock import SystemClock
from lamplighter.engine import Engine
from lamplighter.store.database import Database
from lamplighter.store.tables import fires, parallel_sets, runs
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
        how="SQLite with WAL and synchronous = FULL for everyone but Prefect, which sets NORMAL itself. The floor"
        " is a bare bulk insert of the rows that ours writes. APScheduler 3 has its jobs in its database store,"
        " with an executor that does nothing; it updates a row a job and keeps no ledger. Celery beat sends to a"
        " Redis that has each message on its disk (appendfsync = always) and then writes a row a task. Prefect"
        " makes its runs ahead of time, one of each deployment here, 1,000 at once.",
        aim="at most 2 times the floor (0.5 × or more in its column), 20 times the best peer",
        against=("bare insert", *_PEERS.values()),
    )
    for size in SIZES:
        case = Case(f"{size:,} schedules", size=size)
        for number in range(rounds):
            print(f"burst of {size:,}, round {number + 1} of {rounds}", flush=True)
            ours, floor = _ours(size)
            case.add(OURS, ours)
            case.add("bare insert", floor)
            for name, title in _PEERS.items():
                case.add(title, _peer(name, size) if size <= _MOST[name] else "not measured")
        table.cases.append(case)
    return [table]


def _ours(size: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        db, other = prepare(Path(one), size, 0), prepare(Path(two), size, 0)
        took = _fire_all(db)
        floor = _insert_same_rows(db, other)
        db.close()
        other.close()
    return took, floor


def _fire_all(db: Database) -> float:
    """Seconds until the engine has committed all fires."""
    engine = Engine(db, SystemClock(), lambda: None)
    begin = time.perf_counter()
    while engine.fire_once(DUE):
        pass
    return time.perf_counter() - begin


def _insert_same_rows(source: Database, target: Database) -> float:
    """Seconds to insert the ledger, set and run rows of ``source`` into ``target`` in one transaction."""
    tables = (fires, parallel_sets, runs)
    with source.read() as c:
        rows = {table.name: [dict(r) for r in c.execute(sa.select(table)).mappings()] for table in tables}
    begin = time.perf_counter()
    with target.write() as c:
        for table in tables:
            c.execute(table.insert(), rows[table.name])
    return time.perf_counter() - begin


def _peer(name: str, size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        [answer] = ask(python_of(name), f"{name}_burst", {"jobs": size, "folder": folder})
    if answer["left"] != 0:
        raise RuntimeError(f"{_PEERS[name]} has not processed all of its jobs")
    return float(answer["seconds"])
