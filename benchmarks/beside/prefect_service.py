"""Lets a Prefect server and its process worker start a command at set times.

Reads ``{"folder": "…", "command": […], "each": N, "every": E, "seconds": S, "start": T, "after": A}`` from standard
input: N flow runs are due every E seconds for S seconds. The worker has T seconds to get ready, and it ends A
seconds after the last. Writes the times at which they were ``due``, in seconds of the epoch.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FLOW = """import subprocess
from prefect import flow

@flow
def start():
    subprocess.run({command!r}, check=True)
"""


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server with its database in the folder: the address of its API, and the environment for its commands."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError((folder / "server.log").read_text())
        yield url, environment
    finally:
        server.terminate()
        server.wait()


def post(url: str, body: Any) -> Any:
    """The answer to a request; one that finds the server busy is made again, as Prefect's own client does."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    for patience in range(20, -1, -1):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            if problem.code != 503 or not patience:
                raise
            time.sleep(0.5)
    raise AssertionError


def main() -> None:
    """Serve until all have been started."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    (folder / "flow.py").write_text(FLOW.format(command=asked["command"]), encoding="utf-8")
    with ExitStack() as stack:
        url, environment = stack.enter_context(served(folder))
        post(f"{url}/work_pools/", {"name": "bench", "type": "process"})
        flow = post(f"{url}/flows/", {"name": "start"})["id"]
        body = {"name": "start", "flow_id": flow, "path": str(folder), "entrypoint": "flow.py:start"}
        deployment = post(f"{url}/deployments/", {**body, "work_pool_name": "bench"})["id"]
        with (folder / "worker.log").open("wb") as log:
            command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "bench"]
            worker = subprocess.Popen(
                command,
                env={**environment, "PREFECT_WORKER_QUERY_SECONDS": "1"},
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        stack.callback(worker.wait)
        stack.callback(worker.kill)  # asked to end, it sometimes never does
        time.sleep(asked["start"])
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=15)
        due = [
            first + timedelta(seconds=second)
            for second in range(0, asked["seconds"], asked["every"])
            for _ in range(asked["each"])
        ]
        for moment in due:
            details = {"scheduled_time": moment.isoformat()}
            state = {"type": "SCHEDULED", "state_details": details}
            post(f"{url}/deployments/{deployment}/create_flow_run", {"state": state})
        time.sleep(max(0.0, (due[-1] - datetime.now(UTC)).total_seconds()) + asked["after"])
    json.dump([{"due": [moment.timestamp() for moment in due]}], sys.stdout)


if __name__ == "__main__":
    main()
