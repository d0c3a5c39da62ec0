"""Lets APScheduler 3 start a command at set times, with more jobs in its database that are not due.

Reads ``{"folder": "…", "command": […], "each": N, "seconds": S, "idle": M}`` from standard input: N jobs are due at
each of S seconds, one after the other. Writes the times at which they were ``due``, in seconds of the epoch.
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler_holding import fill


def main() -> None:
    """Serve until all have been started."""
    asked = json.load(sys.stdin)
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    executors: Any = importlib.import_module("apscheduler.executors.pool")
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    address = f"sqlite:///{asked['folder']}/jobs.db"
    fill(stores, schedulers, address, asked["idle"])
    engine = sqlalchemy.create_engine(address)

    def set_up(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    sqlalchemy.event.listen(engine, "connect", set_up)
    scheduler = schedulers.BackgroundScheduler(
        jobstores={"default": stores.SQLAlchemyJobStore(engine=engine)},
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
    time.sleep(max(0.0, (due[-1] - datetime.now(UTC)).total_seconds()) + 5)
    scheduler.shutdown()
    json.dump([{"due": [moment.timestamp() for moment in due]}], sys.stdout)


if __name__ == "__main__":
    main()
