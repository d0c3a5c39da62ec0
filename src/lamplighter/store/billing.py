"""What runs used and what it cost, the rates, and the credits. Amounts are millionths of a credit.

Usage is written when it comes to be, with its cost, and never changed: see
docs/decisions/2026-11-25-usage-is-written-down.md.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lamplighter.model import (
    AgentCost,
    CostOfDay,
    CreditTransaction,
    RunCost,
    SortRuns,
    TransactionType,
    Usage,
    UsageType,
)
from lamplighter.store.database import upsert
from lamplighter.store.tables import EPOCH, agents, billing_rates, credit_transactions, usage

_DAY = timedelta(days=1)
_MILLISECONDS_OF_DAY = 86_400_000
Kinds = Collection[UsageType]


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range of time: usage belongs to the instant at which it was written down."""

    start: datetime
    end: datetime


# --- usage ---


_INSERT_USAGE = usage.insert()


def note_usage(
    c: sa.Connection,
    *,
    run_id: int,
    attempt: int | None,
    agent_id: int,
    start_time: datetime | None,
    used: Usage,
    costs: Usage,
    now: datetime,
) -> None:
    """Write down what an attempt used and what it cost; a cost goes off the balance, with that of its UTC day."""
    c.execute(
        _INSERT_USAGE,
        {
            "run_id": run_id,
            "attempt": attempt,
            "agent_id": agent_id,
            "start_time": start_time,
            "end_time": now,
            **{f"{kind.column}_used": used.get(kind, 0) for kind in UsageType},
            **{f"{kind.column}_cost": costs.get(kind, 0) for kind in UsageType},
        },
    )
    total = sum(costs.values())
    if total:
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        values = {
            "type": TransactionType.DEBIT.value,
            "amount": -total,
            "day": day,
            "created": now,
            "message": f"usage of {day:%Y-%m-%d}",
        }
        change = {"amount": credit_transactions.c.amount - total}
        upsert(c, credit_transactions, values, "day", change)


def agent_of(c: sa.Connection, agent_id: int) -> tuple[str, int] | None:
    """The name of an agent and its space, though it be deleted; None when there never was one."""
    row = c.execute(sa.select(agents.c.name, agents.c.space_id).where(agents.c.id == agent_id)).one_or_none()
    return None if row is None else (row.name, row.space_id)


def spent(c: sa.Connection, spaces: Collection[int] | None, span: Span) -> int:
    """What the agents of some spaces, or all, cost."""
    query = sa.select(sa.func.sum(_cost(tuple(UsageType)))).select_from(usage).where(_within(span))
    if spaces is not None:
        query = query.join(agents, agents.c.id == usage.c.agent_id).where(agents.c.space_id.in_(spaces))
    return int(c.execute(query).scalar_one() or 0)


def of_agents(c: sa.Connection, spaces: Collection[int] | None, span: Span, kinds: Kinds) -> list[AgentCost]:
    """What each agent cost; a deleted one is there when it used something in that time."""
    used = (
        sa.select(usage.c.agent_id, sa.func.sum(_cost(kinds)).label("cost"))
        .where(_within(span))
        .group_by(usage.c.agent_id)
        .subquery()
    )
    query = (
        sa.select(agents.c.id, agents.c.name, agents.c.space_id, sa.func.coalesce(used.c.cost, 0))
        .join(used, used.c.agent_id == agents.c.id, isouter=True)
        .where(sa.or_(agents.c.deleted.is_(None), used.c.agent_id.is_not(None)))
    )
    if spaces is not None:
        query = query.where(agents.c.space_id.in_(spaces))
    return [AgentCost(number, name, space, int(cost)) for number, name, space, cost in c.execute(query)]


