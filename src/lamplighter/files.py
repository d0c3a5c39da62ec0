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

import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import structlog

from lamplighter.disk import new_file, open_below, open_log, plain_files, remove
from lamplighter.errors import Conflict, LamplighterError
from lamplighter.pieces import is_real, size_of

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
        descriptor = open_log(self.log)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


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
        """Those in the folder and in the store at ``url``; InvalidInput for a bad one, Conflict without obstore."""
        if url is None:
            return cls(data)
        if find_spec("obstore") is None:
            raise Conflict(
                "LAMPLIGHTER_FILES_URL needs a client of object stores: pip install 'lamplighter[s3]'"
            )
        from lamplighter.object_store import ObjectStore

        return cls(data, ObjectStore(url, endpoint))

    # --- bundles ---

    def keep_bundle(self, files: Mapping[str, bytes]) -> str:
        """Keep the files of a version and return their content address."""
        with new_file(self._bundles) as (temporary, file):
            _write_zip(file, files)
            address = _sha256(file)
            target = self._bundles / f"{address}.zip"
            if not target.exists():
                os.fsync(file.fileno())
                temporary.replace(target)
        if self.store is not None:
            self.store.put_new(self._key(target), target)
        return address

    def drop_unused_bundles(self) -> int:
        """Remove the bundles that were not used for a while and are in the store; returns how many."""
        if self.store is None:
            return 0
        before = time.time() - _BUNDLE_IS_USED  # the clock by which the disk notes when a file was used
        unused = [path for path in self._bundles.glob("*.zip") if path.stat().st_mtime < before]
        for path in unused:
            self.store.put_new(self._key(path), path)
            path.unlink(missing_ok=True)
        return len(unused)

    def send_bundles(self) -> int:
        """Keep in the store all bundles that are here; returns how many."""
        bundles = sorted(self._bundles.glob("*.zip"))
        if self.store is not None:
            for bundle in bundles:
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
        with new_file(self._bundles) as (temporary, file):
            if self.store.get(self._key(target), file):
                if _sha256(file) != address:
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

    # --- the folders of runs ---

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
        file = self._open_here(path)
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
        file = self._open_here(self.attempt(run_id, attempt).log)
        if file is None:
            return b""
        with file:
            file.seek(begin)
            return file.read(most)

    def _open_here(self, path: Path) -> BinaryIO | None:
        return open_below(self._runs, str(path.relative_to(self._runs)))

    # --- the store ---

    def send_growth(self, path: Path) -> int:
        """Keep what a growing file of a run has more than the store has of it; returns how many bytes."""
        if self.store is None:
            return 0
        with self._turn_of(path):
            file = self._open_here(path)
            if file is None:
                return 0
            with file:
                return self._send_rest(self.store, self._key(path), file)

    def hand_over(self, folders: Iterable[Path]) -> None:
        """Keep all that is in these folders of a run in the store, but for what the agent worked on."""
        if self.store is None:
            return
        for folder in folders:
            for path in plain_files(folder):
                if path.relative_to(folder).parts[0] == "work":
                    continue
                if path.name in _GROWING and path.parent.name.startswith("attempt-"):
                    self.send_growth(path)
                else:
                    with self._turn_of(path):
                        self.store.put(self._key(path), path)

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
            with found, new_file(target.parent) as (temporary, file):
                shutil.copyfileobj(found, file)
                temporary.replace(target)

    def has_room(self) -> bool:
        """Whether the disk has more left than a little; when not, nothing should be begun that writes."""
        usage = shutil.disk_usage(self._data)
        return usage.free > min(_ROOM, usage.total * _SHARE_OF_ROOM)

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

    # --- removing ---

    def put_aside(self, path: Path) -> None:
        """Take a file or folder of a run out of the way, at once and whole, if there is one.

        ``empty_trash`` removes it.
        """
        if self.store is not None:
            self.store.remove(self._key(path))
        self._put_aside_here(path)

    def _put_aside_here(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)  # a folder that an agent has made read-only cannot be moved
        with suppress(FileNotFoundError, NotADirectoryError):
            path.rename(self._trash / uuid.uuid4().hex)

    def put_run_aside(self, run_id: int, *, keep_input: bool = False) -> None:
        """Take the files of a run out of the way, all or all but its attempts' inputs."""
        inputs = self._inputs_of(run_id) if keep_input else {}
        self.put_aside(self.run_folder(run_id))
        for path, content in inputs.items():
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            self.hand_over([path.parent])

    def _inputs_of(self, run_id: int) -> dict[Path, bytes]:
        inputs: dict[Path, bytes] = {}
        for folder in self.folders_of(run_id):
            path = AttemptFolder(folder).input
            file = self.open_of_run(path) if folder.name.startswith("attempt-") else None
            if file is not None:
                with file:
                    inputs[path] = file.read()
        return inputs

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


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in os.fsencode(found[0]))


def _path_of(key: str) -> Path:
    plain = re.sub(rb"=(..)", lambda found: bytes([int(found[1], 16)]), key.encode())
    return Path(os.fsdecode(plain))


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO of the stubs has no readinto


def content_hash(files: Mapping[str, bytes]) -> str:
    """What the files of a version hash to, whoever packed them: SHA-256 of a line for each, sorted by path.

    A line is the SHA-256 of the content, two spaces and the path, as ``sha256sum`` writes it.
    """
    lines = (f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _write_zip(file: BinaryIO, files: Mapping[str, bytes]) -> None:
    """One archive for one content: sorted, without times."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
