"""The command line against a real server: in this process, which is quick, or as the real command."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

from lamplighter.cli.app import main
from running_server import KEY

COMMAND = (sys.executable, "-m", "lamplighter.cli.app")
PROGRAM = """
from pathlib import Path
from lamplighter import agent
import time
given = agent.input()
print("the first line", flush=True)
for number in range(given.get("count", 3)):
    agent.emit({"number": number, "title": f"Book, the {number}th", "tags": ["a", "b"]})
while given.get("until") and not Path(given["until"]).exists():
    time.sleep(0.02)
print("the last line", flush=True)
raise SystemExit(given.get("status", 0))
"""


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table that was not printed on a terminal, without its header."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


class Cli:
    """The command ``lamplighter`` for one server."""

    def __init__(self, url: str, **environment: str) -> None:
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **known,
            "LAMPLIGHTER_URL": url,
            "LAMPLIGHTER_API_KEY": KEY,
            "LAMPLIGHTER_DATA": "/nonexistent",
            "LAMPLIGHTER_RATE_LIMIT": "0",
            **environment,
        }

    def __call__(self, *arguments: object, **environment: str) -> Result:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        status: Any = 0
        with (
            patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as end:
                status = end.code
        return Result(int(status or 0), out.getvalue(), err.getvalue())

    def ok(self, *arguments: object, **environment: str) -> Result:
        """Run a command that must succeed."""
        result = self(*arguments, **environment)
        assert result.status == 0, result
        return result

    def piped(self, text: str, *arguments: object, **environment: str) -> Result:
        """Run a command in this process with this standard input."""
        with patch("sys.stdin", io.StringIO(text)):
            return self(*arguments, **environment)

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start the real command."""
        return _Started(
            [*COMMAND, *map(str, arguments)],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def really(self, *arguments: object, **environment: str) -> Result:
        """Run the real command and wait for its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)


class _Started(subprocess.Popen[str]):
    """A process that ends with a test that fails in its block, which would wait for it for ever."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, problem, trace)


def end_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process still says until it ends; unlike ``communicate`` after lines were read from it already."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.read(), process.stderr.read()
    process.wait(60)
    return said


def write_agent(folder: Path, name: str | None = None, program: str = PROGRAM) -> Path:
    """A folder with an agent in it."""
    folder.mkdir(parents=True, exist_ok=True)
    said = f"name = {json.dumps(name)}\n" if name else ""
    (folder / "agent.toml").write_text(f'[agent]\n{said}run = ["python", "main.py"]\n')
    (folder / "main.py").write_text(program)
    return folder
