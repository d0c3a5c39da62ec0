"""Python environments of agents: one for each distinct list of requirements, built once with uv.

::

    DATA/environments/<key>/            the environment, its Python is bin/python
    DATA/environments/<key>/complete    written last: without it, the rest is of no use; its age is the last use
    DATA/environments/<key>.log         what uv printed when it was built, or could not be
    DATA/environments/<key>.lock        held alone while it is built or removed, shared while it is looked at
    DATA/environments/cache/            uv's own: environments share their files with it by hard links

The lock is passed on to uv. So when the server is killed, its next process waits until the uv that was left is
over, instead of building in the same folder at the same time.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uv

from lamplighter.errors import LamplighterError
from lamplighter.runner.build_output import BuildOutput, lines_of, without_passwords
from lamplighter.runner.package_indexes import sources

AGENT_MODULE = Path(__file__).parents[1] / "agent.py"
_LOOK_EVERY = 0.1  # seconds, at a lock that another one holds
_CLEANING_PATIENCE = 5  # seconds for a build to end, before the cache is left as it is
_MARKER = "complete"
_LONGEST_BUILD = 30 * 60  # seconds: what takes longer hangs


class EnvironmentFailed(LamplighterError):
    """The requirements could not be installed; the message says why, in uv's words."""

    code = "environment_failed"


class EnvironmentAbandoned(LamplighterError):
    """Nobody wants the environment any more: the run was stopped while it was built."""

    code = "environment_abandoned"


