"""Delivery to databases that are away, locked, or do not answer."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from export_places import BOOKS, Told, a_delivery, to

from lamplighter.export.delivery import DeliveryFailed
from lamplighter.export.parcel import Limits
from real_postgresql import postgresql_server
from running_server import eventually, free_port


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of an empty database of a real PostgreSQL."""
    with postgresql_server() as address:
        yield address


def test_a_database_that_is_away_is_tried_four_times(tmp_path: Path) -> None:
    told = Told()
    section = to(f"postgresql://me:hunter22@127.0.0.1:{free_port()}/db", table="t")
    with pytest.raises(DeliveryFailed, match=r"not delivered to .*refused.*\(tried 4 times\)") as failed:
        told.deliver(a_delivery(tmp_path, BOOKS), section)
    assert "hunter22" not in str(failed.value) + "".join(told.lines)
    assert sum(told.waits) == 7


def test_a_database_that_does_not_exist_is_told_at_once(tmp_path: Path, postgresql: str) -> None:
    told = Told()
    section = to(postgresql.removesuffix("postgres") + "nowhere", table="t")
    with pytest.raises(DeliveryFailed, match="does not exist"):
        told.deliver(a_delivery(tmp_path, BOOKS), section)
    assert told.waits == []


def test_a_file_in_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(DeliveryFailed, match="unable to open database file"):
        told.deliver(a_delivery(tmp_path, BOOKS), to(f"sqlite:///{tmp_path}/no/shop.db", table="t"))
    assert told.waits == []


def test_a_database_that_somebody_else_has_locked_is_tried_again(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=sa.pool.NullPool)
    told = Told()
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")

        def look() -> bool:
            if told.waits and other.in_transaction():
                other.rollback()
            return True

        told.keeps_going = look
        section = to(f"sqlite:///{tmp_path}/shop.db", table="t")
        told.deliver(a_delivery(tmp_path, BOOKS), section, limits=Limits(connect=0.05))
    assert "database is locked" in told.lines[0]
    assert told.lines[-1].startswith("delivered 2 records")
    engine.dispose()


def test_a_connection_that_is_cut_in_the_middle_is_tried_again(tmp_path: Path, postgresql: str) -> None:
    told, victims = Told(), sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    with victims.begin() as holder:
        holder.exec_driver_sql("CREATE TABLE held (url TEXT)")
    with victims.connect() as holder:
        holder.exec_driver_sql("LOCK TABLE held")
        ended = threading.Thread(target=_end_who_waits, args=(postgresql, holder.rollback))
        ended.start()
        told.deliver(a_delivery(tmp_path, BOOKS[:1]), to(postgresql, table="held"))
        ended.join()
    assert "terminating connection" in told.lines[0]
    assert told.lines[-1].startswith("delivered 1 record to")
    victims.dispose()


def test_a_server_that_hangs_in_the_middle_costs_no_more_than_the_time_of_a_try(
    tmp_path: Path, postgresql: str
) -> None:
    delivery, limits = a_delivery(tmp_path, BOOKS), Limits(whole=1, waits=())
    with (
        Line(postgresql, breaks_at=b"INSERT INTO lamplighter_deliveries") as line,
        pytest.raises(DeliveryFailed, match="not delivered to") as failed,
    ):
        Told().deliver(delivery, to(line.address, table="unheard"), limits=limits)
    assert line.is_broken
    assert "statement timeout" not in str(failed.value)


class Line:
    """A connection to a server that swallows everything from a certain moment on."""

    def __init__(self, address: str, breaks_at: bytes) -> None:
        parts = urlsplit(address)
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.address = address.replace(f":{parts.port}", f":{self._listener.getsockname()[1]}")
        self._breaks_at = breaks_at
        self.is_broken = False

    def __enter__(self) -> "Line":
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, what: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=what, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._begin(self._pass_on, near, far)
                self._begin(self._pass_on, far, near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other direction was closed
            while content := source.recv(65536):
                if self._breaks_at in content:
                    self.is_broken = True
                if not self.is_broken:
                    target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)
        source.close()


def _end_who_waits(address: str, let_go: Callable[[], object]) -> None:
    """End the connection that waits for a lock, and let the lock go."""
    with psycopg.connect(address, autocommit=True) as c:
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        [pid] = eventually(lambda: c.execute(waiting).fetchone())
        c.execute("SELECT pg_terminate_backend(%s)", [pid])
    let_go()
