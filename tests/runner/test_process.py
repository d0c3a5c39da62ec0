"""How an agent is started and how its end is told."""

import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_process_support import AGENTS, SERVERS, Attempt, ending, until

from lamplighter.errors import InvalidInput, Unavailable
from lamplighter.runner.process import ProcessExit, RunProcess, adopt, start


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path)


def test_the_exit_status_is_told(attempt: Attempt) -> None:
    result = ending(attempt.shell("exit 3"))
    assert (result.exit_code, result.signal, result.error, result.vanished) == (3, None, None, False)
    assert result.describe() == "exit status 3"


def test_the_end_comes_with_its_time_and_what_was_used(attempt: Attempt) -> None:
    result = ending(attempt.shell("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"))
    assert result.ended is not None
    assert abs(datetime.now(UTC) - result.ended) < timedelta(hours=1)
    assert result.max_rss_kb is not None
    assert result.max_rss_kb > 0
    assert result.cpu_seconds is not None
    assert result.cpu_seconds > 0
    assert result.leftovers == 0


def test_death_by_a_signal_is_told(attempt: Attempt) -> None:
    result = ending(attempt.shell("kill -SEGV $$"))
    assert (result.exit_code, result.signal) == (None, signal.SIGSEGV)
    assert result.describe() == "killed by SIGSEGV"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (ProcessExit(exit_code=0), "exit status 0"),
        (ProcessExit(signal=9), "killed by SIGKILL"),
        (ProcessExit(signal=41), "killed by signal 41"),
        (ProcessExit(error="No such file: 'x'"), "could not be started: No such file: 'x'"),
        (ProcessExit(vanished=True), "vanished: nobody saw how it ended"),
        (ProcessExit(), "could not be killed"),
    ],
)
def test_every_end_has_words(result: ProcessExit, words: str) -> None:
    assert result.describe() == words


def test_a_run_that_goes_on_has_no_end_yet(attempt: Attempt) -> None:
    process = attempt.start("/bin/sleep", "60")
    assert not process.wait(0)
    assert process.exit() is None
    process.kill()
    assert process.wait(0)


def test_no_zombie_is_left(attempt: Attempt) -> None:
    process = attempt.shell("true")
    ending(process)
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


@pytest.mark.parametrize("program", ["nope", "/nope/nope", "./nope", 'quo"te\\\n'])
def test_a_missing_program_is_told(attempt: Attempt, program: str) -> None:
    result = ending(attempt.start(program))
    assert result.error == f"No such file: {program!r}"
    assert (result.exit_code, result.signal, result.vanished) == (None, None, False)
    assert f"could not be started: {result.error}" in attempt.log()


def test_a_file_that_may_not_be_executed_is_told(attempt: Attempt) -> None:
    (attempt.work / "agent").write_text("#!/bin/sh\n")
    assert ending(attempt.start("./agent")).error == "Not executable: './agent'"


def test_a_file_that_is_no_program_is_told(attempt: Attempt) -> None:
    (attempt.work / "agent").write_text("exit 0\n")
    (attempt.work / "agent").chmod(0o755)
    error = ending(attempt.start("./agent")).error
    assert error == "Not a program: './agent' (a script needs a first line such as #!/bin/sh)"


def test_a_missing_interpreter_is_told(attempt: Attempt) -> None:
    (attempt.work / "agent").write_text("#!/nope/python\n")
    (attempt.work / "agent").chmod(0o755)
    error = ending(attempt.start("./agent")).error
    assert error == "The first line of './agent' names an interpreter that does not exist"


def test_a_missing_working_folder_is_told(attempt: Attempt) -> None:
    attempt.work.rmdir()
    error = ending(attempt.shell("true")).error
    assert error == f"No such file or directory: working folder {str(attempt.work)!r}"


def test_the_agent_runs_in_its_working_folder(attempt: Attempt) -> None:
    ending(attempt.start("/bin/pwd"))
    assert attempt.log() == f"{attempt.work}\n"


def test_the_program_is_looked_for_in_the_path_of_the_agent(attempt: Attempt) -> None:
    (attempt.work / "agent").write_text("#!/bin/sh\nexit 5\n")
    (attempt.work / "agent").chmod(0o755)
    attempt.env["PATH"] = f"/nope:{attempt.work}"
    assert ending(attempt.start("agent")).exit_code == 5


