"""The processes of runs, found as a person would find them: by the log that they write to."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it went before we looked, or while we did
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def parent(pid: int) -> int:
    """The process that has started this one, or has it now."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def run_processes(data: Path) -> list[int]:
    """The keepers and agents, and what these have started, whose standard output is a file of this data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked
            if (process / "fd" / "1").readlink().is_relative_to(data.resolve()):
                found.append(int(process.name))
    return found


def end_run_processes(data: Path) -> None:
    """End them without any warning; none is left when this returns."""
    while left := run_processes(data):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
