"""Where the bytes are: agents' bundles by content, and one folder a run.

::

    DATA/bundles/<sha256>.zip                 the files of one version
    DATA/runs/trash/                          what was removed and is not yet gone; on the same disk as the runs
    DATA/runs/<id // 1000>/<id>/              one run
        attempt-<n>/log.txt                   what the agent printed, and our own lines
        attempt-<n>/input.json, records.jsonl, report.json, exit.json, …
        attempt-<n>/work/                     where the agent runs; gone afterwards
        attempt-<n>/export/                   the records, for people and destinations
        combined-<random>/                    the same of a whole set, in the folder of its first run

Bundles are written to a temporary name and renamed, so a bundle that exists is whole. What one attempt writes, no
other one does.

In a fleet the folder of each server is only where it works: everything is found in a store that all of them reach,
under the same names.
"""

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import structlog

from lamplighter.errors import Conflict, LamplighterError

if TYPE_CHECKING:
    from lamplighter.object_store import ObjectStore

log = structlog.get_logger()

PART_SIZE = 8 * 1024 * 1024
_GROWING = ("log.txt", "records.jsonl")  # they are sent while they grow
_STRIPES = 64
_ROOM, _SHARE_OF_ROOM = 1 << 30, 0.05  # bytes, and of the whole disk: what is smaller
_BUNDLE_IS_USED = 3600.0  # seconds after it was asked for
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


class FileStoreDamaged(LamplighterError):
    """What is found in the store is not what was put there."""

    code = "file_store_damaged"


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """The folder of one attempt of a run; its parts by name."""

    path: Path

    @property
    def log(self) -> Path:
        """What the agent wrote to standard output and error, and the server's own lines."""
        return self.path / "log.txt"

    @property
    def input(self) -> Path:
        """The input as JSON."""
        return self.path / "input.json"

    @property
    def records(self) -> Path:
        """The records as the agent writes them, one JSON object a line."""
        return self.path / "records.jsonl"

    @property
    def report(self) -> Path:
        """What the agent says of itself: how it ended, counts, problems."""
        return self.path / "report.json"

    @property
    def snapshots(self) -> Path:
        """Pages that the agent kept for people, when the log mode asks for them."""
        return self.path / "snapshots"

    @property
    def evidence(self) -> Path:
        """What explains a failure: the page that failed, and what was gathered afterwards."""
        return self.path / "evidence"

    @property
    def export(self) -> Path:
        """The checked records, in each format that was asked for."""
        return self.path / "export"

    @property
    def work(self) -> Path:
        """The agent's working directory."""
        return self.path / "work"

    @property
    def files(self) -> Path:
        """Where the agent puts files that it wants kept."""
        return self.path / "files"

    def say(self, now: datetime, text: str) -> None:
        """Append a line of the server's own to the log; ``now`` stands before it."""
        stamp = now.strftime("%Y-%m-%d %H:%M:%S")
        line = f"{stamp} [lamplighter] {text}\n".encode(errors="backslashreplace")
        descriptor = _open_log(self.log)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def _open_log(path: Path) -> int:
    """A log to be appended to; what an agent has put in its place (a link, a pipe) gives way to a new one."""
    for _ in range(2):
        try:
            descriptor = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644
            )
        except OSError as problem:
            if problem.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise
        else:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        path.rename(path.with_name(f"not-a-log-{uuid.uuid4().hex[:8]}"))
    raise OSError(errno.ELOOP, "the log is replaced again and again", str(path))


def open_plain(path: Path | str, *, dir_fd: int | None = None) -> BinaryIO | None:
    """Open a file that an agent may have made, to read it; None when it is anything but a plain file.

    A link could lead out of the run's folder, and a pipe would keep its reader waiting for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dir_fd)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def size_of(file: BinaryIO) -> int:
    """How many bytes an open file has; it is read from its beginning afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def open_below(folder: Path, path: str) -> BinaryIO | None:
    """Open a plain file by its path below a folder; None when there is none, or a link is on the way.

    An agent may put another thing in the place of any file and folder while it is looked for, so each step is
    taken from the folder that the one before has opened, and what was opened is what is read.
    """
    steps = PurePosixPath(path).parts
    if not steps or ".." in steps or path.startswith("/"):
        return None
    place = -1
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        for step in steps[:-1]:
            inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        return open_plain(steps[-1], dir_fd=place)
    except (OSError, ValueError):
        return None
    finally:
        if place >= 0:
            os.close(place)


def plain_files(folder: Path) -> Iterator[Path]:
    """The plain files below a folder that an agent had for itself, in order; no link is followed."""
    if folder.is_symlink():
        return
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


