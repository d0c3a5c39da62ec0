"""What it costs APScheduler 3 to hold jobs that are not due.

Reads ``{"jobs": N, "file": "…", "seconds": S}`` from standard input. It fills a SQLite database with the jobs,
starts a scheduler on it in this process, and writes ``start`` (seconds until it has looked for what is due first),
``megabytes`` (of resident memory, as far as it grew), ``idle`` (milliseconds of processor time a second while
nothing is due) and ``disk`` (megabytes of the database).
"""

import importlib
import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apscheduler_store import fill


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    address = f"sqlite:///{asked['file']}"
    fill(address, asked["jobs"])
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


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