def test_the_environment_is_exactly_the_one_given(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the server")
    env = {"A": "1", "EMPTY": "", "PYTHONPATH": "/nope", "LINES": "a\nb=c", "NOT_UTF8": "\udcff", "UTF8": "ü"}
    ending(start(SERVERS, attempt.dir, attempt.work, ["/bin/cat", "/proc/self/environ"], env))
    seen = (attempt.dir / "log.txt").read_bytes().rstrip(b"\0").split(b"\0")
    assert sorted(seen) == sorted(os.fsencode(f"{name}={value}") for name, value in env.items())


def test_standard_input_is_empty(attempt: Attempt) -> None:
    ending(attempt.shell("readlink /proc/self/fd/0; cat"))
    assert attempt.log() == "/dev/null\n"


def test_no_file_of_the_server_is_open_in_the_agent(attempt: Attempt) -> None:
    with (attempt.dir / "other").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        ending(attempt.shell("ls /proc/$$/fd"))
    assert [number for number in attempt.log().split() if int(number) < 10] == ["0", "1", "2"]


def test_the_agent_starts_with_no_signal_blocked_or_ignored(attempt: Attempt) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ending(attempt.start("/bin/grep", "-E", "SigBlk|SigIgn", "/proc/self/status"))
    finally:
        signal.signal(signal.SIGHUP, before)
    masks = [int(line.split()[1], 16) for line in attempt.log().splitlines()]
    # The C library keeps 32 and 33 to itself: how they are set comes from whoever started the tests (make, say).
    ours = sum(1 << number - 1 for number in signal.valid_signals())
    assert [mask & ours for mask in masks] == [0, 0]


def test_a_hundred_megabytes_of_log_arrive_to_the_byte(attempt: Attempt) -> None:
    (attempt.dir / "log.txt").write_text("the server's own line\n")
    assert ending(attempt.start(sys.executable, AGENTS / "agent_flood.py", "100000001")).exit_code == 0
    assert (attempt.dir / "log.txt").stat().st_size == 100_000_001 + len("the server's own line\n")


def test_the_memory_limit_ends_a_hog(attempt: Attempt) -> None:
    hog = "held = bytearray(1 << 30)"
    assert ending(attempt.start(sys.executable, "-c", hog, memory_mb=200)).exit_code == 1
    assert "MemoryError" in attempt.log()


def test_below_the_memory_limit_an_agent_lives(attempt: Attempt) -> None:
    assert (
        ending(attempt.start(sys.executable, "-c", "held = bytearray(1 << 26)", memory_mb=200)).exit_code == 0
    )


def test_twenty_can_be_started_at_once(tmp_path: Path) -> None:
    attempts = [Attempt(tmp_path / str(number)) for number in range(20)]
    processes: dict[int, RunProcess] = {}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def begin(number: int) -> None:
        processes[number] = attempts[number].shell(f"exit {number}")

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ending(processes[number]).exit_code for number in range(20)] == list(range(20))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_an_end_that_cannot_be_written_at_once_is_written_later(attempt: Attempt) -> None:
    obstacle = attempt.dir / "exit.json.new"
    obstacle.mkdir()
    process = attempt.shell("touch ready; exit 4")
    attempt.until_ready()
    until(lambda: attempt.survivors() == [], "only the keeper was left")
    obstacle.rmdir()
    assert ending(process).exit_code == 4


@pytest.mark.parametrize("argv", [[], ["/bin/echo", "a\0b"], ["/bin/echo", "x" * 10_000_000]])
def test_an_impossible_command_is_refused(attempt: Attempt, argv: list[str]) -> None:
    with pytest.raises(InvalidInput):
        attempt.start(*argv)
    assert not (attempt.dir / "process.json").exists()


def test_without_a_free_file_descriptor_nothing_runs_on(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", none_left)
        with pytest.raises(Unavailable):
            attempt.start("/bin/sleep", "60")
        assert attempt.survivors() == []
    process = attempt.shell("touch ready; sleep 60")
    attempt.until_ready()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", none_left)
        with pytest.raises(Unavailable):
            adopt(attempt.dir)
    process.kill()
