"""A real worker of a fleet in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from run_processes import end_run_processes
from running_server import PATIENCE


class RunningWorker:
    """``lamplighter worker``; ``kill``, ``stop`` and ``start`` again as often as wanted."""

    def __init__(
        self,
        data: Path,
        name: str,
        *,
        environment: Mapping[str, str],
        groups: tuple[str, ...] = (),
        concurrency: int = 4,
    ) -> None:
        self.data = data
        self.name = name
        self._arguments = ["--data", str(data), "--name", name, "--concurrency", str(concurrency)]
        self._arguments += ["--label", "zone=eu-1"]
        self._arguments += [f"--group={group}" for group in groups]
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self.said = ""

    @property
    def log(self) -> Path:
        """What all processes of this worker have written to standard error."""
        return self.data.parent / f"worker-{self.data.name}.log"

    def start(self, *, waits: bool = True) -> Self:
        """Start the process and return when the installation knows it."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lamplighter.cli.app", "worker", *self._arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self._environment},
            )
        if waits:
            self.until_known()
        return self

    def until_known(self) -> None:
        """Return when the installation knows the worker."""
        assert self._process is not None
        assert self._process.stdout is not None
        self.said = ""
        for line in self._process.stdout:
            self.said += line
            if line.startswith("The worker "):
                return
        raise AssertionError(f"the worker did not start: {self.log.read_text()}")

    @property
    def pid(self) -> int:
        """The worker's process id."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def stop(self) -> int:
        """End it as a service manager does; returns its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it without any warning."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Return its exit status when it has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
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
            self.signal(signal.SIGCONT)
            self.kill()
        end_run_processes(self.data)
