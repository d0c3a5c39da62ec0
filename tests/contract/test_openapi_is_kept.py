"""The running server does what its OpenAPI document says: asked by Schemathesis, with all of its checks."""

import subprocess
import sys
from pathlib import Path

import pytest

from running_server import KEY, RunningServer

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "tests/contract/schemathesis.toml"


@pytest.mark.parametrize(("phases", "examples"), [("examples,coverage", 1), ("fuzzing,stateful", 20)])
def test_schemathesis_finds_nothing(tmp_path: Path, phases: str, examples: int) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("first", "print('a line')")  # so that the things with the id 1 are there
        schedule = {"name": "s", "cronExpression": "0 9 * * *"}
        server.call("POST", f"/agent/{agent}/schedules", schedule, expect=201)
        server.run(agent)

        told = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
                *("--config-file", str(CONFIGURATION), "run", f"{server.url}/openapi.json"),
                *("--header", f"Authorization: ApiKey {KEY}", "--checks", "all", "--phases", phases),
                *("--max-examples", str(examples), "--generation-deterministic"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Tested: " in told.stdout
