"""How long it takes until a run that is started begins on a worker, and until a stop reaches its process there.

The same is measured on one embedded server, and compared: the rest is what the fleet's way costs. Needs root, for
the hosts of the fleet, as the fault runs do.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults.fleet import Fleet
from running_server import RunningServer, eventually

TIMES = 30
_AGENT = """
import os, pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
def stop(*_):
    (place / (os.environ["LAMPLIGHTER_RUN_ID"] + ".stop")).write_text(str(time.monotonic_ns()))
    sys.exit()
signal.signal(signal.SIGTERM, stop)
(place / (os.environ["LAMPLIGHTER_RUN_ID"] + ".start")).write_text(str(time.monotonic_ns()))
time.sleep(600)
"""
Call = Callable[..., Any]


def measure(call: Call, notes: Path) -> tuple[list[float], list[float]]:
    """Milliseconds until runs had begun, and until they heard that they are to stop."""
    notes.mkdir()
    toml = f'[agent]\nrun = ["python", "-S", "main.py", "{notes}"]\n'
    body = {"name": f"waits {notes.parent.name}", "files": {"agent.toml": toml, "main.py": _AGENT}}
    agent = call("POST", "/agent", body)["id"]
    begins, stops = [], []
    for _ in range(TIMES):
        asked = time.monotonic_ns()
        run = call("POST", f"/agent/{agent}/start", {})["id"]
        begins.append((_noted(notes / f"{run}.start") - asked) / 1e6)
        time.sleep(0.2)
        asked = time.monotonic_ns()
        call("POST", f"/agent/{agent}/run/{run}/stop")
        stops.append((_noted(notes / f"{run}.stop") - asked) / 1e6)
    return begins, stops


def _noted(file: Path) -> int:
    return int(eventually(lambda: file.read_text() if file.exists() else None, pause=0.005))


def main() -> None:
    """Measure both and print."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        one, many = Path(folder) / "one", Path(folder) / "many"
        one.mkdir()
        many.mkdir()
        server = stack.enter_context(RunningServer(one / "data"))

        def call_one(method: str, path: str, body: Any = None) -> Any:
            answer = server.http.request(method, path, json=body)
            return answer.json() if answer.content else None

        alone = measure(call_one, one / "notes")
        fleet = Fleet(many, stack, workers=2)
        apart = measure(fleet.call, many / "notes")
    for what, near, far in zip(("until it begins", "until it is to stop"), alone, apart, strict=True):
        ratio = statistics.median(far) / statistics.median(near)
        shown = " / ".join(f"{value:.0f}" for value in (statistics.median(far), max(far)))
        print(
            f"{what:20} on a worker {shown} ms (median / most of {TIMES}); {ratio:.1f} times that of one server"
        )


if __name__ == "__main__":
    main()
