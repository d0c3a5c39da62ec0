"""One file that is read, made of pieces that are elsewhere: in an object store, in another file, in memory."""

import io
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

_BLOCK = 256 * 1024  # bytes that are asked for at a time


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes ``begin`` to ``end`` of the whole; ``read(a, b)`` gives those from ``a`` to ``b``, or fewer."""

    begin: int
    end: int
    read: Callable[[int, int], bytes]


def joined(pieces: Sequence[Piece], close: Callable[[], None] = lambda: None) -> BinaryIO:
    """The pieces, which follow on each other, as one file; ``close`` is called when it is closed."""
    return cast(BinaryIO, io.BufferedReader(_Joined(pieces, close), _BLOCK))


def continued(file: BinaryIO | None, tail: bytes) -> BinaryIO:
    """A file as long as it is now, and the tail behind it, as one file; closing that closes the file."""
    if file is None:
        return io.BytesIO(tail)
    size = size_of(file)
    behind = Piece(size, size + len(tail), lambda begin, end: tail[begin - size : end - size])
    return joined([Piece(0, size, partial(_read, file)), behind], file.close)


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def size_of(file: BinaryIO) -> int:
    """How many bytes an open file has; it is read from its beginning afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def is_real(file: BinaryIO) -> bool:
    """Whether it is a file of this machine, and not one that was joined."""
    try:
        file.fileno()
    except OSError:
        return False
    return True


class _Joined(io.RawIOBase):
    def __init__(self, pieces: Sequence[Piece], close: Callable[[], None]) -> None:
        super().__init__()
        self._pieces = pieces
        self._close = close
        self._place = 0
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self._lock:
            size = self._pieces[-1].end if self._pieces else 0
            base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: size}[whence]
            self._place = max(0, base + offset)
            return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        with self._lock:
            place = self._place
            piece = next((piece for piece in self._pieces if piece.begin <= place < piece.end), None)
            if piece is None:
                return 0
            content = piece.read(place, min(place + len(buffer), piece.end))
            buffer[: len(content)] = content
            self._place = place + len(content)
            return len(content)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()
