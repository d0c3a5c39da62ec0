"""The examples of docs/client.md run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from running_server import KEY, RunningServer

PAGE = (Path(__file__).parents[2] / "docs/client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM = """
from lamplighter import agent
for number in range(agent.input().get("pages", 1)):
    agent.emit({"page": number})
"""


@pytest.fixture(scope="module", autouse=True)
def prices(server: RunningServer) -> None:
    """The agent of the examples."""
    server.agent("prices", PROGRAM)


def said_by(example: str, server: RunningServer, folder: Path) -> str:
    """What an example prints."""
    environment = {**os.environ, "LAMPLIGHTER_URL": server.url, "LAMPLIGHTER_API_KEY": KEY}
    command = [sys.executable, "-W", "error", "-c", example]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_is_followed_and_its_files_are_there(server: RunningServer, tmp_path: Path) -> None:
    said = said_by(EXAMPLES[0], server, tmp_path)
    assert "Completed 3" in said
    assert list(tmp_path.iterdir())


def test_several_runs_at_a_time_give_their_records(server: RunningServer, tmp_path: Path) -> None:
    assert said_by(EXAMPLES[1], server, tmp_path) == "[1, 2, 3]\n"


def test_a_schedule_is_described_and_a_mistake_named(server: RunningServer, tmp_path: Path) -> None:
    first, second = said_by(EXAMPLES[2], server, tmp_path).splitlines()
    assert first.startswith("At 09:00") or "09:00" in first
    assert second == "400 invalid_input ['timezone']"


def test_all_examples_are_run() -> None:
    assert len(EXAMPLES) == 3
