"""Writing down how an attempt ended, with its files and what is known of it, in one transaction.

The last run of a set with one combined export makes that first, and delivers it: whoever sees the whole set ended
finds the export there. See docs/decisions/2026-11-22-combined-exports.md.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from lamplighter import lifecycle
from lamplighter.charging import Work
from lamplighter.lifecycle import Verdict
from lamplighter.model import ParallelExport, Run, RunStatus
from lamplighter.planner import DELIVERED, NOT_DELIVERED, Combination, Part
from lamplighter.runner import combining, proxies
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.delivering import Result, delivered, export_folder, undelivered
from lamplighter.runner.harvest import kept_files
from lamplighter.store import agents, runs, statistics
from lamplighter.store import files as file_list

FileRow = tuple[str, str, int, str]


def conclude(attempt: Attempt, result: Result) -> Result:
    """End the attempt; returns the result that was written down, which a failed delivery may have changed."""
    ending = _Ending(attempt, result)
    files = attempt.shop.files
    try:
        while (wanted := ending.write_down()) is not None:
            ending.make(*wanted)
    finally:
        if ending.leftover is not None:
            files.put_aside(ending.leftover)
        files.empty_trash()
    return ending.result


def end_as_failure(attempt: Attempt, problem: str) -> None:
    """End an attempt that could not be carried out; the run's list of files stays as it is."""
    with attempt.shop.db.write_shared() as c:
        agents.take_turn(c, [attempt.run.agent_id])
        current = runs.current(c, [attempt.claim]).get(attempt.claim)
        if current is not None:
            verdict = lifecycle.lost(current, _encodable(problem))
            lifecycle.conclude(c, current, verdict, current.counters, attempt.shop.clock.now())


def is_part(run: Run) -> bool:
    """Whether the run has no export of its own, because its set has one."""
    return run.set_size > 1 and run.settings.parallel_export is ParallelExport.COMBINED


class _Ending:
    """The end of one attempt, which may have to wait for the combined export of its set.

    ``leftover`` is a folder that is not needed any more: an export that came to nothing, or the one before.
    """

    def __init__(self, attempt: Attempt, result: Result) -> None:
        self._attempt = attempt
        self._made: Combination | None = None
        self._leave_merging = False
        self.result = result
        self.leftover: Path | None = None

    def write_down(self) -> tuple[int, Combination] | None:
        """Conclude, unless a combined export must be made first: then the set's first run and what to merge."""
        attempt, shop = self._attempt, self._attempt.shop
        listed = _list_files(attempt, self.result)
        with shop.db.write_shared() as c:
            agents.take_turn(c, [attempt.run.agent_id])
            now = shop.clock.now()
            current = runs.current(c, [attempt.claim]).get(attempt.claim)
            if current is None:
                return None
            wanted = None if self._leave_merging else self._wanted(c, current)
            if wanted is not None and not wanted[1].is_of(self._made):
                return wanted
            before = self.leftover
            file_list.replace(c, current.id, [*listed, *_combined_files(attempt, current)], now)
            if wanted is not None and self._made is not None:
                before = combining.note(c, shop.files, current, wanted[0], self._made, now)
            self._keep_what_is_known(c, current)
            verdict = replace(self.result.verdict, message=_encodable(self.result.verdict.message))
            work = _work(current, self.result, listed)
            if not lifecycle.conclude(c, current, verdict, self.result.counters, now, work):
                raise AssertionError(
                    f"run {current.id} could not go from {current.status!r} to {verdict.status!r}"
                )
            if wanted is not None and self._made is not None:
                runs.set_export_count(c, wanted[0], self._made.records)
        self.leftover = before
        return None

    def make(self, first_run: int, wanted: Combination) -> None:
        """Make the combined export of the set, and deliver it when no part is missing."""
        attempt = self._attempt
        files, section = attempt.shop.files, attempt.manifest.export
        if self.leftover is not None:  # another part was begun again meanwhile
            files.put_aside(self.leftover)
            self.leftover = None
        try:
            made = combining.make(files, first_run, wanted, section.formats)
        except OSError as problem:
            self._leave_merging = True  # it is tried again from time to time, without this run
            reason = f"the combined export could not be made: {problem}"
            attempt.say(reason)
            if section.destinations and wanted.is_complete:
                self.result = undelivered(attempt, self.result, reason)
            return
        self.leftover = files.run_folder(first_run) / made.folder
        if made.is_complete:
            self.result = delivered(attempt, self.result, made)
        if section.destinations:
            is_delivered = self.result.verdict.is_delivered
            made = replace(made, delivery=DELIVERED if is_delivered else NOT_DELIVERED)
        attempt.say(made.describe())
        self._made = made

    def _wanted(self, c: sa.Connection, run: Run) -> tuple[int, Combination] | None:
        """What must be merged before the run may end as it does, and the run that it belongs to."""
        verdict = lifecycle.final(run, self.result.verdict)
        if not is_part(run) or lifecycle.is_retried(run, verdict):
            return None
        to_be_delivered = bool(self._attempt.manifest.export.destinations)
        wanted = combining.wanted_when(c, run, _part(run, verdict), to_be_delivered=to_be_delivered)
        first_run = combining.first_run_of(c, run.set_id)
        return None if wanted is None or first_run is None else (first_run, wanted)

    def _keep_what_is_known(self, c: sa.Connection, run: Run) -> None:
        result = self.result
        if result.statistics is None or result.report is None:
            return
        stats = result.report.get("stats")
        statistics.keep(c, run.id, result.statistics, stats if isinstance(stats, Mapping) else {})
        proxies.absorb(c, result.report, run, self._attempt.shop.clock.now())


