"""Lets Celery beat, with its schedules in a database, start a command at set times.

Reads ``{"folder": "…", "command": […], "each": N, "seconds": S, "idle": M, "start": T, "after": A}`` from standard
input: N clocked tasks are due in each of S seconds, evenly, the first of them T seconds after they were written; M
more are not due, and it ends A seconds after the last. The broker is a Redis that has each message on the disk
before it says so. Writes the times at which they were ``due``, in seconds of the epoch.
"""

import importlib
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MODULE = """import subprocess
from celery import Celery

app = Celery("bench", broker="redis+socket://{folder}/redis.sock")
app.conf.beat_dburi = "sqlite:///{folder}/beat.db"
app.conf.task_ignore_result = True

@app.task(name="start")
def start(command):
    subprocess.run(command, check=True)
"""


def fill(folder: Path, due: list[datetime], idle: int, arguments: str, later: datetime) -> None:
    """Write the tasks as rows of the scheduler's own tables, in one transaction."""
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    session: Any = importlib.import_module("sqlalchemy_celery_beat.session")
    models: Any = importlib.import_module("sqlalchemy_celery_beat.models")
    manager = session.SessionManager()
    engine, make = manager.create_session(f"sqlite:///{folder}/beat.db", schema=None)
    manager.prepare_models(engine, schema=None)
    with make() as work:
        work.connection().exec_driver_sql("PRAGMA journal_mode = WAL")
        clocks = {
            moment: models.ClockedSchedule(clocked_time=moment) for moment in dict.fromkeys([*due, later])
        }
        work.add_all(clocks.values())
        work.flush()
        base = {"task": "start", "args": arguments, "one_off": True, "discriminator": "clockedschedule"}
        rows = [
            {**base, "name": f"task {number}", "schedule_id": clocks[moment].id}
            for number, moment in enumerate([*due, *[later] * idle])
        ]
        for begin in range(0, len(rows), 10_000):
            work.execute(sqlalchemy.insert(models.PeriodicTask), rows[begin : begin + 10_000])
        work.commit()


def redis(folder: Path) -> "subprocess.Popen[bytes]":
    """A Redis of its own on a socket in the folder."""
    program = Path(sys.executable).parent / "redis-server"
    options = ["--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", str(folder)]
    options += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    server = subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL)
    while not (folder / "redis.sock").exists():
        time.sleep(0.05)
    return server


def main() -> None:
    """Serve until all have been started."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    (folder / "bench_app.py").write_text(MODULE.format(folder=folder), encoding="utf-8")
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=asked["start"])
    due = [
        first + timedelta(seconds=number / asked["each"])
        for number in range(asked["each"] * asked["seconds"])
    ]
    fill(folder, due, asked["idle"], json.dumps([asked["command"]]), first + timedelta(days=30))
    celery = [sys.executable, "-m", "celery", "-A", "bench_app"]
    scheduler = "sqlalchemy_celery_beat.schedulers:DatabaseScheduler"
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        commands = (
            [*celery, "worker", "--pool", "threads", "--concurrency", "20", "--loglevel", "WARNING"],
            [*celery, "beat", "--scheduler", scheduler, "--pidfile", "", "--loglevel", "WARNING"],
        )
        processes = [redis(folder)]
        processes += [subprocess.Popen(each, cwd=folder, stdout=log, stderr=log) for each in commands]
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.terminate)
        time.sleep(max(0.0, (due[-1] - datetime.now(UTC)).total_seconds()) + asked["after"])
    json.dump([{"due": [moment.timestamp() for moment in due]}], sys.stdout)


if __name__ == "__main__":
    main()
