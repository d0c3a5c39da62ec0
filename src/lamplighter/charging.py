"""Writing down what runs use and what it costs, in the transaction in which that is known."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from lamplighter import planner
from lamplighter.model import Run, Usage, UsageType
from lamplighter.store import billing

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Work:
    """What an attempt used besides time: inputs, bytes through proxies, and what it exported."""

    inputs: int = 0
    proxy_bytes: int = 0
    exported_records: int = 0
    exported_bytes: int = 0


NOTHING = Work()


def attempt_ended(c: sa.Connection, run: Run, work: Work, now: datetime) -> None:
    """Charge the present attempt of ``run`` for its time on a server and for its ``work``."""
    time = 0 if run.start_time is None else max(0, (now - run.start_time) // _MILLISECOND)
    used = {
        UsageType.SERVER_TIME: time,
        UsageType.EXPORT_GB: work.exported_bytes,
        UsageType.AGENT_INPUTS: work.inputs,
        UsageType.PROXY_DATA: work.proxy_bytes,
        UsageType.EXPORT_CPM: work.exported_records,
    }
    _charge(c, run.id, run.attempt, run.agent_id, run.start_time, used, now)


def set_exported(
    c: sa.Connection, first_run: int, agent_id: int, records: int, size: int, now: datetime
) -> None:
    """Charge the first run of a set for the combined export, whichever part has made it."""
    used = {UsageType.EXPORT_GB: size, UsageType.EXPORT_CPM: records}
    _charge(c, first_run, None, agent_id, None, used, now)


def _charge(
    c: sa.Connection,
    run_id: int,
    attempt: int | None,
    agent_id: int,
    start_time: datetime | None,
    used: Usage,
    now: datetime,
) -> None:
    billing.note_usage(
        c,
        run_id=run_id,
        attempt=attempt,
        agent_id=agent_id,
        start_time=start_time,
        used=used,
        costs=planner.costs_of(used, billing.rates(c)),
        now=now,
    )
