"""The keeper of one attempt of a run: starts the agent, passes signals on, ends what is left, notes the end.

A program of its own, never imported by the server, so that a run outlives the server that started it. Starting an
interpreter for every keeper would cost more than all that a keeper does: the program is started once, waits, and
forks a keeper for each message that comes (a fork server)::

    python shim.py [SCRIPT] FD

FD is a socket on which each message brings two files: the log of the run and a conversation. There the keeper
hears a line of JSON (``Wanted``), answers with its pid, and begins when it hears another line; when the other side
is gone by then, it begins nothing. The fork server ends when its socket is closed, and its keepers go on.

With SCRIPT, a Python program, the fork server has run that with ``__name__`` being ``__preload__``: it imports
there what every agent that is ``python SCRIPT`` needs, and such an agent is forked with it, instead of importing it
anew.

A keeper leaves in the attempt's folder, each complete from the moment it can be seen:

``process.json``  this keeper: pid, startTicks, bootId. Whoever publishes the file first owns the attempt: if
                  it is there already (another server's fence), nothing is started.
``agent.json``    the agent, likewise: its pid is also the id of its process group and of its session.
``exit.json``     how the agent ended; written when no process of it is left, or when it could not be started.

SIGTERM asks the agent's process group to stop: once, because Scrapy takes a second SIGTERM for "drop
everything". SIGUSR1 kills all there is at once. Every other signal is blocked, from the first moment on.

The file ``alive`` says until when the server may be silent, in nanoseconds since the machine was started; it writes
that anew again and again. When the time has passed, another server may take the run over: it is killed, and
``exit.json`` says "abandoned".

Only the standard library, of any Python that an agent may be run with.
"""

import ctypes
import errno
import gc
import json
import os
import resource
import runpy
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1)
# What may be made once is not made in each fork: there, whatever is touched for the first time has to be copied.
CHANGEABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
LIBC = ctypes.CDLL(None, use_errno=True)

# Seconds after the end of the agent's main process, for the processes that it has left behind.
GO_BY_THEMSELVES = 0.2  # helpers that see their pipe closed and end are no leftovers
GO_WHEN_ASKED = 2.2
GIVE_UP = 30.0  # only what cannot be killed is still there: another user's, or stuck in the kernel

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

PRELOADED_FOR = 300.0  # seconds without a run, after which what was imported is not worth its memory

Fields = dict[str, Any]


class Wanted:
    """What a keeper is to start, and where."""

    def __init__(self, line: bytes) -> None:
        fields = json.loads(line)
        self.attempt_dir: str = fields["attempt"]
        self.work_dir: str = fields["work"]
        self.argv: list[str] = fields["argv"]
        self.environment: dict[str, str] = fields["environment"]
        self.memory_mb: int | None = fields["memoryMb"]
        self.alive: str | None = fields["alive"]


class GoOnAsAgent(BaseException):
    """This process is the agent now, and its program is preloaded: it leaves all that the fork server was doing."""

    def __init__(self, argv: list[str]) -> None:
        super().__init__()
        self.argv = argv


class StartError(Exception):
    """The agent could not be started; the message says why, in a form fit for ``exit.json``."""


# -- files ---------------------------------------------------------------------------------------------------


def read(path: str) -> bytes:
    """The whole of a small file. OSError if it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        content = b""
        while piece := os.read(descriptor, 65536):
            content += piece
        return content
    finally:
        os.close(descriptor)


def write(path: str, fields: Fields, *, durable: bool = False) -> None:
    """Write ``fields`` as a JSON object. OSError if there is no room, or no right to."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        content = json.dumps(fields).encode() + b"\n"
        while content:
            content = content[os.write(descriptor, content) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: str, fields: Fields, *, durable: bool = False) -> None:
    """Write ``fields`` to ``path``: whoever looks sees no file or all of it, never a part."""
    write(path + ".new", fields, durable=durable)
    os.rename(path + ".new", path)


