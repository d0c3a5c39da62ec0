"""How an attempt ended, with its files and what is known of it, said to those who write it down.

The last run of a set with one combined export makes that first, and delivers it: whoever sees the whole set ended
finds the export there. See docs/decisions/2026-11-22-combined-exports.md.
"""

import os
from dataclasses import replace
from pathlib import Path

from lamplighter.control.face import Concluded, Conclusion, FileRow, Merged
from lamplighter.planner import DELIVERED, NOT_DELIVERED, is_part
from lamplighter.runner import combining
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.delivering import Result, delivered, export_folder, undelivered
from lamplighter.runner.harvest import kept_files


def conclude(attempt: Attempt, result: Result) -> Result:
    """End the attempt; returns the result that was written down, which a failed delivery may have changed."""
    ending = _Ending(attempt, result)
    files = attempt.shop.files
    while (answer := ending.say()).to_merge is not None:
        ending.make(answer)
    for folder in ending.leftovers:
        files.put_aside(folder)
    files.empty_trash()
    files.let_go(attempt.run.id)
    return ending.result


class _Ending:
    """The end of one attempt, which may have to wait for the combined export of its set.

    ``leftovers`` are folders that are not needed any more: exports that came to nothing, or the one before.
    """

    def __init__(self, attempt: Attempt, result: Result) -> None:
        self._attempt = attempt
        self._merged: Merged | None = None
        self._of_first_run = attempt.folder.path
        self._leaves_merging = False
        self.result = result
        self.leftovers: list[Path] = []

    def say(self) -> Concluded:
        """Conclude, unless a combined export must be made first, which is then told."""
        result = self.result
        conclusion = Conclusion(
            result.verdict,
            result.counters,
            tuple(_list_files(self._attempt, result)),
            result.report,
            result.statistics,
            self._merged,
            self._leaves_merging,
            result.exporting_since,
        )
        self._hand_over()
        answer = self._attempt.shop.control.conclude(self._attempt.claim, conclusion)
        if answer.leftover is not None:
            self.leftovers.append(self._of_first_run / answer.leftover)
        return answer

    def _hand_over(self) -> None:
        """Whoever hears of the end can have the files."""
        attempt = self._attempt
        folders = {attempt.folder.path, export_folder(attempt)}
        if self._merged is not None:
            folders.add(self._of_first_run / self._merged.combination.folder)
        attempt.shop.files.hand_over(sorted(folders))

    def make(self, wanted: Concluded) -> None:
        """Make the combined export of the set, and deliver it when no part is missing."""
        if wanted.first_run is None or wanted.to_merge is None:
            raise AssertionError("only what is to be merged is made")
        attempt = self._attempt
        files, section = attempt.shop.files, attempt.manifest.export
        self._of_first_run = files.run_folder(wanted.first_run)
        if self._merged is not None:  # another part was begun again meanwhile
            self.leftovers.append(self._of_first_run / self._merged.combination.folder)
            self._merged = None
        try:
            made = combining.make(files, wanted.first_run, wanted.to_merge, section.formats)
        except OSError as problem:
            self._leaves_merging = True  # it is tried again from time to time, without this run
            reason = f"the combined export could not be made: {problem}"
            attempt.say(reason)
            if section.destinations and wanted.to_merge.is_complete:
                self.result = undelivered(attempt, self.result, reason)
            return
        if made.is_complete:
            self.result = delivered(attempt, self.result, made)
        if section.destinations:
            is_delivered = self.result.verdict.is_delivered
            made = replace(made, delivery=DELIVERED if is_delivered else NOT_DELIVERED)
        attempt.say(made.describe())
        listed = combining.listed(files, wanted.first_run, made, section.formats)
        self._merged = Merged(made, tuple(listed))


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
    for number in earlier:
        files.fetch(files.attempt(run.id, number).log)
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
