"""The server's side of a run's process: start it, find it again after a restart, wait for it, end it.

Between server and agent stands the keeper, ``shim.py``, which describes the files they share. What a server
knows of a run can be had from these files alone; hence a server may die, and the next one adopts its runs.

``process.json`` settles the race between a server that died while starting a run and the one that comes after
it: whoever publishes the file first owns the attempt. ``adopt`` finds the keeper's file, or publishes a fence
in its place, and then a keeper that comes late starts nothing.
"""

import errno
import json
import math
import os
import select
import signal
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.errors import InvalidInput, Unavailable
from lamplighter.runner.fork_server import Conversation, ForkServers, Preload

KILL_PATIENCE = 5.0  # seconds for a keeper to kill its run before the server does it over its head
SWEEP_PATIENCE = 5.0  # seconds for killed processes to be gone; only one stuck in the kernel takes longer

_LONGEST_ARGUMENT = 32 * os.sysconf("SC_PAGE_SIZE")  # MAX_ARG_STRLEN of the kernel
_POINTER = 8  # bytes that the kernel counts for each argument besides its text

_NO_SUCH_PROCESS = (errno.ESRCH, errno.EINVAL, errno.ENOENT)  # EINVAL, ENOENT: the number is a thread's now


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How an agent ended: with an exit status, by a signal, or (``error``) it could not even be started.

    ``leftovers`` counts the processes that it left behind and that had to be ended. ``vanished``: its keeper
    was killed, or the machine went down, so that nobody saw how it ended. ``abandoned``: its keeper ended it,
    because its server had been silent for so long that another one might take the run over.
    """

    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    ended: datetime | None = None
    max_rss_kb: int | None = None
    cpu_seconds: float | None = None
    leftovers: int = 0
    vanished: bool = False
    abandoned: bool = False

    def describe(self) -> str:
        """The end in a few words: ``exit status 3``, ``killed by SIGSEGV``, ``could not be started: ...``."""
        if self.vanished:
            return "vanished: nobody saw how it ended"
        if self.abandoned:
            return "ended because its server was silent for too long"
        if self.error is not None:
            return f"could not be started: {self.error}"
        if self.signal is not None:
            return f"killed by {_signal_name(self.signal)}"
        if self.exit_code is not None:
            return f"exit status {self.exit_code}"
        return "could not be killed"


class RunProcess:
    """The process of one attempt of a run, whether this server started it or adopted it.

    One thread may wait while others stop or kill.
    """

    def __init__(self, attempt_dir: Path, pid: int, pidfd: int | None, start_ticks: int | None) -> None:
        """``pidfd`` is taken over; None means that the keeper has ended. Use ``start`` or ``adopt``."""
        self.pid = pid
        self._attempt_dir = attempt_dir
        self._pidfd = pidfd
        self._start_ticks = start_ticks
        self._exit: ProcessExit | None = None
        if pidfd is not None:
            weakref.finalize(self, os.close, pidfd)

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds; true if the run has ended. Leaves no zombie behind."""
        if self._pidfd is None:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        milliseconds = math.ceil(min(max(timeout, 0.0), 1e6) * 1000)
        if not poll.poll(milliseconds):
            return False
        with suppress(ChildProcessError):  # reaped already, or another process's child
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        return True

    def stop(self) -> None:
        """Ask the agent to end: SIGTERM to its process group, once, however often this is called."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the run now, by SIGKILL. Returns when it is over, after a few seconds at worst."""
        self._signal(signal.SIGUSR1)
        if not self.wait(KILL_PATIENCE):
            _sweep(lambda table: set() if self.wait(0) else _below(table, {self.pid}))
            self._signal(signal.SIGKILL)
            self.wait(SWEEP_PATIENCE)
        self.exit()

    def exit(self) -> ProcessExit | None:
        """How the run ended; None while it goes on. If its keeper is gone, what is left of it is killed."""
        if self._exit is None and self.wait(0):
            self._exit = self._find_exit()
        return self._exit

    def _find_exit(self) -> ProcessExit:
        """How the run ended, from its files, now that its keeper has."""
        owner = _read_json(self._attempt_dir / "process.json")
        if not owner and self._pidfd is not None:
            return ProcessExit(error="its keeper ended before it began; the log may say why")
        if self._start_ticks is not None and _identity(owner) != (self.pid, self._start_ticks):
            return ProcessExit(error="another server has taken this attempt over")
        if ending := _read_json(self._attempt_dir / "exit.json"):
            return _process_exit(ending)
        self._end_orphans()
        return ProcessExit(vanished=True)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the keeper, if there still is one, and wake it if it is suspended."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)
                signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)

    def _end_orphans(self) -> None:
        """Kill the agent's session: its keeper could not. A daemon that left the session is out of reach."""
        agent = _read_json(self._attempt_dir / "agent.json")
        if agent.get("bootId") != _boot_id():
            return
        pid, start_ticks = _identity(agent)

        def members(table: "dict[int, _Process]") -> set[int]:
            if pid in table and table[pid].start_ticks != start_ticks:
                return set()  # the number is in use again, and so is that of the group: all of ours are gone
            own = {p.pid for p in table.values() if pid in (p.session, p.group)}
            return own | _below(table, own)

        _sweep(members)