def claim(attempt_dir: str, fields: Fields) -> bool:
    """Publish ``process.json``; false if the attempt has an owner already. Linking is atomic, exclusive."""
    temporary = f"{attempt_dir}/.process.{os.getpid()}"
    write(temporary, fields)
    try:
        os.link(temporary, f"{attempt_dir}/process.json")
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def write_exit(attempt_dir: str, fields: Fields) -> None:
    """Write ``exit.json``. A full disk is waited for, for a while: the true end of a run is worth it."""
    for patience in (*[1] * int(GIVE_UP), 0):
        try:
            replace(f"{attempt_dir}/exit.json", fields, durable=True)
        except OSError as error:
            if not patience:
                note(f"the end of the run could not be written down: {error}")
                return
            time.sleep(patience)
        else:
            return


def note(text: str) -> None:
    """Put a line of our own into the log of the run."""
    os.write(2, f"lamplighter: {text}\n".encode("utf-8", "backslashreplace"))


# -- facts about processes -----------------------------------------------------------------------------------


def this_process() -> Fields:
    """What tells this process from every other one that ever had or will have its pid."""
    ticks = read("/proc/self/stat").rpartition(b")")[2].split()[19]
    boot_id = read("/proc/sys/kernel/random/boot_id").decode().strip()
    return {"pid": os.getpid(), "startTicks": int(ticks), "bootId": boot_id}


def descendants() -> list[int]:
    """All live processes under this one. A subreaper inherits the daemonised ones: none is missed."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = read(f"/proc/{name}/stat").rpartition(b")")[2].split(None, 2)[:2]
        except OSError:  # it ended meanwhile
            continue
        if state not in b"ZX":
            children.setdefault(int(parent), []).append(int(name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def memory_kills() -> int | None:
    """How often the kernel has killed a process for want of memory since the machine started, for limits, too.

    None when the kernel does not tell.
    """
    try:
        lines = read("/proc/vmstat").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(b"oom_kill ")), None)


def prctl(option: int, value: int) -> None:
    """The system call of this name. OSError if it fails."""
    if LIBC.prctl(option, value, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# -- the agent's side of the fork ----------------------------------------------------------------------------


def start(wanted: Wanted, preloaded: str | None) -> int:
    """Start the agent and return its pid once its program runs. StartError says why it could not."""
    try:
        reading, writing = os.pipe()  # closed by a successful exec
        keeper = os.getpid()
        agent = os.fork()
    except OSError as error:
        raise StartError(f"{error.strerror}") from error
    if not agent:
        try:
            become_agent(wanted, keeper, preloaded)
        except GoOnAsAgent:
            os.close(reading)
            os.close(writing)
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it was, two keepers must not go on
            os.write(writing, (str(error) or type(error).__name__).encode("utf-8", "backslashreplace"))
        os._exit(127)
    os.close(writing)
    with open(reading, "rb") as pipe:
        problem = pipe.read().decode()
    if problem:
        os.waitpid(agent, 0)
        raise StartError(problem)
    return agent


def become_agent(wanted: Wanted, keeper: int, preloaded: str | None) -> NoReturn:
    """Turn this freshly forked process into the agent. StartError or OSError if it fails."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:  # it died before it could take us along
        raise StartError("its keeper was killed")
    replace(f"{wanted.attempt_dir}/agent.json", this_process())
    for number in CHANGEABLE:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.chdir(wanted.work_dir)
    except OSError as error:
        raise StartError(f"{error.strerror}: working folder {wanted.work_dir!r}") from error
    if wanted.memory_mb is not None:
        limit_memory(wanted.memory_mb)
    if preloaded:  # a server with a preloaded program is asked for no other
        begin_anew(wanted.environment)
        raise GoOnAsAgent(wanted.argv)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    program = wanted.argv[0]
    try:
        os.execvpe(program, wanted.argv, wanted.environment)  # noqa: S606 - running the agent's program is the purpose
    except (OSError, ValueError) as error:
        raise StartError(explain(error, program)) from error


