"""The end of an attempt whose process has ended: judge → compare → export → deliver → explain → conclude."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from lamplighter import inputs, lifecycle
from lamplighter.destination import DestinationSection
from lamplighter.export.delivery import Delivery, DeliveryFailed, deliver
from lamplighter.export.records import JSONL, RecordSummary, check_records, write_formats
from lamplighter.lifecycle import Verdict
from lamplighter.masking import Mask
from lamplighter.model import Counters, ParallelExport, Run, RunStatus, StopCause
from lamplighter.planner import GOOD, Combination, Part, baseline
from lamplighter.planner.baseline import RecordStatistics
from lamplighter.runner import combining, evidence, proxies
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.harvest import keep_leftovers, kept_files, read_report
from lamplighter.runner.preparation import CannotPrepare, reveal, seal_input
from lamplighter.runner.process import ProcessExit
from lamplighter.runner.verdict import Evidence, Report, counters_of, decide
from lamplighter.store import files as file_list
from lamplighter.store import runs, secrets, statistics

_UNDELIVERED = "undelivered.json"
FileRow = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class _Result:
    """What an attempt came to, before it is written down."""

    verdict: Verdict
    counters: Counters
    exit_text: str = ""
    report: Mapping[str, Any] | None = None
    statistics: RecordStatistics | None = None


def finish(attempt: Attempt, ended: ProcessExit, stop_cause: StopCause | None) -> None:
    """Bring an attempt from the end of its process to its verdict, with all that belongs to it.

    OSError, such as a full disk, leaves it unconcluded: the caller says so, or comes again.
    """
    seal_input(attempt)
    proxies.forget(attempt.folder)
    (_export_folder(attempt) / _UNDELIVERED).unlink(missing_ok=True)
    result, summary = _judge(attempt, ended, stop_cause)
    if result.verdict.status in GOOD:
        _begin_export(attempt)
    if not _is_part(attempt.run):
        folder = _export_folder(attempt)
        write_formats(folder / JSONL, folder, attempt.manifest.export.formats, summary)
        result = _deliver(attempt, result, None)
    own = set(attempt.shop.files.bundle_names(attempt.bundle))
    keep_leftovers(attempt.folder, own, attempt.say)
    _explain(attempt, result)
    shutil.rmtree(attempt.folder.work, ignore_errors=True)
    attempt.say(f"{ended.describe()}; {result.verdict.status.name.capitalize()}: {result.verdict.message}")
    for warning in result.verdict.warnings:
        attempt.say(f"warning: {warning}")
    _conclude(attempt, result)


def can_deliver_again(attempt: Attempt) -> bool:
    """Whether all that is left to do for the run is to deliver what an earlier attempt extracted."""
    folder = _export_folder(attempt)
    return attempt.run.undelivered and (folder / _UNDELIVERED).exists() and (folder / JSONL).exists()


def deliver_again(attempt: Attempt) -> None:
    """Deliver what an earlier attempt extracted; it failed only because that was not possible then."""
    kept = json.loads((_export_folder(attempt) / _UNDELIVERED).read_bytes())
    number = kept["attempt"]
    attempt.say(f"attempt {number} extracted everything: its records are delivered, and nothing is run again")
    verdict = Verdict(
        RunStatus(kept["status"]), kept["message"], tuple(kept["warnings"]), records_attempt=number
    )
    _begin_export(attempt)
    result = _Result(verdict, Counters(**kept["counters"]))
    if not _is_part(attempt.run):
        result = _deliver(attempt, result, None)
    _conclude(attempt, result)


def end_as_failure(attempt: Attempt, problem: str) -> None:
    """End an attempt that could not be carried out; the run's list of files stays as it is."""
    message = problem.encode(errors="backslashreplace").decode()
    with attempt.shop.db.write() as c:
        current = runs.current(c, [attempt.claim]).get(attempt.claim)
        if current is not None:
            verdict = Verdict(RunStatus.FAILURE, message)
            lifecycle.conclude(c, current, verdict, current.counters, attempt.shop.clock.now())


# --- judging ---


def _judge(
    attempt: Attempt, ended: ProcessExit, stop_cause: StopCause | None
) -> tuple[_Result, RecordSummary]:
    success = attempt.manifest.success
    records = _export_folder(attempt) / JSONL
    summary = check_records(attempt.folder.records, records, success.required_fields, success.record_schema)
    document = read_report(attempt.folder.report)
    report = Report.of(document)
    verdict = decide(
        Evidence(
            ended_well=ended.exit_code == 0,
            exit_text=ended.describe(),
            stop_cause=stop_cause,
            timeout_seconds=attempt.timeout_seconds,
            report=report,
            records=summary,
            is_spider=attempt.manifest.agent.spider is not None,
        ),
        success,
    )
    # It may quote the agent, who knows secrets.
    verdict = replace(verdict, message=_mask(attempt).text(verdict.message))
    now = RecordStatistics(summary.count, dict(summary.filled))
    verdict = _against_baseline(attempt, verdict, now)
    is_exported = not _is_part(attempt.run) and verdict.status is not RunStatus.FAILURE
    exported = summary.count if is_exported else 0
    counters = counters_of(report, summary, inputs=attempt.input_count, exported=exported)
    return _Result(verdict, counters, ended.describe(), document, now), summary


