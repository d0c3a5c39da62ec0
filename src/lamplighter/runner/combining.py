"""The files of the combined export of a parallel set: the records of its parts, merged in their sequence.

It belongs to the set's first run. A part that ends last merges before it says that it has ended, so whoever sees
the whole set ended finds the export made. What ends otherwise is merged by ``lamplighter.combiner``.
"""

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lamplighter.control.face import FileRow
from lamplighter.export.records import JSONL, columns_of, merge, write_formats
from lamplighter.files import Files
from lamplighter.planner import Combination


def make(files: Files, first_run: int, wanted: Combination, formats: Sequence[str]) -> Combination:
    """Merge the records of the parts into a new folder of the set's first run; OSError leaves nothing of it."""
    target = files.run_folder(first_run) / f"combined-{uuid.uuid4().hex[:8]}"
    target.mkdir(parents=True)
    try:
        return _merge_into(target, files, wanted, formats)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _merge_into(target: Path, files: Files, wanted: Combination, formats: Sequence[str]) -> Combination:
    parts = [files.export_folder(run_id, attempt) / JSONL for _, run_id, attempt in wanted.merged]
    for part in parts:
        files.fetch(part)
    gone = tuple(
        sequence for (sequence, _, _), part in zip(wanted.merged, parts, strict=True) if not part.exists()
    )
    count = merge([part for part in parts if part.exists()], target / JSONL)
    columns = columns_of(target / JSONL) if set(formats) - {"jsonl"} else ()
    write_formats(target / JSONL, target, formats, columns)
    return replace(wanted, folder=target.name, records=count, removed=gone)


def listed(files: Files, first_run: int, made: Combination, formats: Sequence[str]) -> list[FileRow]:
    """The files of a combined export for the run's list: name, type, size and path."""
    base = files.run_folder(first_run)
    paths = [base / made.folder / f"records.{name}" for name in dict.fromkeys(formats)]
    return [
        (path.name, "Export", path.stat().st_size, str(path.relative_to(base)))
        for path in paths
        if path.exists()
    ]