class DeadMansSwitch:
    """Until when the runs of this server may go on without a word of it.

    When the time has passed, the keepers end their runs, whether the server is dead, suspended or cut off: another
    one may take them over then. The time is that since the machine was started, which nobody can set.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._until = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self._file)

    @staticmethod
    def moment() -> int:
        """Now, in nanoseconds since the machine was started."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def hold_off(self, since: int, spell: timedelta) -> None:
        """Runs may go on until ``spell`` after the moment ``since``; what was said before is forgotten."""
        with self._lock:
            self._set(since, spell)

    def prolong(self, since: int, spell: timedelta) -> None:
        """As ``hold_off``, but only to a later moment, and not when the time has passed."""
        with self._lock:
            if self.moment() < self._until < since + _nanoseconds(spell):
                self._set(since, spell)

    def left(self) -> timedelta:
        """How long runs may still go on without a word of this server; negative when that has passed."""
        return timedelta(microseconds=(self._until - self.moment()) / 1000)

    def _set(self, since: int, spell: timedelta) -> None:
        self._until = since + _nanoseconds(spell)
        # As long as what it replaces: it is read whole at any time.
        os.pwrite(self._file, b"%020d\n" % self._until, 0)


def _nanoseconds(spell: timedelta) -> int:
    return int(spell.total_seconds() * 1e9)


