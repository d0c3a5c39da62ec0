"""Takes the files out of an archive that somebody uploaded, whatever is in it.

Nothing that an archive says of itself is believed. What is unpacked is counted while it comes, and the readers of
the standard library get the file through ``_Doorway``, which gives it to them in small pieces, up to some length
and only for some time: else one header of a tar may keep them busy for ever, or make them ask for all memory.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import IO

from lamplighter.errors import InvalidInput, TooLarge

MOST_FILES = 10_000
MOST_BYTES = 200 * 1024**2
_MOST_ENTRIES = 50_000  # folders and clutter too
_MOST_RATIO = 200  # how many bytes may come out for each that is in the archive …
_RATIO_FROM = 16 * 1024**2  # … once it is more than this: a short text may be very regular
_MOST_SECONDS = 60.0
_CHUNK = 32 * 1024  # also the longest header of one file in a tar
_LONGEST_DIRECTORY = 8 * 1024**2  # the list of files at the end of a zip
_LONGEST_NAME = 255  # bytes: what file systems take
_LONGEST_PATH = 1024  # bytes: so that the data folder's own path has room before it
_DRIVE = re.compile(r"[A-Za-z]:")

# What the standard library raises for a damaged or a strangely packed archive.
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError),
)


def files_of_archive(name: str, file: IO[bytes]) -> dict[str, bytes]:
    """The files of an uploaded zip or tar (also gzip, bzip2 or xz), path → content.

    ``file`` is at its beginning. InvalidInput for something else, for paths that leave the folder or that are
    no plain ones, and for what is no plain file; TooLarge beyond the limits. A single folder around everything is
    taken off.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    is_zip = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    file.seek(0)
    files: dict[str, bytes] = {}
    budget = _Budget(size)
    try:
        for path, content in _zip_members(file) if is_zip else _tar_members(file, name):
            whole = io.BytesIO()
            while chunk := content.read(_CHUNK):
                budget.spend(len(chunk))
                whole.write(chunk)
            if is_clutter(path):
                continue
            if path in files:
                raise InvalidInput.of("bundle", f"{path!r} is in it twice")
            files[path] = whole.getvalue()
            if len(files) > MOST_FILES:
                break
    except _UNREADABLE as problem:
        raise InvalidInput.of("bundle", f"{name} cannot be read: {problem}") from problem
    return _without_common_folder(checked_files(files))


def checked_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """``files`` with plain relative paths; InvalidInput for any other path, TooLarge beyond the limits."""
    if not files:
        raise InvalidInput.of("files", "there must be at least one file")
    if len(files) > MOST_FILES:
        raise TooLarge(f"an agent has at most {MOST_FILES} files")
    if sum(map(len, files.values())) > MOST_BYTES:
        raise _too_many_bytes()
    clean: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    for name, content in files.items():
        path = str(PurePosixPath(name))
        _check_path(name, path)
        same = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), name)
        if same != name:
            raise InvalidInput.of(
                "files", f"{same!r} and {name!r} are one file where letter case does not count: rename one"
            )
        clean[path] = content
    for path in clean:
        for folder in map(str, PurePosixPath(path).parents):
            if folder in clean:
                raise InvalidInput.of("files", f"{folder!r} cannot be a file and the folder of {path!r}")
    return clean


