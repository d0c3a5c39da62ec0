"""What it costs APScheduler 3 to hold jobs that are not due.

Reads ``{"jobs": N, "file": "…", "seconds": S}`` from standard input. It fills a SQLite database with the jobs,
starts a scheduler on it in this process, and writes ``start`` (seconds until it has looked for what is due first),
``megabytes`` (of resident memory, as far as it grew), ``idle`` (milliseconds of processor time a second while
nothing is due) and ``disk`` (megabytes of the database).
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apscheduler_store import fill
from own_costs import resident, spent


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    address = f"sqlite:///{asked['file']}"
    fill(address, asked["jobs"])
    before = resident()
    begun = time.perf_counter()
    store = stores.SQLAlchemyJobStore(url=address)
    scheduler = schedulers.BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start()
    store.get_due_jobs(datetime.now(UTC))
    started = time.perf_counter() - begun
    before_idle = spent()
    time.sleep(asked["seconds"])
    idle = (spent() - before_idle) / asked["seconds"] * 1000
    grown = max(resident() - before, 0) / 1e6
    scheduler.shutdown()
    disk = Path(asked["file"]).stat().st_size / 1e6
    json.dump([{"start": started, "megabytes": grown, "idle": idle, "disk": disk}], sys.stdout)


if __name__ == "__main__":
    main()
