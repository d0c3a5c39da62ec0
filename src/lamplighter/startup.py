"""What every process that stays does when it starts: its log, its data folder, its name."""

import fcntl
import gc
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

import structlog

from lamplighter.errors import Conflict


def keep_what_is_loaded() -> None:
    """Leave all that there is by now out of the search for garbage: it stays.

    To go through it again and again takes an eighth of a second each time, in which no thread goes on.
    """
    gc.freeze()


def set_up_logging(*, json: bool) -> None:
    """Send the server's own log to standard error, for people or as JSON lines."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(_Unbreakable(sys.stderr)),  # type: ignore[arg-type]  # a text file in all that is used
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


class _Unbreakable:
    """Standard error that may be closed at the other end: a log that nobody reads must not end a loop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def sole_owner(data: Path) -> Iterator[None]:
    """Hold the lock of the data folder; Conflict when another server holds it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(data / "server.lock", wait=False))
        except BlockingIOError as problem:
            raise Conflict(f"another server is running on the data folder {data}") from problem
        yield


@contextmanager
def lock(file: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock that is ``file``; BlockingIOError when another process holds it and there is no waiting."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def server_name(data: Path) -> str:
    """The name under which this installation holds its runs; it stays when the host is renamed."""
    file = data / "server-name"
    if not file.exists():
        file.write_text(f"{socket.gethostname()}\n")
    return file.read_text().strip()