def _part(run: Run, verdict: Verdict) -> Part:
    """The run as a part of its set, when it ends so; only undelivered, its records count all the same."""
    status = RunStatus.COMPLETED if verdict.undelivered else verdict.status
    return Part(run.sequence, run.id, verdict.records_attempt or run.attempt, status)


def _work(run: Run, result: Result, listed: Sequence[FileRow]) -> Work:
    """What the attempt is charged for besides its time: a failed one exported nothing."""
    verdict, counters = lifecycle.final(run, result.verdict), result.counters
    extracted_now = result.verdict.records_attempt in (None, run.attempt)
    exports = not is_part(run) and verdict.status is not RunStatus.FAILURE
    proxy_bytes = 0
    if extracted_now and run.settings.proxy_pool_id is not None:
        # An agent that does not tell of its proxies was given them all the same.
        proxy_bytes = proxies.told_traffic(result.report or {}) or counters.traffic
    return Work(
        inputs=counters.input_count if extracted_now else 0,
        proxy_bytes=proxy_bytes,
        exported_records=counters.export_count if exports else 0,
        exported_bytes=sum(size for _, kind, size, _ in listed if kind == "Export") if exports else 0,
    )


def _encodable(message: str) -> str:
    return message.encode(errors="backslashreplace").decode()


def _list_files(attempt: Attempt, result: Result) -> list[FileRow]:
    """The files that people can download, each as name, type, size, and path in the run's folder."""
    run, files = attempt.run, attempt.shop.files
    rows: list[tuple[Path, str, str]] = []
    if not is_part(run):
        # The checked JSON Lines are always there, for the API; a file of the run they are when asked for.
        names = [f"records.{name}" for name in dict.fromkeys(attempt.manifest.export.formats)]
        rows.extend((export_folder(attempt) / name, name, "Export") for name in names)
    rows.append((attempt.folder.log, "log.txt", "Log"))
    earlier = range(run.attempt - 1, 0, -1)
    rows.extend((files.attempt(run.id, n).log, f"log-attempt-{n}.txt", "Log") for n in earlier)
    records = files.attempt(run.id, result.verdict.records_attempt or run.attempt)
    for folder, prefix, kind in (
        (records.files, "", "File"),
        (records.snapshots, "snapshots/", "Snapshot"),
        (attempt.folder.evidence, "evidence/", "Evidence"),
    ):
        rows.extend((path, f"{prefix}{path.relative_to(folder)}", kind) for path in kept_files(folder))
    base = files.run_folder(run.id)
    return [
        (name, kind, path.lstat().st_size, str(path.relative_to(base)))
        for path, name, kind in rows
        if os.path.lexists(path)
    ]


def _combined_files(attempt: Attempt, run: Run) -> list[FileRow]:
    """The files of a combined export that was made before the run was tried again."""
    made = Combination.from_text(run.combined)
    if made is None:
        return []
    return combining.listed(attempt.shop.files, run.id, made, attempt.manifest.export.formats)