def _check_path(name: str, path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in name or _DRIVE.match(path):
        raise InvalidInput.of("files", f"{name!r} is not a relative path inside the agent's folder")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InvalidInput.of("files", f"{name!r} has control characters, or is not UTF-8: rename the file")
    if len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise InvalidInput.of(
            "files",
            f"{path[:40]!r}… is too long: a path has at most {_LONGEST_PATH} bytes,"
            f" each name in it at most {_LONGEST_NAME}",
        )


class _Budget:
    """How much may still come out of an archive of ``size`` bytes."""

    def __init__(self, size: int) -> None:
        self._came = 0
        self._most = max(_RATIO_FROM, _MOST_RATIO * size)

    def spend(self, count: int) -> None:
        """Note that so many bytes came out; TooLarge."""
        self._came += count
        if self._came > MOST_BYTES:
            raise _too_many_bytes()
        if self._came > self._most:
            raise TooLarge(f"what is in the archive is more than {_MOST_RATIO} times as large as the archive")


class _Doorway(io.RawIOBase):
    """A file that is given out in pieces of at most ``piece`` bytes, up to ``length``, and for a minute.

    With ``only_forwards``, going back is an error: a tar makes its readers do that for ever.
    """

    def __init__(
        self, file: IO[bytes] | gzip.GzipFile, piece: int, length: int, *, only_forwards: bool
    ) -> None:
        self._file = file
        self._piece = piece
        self._length = length
        self._only_forwards = only_forwards
        self._until = time.monotonic() + _MOST_SECONDS

    def read(self, size: int = -1) -> bytes:
        """As of any file; ValueError, TooLarge."""
        if size > self._piece:
            raise ValueError("a header in it is too long")
        if time.monotonic() > self._until:
            raise TooLarge(f"the archive could not be unpacked within {_MOST_SECONDS:.0f} seconds")
        data = self._file.read(self._piece if size < 0 else size)
        self._check(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file; ValueError, TooLarge."""
        if self._only_forwards and (whence != io.SEEK_SET or offset < self._file.tell()):
            raise ValueError("a header in it leads back")
        if whence == io.SEEK_SET:
            self._check(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def _check(self, place: int) -> None:
        if place > self._length:
            raise _too_many_bytes()


def _zip_members(file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    door = _Doorway(file, _LONGEST_DIRECTORY, 2**62, only_forwards=False)
    with zipfile.ZipFile(door) as archive:
        infos = archive.infolist()
        _check_count(len(infos))
        _check_overlaps(infos)
        for info in infos:
            if not info.is_dir():
                _check_entry(info)
                with archive.open(info) as content:
                    yield info.filename, content


def _check_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Files that share bytes are how a small zip becomes a very large one."""
    for one, other in pairwise(sorted(infos, key=lambda info: info.header_offset)):
        if one.header_offset + zipfile.sizeFileHeader + one.compress_size > other.header_offset:  # type: ignore[attr-defined]  # not in the stubs
            raise InvalidInput.of("bundle", f"{one.filename!r} and {other.filename!r} overlap in it")


def _check_entry(info: zipfile.ZipInfo) -> None:
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if "\0" in name:
        raise InvalidInput.of("bundle", f"{name!r} has control characters: rename the file")
    if kind not in (0, stat.S_IFREG):
        raise InvalidInput.of("bundle", f"{name!r} is a link or device; only plain files are taken")
    if info.flag_bits & 1:
        raise InvalidInput.of("bundle", f"{name!r} cannot be read: it is encrypted")
    # The others are unpacked whole in one step by the standard library, however much that is.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidInput.of("bundle", f"{name!r} cannot be read: pack the zip with deflate, or not at all")


def _tar_members(file: IO[bytes], name: str) -> Iterator[tuple[str, IO[bytes]]]:
    length = MOST_BYTES + _MOST_ENTRIES * 3 * tarfile.BLOCKSIZE
    door = _Doorway(_decompressed(file), _CHUNK, length, only_forwards=True)
    try:
        archive = tarfile.open(fileobj=door, mode="r:")  # noqa: SIM115 - what the loop raises is no ReadError of this
    except tarfile.ReadError as problem:
        raise InvalidInput.of("bundle", f"{name} is neither a zip nor a tar.gz file") from problem
    with archive:
        yield from _plain_members(archive)


def _plain_members(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    seen = 0
    while (member := archive.next()) is not None:
        # Each has a copy of all extended headers, and the archive would keep them all.
        archive.members = []  # type: ignore[attr-defined]  # not in the stubs
        seen += 1
        _check_count(seen)
        if member.isdir():
            continue
        content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
        if content is None:
            what = "a sparse file" if member.issparse() else "a link or device"
            raise InvalidInput.of("bundle", f"{member.name!r} is {what}; only plain files are taken")
        yield member.name.removeprefix("./"), content


def _decompressed(file: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if head == b"\xfd7zXZ\0" else file


def _check_count(entries: int) -> None:
    if entries > _MOST_ENTRIES:
        raise TooLarge(f"an archive has at most {_MOST_ENTRIES} entries, and an agent {MOST_FILES} files")


def _too_many_bytes() -> TooLarge:
    return TooLarge(f"an agent has at most {MOST_BYTES // 1024**2} MiB")


def is_clutter(path: str) -> bool:
    """Whether a file of an archive is what tools leave behind, which is not taken."""
    parts = PurePosixPath(path).parts
    return "__pycache__" in parts or "__MACOSX" in parts or ".git" in parts


def _without_common_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {name.split("/", 1)[0] for name in files}
    if len(tops) != 1 or any("/" not in name for name in files):
        return files
    return {name.split("/", 1)[1]: content for name, content in files.items()}
