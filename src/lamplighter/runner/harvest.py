"""What an agent leaves behind: its report, its records so far, the files it wants kept.

An agent may leave anything under these names, so everything here takes plain files only and follows no link.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from lamplighter.archives import MOST_FILES
from lamplighter.disk import open_plain, plain_files
from lamplighter.files import AttemptFolder
from lamplighter.model import Counters
from lamplighter.runner.verdict import Report

_LARGEST_REPORT = 4 * 1024**2


class Progress:
    """Counts the records of a running attempt, each line once."""

    def __init__(self, folder: AttemptFolder) -> None:
        self._folder = folder
        self._offset = 0
        self._lines = 0
        self._last: Counters | None = None

    def counters(self, inputs: int) -> Counters | None:
        """The counts so far; None when they have not changed since they were last asked for."""
        file = open_plain(self._folder.records)
        if file is not None:
            with file:
                file.seek(self._offset)
                while chunk := file.read(1 << 20):
                    self._lines += chunk.count(b"\n")
                    self._offset += len(chunk)
        report = Report.of(read_report(self._folder.report))
        counters = Counters(
            data_count=self._lines,
            error_count=report.count("errors"),
            page_count=report.count("pages"),
            dynamic_page_count=report.count("dynamicPages"),
            request_count=report.count("requests"),
            input_count=inputs,
            traffic=report.count("traffic"),
        )
        if counters == self._last:
            return None
        self._last = counters
        return counters


def read_report(path: Path) -> Mapping[str, Any]:
    """The report that an agent wrote, or an empty one when there is none that can be read."""
    file = open_plain(path)
    if file is None:
        return {}
    with file:
        text = file.read(_LARGEST_REPORT + 1)
    try:
        if len(text) > _LARGEST_REPORT:
            raise ValueError  # noqa: TRY301 - told like any other report that cannot be read
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {"problems": ["the agent's report is not valid JSON, or is larger than 4 MiB"]}
    return document if isinstance(document, dict) else {}


def keep_leftovers(folder: AttemptFolder, own: Collection[str], say: Callable[[str], None]) -> None:
    """Move files that the agent made in its working directory (a feed, say) to those it wants kept.

    ``own`` are the paths of its bundle, which stay; ``say`` is told what could not be moved.
    """
    for path in plain_files(folder.work):
        relative = path.relative_to(folder.work)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        target = folder.files / relative
        if hidden or str(relative) in own or target.exists():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        except OSError as problem:
            say(f"{relative} could not be kept: {problem}")


def kept_files(folder: Path) -> Iterator[Path]:
    """The files that the agent put into a folder, not endlessly many, under names that are UTF-8."""
    if not folder.is_symlink():
        _give_names_for_everybody(folder)
    yield from islice(plain_files(folder), MOST_FILES)


def _give_names_for_everybody(folder: Path) -> None:
    """Rename what has a name that is not UTF-8: agents take names from addresses in any encoding."""
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in (*folders, *names):
            plain = os.fsencode(name).decode("utf-8", "replace")
            if plain != name:
                _rename_to_free(Path(parent, name), plain)


def _rename_to_free(path: Path, name: str) -> None:
    """Names that differ only in what is not UTF-8 become the same: each gets one of its own."""
    free = path.with_name(name)
    number = 1
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{name}-{number}")
    path.rename(free)
