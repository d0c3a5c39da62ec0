"""The combined export of a parallel set: the records of its parts, merged in their sequence.

It belongs to the set's first run. A part that ends last merges before it says that it has ended, so whoever sees
the whole set ended finds the export made. What ends otherwise (stopped before it began, its server lost) is
merged by ``combine_once``.
"""

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog

from lamplighter import charging
from lamplighter.errors import LamplighterError
from lamplighter.export.records import JSONL, merge, write_formats
from lamplighter.files import Files
from lamplighter.manifest import ExportSection, Manifest
from lamplighter.model import Run
from lamplighter.planner import NOT_DELIVERED, Combination, Part, combination
from lamplighter.runner.attempt import Workshop
from lamplighter.store import agents, runs, sets
from lamplighter.store import files as file_list

log = structlog.get_logger()

_A_PASS = 10
_TRY_AGAIN_AFTER = timedelta(minutes=1)


def wanted_when(c: sa.Connection, run: Run, part: Part, *, to_be_delivered: bool) -> Combination | None:
    """What is to be merged when ``part`` is how the run ends; None when others go on, or when it has been done.

    A complete export that is ``to_be_delivered`` and was not is made anew, by the part that delivers it.
    """
    export = sets.export_of(c, run.set_id)
    if export is None:
        return None
    parts = [part if Part(*one).run_id == run.id else Part(*one) for one in export.parts]
    wanted = combination(parts, export.size)
    made = Combination.from_text(export.made)
    if wanted is None or made is None or not wanted.is_of(made):
        return wanted
    return wanted if to_be_delivered and wanted.is_complete and not made.is_delivered else None


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
    parts = [files.export_folder(run_id) / JSONL for _, run_id, _ in wanted.merged]
    gone = tuple(
        sequence for (sequence, _, _), part in zip(wanted.merged, parts, strict=True) if not part.exists()
    )
    summary = merge([part for part in parts if part.exists()], target / JSONL)
    write_formats(target / JSONL, target, formats, summary)
    return replace(wanted, folder=target.name, records=summary.count, removed=gone)


def note(
    c: sa.Connection, files: Files, run: Run, first_run: int, made: Combination, now: datetime
) -> Path | None:
    """Write down that the export is made, in the transaction in which the set is seen to be so.

    Returns the folder of the one before, to be put aside when that is committed.
    """
    export = sets.export_of(c, run.set_id)
    before = None if export is None else Combination.from_text(export.made)
    sets.note_combined(c, run.set_id, made.to_text())
    exported = listed(files, first_run, made, section_of(c, run).formats)
    file_list.replace_exports(c, first_run, exported, now)
    runs.set_export_count(c, first_run, made.records)
    if made.delivery != NOT_DELIVERED:  # as with a single run: what could not be delivered costs nothing
        size = sum(row[2] for row in exported)
        charging.set_exported(c, first_run, run.agent_id, made.records, size, now)
    return None if before is None else files.run_folder(first_run) / before.folder


def listed(
    files: Files, first_run: int, made: Combination, formats: Sequence[str]
) -> list[tuple[str, str, int, str]]:
    """The files of a combined export for the run's list: name, type, size and path."""
    base = files.run_folder(first_run)
    paths = [base / made.folder / f"records.{name}" for name in dict.fromkeys(formats)]
    return [
        (path.name, "Export", path.stat().st_size, str(path.relative_to(base)))
        for path in paths
        if path.exists()
    ]


def section_of(c: sa.Connection, run: Run) -> ExportSection:
    """How the run's version of the agent exports."""
    found = agents.definition(c, run.agent_id, run.agent_version)
    if found is None:
        raise LamplighterError(f"version {run.agent_version} of the agent does not exist")
    return Manifest.model_validate(found[1]).export


def first_run_of(c: sa.Connection, set_id: int) -> int | None:
    """The run that the set's export belongs to; None when it was removed."""
    export = sets.export_of(c, set_id)
    return (
        next((Part(*one).run_id for one in export.parts if Part(*one).sequence == 1), None)
        if export
        else None
    )


def combine_once(shop: Workshop, now: datetime) -> datetime | None:
    """Make combined exports that no part of the set has made; returns ``now`` when there may be more."""
    with shop.db.read() as c:
        set_ids = sets.to_combine(c, now, _A_PASS)
    for set_id in set_ids:
        try:
            _combine(shop, set_id)
        except (OSError, LamplighterError) as problem:  # a full disk, say: it must not hold up the other sets
            log.warning("a combined export could not be made", set=set_id, exc_info=problem)
            with shop.db.write() as c:
                sets.want_combining(c, set_id, now + _TRY_AGAIN_AFTER)
    return now if len(set_ids) == _A_PASS else None


def _combine(shop: Workshop, set_id: int) -> None:
    with shop.db.read() as c:
        run = next(iter(runs.of_set(c, set_id)), None)
        wanted = _still_wanted(c, set_id)
        first_run = first_run_of(c, set_id)
        section = None if run is None else section_of(c, run)
    made: Combination | None = None
    if wanted is not None and first_run is not None and section is not None:
        made = make(shop.files, first_run, wanted, section.formats)
        if section.destinations:  # which a part delivers, by its restart
            made = replace(made, delivery=NOT_DELIVERED)
    # What is not needed in the end: what was made, or when that counts, the one before.
    folder = None if made is None else shop.files.run_folder(first_run or 0) / made.folder
    with shop.db.write() as c:
        if wanted is None or made is None or run is None or first_run is None:
            sets.want_combining(c, set_id, None)
        elif wanted.is_of(_still_wanted(c, set_id)):
            folder = note(c, shop.files, run, first_run, made, shop.clock.now())
    if folder is not None:
        shop.files.put_aside(folder)
    shop.files.empty_trash()


def _still_wanted(c: sa.Connection, set_id: int) -> Combination | None:
    export = sets.export_of(c, set_id)
    return None if export is None else combination([Part(*one) for one in export.parts], export.size)
