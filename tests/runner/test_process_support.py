"""What the tests of the run's process share; no tests of its own."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from lamplighter.runner.fork_server import ForkServers
from lamplighter.runner.process import DeadMansSwitch, ProcessExit, RunProcess, start

AGENTS = Path(__file__).with_name("agents")
PATIENCE = 30.0
SERVERS = ForkServers()


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for ``condition``; fail if it takes absurdly long."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


class Attempt:
    """The folders of one attempt, and a mark in the environment by which all its processes can be found."""

    def __init__(self, folder: Path) -> None:
        self.dir = folder / "attempt"
        self.work = folder / "work"
        self.dir.mkdir(parents=True)
        self.work.mkdir()
        self.servers = SERVERS
        self.mark = f"MARK={uuid.uuid4()}"
        self.env = {"PATH": os.environ["PATH"], "MARK": self.mark.removeprefix("MARK=")}

    def start(
        self, *argv: str | Path, memory_mb: int | None = None, switch: DeadMansSwitch | None = None
    ) -> RunProcess:
        return start(
            self.servers, self.dir, self.work, [str(word) for word in argv], self.env, memory_mb, switch
        )

    def shell(self, script: str, switch: DeadMansSwitch | None = None) -> RunProcess:
        return self.start("/bin/sh", "-c", script, switch=switch)

    def until_ready(self) -> None:
        """Agents of these tests create a file ``ready`` when they have come to where they are wanted."""
        until((self.work / "ready").exists, "the agent was ready")

    def log(self) -> str:
        return (self.dir / "log.txt").read_text()

    def survivors(self) -> list[int]:
        """Every live process that has the mark: the agent and all that it started, but not its keeper."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if self._is_ours(entry)]

    def _is_ours(self, entry: Path) -> bool:
        try:
            return entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            return False


def ending(process: RunProcess) -> ProcessExit:
    """How the process ended, when it has."""
    assert process.wait(PATIENCE)
    result = process.exit()
    assert result is not None
    return result
