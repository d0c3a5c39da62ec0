"""Runs: claiming them, moving them along the state diagram, reading them.

Every status change goes through ``_move``: an UPDATE that names the statuses it may come from and, for what a
server says about a run, the attempt it speaks of. No row changed means that another one won.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from lamplighter.model import (
    NO_INPUT,
    Claim,
    Counters,
    Run,
    RunStatus,
    StopCause,
    sources_of,
)
from lamplighter.store import turns
from lamplighter.store.schedules import settings_of
from lamplighter.store.tables import (
    RUN_HAS_FAILED,
    RUN_IS_ON_SERVER,
    RUN_IS_OPEN,
    agents,
    parallel_sets,
    runs,
    servers,
)

_COUNTERS = tuple(f.name for f in fields(Counters))


def insert(c: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep new runs."""
    if rows:
        c.execute(_INSERT, list(rows))


def claim(c: sa.Connection, server_id: int, limit: int, now: datetime) -> list[Claim]:
    """Take up to ``limit`` queuing runs for a server: by priority, then fair between spaces; see ``turns``.

    It takes runs without a group and those of its own groups, and never one of another group; none while it drains.
    """
    ids = turns.next_runs(c, server_id, limit)
    if not ids:
        return []
    taken = c.execute(_CLAIM, {"ids": ids, "server_id": server_id, "start_time": now})
    claims = {run_id: Claim(run_id, attempt) for run_id, attempt in taken}
    return [claims[run_id] for run_id in ids if run_id in claims]


def begin(c: sa.Connection, claim: Claim, now: datetime) -> bool:
    """The run's process has started: its time-out counts from here."""
    return _move(c, claim.run_id, RunStatus.RUNNING, claim.attempt, start_time=now, message=None)


def explain(c: sa.Connection, claim: Claim, message: str | None) -> None:
    """Say what a run that has not begun is waiting for on its server."""
    query = (
        runs.update()
        .where(
            runs.c.id == claim.run_id,
            runs.c.attempt == claim.attempt,
            runs.c.status == RunStatus.STARTING.value,
        )
        .values(message=message)
    )
    c.execute(query)


def set_export_count(c: sa.Connection, run_id: int, count: int) -> None:
    """Note how many records the export that belongs to a run has."""
    c.execute(runs.update().where(runs.c.id == run_id).values(export_count=count))


def export(c: sa.Connection, claim: Claim) -> bool:
    """The run's process has ended well; its records are being delivered."""
    return _move(c, claim.run_id, RunStatus.EXPORTING, claim.attempt)


def finish(
    c: sa.Connection,
    claim: Claim,
    status: RunStatus,
    message: str,
    counters: Counters,
    now: datetime,
    warnings: Sequence[str] = (),
    *,
    undelivered: bool = False,
    records_attempt: int | None = None,
) -> bool:
    """The attempt has ended and so has the run."""
    return _move(
        c,
        claim.run_id,
        status,
        claim.attempt,
        message=message,
        end_time=now,
        warnings=list(warnings) or None,
        undelivered=undelivered,
        records_attempt=claim.attempt if records_attempt is None else records_attempt,
        **asdict(counters),
    )


def retry(
    c: sa.Connection,
    claim: Claim,
    message: str,
    counters: Counters,
    ready_at: datetime | None,
    now: datetime,
    *,
    undelivered: bool = False,
    records_attempt: int | None = None,
) -> bool:
    """The attempt has failed and another one will follow: at once, or waiting until ``ready_at``."""
    target = RunStatus.QUEUING if ready_at is None else RunStatus.WAITING
    return _move(
        c,
        claim.run_id,
        target,
        claim.attempt,
        message=message,
        ready_at=ready_at,
        queued_at=now if ready_at is None else runs.c.queued_at,
        retries=runs.c.retries + 1,
        undelivered=undelivered,
        records_attempt=claim.attempt if records_attempt is None else records_attempt,
        **asdict(counters),
    )


