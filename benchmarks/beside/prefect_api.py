"""Serves a Prefect server with deployments that have a schedule and a run to come each.

Reads ``{"folder": "…", "jobs": N}`` as a line from standard input; fills the database when it is not there. Writes
the address of the API, a deployment and a flow run as a line, and serves until its input ends.
"""

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from prefect_burst import LEAST_WORK, measured
from prefect_service import post, served


def main() -> None:
    """Fill, serve, and wait."""
    asked = json.loads(sys.stdin.readline())
    folder = Path(asked["folder"])
    # What is asked for is there already: nothing of its own is to take time from the answers.
    os.environ |= {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    }
    if not (folder / "filled").exists():
        os.environ |= {"PREFECT_HOME": str(folder), "PREFECT_LOGGING_LEVEL": "ERROR", **LEAST_WORK}
        asyncio.run(measured(asked["jobs"]))
        (folder / "filled").touch()
    with served(folder) as (url, _):
        # None of the first fifty, which a list shows with all of their schedules.
        [deployment] = post(f"{url}/deployments/filter", {"limit": 1, "offset": 100})
        [run] = post(f"{url}/flow_runs/filter", {"limit": 1})
        told: dict[str, Any] = {"url": url, "deployment": deployment["id"], "run": run["id"]}
        with urllib.request.urlopen(f"{url}/flow_runs/{run['id']}", timeout=60):
            print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