class Environments:
    """The environments in one folder, which is made when it is needed. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()  # uv runs elsewhere

    def place(self, requirements: Sequence[str]) -> Path:
        """The folder that the environment of these requirements has, or would have."""
        return self._folder / _key(requirements)

    def ready(
        self, requirements: Sequence[str], say: Callable[[str], None], is_wanted: Callable[[], bool]
    ) -> Path:
        """The folder of the finished environment, which is built if there is none yet.

        ``say`` is told what uv prints, a line each, with the middle left out when it is long. ``is_wanted`` is
        asked several times a second; once it says no, the build is ended and EnvironmentAbandoned raised.
        EnvironmentFailed when it could not be built: nothing is left of it then but its log.
        """
        place = self.place(requirements)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _lock(place, fcntl.LOCK_SH, _waiting(say, is_wanted)):
                if _use(place):
                    say(f"environment {place.name}: as it was built before")
                    return place
            with _lock(place, fcntl.LOCK_EX, _waiting(say, is_wanted)) as lock:
                if not _use(place):  # another one may have built it meanwhile
                    self._build(place, requirements, lock, say, is_wanted)
        except OSError as problem:
            raise EnvironmentFailed(f"the environment could not be built: {problem}") from problem
        return place

    def remove_unused(
        self, older_than: timedelta, now: datetime, in_use: Collection[Path] = frozenset()
    ) -> list[Path]:
        """Remove what was last asked for longer than ``older_than`` ago, and what was left half-built.

        ``in_use`` are the places of the environments that runs are going in. Nothing else keeps an old one: a run
        asks once, when it starts. Returns what was removed.
        """
        if not self._folder.is_dir():
            return []
        removed = []
        for log in sorted(self._folder.glob("*.lock")):
            place = log.with_suffix("")
            if place.is_dir() and place not in in_use and _remove_if_unused(place, now - older_than):
                removed.append(place)
        if removed:
            self._clean_cache()
        return removed

    def _build(
        self,
        place: Path,
        requirements: Sequence[str],
        lock: int,
        say: Callable[[str], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        began = time.monotonic()
        say(f"environment {place.name}: built for {without_passwords(', '.join(requirements))}")
        _remove(place)
        try:
            with BuildOutput(place.with_suffix(".log"), say) as output:
                for arguments in self._steps(place, requirements):
                    self._run_uv(arguments, lock, output, is_wanted)
            _bring_agent_module(place)
            _finish(place, requirements)
        except BaseException:
            _remove(place)
            raise
        say(f"environment {place.name}: ready after {time.monotonic() - began:.1f} seconds")

    def _steps(self, place: Path, requirements: Sequence[str]) -> Iterator[list[str]]:
        # Relocatable: the data folder may be moved.
        own_python = ["--python", sys.executable, "--no-python-downloads"]
        yield ["venv", "--quiet", "--no-project", "--relocatable", *own_python, str(place)]
        python = ["--python", str(place / "bin" / "python")]
        yield ["pip", "install", *python, *sources(os.environ).options, "--", *requirements]

    def _run_uv(
        self, arguments: list[str], lock: int, output: BuildOutput, is_wanted: Callable[[], bool]
    ) -> None:
        process = subprocess.Popen(  # noqa: S603 - uv is ours, and the requirements come after "--"
            [_uv(), *arguments],
            env=self._environment(),
            cwd="/",  # where no project of somebody else's is found
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
        began = time.monotonic()
        with _none_left(process):
            for line in lines_of(process):
                if line is not None:
                    output.add(line)
                if not is_wanted():
                    raise EnvironmentAbandoned("stopped while the environment was built")
                if time.monotonic() - began > _LONGEST_BUILD:
                    raise EnvironmentFailed(
                        f"the environment was not built within {_LONGEST_BUILD // 60} minutes; the last line was:"
                        f" {output.reason()}"
                    )
        if process.returncode != 0:
            raise EnvironmentFailed(f"the environment could not be built: {output.reason()}")

    def _clean_cache(self) -> None:
        """The cache holds the same files: only without them there is more space. Not while something is built."""
        command, limit = [_uv(), "cache", "clean"], {"UV_LOCK_TIMEOUT": str(_CLEANING_PATIENCE)}
        environment = self._environment() | limit
        subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)  # noqa: S603 - uv is ours

    def _environment(self) -> dict[str, str]:
        """What uv is started with, and nothing else."""
        own = {"UV_CACHE_DIR": str(self._folder / "cache"), "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        return sources(os.environ).environment | own


def _uv() -> str:
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as problem:
        raise EnvironmentFailed(
            "the environment could not be built: uv is not installed beside the server"
        ) from problem


# -- which environment ---------------------------------------------------------------------------------------


def _key(requirements: Sequence[str]) -> str:
    """Equal for lists that mean the same, on Pythons that can use the same files."""
    means = sorted({_normalised(requirement) for requirement in requirements})
    python = [sys.implementation.name, platform.python_version(), sysconfig.get_platform()]
    return hashlib.sha256(json.dumps([means, python]).encode()).hexdigest()[:20]


def _normalised(requirement: str) -> str:
    wanted, _, marker = requirement.partition(";")
    name, at, address = wanted.partition("@")
    versions = re.search(r"[<>=!~(]", name)
    cut = versions.start() if versions and not at else len(name)
    plain_name = re.sub(r"[-_.]+", "-", "".join(name[:cut].split())).lower()
    plain_versions = ",".join(sorted("".join(name[cut:].split()).lower().split(",")))
    return f"{plain_name}{plain_versions}{at}{address.strip()};{' '.join(marker.split())}"


# -- building ------------------------------------------------------------------------------------------------


def _use(place: Path) -> bool:
    """Note that it is used; false if it is not complete, or has lost the Python that it was made for."""
    if not (place / "bin" / "python").exists():
        return False
    try:
        os.utime(place / _MARKER)
    except FileNotFoundError:
        return False
    _bring_agent_module(place)
    return True


def _finish(place: Path, requirements: Sequence[str]) -> None:
    os.sync()  # a power cut must not leave the marker and take files away that uv has written
    temporary = place / f"{_MARKER}.part"
    with temporary.open("w") as file:
        json.dump([without_passwords(requirement) for requirement in requirements], file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place / _MARKER)


def _bring_agent_module(place: Path) -> None:
    """Let programs import ``lamplighter.agent`` of this very server, unless they brought Lamplighter themselves."""
    site = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    target, wanted = site / "lamplighter" / "agent.py", AGENT_MODULE.read_bytes()
    if any(site.glob("lamplighter-*.dist-info")) or (target.exists() and target.read_bytes() == wanted):
        return
    target.parent.mkdir(exist_ok=True)
    (target.parent / "__init__.py").touch()
    temporary = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    temporary.write_bytes(wanted)
    temporary.replace(target)


def _remove(place: Path) -> None:
    (place / _MARKER).unlink(missing_ok=True)  # first: what is half-removed must not look complete
    shutil.rmtree(place, ignore_errors=True)


def _remove_if_unused(place: Path, since: datetime) -> bool:
    try:
        with _lock(place, fcntl.LOCK_EX, _never):
            marker = place / _MARKER
            if marker.exists() and datetime.fromtimestamp(marker.stat().st_mtime, UTC) >= since:
                return False
            _remove(place)
            place.with_suffix(".log").unlink(missing_ok=True)
            return True
    except BlockingIOError:
        return False


# -- processes and locks -------------------------------------------------------------------------------------


@contextmanager
def _none_left(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """In the end no process of a build is left, nor of what a package has started to build itself."""
    try:
        yield
    finally:
        # Nobody has waited for it yet, so the number of the group is surely still its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _lock(place: Path, kind: int, wait: Callable[[], None]) -> Iterator[int]:
    """Hold the lock of an environment; ``wait`` is called, again and again, while another one does.

    The file stays for good: whoever removed it would let two others each hold a lock of their own.
    """
    with place.with_suffix(".lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                wait()
        try:
            yield file.fileno()
        finally:
            # Also for what a build has left running, which has the same lock open.
            fcntl.flock(file, fcntl.LOCK_UN)


def _waiting(say: Callable[[str], None], is_wanted: Callable[[], bool]) -> Callable[[], None]:
    """Wait a moment for a lock, and say so the first time; raises when nobody wants it any more."""
    said = threading.Event()

    def wait() -> None:
        if not said.is_set():
            said.set()
            say("waiting for the environment, which another run is building")
        if not is_wanted():
            raise EnvironmentAbandoned("stopped while it waited for the environment")
        time.sleep(_LOOK_EVERY)

    return wait


def _never() -> None:
    raise BlockingIOError
