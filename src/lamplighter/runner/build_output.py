"""What uv prints: whole in a file, shortened in the log of the run, and its decisive lines as a reason."""

import os
import re
import select
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

FIRST_LINES = LAST_LINES = 200  # of one build, in the log of the run
_LONGEST_LINE = 1000
_LONGEST_REASON = 600
_LOOK_EVERY = 200  # milliseconds, when nothing is printed
_ENDS_WITHIN = 10  # milliseconds, mostly, after the output was closed


class BuildOutput:
    """The output of one build, to be used as a context manager.

    ``log`` gets every line, ``say`` the first ones at once and the last ones at the end. Passwords in addresses
    are shown in neither.
    """

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self._file = log.open("w", encoding="utf-8")
        self._say = say
        self._count = 0
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            later = max(self._count - FIRST_LINES, 0)
            if later > LAST_LINES:
                where = Path(self._file.name).name
                self._say(f"uv: … {later - LAST_LINES} lines are left out here; all are in {where} …")
            for line in list(self._last)[-later:] if later else ():
                self._say(f"uv: {line}")

    def add(self, line: str) -> None:
        """Take one line, without its end."""
        line = without_passwords(line.rstrip())
        self._file.write(f"{line}\n")
        self._file.flush()
        self._count += 1
        short = line[:_LONGEST_LINE]
        self._last.append(short)
        if self._count <= FIRST_LINES and short:
            self._say(f"uv: {short}")

    def reason(self) -> str:
        """Why uv failed: from its last line that begins with "error", without the hints after it."""
        lines = [line for line in self._last if line.strip()]
        begin = max((n for n, line in enumerate(lines) if line.startswith("error")), default=len(lines) - 3)
        told: list[str] = []
        for line in lines[max(begin, 0) :]:
            if line.startswith("hint:"):
                break
            told.append(re.sub(r"^(error|cause): ", "", line.strip()))
        return ": ".join(told)[:_LONGEST_REASON] or "uv failed and said nothing"


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """The lines that a process prints until it ends; None several times a second while it prints nothing.

    It is left to be waited for. What it has started may still hold its output open when it ends.
    """
    assert process.stdout is not None
    output = process.stdout.fileno()
    poll = select.poll()
    poll.register(output, select.POLLIN | select.POLLHUP)
    rest, is_open = b"", True
    while is_open or not _has_ended(process):
        if not poll.poll(_LOOK_EVERY if is_open else _ENDS_WITHIN):
            is_open = is_open and not _has_ended(process)
            yield None
        elif chunk := os.read(output, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
        else:
            is_open = False
            poll.unregister(output)
    if rest:
        yield rest.decode("utf-8", "replace")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def without_passwords(text: str) -> str:
    """``text`` with the credentials in its addresses hidden."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)
