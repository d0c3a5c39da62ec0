"""Lets Celery beat send tasks that are all due at once; they are in its database.

Reads ``{"jobs": N, "folder": "…"}`` from standard input and writes the seconds until all have been sent to Redis
and what the scheduler keeps of them is in its database; no worker is there.
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery_service import MODULE, fill, redis


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    (folder / "bench_app.py").write_text(MODULE.format(folder=folder), encoding="utf-8")
    sys.path.insert(0, str(folder))
    app: Any = importlib.import_module("bench_app").app
    schedulers: Any = importlib.import_module("sqlalchemy_celery_beat.schedulers")
    now = datetime.now(UTC)
    fill(folder, [now - timedelta(seconds=1)] * asked["jobs"], 0, "[[]]", now + timedelta(days=30))
    server = redis(folder)
    try:
        queue = app.connection_for_write().default_channel.client
        scheduler = schedulers.DatabaseScheduler(app=app)
        begun = time.perf_counter()
        while queue.llen("celery") < asked["jobs"]:
            for _ in range(min(100, asked["jobs"])):
                scheduler.tick()
        scheduler.sync()
        took = time.perf_counter() - begun
        left = float(asked["jobs"] - queue.llen("celery"))
    finally:
        server.terminate()
        server.wait()
    json.dump([{"seconds": took, "left": left}], sys.stdout)


if __name__ == "__main__":
    main()
