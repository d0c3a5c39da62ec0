"""Files and folders in which an agent may have put anything in the place of anything: a link, a pipe, a file.

What is read is a plain file; what is written is whole or not there; what is removed is gone, whatever it was.
"""

import errno
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

# --- reading ---


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


# --- writing ---


def open_log(path: Path) -> int:
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


def write_whole(target: Path, content: bytes, *, is_lasting: bool = True) -> None:
    """Write a file that only we may read, whole or not at all, in the place of whatever an agent has put there.

    One that ``is_lasting`` outlives a crash of the machine.
    """
    if target.is_dir() and not target.is_symlink():
        remove(target)
    with new_file(target.parent) as (temporary, file):
        file.write(content)
        file.flush()
        if is_lasting:
            os.fsync(file.fileno())
        temporary.replace(target)


@contextmanager
def new_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file for our eyes only; in the end it is gone, unless it has got another name by then."""
    descriptor, temporary = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield Path(temporary), file
    finally:
        Path(temporary).unlink(missing_ok=True)


# --- removing ---


def remove(path: Path) -> None:
    """Remove whatever is at ``path``, if there is anything, also what an agent has made read-only."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_remove_all_the_same)
    else:
        path.unlink(missing_ok=True)


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