def start(
    servers: ForkServers,
    attempt_dir: Path,
    work_dir: Path,
    argv: Sequence[str],
    env: Mapping[str, str],
    memory_mb: int | None = None,
    switch: "DeadMansSwitch | None" = None,
    preload: Preload | None = None,
) -> RunProcess:
    """Start ``argv`` in ``work_dir`` with exactly the environment ``env``; ``attempt_dir`` is new and empty.

    Returns as soon as its keeper runs; that a program cannot be executed is told by ``exit``. InvalidInput if
    arguments or environment are too long or of an impossible form, Unavailable if the machine has no process,
    memory or file left for it: nothing was started then. With a ``switch`` the run ends when its time has passed.
    ``preload`` says what may be imported already when the program begins.
    """
    _check_command(argv, env)
    attempt_dir = attempt_dir.resolve()
    wanted = {
        "attempt": str(attempt_dir),
        "work": str(work_dir.resolve()),
        "argv": list(argv),
        "environment": dict(env),
        "memoryMb": memory_mb,
        "alive": None if switch is None else str(switch.path),
    }
    try:
        log = os.open(attempt_dir / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            conversation = servers.fork(wanted, log, preload)
        finally:
            os.close(log)
        return _begin(attempt_dir, conversation)
    except OSError as error:
        raise Unavailable(f"The process could not be started: {error}") from error


def _check_command(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """InvalidInput for what no kernel could execute: it is seen here, where it can still be said of the agent."""
    if not argv:
        raise InvalidInput.of("run", "The command is empty")
    entries = [os.fsencode(text) for text in (*argv, *(f"{name}={value}" for name, value in env.items()))]
    if any(b"\0" in entry for entry in entries) or any("=" in name or not name for name in env):
        raise InvalidInput.of("run", "The command cannot be run: there is a null character in it")
    taken = sum(len(entry) + 1 + _POINTER for entry in entries)
    if taken > os.sysconf("SC_ARG_MAX") or max(map(len, entries)) >= _LONGEST_ARGUMENT:
        raise InvalidInput.of("run", "The arguments or the environment are too long")


def adopt(attempt_dir: Path) -> RunProcess | None:
    """Take over an attempt which another server, or this one before its restart, may have begun.

    Returns its process, running or ended. None: it never began, and now it never will. Unavailable if the
    disk is full or no file is left to open: whether it runs is unknown then, so try again.
    """
    attempt_dir = attempt_dir.resolve()
    try:
        if _fence(attempt_dir):
            return None
        owner = _read_json(attempt_dir / "process.json")
        if owner.get("fence"):
            return None
        pid, start_ticks = _identity(owner)
        pidfd = _open_process(pid, start_ticks) if owner.get("bootId") == _boot_id() else None
    except OSError as error:
        raise Unavailable(f"The attempt in {attempt_dir} could not be looked at: {error}") from error
    return RunProcess(attempt_dir, pid, pidfd, None if pidfd is None else start_ticks)


# -- starting and finding ------------------------------------------------------------------------------------


def _begin(attempt_dir: Path, conversation: Conversation) -> RunProcess:
    """The process of a keeper that waits, which begins now; OSError if it cannot be held or is gone."""
    try:
        pidfd = os.pidfd_open(conversation.pid)
    except OSError:
        conversation.close()
        raise
    process = RunProcess(attempt_dir, conversation.pid, pidfd, _start_ticks(conversation.pid))
    conversation.begin()
    return process


def _open_process(pid: int, start_ticks: int) -> int | None:
    """A pidfd of the process with this pid and time of start, None if it is gone.

    OSError if there is no file descriptor to be had: that must not be taken for its end.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in _NO_SUCH_PROCESS:
            return None
        raise
    if _start_ticks(pid) == start_ticks:
        return pidfd
    os.close(pidfd)
    return None


def _fence(attempt_dir: Path) -> bool:
    """Publish a ``process.json`` of no process; false if the attempt has an owner already."""
    attempt_dir.mkdir(parents=True, exist_ok=True)
    temporary = attempt_dir / f".fence.{os.getpid()}.{time.monotonic_ns()}"
    temporary.write_text(json.dumps({"fence": True, "pid": os.getpid()}))
    try:
        os.link(temporary, attempt_dir / "process.json")
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


# -- the files -----------------------------------------------------------------------------------------------


def _read_json(path: Path) -> dict[str, Any]:
    """The object in the file; empty if there is none, or if a crash of the machine left it unreadable."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _identity(fields: Mapping[str, Any]) -> tuple[int, int]:
    """The pid and time of start in ``process.json`` or ``agent.json``; zeros if it is unreadable."""
    return fields.get("pid", 0), fields.get("startTicks", 0)


def _process_exit(ending: Mapping[str, Any]) -> ProcessExit:
    return ProcessExit(
        exit_code=ending.get("exitCode"),
        signal=ending.get("signal"),
        error=ending.get("error"),
        ended=datetime.fromisoformat(ending["ended"]) if ending.get("ended") else None,
        max_rss_kb=ending.get("maxRssKb"),
        cpu_seconds=ending.get("cpuSeconds"),
        leftovers=ending.get("leftovers", 0),
        abandoned=bool(ending.get("abandoned")),
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have no name
        return f"signal {number}"


# -- the process table ---------------------------------------------------------------------------------------


class _Process(NamedTuple):
    """One row of the table of the machine's processes."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_ticks(pid: int) -> int | None:
    process = _look_up(pid)
    return process.start_ticks if process else None


def _look_up(pid: int) -> _Process | None:
    """The process's row, None if there is no such process. A zombie still has one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may contain anything
    return _Process(pid, fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def _table() -> dict[int, _Process]:
    rows = (_look_up(int(name)) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - names only
    return {row.pid: row for row in rows if row}


def _below(table: dict[int, _Process], roots: set[int]) -> set[int]:
    """The descendants of ``roots``."""
    found = set(roots)
    while more := {p.pid for p in table.values() if p.parent in found} - found:
        found |= more
    return found - roots


def _sweep(choose: Callable[[dict[int, _Process]], set[int]]) -> None:
    """Kill the processes that ``choose`` picks from the table until it finds none alive, or patience ends."""
    end = time.monotonic() + SWEEP_PATIENCE
    while time.monotonic() < end:
        table = _table()
        chosen = [table[pid] for pid in choose(table)]
        for process in chosen:
            _end(process)
        if all(process.state in "ZX" for process in chosen):
            return
        time.sleep(0.01)


def _end(process: _Process) -> None:
    """Kill one process; if it is a zombie that has come to this server for want of a parent, reap it."""
    if process.state in "ZX":
        if process.parent == os.getpid():
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        return
    pidfd = _open_process(process.pid, process.start_ticks)  # not another one that has its pid by now
    if pidfd is not None:
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
