"""Lets APScheduler 3 start a command at set times, with more jobs in its database that are not due.

Reads ``{"folder": "…", "command": […], "each": N, "seconds": S, "idle": M, "after": A}`` from standard input: N
jobs are due in each of S seconds, evenly, M more are not due, and it ends A seconds after the last. Writes the
times at which they were ``due``, in seconds of the epoch.
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler_store import durable_store, fill


def main() -> None:
    """Serve until all have been started."""
    asked = json.load(sys.stdin)
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    executors: Any = importlib.import_module("apscheduler.executors.pool")
    address = f"sqlite:///{asked['folder']}/jobs.db"
    fill(address, asked["idle"])
    scheduler = schedulers.BackgroundScheduler(
        jobstores={"default": durable_store(address)},
        executors={"default": executors.ThreadPoolExecutor(20)},
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.start(paused=True)
    count = asked["each"] * asked["seconds"]
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3 + count / 100)
    due = [first + timedelta(seconds=number / asked["each"]) for number in range(count)]
    for number, moment in enumerate(due):
        scheduler.add_job(
            "subprocess:run", "date", run_date=moment, args=[asked["command"]], id=f"due {number}"
        )
    scheduler.resume()
    time.sleep(max(0.0, (due[-1] - datetime.now(UTC)).total_seconds()) + asked["after"])
    scheduler.shutdown()
    json.dump([{"due": [moment.timestamp() for moment in due]}], sys.stdout)


if __name__ == "__main__":
    main()
