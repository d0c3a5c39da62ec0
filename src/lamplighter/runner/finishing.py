"""The end of an attempt whose process has ended: judge → compare → export → deliver → explain → conclude."""

import json
import shutil
from dataclasses import replace

from lamplighter.disk import remove, write_whole
from lamplighter.export.records import JSONL, RecordSummary, check_records, write_formats
from lamplighter.manifest import inputs
from lamplighter.masking import Mask
from lamplighter.model import RecordStatistics, RunStatus, Verdict
from lamplighter.planner import GOOD, baseline, is_part
from lamplighter.runner import delivering, evidence, proxies
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.concluding import conclude
from lamplighter.runner.delivering import Result, export_folder
from lamplighter.runner.harvest import keep_leftovers, read_report
from lamplighter.runner.preparation import seal_input
from lamplighter.runner.process import ProcessExit
from lamplighter.runner.verdict import Evidence, Report, counters_of, decide

_COMPARED = 10  # good runs, with which one is compared
_WRITTEN_AT_ONCE = 10_000  # records, which take a tenth of a second in all formats


def finish(attempt: Attempt, ended: ProcessExit) -> None:
    """Bring an attempt from the end of its process to its verdict, with all that belongs to it.

    OSError, such as a full disk, leaves it unconcluded: the caller says so, or comes again.
    """
    since = attempt.shop.clock.now()
    _make_sure_of_its_folder(attempt)
    seal_input(attempt)
    proxies.forget(attempt.folder)
    delivering.forget_undelivered(attempt)
    judged, summary = _judge(attempt, ended)
    result = replace(judged, exporting_since=since)
    if result.verdict.status in GOOD and _export_takes_time(attempt, summary.count):
        _begin_export(attempt)
    if not is_part(attempt.run):
        folder = export_folder(attempt)
        write_formats(folder / JSONL, folder, attempt.manifest.export.formats, summary.columns)
        result = delivering.delivered(attempt, result)
    own = set(attempt.shop.files.bundle_names(attempt.bundle))
    keep_leftovers(attempt.folder, own, attempt.say)
    _explain(attempt, result)
    shutil.rmtree(attempt.folder.work, ignore_errors=True)
    attempt.say(f"{ended.describe()}; {result.verdict.status.name.capitalize()}: {result.verdict.message}")
    for warning in result.verdict.warnings:
        attempt.say(f"warning: {warning}")
    conclude(attempt, result)


def deliver_again(attempt: Attempt) -> None:
    """Deliver what an earlier attempt extracted; it failed only because that was not possible then."""
    result = delivering.kept_result(attempt)
    number = result.verdict.records_attempt
    attempt.say(f"attempt {number} extracted everything: its records are delivered, and nothing is run again")
    _begin_export(attempt)
    if not is_part(attempt.run):
        result = delivering.delivered(attempt, result)
    # Only now that it is written down: until then a restart of the server comes here again.
    if not conclude(attempt, result).verdict.undelivered:
        delivering.forget_undelivered(attempt)


def _make_sure_of_its_folder(attempt: Attempt) -> None:
    """An agent may put a link or a file in the place of a folder: nothing is read or written by way of it."""
    for folder in (attempt.folder.path.parent, attempt.folder.path, export_folder(attempt)):
        if folder.is_symlink() or not folder.is_dir():
            attempt.shop.files.put_aside(folder)
            folder.mkdir()


# --- judging ---


def _judge(attempt: Attempt, ended: ProcessExit) -> tuple[Result, RecordSummary]:
    success = attempt.manifest.success
    records = export_folder(attempt) / JSONL
    summary = check_records(attempt.folder.records, records, success.required_fields, success.record_schema)
    document = read_report(attempt.folder.report)
    report = Report.of(document)
    verdict = decide(
        Evidence(
            ended_well=ended.exit_code == 0,
            exit_text=ended.describe(),
            stop_cause=attempt.run.stop_cause,
            timeout_seconds=attempt.timeout_seconds,
            report=report,
            records=summary,
            is_spider=attempt.manifest.agent.spider is not None,
        ),
        success,
    )
    # They may quote the agent, who knows secrets.
    mask = _mask(attempt)
    verdict = replace(verdict, message=mask.text(verdict.message))
    if mask and document:
        document = json.loads(mask.text(json.dumps(document)))
        write_whole(attempt.folder.report, json.dumps(document).encode())
    now = RecordStatistics(summary.count, dict(summary.filled))
    verdict = _against_baseline(attempt, verdict, now)
    is_exported = not is_part(attempt.run) and verdict.status is not RunStatus.FAILURE
    exported = summary.count if is_exported else 0
    counters = counters_of(report, summary, inputs=attempt.input_count, exported=exported)
    return Result(verdict, counters, ended.describe(), document, now), summary


def _against_baseline(attempt: Attempt, verdict: Verdict, now: RecordStatistics) -> Verdict:
    """A run that ended well, compared with the good ones before it."""
    mode = attempt.manifest.success.baseline
    if verdict.status not in GOOD or mode == "off":
        return verdict
    past = attempt.shop.control.good_runs(attempt.claim, _COMPARED)
    warnings = tuple(baseline.warnings(now, [good.statistics for good in past]))
    if warnings and mode == "fail":
        return Verdict(RunStatus.FAILURE, f"baseline: {'; '.join(warnings)}")
    return replace(verdict, warnings=warnings)


def _export_takes_time(attempt: Attempt, records: int) -> bool:
    """Whether anybody could see that the run is Exporting.

    Else that is said as it is concluded, and costs no transaction of its own.
    """
    is_large = records > _WRITTEN_AT_ONCE
    is_sent = attempt.shop.files.store is not None or bool(attempt.manifest.export.destinations)
    return is_large or is_sent or is_part(attempt.run)


def _begin_export(attempt: Attempt) -> None:
    """A stop that has come in between is seen when the attempt is concluded."""
    attempt.shop.control.export(attempt.claim)


def _explain(attempt: Attempt, result: Result) -> None:
    """Gather what explains a failure, while the agent's folder is still there."""
    verdict = result.verdict
    if verdict.status is RunStatus.FAILURE and result.statistics is not None and not verdict.undelivered:
        last_good = next(iter(attempt.shop.control.good_runs(attempt.claim, 1)), None)
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
            attempt.manifest.limits.memory_mb,
        )
    elif verdict.status is not RunStatus.FAILURE:
        remove(attempt.folder.evidence)  # a page that failed on the way to a good end explains nothing


def _mask(attempt: Attempt) -> Mask:
    """What the agent was told in confidence: the secrets of its input, the credentials of its proxies."""
    has_secrets = inputs.secret_names_of(attempt.manifest, json.loads(attempt.input_json))
    if not has_secrets and attempt.run.settings.proxy_pool_id is None:
        return Mask()
    return Mask(attempt.shop.control.confidential(attempt.claim))