def _against_baseline(attempt: Attempt, verdict: Verdict, now: RecordStatistics) -> Verdict:
    """A run that ended well, compared with the good ones before it."""
    mode = attempt.manifest.success.baseline
    if verdict.status not in GOOD or mode == "off":
        return verdict
    with attempt.shop.db.read() as c:
        past = statistics.good_before(c, attempt.run)
    warnings = tuple(baseline.warnings(now, past))
    if warnings and mode == "fail":
        return Verdict(RunStatus.FAILURE, f"baseline: {'; '.join(warnings)}")
    return replace(verdict, warnings=warnings)


# --- exporting ---


def _is_part(run: Run) -> bool:
    """Whether the run has no export of its own, because its set has one."""
    return run.set_size > 1 and run.settings.parallel_export is ParallelExport.COMBINED


def _export_folder(attempt: Attempt) -> Path:
    return attempt.shop.files.export_folder(attempt.run.id)


def _begin_export(attempt: Attempt) -> None:
    with attempt.shop.db.write() as c:
        runs.export(c, attempt.claim)


def _deliver(attempt: Attempt, result: _Result, combined: Combination | None) -> _Result:
    """Bring the records of a good run, or of its whole set, to the agent's destinations."""
    wanted = attempt.manifest.export.destinations
    if not wanted or result.verdict.status not in GOOD:
        return result
    try:
        deliver(
            [_revealed(attempt, destination) for destination in wanted],
            _delivery(attempt, result, combined),
            lambda: _goes_on(attempt),
            attempt.pause,
            attempt.say,
        )
    except (DeliveryFailed, CannotPrepare) as problem:
        _keep_for_later(attempt, result)
        message = f"{problem}; the records are kept, and a restart only delivers them"
        attempt.say(message)
        number = result.verdict.records_attempt
        verdict = Verdict(RunStatus.FAILURE, message, undelivered=True, records_attempt=number)
        return replace(result, verdict=verdict)
    (_export_folder(attempt) / _UNDELIVERED).unlink(missing_ok=True)
    return result


def _revealed(attempt: Attempt, destination: DestinationSection) -> DestinationSection:
    """The destination with its secrets; CannotPrepare when it is none with them."""
    try:
        return DestinationSection.model_validate(reveal(attempt, destination.model_dump()))
    except ValidationError as problem:
        reasons = "; ".join(error["msg"].removeprefix("Value error, ") for error in problem.errors())
        raise CannotPrepare(
            f"{destination.title} is no destination with its secrets in it: {reasons}"
        ) from None


def _delivery(attempt: Attempt, result: _Result, combined: Combination | None) -> Delivery:
    run = attempt.run
    folder = _export_folder(attempt)
    if combined is not None:
        folder = attempt.shop.files.run_folder(combined.merged[0][1]) / combined.folder
    formats = (JSONL.rpartition(".")[2], *attempt.manifest.export.formats)
    files = {name: folder / f"records.{name}" for name in formats if (folder / f"records.{name}").exists()}
    number = result.verdict.records_attempt or run.attempt
    notes = attempt.shop.files.attempt(run.id, number).path
    what = f"set-{run.set_id}" if combined is not None else f"run-{run.id}-{number}"
    return Delivery(
        key=f"{attempt.shop.vault.fingerprint}-{what}",
        run_id=run.id if combined is None else combined.merged[0][1],
        attempt=number,
        agent_name=run.agent_name,
        scheduled_time=run.scheduled_time,
        finished=attempt.shop.clock.now(),
        record_count=result.counters.data_count if combined is None else combined.records,
        files=files,
        notes=notes,  # where it stays when a later attempt delivers, or a combined export is made anew
    )


def _goes_on(attempt: Attempt) -> bool:
    current = attempt.look_again()
    return current is not None and current.status is RunStatus.EXPORTING


def _keep_for_later(attempt: Attempt, result: _Result) -> None:
    verdict = result.verdict
    text = json.dumps(
        {
            "attempt": verdict.records_attempt or attempt.run.attempt,
            "status": verdict.status.value,
            "message": verdict.message,
            "warnings": verdict.warnings,
            "counters": asdict(result.counters),
        }
    )
    target = _export_folder(attempt) / _UNDELIVERED
    temporary = target.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)


# --- concluding ---


