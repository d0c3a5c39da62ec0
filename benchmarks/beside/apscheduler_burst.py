"""Lets APScheduler 3 process jobs that are all due at once; they are in a SQLite database, and do nothing.

Reads ``{"jobs": N, "folder": "…"}`` from standard input and writes the seconds from the beginning of the pass that
finds them due until all have been submitted and their next times are committed. The database has the settings that
Lamplighter's has (WAL, synchronous = FULL), and the executor does nothing, so that only the scheduler is measured.
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler_store import durable_store


def nothing() -> None:
    """What the jobs do."""


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
    executors: Any = importlib.import_module("apscheduler.executors.base")

    class Nowhere(executors.BaseExecutor):  # type: ignore[misc]  # it is known only when it is installed
        """Takes jobs and says at once that they ran."""

        def _do_submit_job(self, job: Any, _run_times: Any) -> None:
            self._run_job_success(job.id, [])

    scheduler = schedulers.BackgroundScheduler(
        jobstores={"default": durable_store(f"sqlite:///{asked['folder']}/jobs.db")},
        executors={"default": Nowhere()},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone="UTC",
    )
    scheduler.start(paused=True)
    due = datetime.now(UTC) - timedelta(seconds=1)
    # A function is stored by its name, and this file is not a module that could be imported by it.
    for number in range(asked["jobs"]):
        scheduler.add_job("time:sleep", "interval", args=[0], minutes=1, next_run_time=due, id=str(number))
    scheduler.state = 1  # running: the pass is made here and not by its thread
    begun = time.perf_counter()
    scheduler._process_jobs()
    took = time.perf_counter() - begun
    left = len(scheduler._lookup_jobstore("default").get_due_jobs(datetime.now(UTC)))
    json.dump([{"seconds": took, "left": float(left)}], sys.stdout)


if __name__ == "__main__":
    main()
