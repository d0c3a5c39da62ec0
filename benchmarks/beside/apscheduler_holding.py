"""What it costs APScheduler 3 to hold jobs that are not due.

Reads ``{"jobs": N, "file": "…", "seconds": S}`` from standard input. It fills a SQLite database with the jobs,
starts a scheduler on it in this process, and writes ``start`` (seconds until it has looked for what is due first),
``megabytes`` (of resident memory, as far as it grew), ``idle`` (milliseconds of processor time a second while
nothing is due) and ``disk`` (megabytes of the database).
"""

import importlib
import json
import pickle
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    address = f"sqlite:///{asked['file']}"
    fill(stores, schedulers, address, asked["jobs"])
    before = _resident()
    begun = time.perf_counter()
    store = stores.SQLAlchemyJobStore(url=address)
    scheduler = schedulers.BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start()
    store.get_due_jobs(datetime.now(UTC))
    started = time.perf_counter() - begun
    spent = _spent()
    time.sleep(asked["seconds"])
    idle = (_spent() - spent) / asked["seconds"] * 1000
    grown = max(_resident() - before, 0) / 1e6
    scheduler.shutdown()
    disk = Path(asked["file"]).stat().st_size / 1e6
    json.dump([{"start": started, "megabytes": grown, "idle": idle, "disk": disk}], sys.stdout)


def fill(stores: Any, schedulers: Any, address: str, jobs: int) -> None:
    """The rows that ``add_job`` would write, in one transaction: it commits for each of them."""
    store = stores.SQLAlchemyJobStore(url=address)
    scheduler = schedulers.BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    due = datetime.now(UTC) + timedelta(days=30)
    job = scheduler.add_job("time:sleep", "interval", args=[0], minutes=1, next_run_time=due, id="first")
    state = job.__getstate__()
    rows = [
        {
            "id": str(number),
            "next_run_time": due.timestamp(),
            "job_state": pickle.dumps({**state, "id": str(number)}, store.pickle_protocol),
        }
        for number in range(jobs - 1)
    ]
    with store.engine.begin() as connection:
        for begin in range(0, len(rows), 10_000):
            connection.execute(store.jobs_t.insert(), rows[begin : begin + 10_000])
    scheduler.shutdown()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
