"""A real server in a process of its own, and a client for it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from run_processes import end_run_processes

KEY = "sk-test-administrator"
PATIENCE = 60.0  # seconds to wait for something that surely comes; far beyond what it takes
TERMINAL = (6, 7, 8, 9, 10, 11)
Found = TypeVar("Found")


class RunningServer:
    """``lamplighter up`` on a data folder; ``kill`` and ``start`` again as often as wanted."""

    def __init__(
        self, data: Path, *, concurrency: int = 4, environment: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self.url = ""
        self._concurrency = concurrency
        self._environment = environment or {}
        self._process: subprocess.Popen[str] | None = None
        self.groups: tuple[str, ...] = ()  # names of the server groups that the next start serves
        self.roles: tuple[str, ...] = ()  # what the next start is; all when none is named
        self.http = httpx.Client()

    def start(self) -> Self:
        """Start the process and return when it serves."""
        with (self.data.parent / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "lamplighter.cli.app",
                        "up",
                        "--data",
                        str(self.data),
                        "--port",
                        "0",
                    ),
                    *("--concurrency", str(self._concurrency)),
                    *(f"--group={name}" for name in self.groups),
                    *(f"--role={name}" for name in self.roles),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    "LAMPLIGHTER_BOOTSTRAP_KEY": KEY,
                    "LAMPLIGHTER_RATE_LIMIT": "0",
                    **self._environment,
                },
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "http://" in line:
                self.url = "http://" + line.split("http://", 1)[1].split()[0]
                break
        else:
            raise AssertionError(f"the server did not start: {(self.data.parent / 'server.log').read_text()}")
        self.http.close()
        self.http = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"ApiKey {KEY}"}, timeout=60
        )
        return self

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """End the server as a service manager does; returns its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server without any warning."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(number)
        status = self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._end(signal.SIGTERM)
        self.http.close()
        end_run_processes(self.data)  # a run goes on without its server; without its test it shall not

    # --- shortcuts of the API ---

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """One request; fails with the answer's text when the status is not ``expect``."""
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def agent(self, name: str, main: str, toml: str = "") -> int:
        """Create an agent that is one Python program; ``toml`` is added to its agent.toml."""
        files = {"agent.toml": f'[agent]\nrun = ["python", "main.py"]\n{toml}', "main.py": main}
        return int(self.call("POST", "/agent", {"name": name, "files": files}, expect=201)["id"])

    def run(self, agent_id: int, **settings: Any) -> dict[str, Any]:
        """Start an agent and wait until its run has ended."""
        run = self.call("POST", f"/agent/{agent_id}/start", settings, expect=202)
        return self.ended(agent_id, run["id"])

    def status(self, agent_id: int, run_id: int) -> dict[str, Any]:
        """One run."""
        found: dict[str, Any] = self.call("GET", f"/agent/{agent_id}/run/{run_id}/status")
        return found

    def ended(self, agent_id: int, run_id: int) -> dict[str, Any]:
        """The run when it has ended."""

        def look() -> dict[str, Any] | None:
            run = self.status(agent_id, run_id)
            return run if run["status"] in TERMINAL else None

        return eventually(look)

    def log(self, agent_id: int, run_id: int) -> str:
        """The log of a run."""
        return self.http.get(f"/agent/{agent_id}/run/{run_id}/log").text


def eventually(look: Callable[[], Found | None], *, patience: float = PATIENCE, pause: float = 0.05) -> Found:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError("waited in vain")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
