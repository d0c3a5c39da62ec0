"""Delivery to a folder of this machine, where a file is whole as soon as it can be seen."""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import unquote

from lamplighter.export.lines import whole_file
from lamplighter.export.parcel import Delivery, TryFailed
from lamplighter.manifest.destination import DestinationSection

# What a network folder may recover from; a full disk does not within seconds.
_PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.ENOTCONN,
}


def to_folder(section: DestinationSection, delivery: Delivery) -> str:
    """Copy the files; returns the path of the last one. Raises ``TryFailed``."""
    root = Path(section.to if section.to.startswith("/") else unquote(section.address.path))
    # Not two runs that write the same name, and not an earlier try, may stumble over each other's half files.
    mark = f".{hashlib.sha256(delivery.key.encode()).hexdigest()[:12]}"
    told = section.title
    for kind, file in delivery.files_for(section):
        target = root / delivery.name_of(section.name, kind)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as source, whole_file(target, mark) as out:
                shutil.copyfileobj(source, out, 1024**2)
            _make_lasting(target.parent)
        except OSError as problem:
            message = f"{target}: {problem.strerror or problem}"
            raise TryFailed(message, can_pass=problem.errno in _PASSING) from problem
        told = str(target)
    return told


def _make_lasting(folder: Path) -> None:
    """The new name is on the disk too, so that a power cut does not take it back."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