class Files:
    """The bytes of one installation, in a folder on this machine and, when there is one, in the ``store``.

    Whatever needs the store may raise FileStoreUnavailable.
    """

    def __init__(self, data: Path, store: "ObjectStore | None" = None) -> None:
        self.store = store
        self._data = data
        self._sending = [threading.Lock() for _ in range(_STRIPES)]
        self._bundles = data / "bundles"
        self._runs = data / "runs"
        self._trash = self._runs / "trash"
        self._emptying = threading.Lock()
        for folder in (self._bundles, self._runs, self._trash):
            folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def at(cls, data: Path, url: str | None, endpoint: str | None) -> "Files":
        """Those in the folder, and in the store at ``url``; InvalidInput when there is none to be had."""
        if url is None:
            return cls(data)
        if find_spec("obstore") is None:
            raise Conflict(
                "LAMPLIGHTER_FILES_URL needs a client of object stores: pip install 'lamplighter[s3]'"
            )
        from lamplighter.object_store import ObjectStore

        return cls(data, ObjectStore(url, endpoint))

    def keep_bundle(self, files: Mapping[str, bytes]) -> str:
        """Keep the files of a version and return their content address."""
        with _new_file(self._bundles) as (temporary, file):
            _write_zip(file, files)
            file.seek(0)
            address = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO of the stubs has no readinto
            target = self._bundles / f"{address}.zip"
            if not target.exists():
                os.fsync(file.fileno())
                temporary.replace(target)
        if self.store is not None:
            self.store.put_new(self._key(target), target)
        return address

    def has_room(self) -> bool:
        """Whether the disk has more left than a little; then nothing should be begun that writes."""
        usage = shutil.disk_usage(self._data)
        return usage.free > min(_ROOM, usage.total * _SHARE_OF_ROOM)

    def drop_unused_bundles(self) -> int:
        """Remove the bundles that were not used for a while and are in the store; returns how many."""
        if self.store is None:
            return 0
        before = time.time() - _BUNDLE_IS_USED
        unused = [path for path in self._bundles.glob("*.zip") if path.stat().st_mtime < before]
        for path in unused:
            self.store.put_new(self._key(path), path)
            path.unlink(missing_ok=True)
        return len(unused)

    def send_bundles(self) -> int:
        """Keep in the store all bundles that are here; returns how many."""
        bundles = sorted(self._bundles.glob("*.zip"))
        for bundle in bundles if self.store is not None else ():
            assert self.store is not None
            self.store.put_new(self._key(bundle), bundle)
        return len(bundles)

    def _bundle(self, address: str) -> Path:
        """The file of a bundle, which is fetched when it is not here; FileNotFoundError when there is none."""
        target = self._bundles / f"{address}.zip"
        if self.store is None:
            return target
        with suppress(FileNotFoundError):
            os.utime(target)  # it is used
            return target
        with _new_file(self._bundles) as (temporary, file):
            if self.store.get(self._key(target), file):
                file.seek(0)
                found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO of the stubs has no readinto
                if found != address:
                    raise FileStoreDamaged(f"the bundle {address} in the store of files is damaged")
                os.fsync(file.fileno())
                temporary.replace(target)
        return target

    def bundle_files(self, address: str) -> dict[str, bytes]:
        """The files of a bundle, path → content."""
        with zipfile.ZipFile(self._bundle(address)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def open_bundle(self, address: str) -> BinaryIO:
        """A bundle as it is kept: a zip."""
        return self._bundle(address).open("rb")

    def bundle_names(self, address: str) -> list[str]:
        """The paths of the files of a bundle."""
        with zipfile.ZipFile(self._bundle(address)) as archive:
            return archive.namelist()

    def unpack(self, address: str, target: Path) -> None:
        """Write the files of a bundle into the folder ``target``, which is made."""
        with zipfile.ZipFile(self._bundle(address)) as archive:
            for name in archive.namelist():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as packed, path.open("xb") as out:
                    head = packed.read(2)
                    out.write(head)
                    shutil.copyfileobj(packed, out)
                if head == b"#!":
                    path.chmod(0o755)

    def run_folder(self, run_id: int) -> Path:
        """The folder of a run; it need not exist."""
        return self._runs / str(run_id // 1000) / str(run_id)

    def attempt(self, run_id: int, attempt: int) -> AttemptFolder:
        """The folder of an attempt; it need not exist."""
        return AttemptFolder(self.run_folder(run_id) / f"attempt-{attempt}")

    def folders_of(self, run_id: int) -> list[Path]:
        """The folders of a run's attempts and of combined exports, here and in the store."""
        folder = self.run_folder(run_id)
        names = {path.name for path in folder.glob("*") if path.is_dir() and not path.is_symlink()}
        if self.store is not None:
            top = self._key(folder)
            names |= {key.removeprefix(f"{top}/").partition("/")[0] for key in self.store.files_below(top)}
        return [folder / name for name in sorted(names)]

    def export_folder(self, run_id: int, attempt: int) -> Path:
        """Where the exported files of an attempt are."""
        own = self.attempt(run_id, attempt).export
        # Before each attempt had its own, all attempts of a run had one.
        common = self.run_folder(run_id) / "export"
        return own if os.path.lexists(own) or not common.is_dir() else common

    def open_of_run(self, path: Path) -> BinaryIO | None:
        """Open a file below the folder of a run, to send it to people; None when there is no plain file there."""
        file = open_below(self._runs, str(path.relative_to(self._runs)))
        if file is None and self.store is not None:
            return self.store.open(self._key(path))
        return file

    def copy_of_run(self, path: Path) -> BinaryIO | None:
        """As ``open_of_run``, but a real file in any case; one of the store is copied for as long as it is open."""
        file = self.open_of_run(path)
        if file is None or is_real(file):
            return file
        with file:
            copy = tempfile.TemporaryFile(dir=self._data)  # noqa: SIM115 - whoever gets it closes it
            shutil.copyfileobj(file, copy)
        copy.seek(0)
        return cast(BinaryIO, copy)

    def log_here(self, run_id: int, attempt: int, begin: int, most: int) -> bytes:
        """Bytes of an attempt's log as far as it is on this machine; none when it is not."""
        path = self.attempt(run_id, attempt).log
        file = open_below(self._runs, str(path.relative_to(self._runs)))
        if file is None:
            return b""
        with file:
            file.seek(begin)
            return file.read(most)

    # --- the store ---

    def send_growth(self, path: Path) -> int:
        """Keep what a growing file of a run has more than the store has of it; returns how many bytes."""
        if self.store is None:
            return 0
        with self._turn_of(path):
            file = open_below(self._runs, str(path.relative_to(self._runs)))
            if file is None:
                return 0
            with file:
                return self._send_rest(self.store, self._key(path), file)

    def hand_over(self, folders: Iterable[Path]) -> None:
        """Keep all that is in these folders of a run in the store, but for what the agent worked on."""
        for folder in folders if self.store is not None else ():
            for path in plain_files(folder):
                if path.relative_to(folder).parts[0] != "work":
                    self._send(path)

    def _send(self, path: Path) -> None:
        assert self.store is not None
        key = self._key(path)
        with self._turn_of(path):
            if not (path.name in _GROWING and path.parent.name.startswith("attempt-")):
                self.store.put(key, path)
                return
            file = open_below(self._runs, str(path.relative_to(self._runs)))
            if file is None:
                return
            with file:
                self._send_rest(self.store, key, file)

    def _send_rest(self, store: "ObjectStore", key: str, file: BinaryIO) -> int:
        parts = store.parts(key)
        begin = parts[-1].end if parts else 0
        size = size_of(file)
        if size < begin:  # the agent has put another one in its place
            store.remove(key)
            begin = 0
        file.seek(begin)
        sent = 0
        while begin + sent < size and (content := file.read(min(PART_SIZE, size - begin - sent))):
            store.append(key, begin + sent, content)
            sent += len(content)
        return sent

    def fetch(self, path: Path) -> None:
        """Bring a file of a run here from the store, or all that is in a folder, unless it is here."""
        if self.store is None:
            return
        for key in self.store.files_below(self._key(path)):
            target = self._data / _path_of(key)
            if os.path.lexists(target):
                continue
            found = self.store.open(key)
            if found is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with found, _new_file(target.parent) as (temporary, file):
                shutil.copyfileobj(found, file)
                temporary.replace(target)

    def let_go(self, run_id: int) -> None:
        """What is here of a run is needed here no longer, when there is a store that has it."""
        if self.store is not None:
            self._put_aside_here(self.run_folder(run_id))
            self.empty_trash()

    def let_go_of_all_but(self, kept: Collection[int]) -> None:
        """As ``let_go`` for all runs but these: what the end of a process has left here."""
        if self.store is None:
            return
        for folder in self._runs.glob("*/*"):
            if folder.name.isdigit() and int(folder.name) not in kept:
                self.let_go(int(folder.name))

    def _key(self, path: Path) -> str:
        return "/".join(_PLAIN.sub(_escaped, part) for part in path.relative_to(self._data).parts)

    def _turn_of(self, path: Path) -> threading.Lock:
        """One thread at a time sends a file."""
        return self._sending[hash(path) % _STRIPES]

    def _remove_from_store(self, path: Path) -> None:
        if self.store is not None:
            self.store.remove(self._key(path))

    # --- removing ---

    def put_aside(self, folder: Path) -> None:
        """Take a folder out of the way, at once and whole; ``empty_trash`` removes it."""
        self._remove_from_store(folder)
        self._put_aside_here(folder)

    def _put_aside_here(self, folder: Path) -> None:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)  # one that an agent has made read-only cannot be moved
        if os.path.lexists(folder):
            folder.rename(self._trash / uuid.uuid4().hex)

    def put_run_aside(self, run_id: int, *, keep_input: bool = False) -> None:
        """Take the files of a run out of the way, all or all but its attempts' inputs."""
        folder = self.run_folder(run_id)
        inputs: dict[str, bytes] = {}
        for part in self.folders_of(run_id) if keep_input else ():
            self.fetch(part / "input.json")
        for path in folder.glob("attempt-*/input.json"):
            file = self.open_of_run(path)
            if file is not None:
                with file:
                    inputs[path.parent.name] = file.read()
        self.put_aside(folder)
        for attempt, content in inputs.items() if keep_input else ():
            (folder / attempt).mkdir(parents=True)
            (folder / attempt / "input.json").write_bytes(content)
            self.hand_over([folder / attempt])

    def put_parts_aside(self, parts: Iterable[Path]) -> None:
        """Take some files and folders of a run out of the way; those that are not there are passed over."""
        for part in parts:
            self._remove_from_store(part)
            if part.is_dir() and not part.is_symlink():
                part.chmod(0o700)  # a folder that an agent has made read-only cannot be moved
            with suppress(FileNotFoundError):
                part.rename(self._trash / uuid.uuid4().hex)

    def empty_trash(self) -> None:
        """Remove what was put aside, also what an agent has made read-only.

        While another thread does it, it is left to that one: two of them would stumble over each other.
        """
        if not self._emptying.acquire(blocking=False):
            return
        try:
            for path in self._trash.iterdir():
                try:
                    remove(path)
                except OSError as problem:
                    log.warning("what was put aside cannot be removed yet", path=str(path), exc_info=problem)
        finally:
            self._emptying.release()


class _Continued(io.RawIOBase):
    """A file, and behind its first ``size`` bytes others."""

    def __init__(self, file: BinaryIO | None, size: int, rest: bytes) -> None:
        super().__init__()
        self._file, self._size, self._rest = file, size, rest
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size + len(self._rest)}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        left = self._size - self._place
        if left > 0 and self._file is not None:
            self._file.seek(self._place)
            content = self._file.read(min(left, len(buffer)))
        else:
            content = self._rest[-left : len(buffer) - left]
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def continued(file: BinaryIO | None, size: int, rest: bytes) -> BinaryIO:
    """The first ``size`` bytes of a file and then the ``rest``, as one file; closing it closes the file."""
    return cast(BinaryIO, io.BufferedReader(_Continued(file, size, rest)))


