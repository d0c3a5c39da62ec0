"""A small disk that can be filled: a tmpfs, mounted for a test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(place: Path, *, mib: int) -> Iterator[Path]:
    """Mount an empty disk of so many MiB at ``place``; it needs the right to mount, as CI has."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        # What still runs there shall not keep the test's folder: it goes when the last one has let go.
        subprocess.run(["umount", "--lazy", str(place)], check=True)