def _conclude(attempt: Attempt, result: _Result) -> None:
    """Write down how the attempt ended; if it is the last of a set with one export, that is made first."""
    made: Combination | None = None
    first_run = 0
    while (wanted := _write_down(attempt, result, made)) is not None:
        if made is not None:  # meanwhile another part was begun again
            attempt.shop.files.put_aside(attempt.shop.files.run_folder(first_run) / made.folder)
        first_run, combination = wanted
        made = combining.make(attempt.shop.files, first_run, combination, attempt.manifest.export.formats)
        attempt.say(made.describe())
        if made.is_complete:
            result = _deliver(attempt, result, made)
        elif attempt.manifest.export.destinations:
            attempt.say("it is not delivered: parts are missing; restart them, and it is made anew")
    attempt.shop.files.empty_trash()


def _write_down(
    attempt: Attempt, result: _Result, made: Combination | None
) -> tuple[int, Combination] | None:
    """Conclude the attempt, unless a combined export must be made first: then the first run and what to merge."""
    shop = attempt.shop
    with shop.db.write() as c:
        now = shop.clock.now()
        current = runs.current(c, [attempt.claim]).get(attempt.claim)
        if current is None:
            return None
        wanted = _wanted_combination(c, current, result.verdict)
        if wanted is not None and not wanted[1].is_of(made):
            return wanted
        file_list.replace(c, current.id, _list_files(attempt, result), now)
        if wanted is not None and made is not None:
            combining.note(c, shop.files, current, wanted[0], made, now)
        if result.statistics is not None and result.report is not None:
            statistics.keep(c, current.id, result.statistics, _stats(result.report))
            proxies.absorb(c, result.report, current, now)
        plain = result.verdict.message.encode(errors="backslashreplace").decode()
        verdict = replace(result.verdict, message=plain)
        if not lifecycle.conclude(c, current, verdict, result.counters, now):
            raise AssertionError(
                f"run {current.id} could not go from {current.status!r} to {verdict.status!r}"
            )
        if wanted is not None and made is not None:
            runs.set_export_count(c, wanted[0], made.records)
    return None


def _wanted_combination(c: sa.Connection, run: Run, verdict: Verdict) -> tuple[int, Combination] | None:
    """What must be merged before the run may end so, and the run that it belongs to."""
    verdict = lifecycle.final(run, verdict)
    if not _is_part(run) or lifecycle.is_retried(run, verdict):
        return None
    status = RunStatus.COMPLETED if verdict.undelivered else verdict.status
    part = Part(run.sequence, run.id, verdict.records_attempt or run.attempt, status)
    wanted = combining.wanted_when(c, run, part)
    first_run = combining.first_run_of(c, run.set_id)
    return None if wanted is None or first_run is None else (first_run, wanted)


def _stats(report: Mapping[str, Any]) -> Mapping[str, Any]:
    stats = report.get("stats")
    return stats if isinstance(stats, Mapping) else {}


def _explain(attempt: Attempt, result: _Result) -> None:
    """Gather what explains a failure, while the agent's folder is still there."""
    if result.verdict.status is RunStatus.FAILURE and result.statistics is not None:
        with attempt.shop.db.read() as c:
            last_good = statistics.last_good(c, attempt.run)
        evidence.gather(
            attempt.folder,
            attempt.run,
            result.verdict.message,
            result.exit_text,
            result.report or {},
            result.statistics,
            last_good,
            attempt.shop.clock.now(),
            _mask(attempt).text,
        )


def _mask(attempt: Attempt) -> Mask:
    """What the agent was told in confidence: the secrets of its input, the credentials of its proxies."""
    with attempt.shop.db.read() as c:
        credentials = proxies.credentials(c, attempt.shop.vault, attempt.run)
        sealed = secrets.sealed(c, attempt.run.space_id, _secret_names(attempt))
    return Mask([*credentials, *map(attempt.shop.vault.unseal, sealed.values())])


def _secret_names(attempt: Attempt) -> set[str]:
    return inputs.secret_names_of(attempt.manifest, json.loads(attempt.run.input_json))


def _list_files(attempt: Attempt, result: _Result) -> list[FileRow]:
    """The files that people can download, each as name, type, size, and path in the run's folder."""
    run, files = attempt.run, attempt.shop.files
    rows: list[tuple[Path, str, str]] = []
    if not _is_part(run):
        # The checked JSON Lines are always there, for the API; a file of the run they are when asked for.
        names = [f"records.{name}" for name in dict.fromkeys(attempt.manifest.export.formats)]
        rows.extend((_export_folder(attempt) / name, name, "Export") for name in names)
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
    listed = [
        (name, kind, path.stat().st_size, str(path.relative_to(base)))
        for path, name, kind in rows
        if os.path.lexists(path)
    ]
    made = Combination.from_text(run.combined)
    if made is not None:
        listed += combining.listed(files, run.id, made, attempt.manifest.export.formats)
    return listed
