"""What it costs Celery beat, with its schedules in a database, to hold tasks that are not due.

Reads ``{"jobs": N, "file": "…", "seconds": S}`` from standard input. Another process fills a SQLite database with
the tasks; then the scheduler goes round in this one as beat lets it, and what it costs is written: ``start``
(seconds until the first round is over), ``megabytes`` (of resident memory, as far as it grew), ``idle``
(milliseconds of processor time a second from then on) and ``disk`` (megabytes of the database).
"""

import importlib
import json
import multiprocessing
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery_service import MODULE, fill
from own_costs import resident, spent


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    folder = Path(asked["file"]).parent
    (folder / "bench_app.py").write_text(MODULE.format(folder=folder), encoding="utf-8")
    sys.path.insert(0, str(folder))
    later = datetime.now(UTC) + timedelta(days=30)
    filling = multiprocessing.Process(target=fill, args=(folder, [], asked["jobs"], "[[]]", later))
    filling.start()
    filling.join()
    app: Any = importlib.import_module("bench_app").app
    schedulers: Any = importlib.import_module("sqlalchemy_celery_beat.schedulers")
    before = resident()
    begun = time.perf_counter()
    scheduler = schedulers.DatabaseScheduler(app=app)
    pause = scheduler.tick()
    started = time.perf_counter() - begun
    before_idle, since = spent(), time.perf_counter()
    while time.perf_counter() - since < asked["seconds"]:
        time.sleep(max(0.0, pause))
        pause = scheduler.tick()
    idle = (spent() - before_idle) / (time.perf_counter() - since) * 1000
    grown = max(resident() - before, 0) / 1e6
    disk = (folder / "beat.db").stat().st_size / 1e6
    json.dump([{"start": started, "megabytes": grown, "idle": idle, "disk": disk}], sys.stdout)


if __name__ == "__main__":
    main()