def put_back(c: sa.Connection, claim: Claim, message: str, now: datetime) -> bool:
    """The attempt's process never began: the run queues again, and that costs it no retry."""
    return _move(c, claim.run_id, RunStatus.QUEUING, claim.attempt, message=message, queued_at=now)


def progress(c: sa.Connection, claim: Claim, counters: Counters) -> bool:
    """Note what the attempt has done so far; False when the attempt is no longer the run's current one."""
    of_claim = {"the_run": claim.run_id, "the_attempt": claim.attempt}
    return c.execute(_PROGRESS, {**of_claim, **asdict(counters)}).rowcount == 1


def ask_stop(c: sa.Connection, run_id: int, message: str, now: datetime) -> bool:
    """Begin to stop a run that is on a server; False when it is not in a status to be stopped.

    A run that is being stopped by its time-out is stopped as asked from now on: it will not be tried again.
    """
    asked = StopCause.ASKED.value
    if _move(c, run_id, RunStatus.STOPPING, None, stop_cause=asked, stop_asked=now, message=message):
        return True
    query = (
        runs.update()
        .where(runs.c.id == run_id, runs.c.status == RunStatus.STOPPING.value)
        .values(stop_cause=asked)
    )
    return c.execute(query).rowcount == 1


def time_out(c: sa.Connection, claim: Claim, message: str, now: datetime) -> bool:
    """Begin to stop an attempt that takes too long."""
    cause = StopCause.TIMEOUT.value
    return _move(
        c,
        claim.run_id,
        RunStatus.STOPPING,
        claim.attempt,
        stop_cause=cause,
        stop_asked=now,
        message=message,
    )


def ask_kill(c: sa.Connection, run_id: int) -> bool:
    """End a stopping run without further grace; False when it is not stopping."""
    query = (
        runs.update()
        .where(runs.c.id == run_id, runs.c.status == RunStatus.STOPPING.value)
        .values(kill_asked=True)
    )
    return c.execute(query).rowcount == 1


def cancel(c: sa.Connection, run_id: int, message: str, now: datetime) -> bool:
    """End a run that no server has taken; False when one has, or it has ended."""
    query = (
        runs.update()
        .where(
            runs.c.id == run_id,
            runs.c.status.in_([RunStatus.QUEUING.value, RunStatus.WAITING.value]),
        )
        .values(status=RunStatus.STOPPED.value, message=message, end_time=now, ready_at=None)
    )
    return c.execute(query).rowcount == 1


def restart(c: sa.Connection, run_id: int, message: str) -> bool:
    """Put a failed run back, in place, with all its retries; it waits until its set lets it begin."""
    query = (
        runs.update()
        .where(runs.c.id == run_id, runs.c.status == RunStatus.FAILURE.value)
        .values(
            status=RunStatus.WAITING.value,
            message=message,
            retries=0,
            stop_cause=None,
            stop_asked=None,
            kill_asked=False,
            start_time=None,
            end_time=None,
        )
    )
    return c.execute(query).rowcount == 1


def get(c: sa.Connection, run_id: int) -> Run | None:
    """One run, or None."""
    row = c.execute(_GET, {"the_run": run_id}).mappings().one_or_none()
    return None if row is None else _run(row)


def agent_of(c: sa.Connection, run_id: int) -> int | None:
    """The agent of a run, which never changes; None when there is no such run."""
    found = c.execute(_AGENT_OF, {"the_run": run_id}).scalar_one_or_none()
    return None if found is None else int(found)


def of_agent(c: sa.Connection, agent_id: int, limit: int, skip: int = 0) -> list[Run]:
    """The newest runs of an agent, newest first."""
    query = _select().where(runs.c.agent_id == agent_id).order_by(runs.c.id.desc())
    query = query.limit(limit).offset(skip)
    return [_run(row) for row in c.execute(query).mappings()]


def latest_failure(c: sa.Connection, agent_id: int) -> Run | None:
    """The run of an agent that ended last of those in Failure, or moved from there to history."""
    query = (
        _select()
        .where(runs.c.agent_id == agent_id, RUN_HAS_FAILED)
        .order_by(runs.c.end_time.desc(), runs.c.id.desc())
    )
    row = c.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _run(row)