def begin_anew(environment: dict[str, str]) -> None:
    """Be as an interpreter is that was just started with this environment."""
    locale = os.environ.get("LC_CTYPE")  # Python sets it for itself when there is none
    os.environ.clear()
    os.environ.update(environment)
    if locale is not None:
        os.environ.setdefault("LC_CTYPE", locale)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def limit_memory(megabytes: int) -> None:
    """Bound the data of this process and of each of its children; a lower limit that is set already stays."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 1024 * 1024
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def explain(error: OSError | ValueError, program: str) -> str:
    """Why ``program`` could not be executed."""
    if not isinstance(error, OSError):
        return f"{error}: {program!r}"
    if error.errno == errno.ENOENT:
        if "/" in program and os.access(program, os.F_OK):
            return f"The first line of {program!r} names an interpreter that does not exist"
        return f"No such file: {program!r}"
    if error.errno == errno.EACCES:
        return f"Not executable: {program!r}"
    if error.errno == errno.ENOEXEC:
        return f"Not a program: {program!r} (a script needs a first line such as #!/bin/sh)"
    return f"{error.strerror}: {program!r}"


# -- the keeper's side ---------------------------------------------------------------------------------------


class Keeper:
    """Looks after the started agent until nothing of it is left.

    All signals are blocked and taken one by one from ``sigtimedwait``: there are no handlers, hence no races.
    ``status`` is the exit status of the agent's main process, negative for a signal, None while it is alive.
    """

    def __init__(self, agent: int, alive: str | None) -> None:
        self.agent = agent
        self.alive = alive
        self.abandoned = False
        self.memory_kills = memory_kills()
        self.status: int | None = None
        self.ended = 0.0
        self.stopping = False
        self.killing = False
        self.sent_away: set[int] = set()

    def keep(self) -> None:
        """Return when the agent and all its descendants are gone."""
        while self.reap() and self.status is None and not self.killing:
            left = self.silence_left()
            if left is not None and left <= 0:
                note(
                    "the server has been silent for too long, and another one may take this run: it is ended"
                )
                self.killing = self.abandoned = True
            else:
                self.listen(left)
        began = time.monotonic()
        while self.reap():
            waited = time.monotonic() - began
            if waited > GIVE_UP:
                note(f"these processes of the run could not be ended: {descendants()}")
                return
            if self.killing or waited > GO_WHEN_ASKED:
                self.send_away(signal.SIGKILL)
            elif waited > GO_BY_THEMSELVES:
                self.send_away(signal.SIGTERM)
            self.listen(0.05)

    def silence_left(self) -> float | None:
        """For how many seconds the server may still be silent; None when it may be so for ever."""
        if self.alive is None:
            return None
        try:
            until = int(read(self.alive))
        except (OSError, ValueError):
            return 0.0
        return until / 1e9 - time.clock_gettime(time.CLOCK_BOOTTIME)

    def reap(self) -> bool:
        """Take leave of every child that has ended. False: none is left, and so no descendant either."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self.agent:
                self.status = os.waitstatus_to_exitcode(status)
                self.ended = time.time()

    def listen(self, seconds: float | None) -> None:
        """Wait for one signal, at most ``seconds``, and do what it asks for."""
        heard = signal.sigwaitinfo(HEARD) if seconds is None else signal.sigtimedwait(HEARD, seconds)
        if heard is None:
            return
        if heard.si_signo == signal.SIGUSR1:
            self.killing = True
        elif heard.si_signo == signal.SIGTERM and self.status is None and not self.stopping:
            self.stopping = True
            for number in (signal.SIGTERM, signal.SIGCONT):  # one that is suspended must hear it too
                send(-self.agent, number)

    def send_away(self, number: int) -> None:
        """Send the signal to every descendant; SIGTERM only once to each."""
        for pid in descendants():
            known = pid in self.sent_away
            if (number == signal.SIGKILL or not known) and send(pid, number) and pid != self.agent:
                self.sent_away.add(pid)

    def ending(self) -> Fields:
        """The content of ``exit.json``. Neither an exit status nor a signal: the agent defied SIGKILL."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before, now = self.memory_kills, memory_kills()
        return {
            "exitCode": self.status if self.status is not None and self.status >= 0 else None,
            "signal": -self.status if self.status is not None and self.status < 0 else None,
            "error": None,
            "ended": timestamp(self.ended or time.time()),
            "maxRssKb": used.ru_maxrss,
            "cpuSeconds": round(used.ru_utime + used.ru_stime, 3),
            "leftovers": len(self.sent_away),
            "memoryKills": None if before is None or now is None else now - before,
            "abandoned": int(self.abandoned),
        }


def send(target: int, number: int) -> bool:
    """Send a signal; false if the target is gone or belongs to another user."""
    try:
        os.kill(target, number)
    except OSError:
        return False
    return True


def never_began(reason: str) -> Fields:
    """The content of ``exit.json`` for an agent that could not be started."""
    return {
        "exitCode": None,
        "signal": None,
        "error": reason,
        "ended": timestamp(time.time()),
        "leftovers": 0,
    }


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    whole, rest = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:03d}Z"


def keep(conversation: socket.socket, preloaded: str | None) -> None:
    """Keep one agent, from what the server says of it to its end."""
    with conversation, conversation.makefile("rwb") as lines:
        if not (line := lines.readline()):
            return
        wanted = Wanted(line)
        lines.write(b"%d\n" % os.getpid())
        lines.flush()
        if not lines.readline():
            return
    if not claim(wanted.attempt_dir, this_process()):
        note("another server has taken this attempt over; nothing was started")
        return
    try:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        keeper = Keeper(start(wanted, preloaded), wanted.alive)
    except StartError as error:
        note(f"could not be started: {error}")
        write_exit(wanted.attempt_dir, never_began(str(error)))
    else:
        keeper.keep()
        write_exit(wanted.attempt_dir, keeper.ending())


# -- the fork server -----------------------------------------------------------------------------------------


def serve(control: socket.socket, preloaded: str | None) -> None:
    """Fork a keeper for each message, until nobody can send one any more."""
    while True:
        try:
            message, files, _, _ = socket.recv_fds(control, 1, 2)
        except TimeoutError:
            return
        if not message:
            return
        log, conversation = files
        try:
            keeper = os.fork()
        except OSError as error:
            os.write(conversation, f"{error.strerror}\n".encode())
        else:
            if not keeper:
                control.close()
                run_keeper(log, conversation, preloaded)
        os.close(log)
        os.close(conversation)


def run_keeper(log: int, conversation: int, preloaded: str | None) -> NoReturn:
    """What a freshly forked process does from its beginning to its end."""
    try:
        os.setsid()
        for standard in (1, 2):
            os.dup2(log, standard)
        os.close(log)
        # If it stayed ignored, ended children would leave no status.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        keep(socket.socket(fileno=conversation), preloaded)
    except GoOnAsAgent:
        raise
    except BaseException:  # noqa: BLE001 - whatever it was, two fork servers must not go on
        traceback.print_exc()
    os._exit(os.EX_OK)  # nobody asks


def main(arguments: list[str]) -> None:
    """Be a fork server. GoOnAsAgent in a process that has become an agent."""
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes leave of ended keepers
    *scripts, number = arguments
    control = socket.socket(fileno=int(number))
    control.set_inheritable(False)
    preloaded = scripts[0] if scripts else None
    if preloaded:
        del sys.path[0]  # the folder of this file
        runpy.run_path(preloaded, run_name="__preload__")
        control.settimeout(PRELOADED_FOR)
        gc.collect()
        gc.freeze()  # what is never looked at is never copied
    serve(control, preloaded)


if __name__ == "__main__":
    agent: list[str] = []
    try:
        main(sys.argv[1:])
    except GoOnAsAgent as told:
        agent = told.argv
    if agent:
        sys.argv = agent[1:]
        runpy.run_path(agent[1], run_name="__main__")
