"""Writing down how an attempt ended, with its files and what is known of it, in one transaction.

The last run of a set with one combined export makes that first, and delivers it: whoever sees the whole set ended
finds the export there. See docs/decisions/2026-11-22-combined-exports.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from lamplighter import charging, lifecycle, planner
from lamplighter.charging import Work
from lamplighter.control import proxies
from lamplighter.control.face import Concluded, Conclusion, FileRow, Merged
from lamplighter.errors import LamplighterError
from lamplighter.manifest import ExportSection, Manifest
from lamplighter.model import Claim, Run, RunStatus, Verdict
from lamplighter.planner import GOOD, NOT_DELIVERED, Combination, Part, combination
from lamplighter.store import agents, runs, sets, statistics
from lamplighter.store import files as file_list


def conclude(
    c: sa.Connection, claim: Claim, run: Run | None, conclusion: Conclusion, now: datetime
) -> Concluded:
    """End the attempt of ``run`` (None: it is another's by now), or say what must be merged before."""
    made = conclusion.merged
    if run is None:
        # If that came here twice because the first answer was lost, what was merged counts.
        return Concluded(
            leftover=None if made is None or _counts(c, claim, made) else made.combination.folder
        )
    wanted = None if conclusion.leaves_merging else _wanted(c, run, conclusion.verdict)
    if wanted is not None and not wanted[1].is_of(None if made is None else made.combination):
        return Concluded(*wanted)
    if run.status is RunStatus.RUNNING and conclusion.verdict.status in GOOD:
        runs.export(c, claim)  # nobody has said so before, because it took no time
    leftover = None if made is None else made.combination.folder
    combined = Combination.from_text(run.combined)
    keep = None if combined is None else combined.folder
    file_list.replace(c, run.id, conclusion.files, now, keep=keep)
    if wanted is not None and made is not None:
        leftover = note_merged(c, run, wanted[0], made, now)
    _keep_what_is_known(c, run, conclusion, now)
    verdict = replace(conclusion.verdict, message=encodable(conclusion.verdict.message))
    work, since = _work(run, conclusion), conclusion.exporting_since
    if not lifecycle.conclude(c, run, verdict, conclusion.counters, now, work, since):
        raise AssertionError(f"run {run.id} could not go from {run.status!r} to {verdict.status!r}")
    if wanted is not None and made is not None:
        runs.set_export_count(c, wanted[0], made.combination.records)
    return Concluded(leftover=leftover)


def note_merged(c: sa.Connection, run: Run, first_run: int, made: Merged, now: datetime) -> str | None:
    """Write down that the combined export of a set is made, in the transaction in which the set is seen to be so.

    Returns the name of the folder of the one before, which is not needed any more when that is committed.
    """
    export = sets.export_of(c, run.set_id)
    before = None if export is None else Combination.from_text(export.made)
    sets.note_combined(c, run.set_id, made.combination.to_text())
    file_list.replace_exports(c, first_run, made.files, now)
    runs.set_export_count(c, first_run, made.combination.records)
    if (
        made.combination.delivery != NOT_DELIVERED
    ):  # as with a single run: what is not delivered costs nothing
        size = sum(row[2] for row in made.files)
        charging.set_exported(c, first_run, run.agent_id, made.combination.records, size, now)
    return None if before is None else before.folder


def first_run_of(c: sa.Connection, set_id: int) -> int | None:
    """The run that the set's export belongs to; None when it was removed."""
    export = sets.export_of(c, set_id)
    parts = [] if export is None else [Part(*one) for one in export.parts]
    return next((part.run_id for part in parts if part.sequence == 1), None)


def section_of(c: sa.Connection, run: Run) -> ExportSection:
    """How the run's version of the agent exports."""
    found = agents.definition(c, run.agent_id, run.agent_version)
    if found is None:
        raise LamplighterError(f"version {run.agent_version} of the agent does not exist")
    return Manifest.model_validate(found[1]).export


def encodable(message: str) -> str:
    """A message that every database takes, whatever agents say."""
    return message.encode(errors="backslashreplace").decode()


def _wanted(c: sa.Connection, run: Run, verdict: Verdict) -> tuple[int, Combination] | None:
    """What must be merged before the run may end as it does, and the run that it belongs to."""
    verdict = lifecycle.final(run, verdict)
    if not planner.is_part(run) or lifecycle.is_retried(run, verdict):
        return None
    wanted = _wanted_when(c, run, verdict)
    first_run = first_run_of(c, run.set_id)
    return None if wanted is None or first_run is None else (first_run, wanted)


def _wanted_when(c: sa.Connection, run: Run, verdict: Verdict) -> Combination | None:
    """What is to be merged when the run ends so; None when others go on, or when it has been done.

    A complete export that is to be delivered and was not is made anew, by the part that delivers it.
    """
    export = sets.export_of(c, run.set_id)
    if export is None:
        return None
    part = _part(run, verdict)
    parts = [part if Part(*one).run_id == run.id else Part(*one) for one in export.parts]
    wanted = combination(parts, export.size)
    made = Combination.from_text(export.made)
    if wanted is None or made is None or not wanted.is_of(made):
        return wanted
    is_to_be_delivered = bool(section_of(c, run).destinations)
    return wanted if is_to_be_delivered and wanted.is_complete and not made.is_delivered else None


def _part(run: Run, verdict: Verdict) -> Part:
    """The run as a part of its set, when it ends so; only undelivered, its records count all the same."""
    status = RunStatus.COMPLETED if verdict.undelivered else verdict.status
    return Part(run.sequence, run.id, verdict.records_attempt or run.attempt, status)


def _counts(c: sa.Connection, claim: Claim, made: Merged) -> bool:
    """Whether a combined export is that of the run's set."""
    run = runs.get(c, claim.run_id)
    noted = None if run is None else Combination.from_text(run.combined)
    return noted is not None and noted.folder == made.combination.folder


def _keep_what_is_known(c: sa.Connection, run: Run, conclusion: Conclusion, now: datetime) -> None:
    if conclusion.statistics is None or conclusion.report is None:
        return
    stats = conclusion.report.get("stats")
    statistics.keep(c, run.id, conclusion.statistics, stats if isinstance(stats, Mapping) else {})
    proxies.absorb(c, conclusion.report, run, now)


def _work(run: Run, conclusion: Conclusion) -> Work:
    """What the attempt is charged for besides its time: a failed one exported nothing."""
    verdict, counters = lifecycle.final(run, conclusion.verdict), conclusion.counters
    extracted_now = conclusion.verdict.records_attempt in (None, run.attempt)
    exports = not planner.is_part(run) and verdict.status is not RunStatus.FAILURE
    proxy_bytes = 0
    if extracted_now and run.settings.proxy_pool_id is not None:
        # An agent that does not tell of its proxies was given them all the same.
        proxy_bytes = proxies.told_traffic(conclusion.report or {}) or counters.traffic
    return Work(
        inputs=counters.input_count if extracted_now else 0,
        proxy_bytes=proxy_bytes,
        exported_records=counters.export_count if exports else 0,
        exported_bytes=_size_of_exports(conclusion.files) if exports else 0,
    )


def _size_of_exports(files: Sequence[FileRow]) -> int:
    return sum(size for _, kind, size, _ in files if kind == "Export")