def ids_of_agent(c: sa.Connection, agent_id: int) -> list[int]:
    """The ids of all runs of an agent."""
    return list(c.execute(sa.select(runs.c.id).where(runs.c.agent_id == agent_id)).scalars())


def all_ids(c: sa.Connection) -> list[int]:
    """The ids of all runs, oldest first."""
    return list(c.execute(sa.select(runs.c.id).order_by(runs.c.id)).scalars())


def ids_on_servers(c: sa.Connection) -> list[int]:
    """The ids of the runs that servers have."""
    return list(c.execute(sa.select(runs.c.id).where(RUN_IS_ON_SERVER)).scalars())


def count_of_agent(c: sa.Connection, agent_id: int) -> int:
    """How many runs an agent has."""
    query = sa.select(sa.func.count()).select_from(runs).where(runs.c.agent_id == agent_id)
    return int(c.execute(query).scalar_one())


def of_set(c: sa.Connection, set_id: int) -> list[Run]:
    """The runs of a set in their sequence."""
    query = _select().where(runs.c.set_id == set_id).order_by(runs.c.sequence)
    return [_run(row) for row in c.execute(query).mappings()]


def on_server(c: sa.Connection, server_id: int) -> list[Run]:
    """The runs that a server has taken and that have not ended."""
    return [_run(row) for row in c.execute(_ON_SERVER, {"the_server": server_id}).mappings()]


def current(c: sa.Connection, claims: Collection[Claim]) -> dict[Claim, Run]:
    """The claims that still hold, each with its run; a claim that is missing was lost to another attempt."""
    if not claims:
        return {}
    rows = c.execute(_CURRENT, {"ids": [claim.run_id for claim in claims]}).mappings()
    found = {Claim(run.id, run.attempt): run for run in map(_run, rows)}
    return {claim: found[claim] for claim in claims if claim in found}


def holds(c: sa.Connection, claim: Claim, server_name: str) -> bool:
    """Whether a claim still holds, and is one of this server."""
    of_claim = {"the_run": claim.run_id, "the_attempt": claim.attempt, "the_server": server_name}
    return c.execute(_HOLDS, of_claim).first() is not None


def status_counts(c: sa.Connection, visible: Collection[int] | None = None) -> dict[RunStatus, int]:
    """How many runs wait, queue and go at present, in all spaces or in some."""
    query = sa.select(runs.c.status, sa.func.count()).where(RUN_IS_OPEN).group_by(runs.c.status)
    if visible is not None:
        query = query.where(runs.c.space_id.in_(visible))
    return {RunStatus(status): count for status, count in c.execute(query)}


def forget_input(c: sa.Connection, run_id: int) -> None:
    """Take away the input of an ended run; it can no longer be restarted."""
    c.execute(runs.update().where(runs.c.id == run_id).values(input_json=NO_INPUT))


def delete(c: sa.Connection, run_id: int) -> None:
    """Take an ended run away, with the list of its files."""
    c.execute(runs.delete().where(runs.c.id == run_id))


def _move(c: sa.Connection, run_id: int, target: RunStatus, attempt: int | None, **values: Any) -> bool:
    expressions = {name: value for name, value in values.items() if isinstance(value, sa.ColumnElement)}
    query = _moving(target, any_attempt=attempt is None)
    if expressions:
        query = query.values(**expressions)
    plain = {name: value for name, value in values.items() if name not in expressions}
    if attempt is not None:
        plain["the_attempt"] = attempt
    return c.execute(query, {"the_run": run_id, **plain}).rowcount == 1


@cache
def _moving(target: RunStatus, *, any_attempt: bool) -> sa.Update:
    query = (
        runs.update()
        .where(
            runs.c.id == sa.bindparam("the_run"),
            runs.c.status.in_(sorted(s.value for s in sources_of(target))),
            RUN_IS_ON_SERVER,
        )
        .values(status=target.value)
    )
    return query if any_attempt else query.where(runs.c.attempt == sa.bindparam("the_attempt"))


