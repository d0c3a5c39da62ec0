"""Connections that ask for nothing, or so slowly that they only hold a place."""

import asyncio
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import pytest
import uvicorn

from lamplighter.http import connections, middleware
from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app
from lamplighter.http.connections import PatientProtocol, most_connections
from running_server import eventually


@contextmanager
def served() -> Iterator[Callable[[], socket.socket]]:
    """A server with routes and no services behind them; gives what makes a connection to it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        app = create_app(cast(Services, None))
        config = uvicorn.Config(app, http=PatientProtocol, ws="none", log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
        thread.start()
        try:
            eventually(lambda: server.started)
            yield lambda: socket.create_connection(listener.getsockname(), timeout=30)
        finally:
            server.should_exit = True
            thread.join()


def test_a_connection_on_which_nothing_is_asked_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SECONDS_FOR_HEAD", 0.05)
    with served() as connect, connect() as connection:
        assert is_closed(connection)


def test_a_head_that_comes_too_slowly_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as connect, connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(connections, "SECONDS_FOR_HEAD", 0.05)
        connection.sendall(b"GET /health/live HTTP/1.1\r\n")

        assert is_closed(connection)


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_PATIENCE", 0.05)
    with served() as connect, connect() as connection:
        connection.sendall(
            b"POST /api/v1/schedules/preview HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )

        answer = b"".join(iter(lambda: connection.recv(10_000), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in answer


def test_there_are_only_so_many_connections_and_places_become_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 3)
    with served() as connect:
        held = [connect() for _ in range(3)]
        for connection in held:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        with connect() as one_more:
            assert is_closed(one_more)
        for connection in held:
            connection.close()

        assert eventually(lambda: can_ask(connect))


def test_connections_leave_room_for_the_files_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))

    assert most_connections() == 128


def is_closed(connection: socket.socket) -> bool:
    """Waits for the end of a connection, whatever comes before it."""
    with suppress(ConnectionResetError):
        while connection.recv(10_000):
            pass
    return True


def can_ask(connect: Callable[[], socket.socket]) -> bool:
    """Whether a new connection is answered."""
    with connect() as connection:
        try:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200 ")
        except (ConnectionResetError, BrokenPipeError):
            return False
