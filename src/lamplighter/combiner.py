"""The pass that makes combined exports which no part of a set has made.

A part was stopped before it began, say, or its server was lost.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from lamplighter.control.endings import first_run_of, note_merged, section_of
from lamplighter.control.face import Merged
from lamplighter.errors import LamplighterError
from lamplighter.files import Files
from lamplighter.planner import NOT_DELIVERED, Combination, Part, combination
from lamplighter.runner import combining
from lamplighter.store import runs, sets
from lamplighter.store.database import Database

log = structlog.get_logger()

_A_PASS = 10
_TRY_AGAIN_AFTER = timedelta(minutes=1)


def combine_once(db: Database, files: Files, now: datetime) -> datetime | None:
    """Make combined exports that no part of the set has made; returns ``now`` when there may be more."""
    with db.read() as c:
        set_ids = sets.to_combine(c, now, _A_PASS)
    for set_id in set_ids:
        try:
            _combine(db, files, set_id, now)
        except (OSError, LamplighterError) as problem:  # a full disk, say: it must not hold up the other sets
            log.warning("a combined export could not be made", set=set_id, exc_info=problem)
            with db.write() as c:
                sets.want_combining(c, set_id, now + _TRY_AGAIN_AFTER)
    return now if len(set_ids) == _A_PASS else None


def _combine(db: Database, files: Files, set_id: int, now: datetime) -> None:
    with db.read() as c:
        run = next(iter(runs.of_set(c, set_id)), None)
        wanted = _still_wanted(c, set_id)
        first_run = first_run_of(c, set_id)
        section = None if run is None else section_of(c, run)
    merged: Merged | None = None
    if wanted is not None and first_run is not None and section is not None:
        made = combining.make(files, first_run, wanted, section.formats)
        if section.destinations:  # which a part delivers, by its restart
            made = replace(made, delivery=NOT_DELIVERED)
        files.hand_over([files.run_folder(first_run) / made.folder])
        merged = Merged(made, tuple(combining.listed(files, first_run, made, section.formats)))
    # What is not needed in the end: what was made, or when that counts, the one before.
    leftover = None if merged is None else merged.combination.folder
    with db.write() as c:
        if wanted is None or merged is None or run is None or first_run is None:
            sets.want_combining(c, set_id, None)
        elif wanted.is_of(_still_wanted(c, set_id)):
            leftover = note_merged(c, run, first_run, merged, now)
    if leftover is not None and first_run is not None:
        files.put_aside(files.run_folder(first_run) / leftover)
    files.empty_trash()


def _still_wanted(c: sa.Connection, set_id: int) -> Combination | None:
    export = sets.export_of(c, set_id)
    return None if export is None else combination([Part(*one) for one in export.parts], export.size)
