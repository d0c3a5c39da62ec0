"""What the end of an attempt makes of its run and of its set, in the caller's transaction."""

import random
from datetime import datetime

import sqlalchemy as sa

from lamplighter import charging, metrics, planner, telling, tracing
from lamplighter.charging import NOTHING, Work
from lamplighter.launch import release, settle_set
from lamplighter.model import Claim, Counters, Run, RunStatus, SetState, StopCause, Verdict
from lamplighter.store import agents, runs, sets

_chance = random.Random()  # noqa: S311 - it spreads retries, it guards nothing


def conclude(
    c: sa.Connection,
    run: Run,
    verdict: Verdict,
    counters: Counters,
    now: datetime,
    work: Work = NOTHING,
    exporting_since: datetime | None = None,
) -> bool:
    """End the run's current attempt with ``verdict``: for good, or with another attempt to follow.

    ``work`` is what the attempt is charged for besides its time; of one that was lost nothing else is known.
    ``exporting_since`` is when its process had ended.
    False when the attempt is no longer the current one: then nothing was changed.
    """
    agents.take_turn(c, [run.agent_id])
    claim = Claim(run.id, run.attempt)
    verdict = final(run, verdict)
    if is_retried(run, verdict):
        ready_at = planner.retry_at(run, now, _chance)
        when = "at once" if ready_at is None else f"at {ready_at:%Y-%m-%d %H:%M:%S} UTC"
        number = f"retry {run.retries + 1} of {run.settings.retries_allowed}"
        message = f"attempt {run.attempt} failed: {verdict.message}; {number} {when}"
        changed = runs.retry(
            c,
            claim,
            message,
            counters,
            ready_at,
            now,
            undelivered=verdict.undelivered,
            records_attempt=verdict.records_attempt,
        )
    else:
        changed = runs.finish(
            c,
            claim,
            verdict.status,
            verdict.message,
            counters,
            now,
            verdict.warnings,
            undelivered=verdict.undelivered,
            records_attempt=verdict.records_attempt,
        )
    if changed:
        settle_set(c, run.set_id, run.agent_id, now)
        agents.touch(c, run.agent_id, now)
        charging.attempt_ended(c, run, work, now)
        metrics.attempt_ended(verdict.status, run.start_time, now)
        is_final = not is_retried(run, verdict)
        tracing.attempt_ended(run, verdict, now, is_final=is_final, exporting_since=exporting_since)
        if is_final:
            telling.run_ended(c, run, verdict.status, verdict.message, verdict.warnings, now)
    return changed


def final(run: Run, verdict: Verdict) -> Verdict:
    """Whatever the attempt came to, even that its server was lost: a stop that was asked for counts."""
    too_late = verdict.is_delivered or verdict.status is RunStatus.STOPPED
    if run.stop_cause is StopCause.ASKED and not too_late:
        return Verdict(RunStatus.STOPPED, f"stopped as asked; {verdict.message}", verdict.warnings)
    return verdict


def lost(run: Run, message: str) -> Verdict:
    """The failure of an attempt that nobody could carry out to its end.

    If all that it had to do was to deliver, that is what the next one has to do.
    """
    number = run.records_attempt if run.undelivered else None
    return Verdict(RunStatus.FAILURE, message, undelivered=run.undelivered, records_attempt=number)


def is_retried(run: Run, verdict: Verdict) -> bool:
    """Whether another attempt follows this verdict."""
    return verdict.status is RunStatus.FAILURE and planner.may_retry(run)


def cancel(c: sa.Connection, run: Run, message: str, now: datetime) -> bool:
    """End a run that no server has taken yet; False when one has."""
    changed = runs.cancel(c, run.id, message, now)
    if changed:
        settle_set(c, run.set_id, run.agent_id, now)
    return changed


def restart(c: sa.Connection, run: Run, message: str, now: datetime) -> bool:
    """Put a failed run back into its set and let it begin when the set and the agent allow."""
    changed = runs.restart(c, run.id, message)
    if not changed:
        return False
    if sets.state_of(c, run.set_id) is not SetState.ENDED:
        sets.promote(c, run.set_id, now)
    else:
        sets.set_state(c, run.set_id, SetState.WAITING)
        release(c, run.agent_id, now)
    return True
