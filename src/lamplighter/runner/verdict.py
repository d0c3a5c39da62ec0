"""How a run ended, decided from all the evidence and not from the exit status alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamplighter.export.records import MOST_COLUMNS, RecordSummary
from lamplighter.manifest import SuccessSection
from lamplighter.model import Counters, RunStatus, StopCause, Verdict

_MOST = 2**53  # what every client's numbers can hold


@dataclass(frozen=True, slots=True)
class Report:
    """What the agent said of itself in its report file; all of it is optional."""

    is_final: bool = False
    problems: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Any) -> "Report":
        """The report in a parsed JSON document; what has not the right form is left out."""
        if not isinstance(document, dict):
            return cls()
        problems = document.get("problems")
        counts = document.get("counts")
        return cls(
            document.get("final") is True,
            tuple(str(p) for p in problems) if isinstance(problems, list) else (),
            {k: v for k, v in counts.items() if isinstance(v, int)} if isinstance(counts, dict) else {},
        )

    def count(self, name: str) -> int:
        """A count by its name in the report; 0 when the agent did not say."""
        return min(max(0, self.counts.get(name, 0)), _MOST)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known about an attempt whose process has ended.

    ``exit_text`` says how the process ended; ``ended_well`` whether that was by exit status 0.
    """

    ended_well: bool
    exit_text: str
    stop_cause: StopCause | None
    timeout_seconds: int | None
    report: Report
    records: RecordSummary
    is_spider: bool = False


def decide(evidence: Evidence, success: SuccessSection) -> Verdict:
    """The status and the message that says what decided.

    A stop that was asked for makes it Stopped; else the first of these makes it a Failure: the time-out, the
    exit status, a problem that the agent reported, a criterion that was not met. Otherwise it is a Success,
    or Completed when there are no criteria.
    """
    summary = summarise(evidence)
    if evidence.stop_cause is StopCause.ASKED:
        return Verdict(RunStatus.STOPPED, f"stopped as asked; {summary}")
    failure = _failure(evidence) or _unmet(evidence, success)
    if failure is not None:
        return Verdict(RunStatus.FAILURE, f"{failure}; {summary}")
    if success.has_criteria:
        return Verdict(RunStatus.SUCCESS, f"met its success criteria; {summary}")
    return Verdict(RunStatus.COMPLETED, f"finished; {summary}")


def summarise(evidence: Evidence) -> str:
    """What the run did, in one phrase."""
    parts = [_many(evidence.records.count, "record")]
    for name, word in (("pages", "page"), ("errors", "error")):
        if evidence.report.count(name):
            parts.append(_many(evidence.report.count(name), word))
    text = ", ".join(parts)
    bad = evidence.records.bad_lines
    if bad:
        text += (
            f"; {_many(bad, 'line')} of the records file left out: not a JSON object"
            f" (the first is line {evidence.records.first_bad_line})"
        )
    if len(evidence.records.columns) > MOST_COLUMNS:
        text += f"; no CSV or Parquet: more than {MOST_COLUMNS:,} columns"
    return text


def counters_of(report: Report, records: RecordSummary, *, inputs: int, exported: int) -> Counters:
    """The numbers of a run, from what the agent reported and what its records file holds."""
    return Counters(
        data_count=records.count,
        error_count=report.count("errors") + records.bad_lines,
        page_count=report.count("pages"),
        dynamic_page_count=report.count("dynamicPages"),
        request_count=report.count("requests"),
        input_count=inputs,
        export_count=exported,
        traffic=report.count("traffic"),
    )


def _failure(evidence: Evidence) -> str | None:
    if evidence.stop_cause is StopCause.TIMEOUT:
        limit = evidence.timeout_seconds
        return f"time-out: not finished after {limit} second{'' if limit == 1 else 's'}"
    problems = evidence.report.problems
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if not evidence.ended_well:
        return f"{evidence.exit_text}: {problems[0]}{more}" if problems else evidence.exit_text
    if not problems and evidence.is_spider and not evidence.report.is_final:
        # A spider's exit status says nothing: what it reports at its end does.
        return f"{evidence.exit_text}, but the spider was cut off before it could report how it ended"
    return f"{problems[0]}{more}" if problems else None


def _unmet(evidence: Evidence, success: SuccessSection) -> str | None:
    records = evidence.records
    if success.min_records is not None and records.count < success.min_records:
        return f"min_records: {_many(records.count, 'record')}, at least {success.min_records} wanted"
    errors = evidence.report.count("errors") + records.bad_lines
    if success.max_errors is not None and errors > success.max_errors:
        return f"max_errors: {_many(errors, 'error')}, at most {success.max_errors} allowed"
    for name in success.required_fields:
        if records.lacking[name]:
            return (
                f"required_fields: {records.lacking[name]} of {_many(records.count, 'record')} lack {name!r}"
            )
    if records.mismatches:
        return (
            f"schema: {records.mismatches:,} of {_many(records.count, 'record')} do not match;"
            f" the first is record {records.first_mismatch:,}: {records.mismatch}"
        )
    return None


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