def days(
    c: sa.Connection, spaces: Collection[int] | None, span: Span, agent_id: int | None = None
) -> list[CostOfDay]:
    """What an agent, or all of some spaces, used and cost on each UTC day with any usage, oldest first."""
    day = (sa.type_coerce(usage.c.end_time, sa.BigInteger) // _MILLISECONDS_OF_DAY).label("day")
    columns = [usage.c[f"{kind.column}_{what}"] for what in ("used", "cost") for kind in UsageType]
    query = (
        sa.select(day, *(sa.func.sum(column) for column in columns))
        .where(_within(span))
        .group_by(day)
        .order_by(day)
    )
    if agent_id is not None:
        query = query.where(usage.c.agent_id == agent_id)
    if spaces is not None:
        of_spaces = sa.select(agents.c.id).where(agents.c.space_id.in_(spaces))
        query = query.where(usage.c.agent_id.in_(of_spaces))
    half = len(UsageType)
    return [
        CostOfDay(
            (EPOCH + int(number) * _DAY).date(),
            dict(zip(UsageType, map(int, sums[:half]), strict=True)),
            dict(zip(UsageType, map(int, sums[half:]), strict=True)),
        )
        for number, *sums in c.execute(query)
    ]


def runs_of_agent(
    c: sa.Connection,
    agent_id: int,
    span: Span,
    kinds: Kinds,
    *,
    sort: SortRuns,
    descending: bool,
    skip: int,
    limit: int,
) -> tuple[list[RunCost], int]:
    """What the runs of an agent cost that used something of ``kinds``, and how many these are."""
    sums = [sa.func.sum(usage.c[f"{kind.column}_used"]).label(kind.column) for kind in UsageType]
    charged = sa.func.max(usage.c.end_time, type_=usage.c.end_time.type).label("charged")
    cost = sa.func.sum(_cost(kinds)).label("cost")
    found = (
        sa.select(
            usage.c.run_id,
            charged,
            sa.func.min(usage.c.start_time, type_=usage.c.start_time.type).label("start_time"),
            cost,
            *sums,
        )
        .where(usage.c.agent_id == agent_id, _within(span))
        .group_by(usage.c.run_id)
    )
    if len(set(kinds)) < len(UsageType):
        found = found.having(sa.func.sum(_total(kinds, "used")) > 0)
    count = c.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one()
    keys: dict[SortRuns, sa.ColumnElement[Any]] = {
        SortRuns.DATE: charged,
        SortRuns.COST: cost,
        SortRuns.DURATION: sa.func.sum(usage.c.server_time_used),
    }
    order = [keys[sort].desc() if descending else keys[sort].asc(), usage.c.run_id]
    rows = c.execute(found.order_by(*order).limit(limit).offset(skip))
    return [
        RunCost(
            row["run_id"],
            row["charged"],
            row["start_time"],
            row["charged"],
            int(row["cost"]),
            tuple(kind for kind in UsageType if kind in kinds and row[kind.column]),
        )
        for row in rows.mappings()
    ], int(count)


def _within(span: Span) -> sa.ColumnElement[bool]:
    return usage.c.end_time.between(span.start, span.end)


def _cost(kinds: Kinds) -> sa.ColumnElement[int]:
    return _total(kinds, "cost")


def _total(kinds: Kinds, what: str) -> sa.ColumnElement[int]:
    total: sa.ColumnElement[int] = sa.literal(0)
    for kind in UsageType:
        if kind in kinds:
            total = total + usage.c[f"{kind.column}_{what}"]
    return total


# --- rates ---


_RATES = sa.select(billing_rates.c.usage_type, billing_rates.c.rate)


def rates(c: sa.Connection) -> dict[UsageType, int]:
    """The rates that were set."""
    return {UsageType(kind): rate for kind, rate in c.execute(_RATES)}


def set_rates(c: sa.Connection, changes: Mapping[UsageType, int], now: datetime) -> None:
    """Set some rates; what was used before keeps its cost."""
    for kind, rate in changes.items():
        change = {"rate": rate, "updated": now}
        upsert(c, billing_rates, {"usage_type": kind.value, **change}, "usage_type", change)


# --- credits ---


def balance(c: sa.Connection) -> int:
    """What is there: all that was added less all that was used."""
    return int(c.execute(sa.select(sa.func.sum(credit_transactions.c.amount))).scalar_one() or 0)


def add_credits(
    c: sa.Connection, kind: TransactionType, amount: int, message: str | None, now: datetime
) -> CreditTransaction:
    """Change the balance by ``amount``."""
    values = {"type": kind.value, "amount": amount, "created": now, "message": message}
    query = credit_transactions.insert().values(values).returning(credit_transactions.c.id)
    number = int(c.execute(query).scalar_one())
    return CreditTransaction(number, kind, amount, balance(c), now, message)


def history(c: sa.Connection, *, skip: int, limit: int) -> tuple[list[CreditTransaction], int]:
    """What changed the balance, newest first, and how many changes there are."""
    rows = credit_transactions
    after = sa.func.sum(rows.c.amount).over(order_by=rows.c.id).label("after")
    query = (
        sa.select(rows.c.id, rows.c.type, rows.c.amount, after, rows.c.created, rows.c.message)
        .order_by(rows.c.id.desc())
        .limit(limit)
        .offset(skip)
    )
    found = [
        CreditTransaction(number, TransactionType(kind), amount, int(total), created, message)
        for number, kind, amount, total, created, message in c.execute(query)
    ]
    count = c.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()
    return found, int(count)
