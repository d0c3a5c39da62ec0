"""The store in which all servers of a fleet find the bytes of runs and bundles: S3, or a folder they share.

A file is kept as parts, each under the number of its first byte, so that a log can be kept as it grows and nothing
is ever written twice::

    runs/0/5/attempt-1/log.txt/00000000000000000000
    runs/0/5/attempt-1/log.txt/00000000000000004096

A part is there whole or not at all. What one attempt of a run writes, no other one does: its number is in the name.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore import exceptions
from obstore.store import LocalStore, from_url

from lamplighter.errors import InvalidInput, Unavailable
from lamplighter.pieces import Piece, joined

_DIGITS = 20
_KEYS_AT_ONCE = 1000


class FileStoreUnavailable(Unavailable):
    """The store of files cannot be reached, or refuses."""

    code = "file_store_unavailable"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: its key, its first byte, and how many there are."""

    key: str
    begin: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.begin + self.size


class ObjectStore:
    """A store by its address: ``s3://bucket/prefix``, or ``file:///folder`` that all servers share.

    ``endpoint`` is that of a store that is not Amazon's. Credentials are those of the environment, as all programs
    for S3 take them (``AWS_ACCESS_KEY_ID`` and so on). Every function may raise FileStoreUnavailable.
    """

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        """InvalidInput for an address that is none."""
        try:
            if url.startswith("file://"):
                folder = url.removeprefix("file://")
                self._store: Any = LocalStore(folder, mkdir=True)
                return
            options: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
            client: dict[str, Any] = {"connect_timeout": "5s", "timeout": "60s"}
            client["allow_http"] = endpoint is not None and endpoint.startswith("http://")
            retries: Any = {"max_retries": 2}
            self._store = from_url(url, client_options=cast(Any, client), retry_config=retries, **options)
        except (exceptions.BaseError, ValueError, OSError) as problem:
            raise InvalidInput.of(
                "LAMPLIGHTER_FILES_URL", f"cannot be used: {' '.join(str(problem).split())[:200]}"
            ) from problem

    # --- whole objects ---

    def put_new(self, key: str, file: Path) -> None:
        """Keep a file whose content never changes; nothing is done when it is there."""
        with _reached():
            try:
                obstore.head(self._store, key)
            except FileNotFoundError:
                obstore.put(self._store, key, file)

    def get(self, key: str, into: BinaryIO) -> bool:
        """Write an object into an open file; False when there is none."""
        with _reached():
            try:
                for chunk in obstore.get(self._store, key).stream():
                    into.write(chunk)
            except FileNotFoundError:
                return False
        return True

    def write_note(self, key: str, content: bytes) -> None:
        """Keep a small object in the place of the one before."""
        with _reached():
            obstore.put(self._store, key, content)

    def note(self, key: str) -> bytes | None:
        """A small object, or None when there is none."""
        with _reached():
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None

    # --- files in parts ---

    def parts(self, key: str) -> list[Part]:
        """The parts of a file in their order, as far as they follow on each other; empty when there is none."""
        found = sorted(part for part in self._below(key) if part[0].rpartition("/")[0] == key)
        parts: list[Part] = []
        for name, size in found:
            begin = int(name.rpartition("/")[2])
            if begin == (parts[-1].end if parts else 0):
                parts.append(Part(name, begin, size))
        return parts

    def files_below(self, key: str) -> list[str]:
        """The keys of the files below a folder."""
        return sorted({name.rpartition("/")[0] for name, _ in self._below(key)})

    def append(self, key: str, begin: int, content: bytes) -> None:
        """Keep a part that begins at this byte."""
        with _reached():
            obstore.put(self._store, _name(key, begin), content)

    def put(self, key: str, file: Path) -> None:
        """Keep a whole file as one part, in the place of whatever was kept of it."""
        with _reached():
            obstore.put(self._store, _name(key, 0), file)
        self._delete(part.key for part in self.parts(key)[1:])

    def open(self, key: str) -> BinaryIO | None:
        """A file that can be read from anywhere in it; None when there is none."""
        parts = self.parts(key)
        if not parts:
            return None
        return joined([Piece(part.begin, part.end, partial(self._read, part)) for part in parts])

    def _read(self, part: Part, begin: int, end: int) -> bytes:
        with _reached():
            found = obstore.get_range(self._store, part.key, start=begin - part.begin, end=end - part.begin)
            return bytes(found)

    def remove(self, key: str) -> None:
        """Remove a file, or all files below a folder."""
        self._delete(name for name, _ in self._below(key))

    def _below(self, key: str) -> Iterator[tuple[str, int]]:
        with _reached():
            for page in obstore.list(self._store, prefix=key):
                yield from ((found["path"], found["size"]) for found in page)

    def _delete(self, keys: Iterable[str]) -> None:
        waiting = list(keys)
        for begin in range(0, len(waiting), _KEYS_AT_ONCE):
            with _reached():
                try:
                    obstore.delete(self._store, waiting[begin : begin + _KEYS_AT_ONCE])
                except FileNotFoundError:  # another process was quicker
                    continue


def _name(key: str, begin: int) -> str:
    return f"{key}/{begin:0{_DIGITS}d}"


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (exceptions.BaseError, OSError) as problem:
        said = " ".join(str(problem).partition("Debug source")[0].split())[:300]
        raise FileStoreUnavailable(f"the store of files cannot be used: {said}") from problem
