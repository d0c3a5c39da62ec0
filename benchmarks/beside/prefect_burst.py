"""Lets Prefect's scheduler make flow runs for deployments whose next time is the same.

Reads ``{"jobs": N, "folder": "…"}`` from standard input and writes the seconds of one pass that schedules one run
of each. Prefect does this ahead of time, with its own settings of SQLite (WAL, synchronous = NORMAL).
"""

import asyncio
import importlib
import json
import os
import sys
import time
from typing import Any

# One run of each, as many at once as it is allowed: the least work that its settings permit.
LEAST_WORK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT1S",
    "PREFECT_SERVER_SERVICES_SCHEDULER_DEPLOYMENT_BATCH_SIZE": "1000",
    "PREFECT_SERVER_SERVICES_SCHEDULER_INSERT_BATCH_SIZE": "1000",
}


async def measured(jobs: int) -> dict[str, float]:
    """Fill the database and make one pass."""
    interface: Any = importlib.import_module("prefect.server.database")
    scheduler: Any = importlib.import_module("prefect.server.services.scheduler")
    schedules: Any = importlib.import_module("prefect.server.schemas.schedules")
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    db = interface.provide_database_interface()
    await db.create_db()
    daily = schedules.CronSchedule(cron="0 0 * * *", timezone="UTC")
    async with db.session_context(begin_transaction=True) as session:
        flow = db.Flow(name="start")
        session.add(flow)
        await session.flush()
        made = [db.Deployment(name=f"job {number}", flow_id=flow.id) for number in range(jobs)]
        session.add_all(made)
        await session.flush()
        session.add_all(
            [db.DeploymentSchedule(deployment_id=one.id, schedule=daily, active=True) for one in made]
        )
    begun = time.perf_counter()
    await scheduler.schedule_deployments()
    took = time.perf_counter() - begun
    async with db.session_context() as session:
        count = await session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(db.FlowRun))
    return {"seconds": took, "left": float(jobs - count)}


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    os.environ |= {"PREFECT_HOME": asked["folder"], "PREFECT_LOGGING_LEVEL": "ERROR", **LEAST_WORK}
    json.dump([asyncio.run(measured(asked["jobs"]))], sys.stdout)


if __name__ == "__main__":
    main()