def _select() -> sa.Select[Any]:
    return (
        sa.select(
            runs,
            agents.c.name.label("agent_name"),
            servers.c.name.label("server_name"),
            parallel_sets.c.size,
            parallel_sets.c.agent_version,
            parallel_sets.c.schedule_id,
            parallel_sets.c.fire_id,
            parallel_sets.c.scheduled_time,
            parallel_sets.c.started_by,
            parallel_sets.c.combined,
            *(parallel_sets.c[f] for f in _SETTINGS_OF_SET),
        )
        .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
        .join(agents, agents.c.id == runs.c.agent_id)
        .join(servers, servers.c.id == runs.c.server_id, isouter=True)
    )


# `priority` and `server_group_id` stand in both tables with one value; a run's own copies serve its queue.
_SETTINGS_OF_SET = (
    "parallelism",
    "parallel_max_concurrency",
    "parallel_export",
    "proxy_pool_id",
    "log_level",
    "log_mode",
    "is_exclusive",
    "is_wait_on_failure",
    "max_retries",
    "retry_delay_seconds",
    "timeout_seconds",
)


# What every run asks for is written once: to put a statement together takes longer than to carry it out.
_OF_RUN = runs.c.id == sa.bindparam("the_run")
_OF_CLAIM = sa.and_(_OF_RUN, runs.c.attempt == sa.bindparam("the_attempt"), RUN_IS_ON_SERVER)
_INSERT = runs.insert()
_AMONG = runs.c.id.in_(sa.bindparam("ids", expanding=True))
_GET = _select().where(_OF_RUN)
_CURRENT = _select().where(_AMONG, RUN_IS_ON_SERVER)
_ON_SERVER = (
    _select().where(RUN_IS_ON_SERVER, runs.c.server_id == sa.bindparam("the_server")).order_by(runs.c.id)
)
_AGENT_OF = sa.select(runs.c.agent_id).where(_OF_RUN)
_HOLDS = (
    sa.select(runs.c.id)
    .join(servers, servers.c.id == runs.c.server_id)
    .where(_OF_CLAIM, servers.c.name == sa.bindparam("the_server"))
)
_PROGRESS = runs.update().where(_OF_CLAIM)
_CLAIM = (
    runs.update()
    .where(_AMONG, turns.QUEUING)
    .values(
        status=RunStatus.STARTING.value,
        attempt=runs.c.attempt + 1,
        message=None,
        # What was asked of the attempt before is not asked of this one.
        stop_cause=None,
        stop_asked=None,
        kill_asked=False,
        warnings=None,
        # It will have logs and files again.
        logs_removed=None,
        files_removed=None,
    )
    .returning(runs.c.id, runs.c.attempt)
)


def _run(row: sa.RowMapping) -> Run:
    return Run(
        id=row["id"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        agent_version=row["agent_version"],
        space_id=row["space_id"],
        set_id=row["set_id"],
        sequence=row["sequence"],
        set_size=row["size"],
        settings=settings_of(row),
        schedule_id=row["schedule_id"],
        fire_id=row["fire_id"],
        scheduled_time=row["scheduled_time"],
        started_by=row["started_by"],
        status=RunStatus(row["status"]),
        message=row["message"],
        attempt=row["attempt"],
        retries=row["retries"],
        stop_cause=row["stop_cause"] and StopCause(row["stop_cause"]),
        stop_asked=row["stop_asked"],
        kill_asked=row["kill_asked"],
        server_id=row["server_id"],
        server_name=row["server_name"],
        input_json=row["input_json"],
        created=row["created"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        counters=Counters(**{name: row[name] for name in _COUNTERS}),
        warnings=tuple(row["warnings"] or ()),
        undelivered=bool(row["undelivered"]),
        records_attempt=row["records_attempt"],
        combined=row["combined"] if row["sequence"] == 1 else None,
    )
