"""The demonstration shows a real run and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from run_processes import run_processes


def test_ctrl_c_ends_the_demonstration_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "lamplighter.demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "160"},
    )
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line)
        if "Success" in line:
            demo.send_signal(signal.SIGINT)
            break
    rest = demo.stdout.read()
    demo.stdout.close()
    assert demo.wait(60) == 0, "".join(lines) + rest
    shown = "".join(lines)
    assert '"cronExpression": "* * * * *"' in shown
    assert "fired" in shown
    assert "met its success criteria" in lines[-1]
    assert "Everything is stopped" in rest
    assert list(tmp_path.iterdir()) == [], "the folder is removed"
    assert _processes_in(tmp_path) == []
    assert run_processes(tmp_path) == []


def _processes_in(folder: Path) -> list[str]:
    """The command lines of processes that name ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if str(folder) in command:
            found.append(command)
    return found
