"""The processes from which keepers are forked: what becomes of them, and what they have imported before."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_process_support import Attempt, ending, until

from lamplighter.runner.fork_server import ForkServers, Preload
from lamplighter.runner.process import RunProcess, adopt, start
from run_processes import parent

PROGRAM = """
import atexit, json, os, signal, sys
if __name__ == "__preload__":
    import colorsys
    print("imported", file=sys.stderr)
else:
    print(json.dumps({
        "name": __name__, "main": sys.modules["__main__"].__file__, "arguments": sys.argv,
        "imported": "colorsys" in sys.modules, "environment": dict(os.environ), "folder": os.getcwd(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), "session": os.getsid(0) == os.getpid(),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "pipe": signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN, "path": sys.path,
        "files": sorted(os.listdir("/proc/self/fd"), key=int)[:3], "parent": os.getppid(),
    }))
    atexit.register(print, "goodbye")
    open("ready", "w").close()
    if sys.argv[1:] == ["fails"]:
        raise KeyError("lamp")
    if sys.argv[1:] == ["waits"]:
        signal.pause()
    sys.exit(7)
"""
COMMON = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Attempt]:
    made = Attempt(tmp_path)
    made.servers = ForkServers()
    yield made
    made.servers.close()


def run(attempt: Attempt, script: Path, *arguments: str, text: str = PROGRAM) -> RunProcess:
    """Start a program that has been preloaded."""
    script.write_text(text)
    argv = (sys.executable, str(script))
    env = {**COMMON, "MARK": attempt.env["MARK"]}
    return start(
        attempt.servers, attempt.dir, attempt.work, [*argv, *arguments], env, preload=Preload(argv, COMMON)
    )


def test_a_preloaded_program_finds_itself_as_if_it_had_just_been_started(
    attempt: Attempt, tmp_path: Path
) -> None:
    result = ending(run(attempt, tmp_path / "program.py"))
    found = json.loads(attempt.log().splitlines()[0])

    assert (result.exit_code, attempt.log().splitlines()[1:]) == (7, ["goodbye"])
    assert found["name"] == "__main__"
    assert found["main"] == str(tmp_path / "program.py")
    assert found["arguments"] == [str(tmp_path / "program.py")]
    assert found["imported"]
    given = {**COMMON, "MARK": attempt.env["MARK"]}
    assert {name: found["environment"][name] for name in given} == given
    assert found["environment"].keys() - given.keys() <= {"LC_CTYPE"}
    assert found["folder"] == str(attempt.work)
    assert (found["blocked"], found["session"], found["interrupt"], found["pipe"]) == ([], True, True, True)
    assert found["files"] == ["0", "1", "2"]
    assert not any("runner" in place for place in found["path"])


def test_its_exception_is_in_the_log_and_ends_it_with_status_1(attempt: Attempt, tmp_path: Path) -> None:
    result = ending(run(attempt, tmp_path / "program.py", "fails"))

    assert result.exit_code == 1
    assert attempt.log().splitlines()[-2:] == ["KeyError: 'lamp'", "goodbye"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_preloaded_program_is_stopped_and_killed_as_any(attempt: Attempt, tmp_path: Path, how: str) -> None:
    process = run(attempt, tmp_path / "program.py", "waits")
    attempt.until_ready()
    getattr(process, how)()

    assert ending(process).signal == {"stop": signal.SIGTERM, "kill": signal.SIGKILL}[how]


def test_what_is_imported_once_serves_every_run(attempt: Attempt, tmp_path: Path) -> None:
    other = Attempt(tmp_path / "other")
    other.servers = attempt.servers
    first, second = (
        run(attempt, tmp_path / "program.py", "waits"),
        run(other, tmp_path / "program.py", "waits"),
    )

    assert parent(first.pid) == parent(second.pid)
    for one in (first, second):
        one.kill()


def test_a_program_that_cannot_be_preloaded_is_run_all_the_same(attempt: Attempt, tmp_path: Path) -> None:
    text = "import sys\nif __name__ == '__preload__':\n    raise RuntimeError('no')\nsys.exit(4)\n"

    assert ending(run(attempt, tmp_path / "program.py", text=text)).exit_code == 4


def test_a_fork_server_that_was_killed_is_replaced_and_its_runs_go_on(
    attempt: Attempt, tmp_path: Path
) -> None:
    process = attempt.shell("touch ready; while [ ! -e finish ]; do sleep 0.01; done; exit 9")
    attempt.until_ready()
    server = parent(process.pid)
    os.kill(server, signal.SIGKILL)
    until(lambda: parent(process.pid) != server, "the fork server was gone")
    other = Attempt(tmp_path / "other")
    other.servers = attempt.servers

    assert ending(other.shell("exit 3")).exit_code == 3
    (attempt.work / "finish").touch()
    assert ending(process).exit_code == 9


def test_runs_go_on_when_the_fork_servers_are_closed(attempt: Attempt) -> None:
    process = attempt.shell("touch ready; while [ ! -e finish ]; do sleep 0.01; done; exit 9")
    attempt.until_ready()
    attempt.servers.close()
    (attempt.work / "finish").touch()

    assert ending(process).exit_code == 9


def test_a_keeper_that_is_never_told_to_begin_begins_nothing(attempt: Attempt) -> None:
    wanted: dict[str, object] = {
        "attempt": str(attempt.dir),
        "work": str(attempt.work),
        "argv": ["touch", "ran"],
    }
    wanted |= {"environment": attempt.env, "memoryMb": None, "alive": None}
    with (attempt.dir / "log.txt").open("w") as log:
        conversation = attempt.servers.fork(wanted, log.fileno())
    pidfd = os.pidfd_open(conversation.pid)
    conversation.close()

    process = RunProcess(attempt.dir, conversation.pid, pidfd, None)
    assert process.wait(30)
    assert adopt(attempt.dir) is None
    assert not (attempt.work / "ran").exists()


def test_more_than_a_few_preloaded_ones_are_not_kept(attempt: Attempt, tmp_path: Path) -> None:
    for number in range(6):
        other = Attempt(tmp_path / str(number))
        other.servers = attempt.servers
        assert ending(run(other, tmp_path / f"program{number}.py")).exit_code == 7

    mine = {pid for entry in Path("/proc").iterdir() if entry.name.isdigit() for pid in [int(entry.name)]}
    servers = [pid for pid in mine if is_child(pid) and b"program" in command(pid)]
    assert len(servers) == 4


def is_child(pid: int) -> bool:
    try:
        return parent(pid) == os.getpid()
    except OSError:
        return False


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_without_a_free_descriptor_it_is_said(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", none_left)
    with pytest.raises(OSError, match="Too many"):
        attempt.servers.fork({}, 2)