def is_real(file: BinaryIO) -> bool:
    """Whether it is a file of this machine, and not one of the store."""
    try:
        file.fileno()
    except OSError:  # of the store
        return False
    return True


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in os.fsencode(found[0]))


def _path_of(key: str) -> Path:
    plain = re.sub(rb"=(..)", lambda found: bytes([int(found[1], 16)]), key.encode())
    return Path(os.fsdecode(plain))


def content_hash(files: Mapping[str, bytes]) -> str:
    """What the files of a version hash to, whoever packed them: SHA-256 of a line for each, sorted by path.

    A line is the SHA-256 of the content, two spaces and the path, as ``sha256sum`` writes it.
    """
    lines = (f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def remove(path: Path) -> None:
    """Remove whatever is at ``path``, if there is anything, also what an agent has made read-only."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_remove_all_the_same)
    else:
        path.unlink(missing_ok=True)


def write_whole(target: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all, in the place of whatever an agent has put there."""
    if target.is_dir() and not target.is_symlink():
        remove(target)
    _write_atomically(target, content)


def _remove_all_the_same(_function: object, path: str, _problem: object) -> None:
    """For rmtree: a folder that may not be written to keeps its content until it may. What is gone is gone."""
    target = Path(path)
    for folder in (target.parent, target):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)
    if target.is_dir() and not target.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _write_zip(file: BinaryIO, files: Mapping[str, bytes]) -> None:
    """One archive for one content: sorted, without times."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)


def _write_atomically(target: Path, content: bytes) -> None:
    with _new_file(target.parent) as (temporary, file):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(target)


@contextmanager
def _new_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file for our eyes only; in the end it is gone, unless it has got another name by then."""
    descriptor, temporary = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield Path(temporary), file
    finally:
        Path(temporary).unlink(missing_ok=True)
