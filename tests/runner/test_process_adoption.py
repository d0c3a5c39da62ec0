"""A run outlives its server; the next one takes it over, or makes sure that it never begins."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_process_support import AGENTS, PATIENCE, Attempt, ending, until

from lamplighter.runner import process as module
from lamplighter.runner.process import adopt
from run_processes import is_alive

BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
SERVER_ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any run."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def server(name: str, attempt: Attempt, script: str) -> list[str]:
    folders = [str(attempt.dir), str(attempt.work), attempt.env["MARK"]]
    return [sys.executable, str(AGENTS / name), *folders, "/bin/sh", "-c", script]


def begun_by_a_server_that_was_killed(attempt: Attempt, script: str) -> None:
    """Another process starts the run and is gone, by SIGKILL, when this returns."""
    command = server("server_starter.py", attempt, script)
    with subprocess.Popen(command, env=SERVER_ENV, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        starter.kill()


def identify(pid: int, **changes: object) -> str:
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return json.dumps({"pid": pid, "startTicks": ticks, "bootId": BOOT_ID} | changes)


def test_a_run_of_a_killed_server_is_adopted_and_tells_its_true_end(attempt: Attempt) -> None:
    begun_by_a_server_that_was_killed(
        attempt, "touch ready; while [ ! -e finish ]; do sleep 0.01; done; echo done; exit 9"
    )
    attempt.until_ready()
    process = adopt(attempt.dir)
    assert process is not None
    assert not process.wait(0)
    assert process.exit() is None
    (attempt.work / "finish").touch()
    assert ending(process).exit_code == 9
    assert attempt.log() == "done\n"


def test_a_run_that_ended_while_no_server_was_there_is_adopted(attempt: Attempt) -> None:
    begun_by_a_server_that_was_killed(attempt, "exit 9")
    until((attempt.dir / "exit.json").exists, "the run ended")
    keeper = json.loads((attempt.dir / "process.json").read_text())["pid"]
    until(lambda: not is_alive(keeper), "its keeper ended")
    process = adopt(attempt.dir)
    assert process is not None
    assert process.wait(0)
    assert ending(process).exit_code == 9


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_adopted_run_can_be_ended(attempt: Attempt, how: str) -> None:
    begun_by_a_server_that_was_killed(attempt, "touch ready; sleep 60")
    attempt.until_ready()
    process = adopt(attempt.dir)
    assert process is not None
    getattr(process, how)()
    assert ending(process).signal == {"stop": signal.SIGTERM, "kill": signal.SIGKILL}[how]
    assert attempt.survivors() == []


def test_an_adopted_run_whose_keeper_was_killed_has_vanished(attempt: Attempt) -> None:
    begun_by_a_server_that_was_killed(attempt, "sleep 60 & touch ready; wait")
    attempt.until_ready()
    process = adopt(attempt.dir)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert ending(process).vanished
    assert attempt.survivors() == []


def test_a_run_that_vanished_while_no_server_was_there_is_cleaned_up(attempt: Attempt) -> None:
    begun_by_a_server_that_was_killed(attempt, "sleep 60 & touch ready; wait")
    attempt.until_ready()
    os.kill(json.loads((attempt.dir / "process.json").read_text())["pid"], signal.SIGKILL)
    process = adopt(attempt.dir)
    assert process is not None
    assert ending(process).vanished
    assert attempt.survivors() == []


def test_an_own_run_can_be_adopted_too(attempt: Attempt) -> None:
    own = attempt.shell("touch ready; while [ ! -e finish ]; do sleep 0.01; done; exit 9")
    attempt.until_ready()
    adopted = adopt(attempt.dir)
    assert adopted is not None
    (attempt.work / "finish").touch()
    assert ending(adopted).exit_code == 9
    assert ending(own).exit_code == 9


def test_a_fenced_attempt_never_begins(attempt: Attempt) -> None:
    assert adopt(attempt.dir) is None
    result = ending(attempt.shell("touch ran"))
    assert result.describe() == "could not be started: another server has taken this attempt over"
    assert not (attempt.work / "ran").exists()
    assert not (attempt.dir / "exit.json").exists()


def test_a_fence_stays_a_fence(attempt: Attempt) -> None:
    assert adopt(attempt.dir) is None
    assert adopt(attempt.dir) is None


def test_an_attempt_without_a_folder_never_began(attempt: Attempt) -> None:
    attempt.dir.rmdir()
    assert adopt(attempt.dir) is None


def test_an_attempt_runs_only_once(attempt: Attempt) -> None:
    first = attempt.shell("echo ran")
    assert ending(first).exit_code == 0
    second = attempt.shell("echo ran")
    assert ending(second).error == "another server has taken this attempt over"
    assert ending(first).exit_code == 0
    assert attempt.log().count("ran\n") == 1


@pytest.mark.parametrize("number", range(20))
def test_fence_and_keeper_never_both_win(attempt: Attempt, number: int) -> None:
    own = attempt.shell("echo ran")
    moment = time.monotonic() + number * 0.0002  # a keeper takes about two milliseconds to make itself known
    until(lambda: time.monotonic() >= moment, "the moment came")
    adopted = adopt(attempt.dir)
    result = ending(own)
    if adopted is None:
        assert result.error == "another server has taken this attempt over"
        assert "ran\n" not in attempt.log()
    else:
        assert ending(adopted).exit_code == result.exit_code == 0
        assert attempt.log() == "ran\n"
    assert [path.name for path in attempt.dir.glob(".*")] == []


@pytest.mark.parametrize("changes", [{"startTicks": 1}, {"bootId": "another"}])
def test_another_process_with_the_same_pid_is_left_alone(
    attempt: Attempt, bystander: subprocess.Popen[bytes], changes: dict[str, object]
) -> None:
    for name in ("process.json", "agent.json"):
        (attempt.dir / name).write_text(identify(bystander.pid, **changes))
    process = adopt(attempt.dir)
    assert process is not None
    assert process.wait(0)
    process.stop()
    process.kill()
    assert ending(process).vanished
    assert bystander.poll() is None


def test_a_pid_that_is_a_thread_by_now_is_no_process(attempt: Attempt) -> None:
    enough = threading.Event()
    thread = threading.Thread(target=enough.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        (attempt.dir / "process.json").write_text(identify(thread.native_id))
        process = adopt(attempt.dir)
    finally:
        enough.set()
        thread.join()
    assert process is not None
    assert ending(process).vanished


@pytest.mark.parametrize("content", ["", "{", "[]", "\0" * 80])
def test_a_file_that_a_crash_of_the_machine_has_spoilt_means_a_vanished_run(
    attempt: Attempt, content: str
) -> None:
    (attempt.dir / "process.json").write_text(content)
    process = adopt(attempt.dir)
    assert process is not None
    assert ending(process).vanished


def test_a_keeper_that_does_not_listen_is_killed_with_all_it_keeps(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KILL_PATIENCE", 0.05)
    command = [sys.executable, str(AGENTS / "keeper_deaf.py"), str(attempt.dir)]
    with subprocess.Popen(command, env=attempt.env):
        until((attempt.dir / "process.json").exists, "the keeper made itself known")
        process = adopt(attempt.dir)
        assert process is not None
        process.kill()
        assert ending(process).vanished
    assert attempt.survivors() == []


def test_a_server_that_orphans_come_to_leaves_no_zombie(attempt: Attempt) -> None:
    command = server("server_subreaper.py", attempt, "sleep 60 & touch ready; wait")
    done = subprocess.run(command, env=SERVER_ENV, check=True, capture_output=True, timeout=2 * PATIENCE)
    assert done.stdout.decode() == "vanished: nobody saw how it ended\nno child left\n"
    assert attempt.survivors() == []
