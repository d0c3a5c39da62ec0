"""The database of APScheduler 3, for the scripts that measure it."""

import importlib
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any


def durable_store(address: str) -> Any:
    """Its store on SQLite with the settings that Lamplighter's has: WAL, synchronous = FULL."""
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    engine = sqlalchemy.create_engine(address)

    def set_up(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    sqlalchemy.event.listen(engine, "connect", set_up)
    return stores.SQLAlchemyJobStore(engine=engine)


def fill(address: str, jobs: int) -> None:
    """Write jobs that are not due: the rows of ``add_job``, which commits for each, in one transaction."""
    stores: Any = importlib.import_module("apscheduler.jobstores.sqlalchemy")
    schedulers: Any = importlib.import_module("apscheduler.schedulers.background")
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
