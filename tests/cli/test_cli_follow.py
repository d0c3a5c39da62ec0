"""Following the log of a run that goes on, with the real command."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from cli_support import PROGRAM, Cli, end_of

from running_server import RunningServer


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> int:
    return server.agent("shop", PROGRAM)


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} did not come")


def test_lines_come_while_the_run_goes_on_and_its_end_ends_it(cli: Cli, shop: int, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    cli.ok("run", "start", shop, "--input", json.dumps({"until": str(gate)}))
    with cli.start("run", "logs", "shop", "--follow") as process:
        read_until(process, "the first line")
        gate.touch()
        read_until(process, "the last line")
        end_of(process)
    assert process.returncode == 0


@pytest.mark.parametrize("how", ["--follow", "--wait"])
def test_ctrl_c_ends_the_watching_and_not_the_run(
    cli: Cli, server: RunningServer, shop: int, tmp_path: Path, how: str
) -> None:
    gate = tmp_path / "gate"
    with cli.start("run", "start", "shop", how, "--input", json.dumps({"until": str(gate)})) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if how == "--follow":
            read_until(process, "the first line")
        process.send_signal(signal.SIGINT)
        _, err = end_of(process)
    run = server.call("GET", f"/agent/{shop}/runs")[0]
    assert said == f"Run {run['id']} of shop is started.\n"
    assert process.returncode == 130
    assert f"Run {run['id']} goes on." in err
    assert "Traceback" not in err
    gate.touch()
    assert server.ended(shop, run["id"])["message"] == "finished; 3 records"


def test_who_waits_is_told_of_a_retry(cli: Cli, server: RunningServer) -> None:
    server.agent("unlucky", "raise SystemExit(3)")
    given = ("--max-retries", 1, "--retry-delay", "1s")
    result = cli("run", "start", "unlucky", "--wait", *given)
    said = result.err.splitlines()
    assert "is started." in said[0]
    assert ": Waiting: attempt 1 failed: exit status 3" in said[1]
    assert "ended as Failure" in result.out


def test_a_run_that_goes_on_is_stopped(cli: Cli, server: RunningServer, shop: int, tmp_path: Path) -> None:
    run = cli.ok(
        "run", "start", shop, "--json", "--input", json.dumps({"until": str(tmp_path / "never")})
    ).json
    cli.ok("run", "stop", shop, run["id"])
    assert server.ended(shop, run["id"])["status"] == 8


def test_a_reader_that_goes_away_ends_the_command_quietly(cli: Cli, server: RunningServer, shop: int) -> None:
    server.run(shop, inputParameters='{"count": 5000}')
    with cli.start("run", "records", "shop") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(60)
    assert "Traceback" not in err
