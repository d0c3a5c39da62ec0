"""Bringing the records of a good run, or of its whole set, to the agent's destinations.

What cannot be delivered makes the run a Failure that keeps everything for another attempt, which then only
delivers.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lamplighter.disk import open_plain, write_whole
from lamplighter.export.delivery import Delivery, DeliveryFailed, deliver
from lamplighter.export.records import JSONL
from lamplighter.manifest.destination import DestinationSection
from lamplighter.model import Counters, RecordStatistics, RunStatus, Verdict
from lamplighter.planner import GOOD, Combination
from lamplighter.runner.attempt import Attempt
from lamplighter.runner.preparation import CannotPrepare, reveal

_UNDELIVERED = "undelivered.json"


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to, before it is written down."""

    verdict: Verdict
    counters: Counters
    exit_text: str = ""
    report: Mapping[str, Any] | None = None
    statistics: RecordStatistics | None = None
    exporting_since: datetime | None = None


def delivered(attempt: Attempt, result: Result, combined: Combination | None = None) -> Result:
    """The result after the delivery of its records, or of the ``combined`` export; only good ones are delivered."""
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
        return undelivered(attempt, result, str(problem))
    return replace(result, verdict=replace(result.verdict, is_delivered=True))


def undelivered(attempt: Attempt, result: Result, problem: str) -> Result:
    """The failure of an attempt that extracted everything; what is needed to deliver it later is kept."""
    verdict = result.verdict
    kept: dict[str, Any] = {
        "attempt": attempt.records_attempt,
        "status": verdict.status.value,
        "message": verdict.message,
        "warnings": verdict.warnings,
        "counters": asdict(result.counters),
    }
    write_whole(_marker(attempt), json.dumps(kept).encode())
    is_stopped = attempt.run.status is RunStatus.STOPPING
    end = "the records are kept" if is_stopped else "the records are kept, and a restart only delivers them"
    message = f"{problem}; {end}"
    attempt.say(message)
    failure = Verdict(RunStatus.FAILURE, message, undelivered=True, records_attempt=kept["attempt"])
    return replace(result, verdict=failure)


def can_deliver_again(attempt: Attempt) -> bool:
    """Whether all that is left to do for the run is to deliver what an earlier attempt extracted.

    From then on the records of this attempt are those.
    """
    run, files = attempt.run, attempt.shop.files
    if not run.undelivered:
        return False
    number = run.records_attempt or run.attempt - 1
    files.fetch(files.attempt(run.id, number).path)
    folder = files.export_folder(run.id, number)
    if not (folder / _UNDELIVERED).exists() or not (folder / JSONL).exists():
        return False
    attempt.records_attempt = number
    return True


def kept_result(attempt: Attempt) -> Result:
    """What the earlier attempt came to, as ``undelivered`` has kept it."""
    file = open_plain(_marker(attempt))
    if file is None:
        raise CannotPrepare("what an earlier attempt extracted is not there any more")
    with file:
        kept = json.loads(file.read())
    verdict = Verdict(
        RunStatus(kept["status"]), kept["message"], tuple(kept["warnings"]), records_attempt=kept["attempt"]
    )
    return Result(verdict, Counters(**kept["counters"]))


def forget_undelivered(attempt: Attempt) -> None:
    """What was kept for a later delivery is not needed any more, or does not count."""
    attempt.shop.files.put_aside(_marker(attempt))


def export_folder(attempt: Attempt) -> Path:
    """Where the records are that the attempt delivers."""
    return attempt.shop.files.export_folder(attempt.run.id, attempt.records_attempt)


def _marker(attempt: Attempt) -> Path:
    return export_folder(attempt) / _UNDELIVERED


def _revealed(attempt: Attempt, destination: DestinationSection) -> DestinationSection:
    """The destination with its secrets; CannotPrepare when it is none with them."""
    try:
        return DestinationSection.model_validate(reveal(attempt, destination.model_dump()))
    except ValidationError as problem:
        reasons = "; ".join(error["msg"].removeprefix("Value error, ") for error in problem.errors())
        raise CannotPrepare(
            f"{destination.title} is no destination with its secrets in it: {reasons}"
        ) from None


def _delivery(attempt: Attempt, result: Result, combined: Combination | None) -> Delivery:
    run, number = attempt.run, result.verdict.records_attempt or attempt.run.attempt
    folder, owner, what = export_folder(attempt), run.id, f"run-{run.id}-{number}"
    count = result.counters.data_count
    if combined is not None:
        owner, what, count = combined.merged[0][1], f"set-{run.set_id}", combined.records
        folder = attempt.shop.files.run_folder(owner) / combined.folder
    files: dict[str, Path] = {
        name: folder / f"records.{name}"
        for name in ("jsonl", *attempt.manifest.export.formats)
        if (folder / f"records.{name}").exists()
    }
    return Delivery(
        key=f"{attempt.installation}-{what}",
        run_id=owner,
        attempt=number,
        agent_name=run.agent_name,
        scheduled_time=run.scheduled_time,
        finished=attempt.shop.clock.now(),
        record_count=count,
        files=files,
        # Where it stays when a later attempt delivers, or a combined export is made anew.
        notes=attempt.shop.files.attempt(run.id, number).path,
    )


def _goes_on(attempt: Attempt) -> bool:
    current = attempt.look_again()
    return current is not None and current.status is RunStatus.EXPORTING
