"""Use cases of billing: what runs used and cost, the rates, and the credits of the organization.

Members read what the agents of their spaces cost; the balance, its history and what changes them are for
administrators. Amounts are millionths of a credit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BeforeValidator, ConfigDict, Field, StrictStr, WithJsonSchema

from lamplighter.clock import Clock
from lamplighter.errors import InvalidInput, NotFound
from lamplighter.model import (
    Actor,
    AgentCost,
    CostOfDay,
    CreditTransaction,
    RunCost,
    SortRuns,
    TransactionType,
    UsageType,
)
from lamplighter.planner import CREDIT
from lamplighter.service import audit
from lamplighter.service.access import require_admin
from lamplighter.service.analytics import checked_range
from lamplighter.service.requests import Clean, Request, choose
from lamplighter.store import billing
from lamplighter.store.billing import Span
from lamplighter.store.database import Database

ORGANIZATION = 1
_HIGHEST_RATE = 10_000
_MOST_CREDITS = 1_000_000_000
_KIND = choose(UsageType)


class SortAgents(StrEnum):
    """What the costs of agents may be sorted by."""

    NAME = "name"
    COST = "cost"


class TimeUnit(StrEnum):
    """For what time the costs of an agent are summed."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Millionths:
    """Annotates a number of credits, which becomes a whole number of millionths; the bounds are in credits."""

    least: int
    most: int

    def read(self, value: Any) -> int:
        """The millionths of a number of a JSON document; ValueError."""
        wanted = f"must be a number from {self.least:,} to {self.most:,}, with at most 6 decimals"
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self.least <= value <= self.most
        ):
            raise ValueError(wanted)
        amount = Decimal(str(value)) * CREDIT
        if amount != int(amount):
            raise ValueError(wanted)
        return int(amount)


def _not_zero(value: int) -> int:
    if value == 0:
        raise ValueError("must not be 0")
    return value


Rate = Annotated[
    int,
    BeforeValidator(Millionths(0, _HIGHEST_RATE).read),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": _HIGHEST_RATE, "multipleOf": 0.000001}),
]
Credits = Annotated[
    int,
    BeforeValidator(lambda value: _not_zero(Millionths(-_MOST_CREDITS, _MOST_CREDITS).read(value))),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": -_MOST_CREDITS,
            "maximum": _MOST_CREDITS,
            "multipleOf": 0.000001,
            "not": {"const": 0},
        }
    ),
]


class RateRequest(Request):
    """What one type of usage is to cost."""

    type: Annotated[UsageType, BeforeValidator(_KIND)]
    rate: Rate


class RatesRequest(Request):
    """Rates to set; a type that is not there keeps its rate."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rates": [{"type": "Server Time", "rate": 0.36}]}]}
    )

    rates: Annotated[list[RateRequest], Field(max_length=100)]


class CreditsRequest(Request):
    """Credits to add; with a negative amount, to take away."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": 25, "message": "budget of the fourth quarter"}]}
    )

    amount: Credits
    message: Annotated[StrictStr, Field(max_length=500), Clean] | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """What the agents that one sees cost; ``balance`` is None for those who may not know it."""

    span: Span
    total: int
    balance: int | None


@dataclass(frozen=True, slots=True)
class AgentCosts:
    """A page of agents with their costs; ``count`` and ``total`` are about all pages."""

    span: Span
    agents: list[AgentCost]
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What an agent cost over time: for each type of usage a cost for each of ``labels``, and what was used."""

    agent_name: str
    span: Span
    labels: list[date]
    costs: Mapping[UsageType, list[int]]
    used: Mapping[UsageType, int]


class Billing:
    """The accounts of the organization."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def balance(self, actor: Actor) -> tuple[int, datetime]:
        """The credits that are left, and when that was so."""
        require_admin(actor, changes=False)
        with self._db.read() as c:
            return billing.balance(c), self._clock.now()

    def history(self, actor: Actor, *, skip: int, limit: int) -> tuple[list[CreditTransaction], int]:
        """What changed the balance, newest first; and how many changes there are."""
        require_admin(actor, changes=False)
        with self._db.read() as c:
            return billing.history(c, skip=skip, limit=limit)

    def add_credits(self, actor: Actor, request: CreditsRequest) -> CreditTransaction:
        """Add credits, or take some away."""
        require_admin(actor)
        kind = TransactionType.CREDIT if request.amount > 0 else TransactionType.ADJUSTMENT
        with self._db.write() as c:
            now = self._clock.now()
            added = billing.add_credits(c, kind, request.amount, request.message, now)
            changes = {"amount": request.amount / CREDIT, "message": request.message}
            audit.note(c, actor, now, "credits.add", kind="credits", id=added.id, changes=changes)
        return added

    def rates(self, _actor: Actor) -> dict[UsageType, int]:
        """What a unit of each type of usage costs."""
        with self._db.read() as c:
            known = billing.rates(c)
        return {kind: known.get(kind, 0) for kind in UsageType}

    def set_rates(self, actor: Actor, request: RatesRequest) -> dict[UsageType, int]:
        """Change what usage costs from now on."""
        require_admin(actor)
        wanted = {one.type: one.rate for one in request.rates}
        with self._db.write() as c:
            now, old = self._clock.now(), billing.rates(c)
            changes = {
                kind.value: [old.get(kind, 0) / CREDIT, rate / CREDIT]
                for kind, rate in wanted.items()
                if rate != old.get(kind, 0)
            }
            billing.set_rates(c, wanted, now)
            audit.note(c, actor, now, "rates.update", kind="rates", id=ORGANIZATION, changes=changes)
        return self.rates(actor)

    def spending(self, actor: Actor, start: datetime | None, end: datetime | None) -> Spending:
        """What the agents that one sees cost, since the Monday before the end when not said."""
        now = self._clock.now()
        last_day = _midnight(min(end or now, now))
        monday = last_day - timedelta(days=last_day.weekday())
        span = Span(*checked_range(start, end, monday, now))
        with self._db.read() as c:
            balance = billing.balance(c) if actor.is_admin else None
            return Spending(span, billing.spent(c, actor.spaces, span), balance)

    def agents(
        self,
        actor: Actor,
        start: datetime | None,
        end: datetime | None,
        usage_types: Sequence[str],
        name: str | None,
        sort: SortAgents,
        *,
        descending: bool,
        skip: int,
        limit: int,
    ) -> AgentCosts:
        """What each agent that one sees cost, this month when not said."""
        kinds, span = _kinds(usage_types), self._month(start, end)
        with self._db.read() as c:
            found = billing.of_agents(c, actor.spaces, span, kinds)
        word = (name or "").lower()
        found = [one for one in found if word in one.agent_name.lower()]
        found.sort(key=lambda one: (one.agent_name.lower(), one.agent_id))
        found.sort(key=lambda one: _sort_key(one, sort), reverse=descending)  # what is equal stays as it is
        return AgentCosts(span, found[skip : skip + limit], len(found), sum(one.cost for one in found))

    def agent(
        self,
        actor: Actor,
        agent_id: int,
        start: datetime | None,
        end: datetime | None,
        usage_types: Sequence[str],
        unit: TimeUnit,
    ) -> Breakdown:
        """What an agent cost over time, this month when not said; NotFound."""
        kinds, span = _kinds(usage_types), self._month(start, end)
        with self._db.read() as c:
            name = _name_of(c, actor, agent_id)
            days = billing.days(c, None, span, agent_id)
        return _broken_down(name, span, days, kinds, unit)

    def over_time(self, actor: Actor, start: datetime | None, end: datetime | None) -> Breakdown:
        """What all agents that one sees cost day by day, this month when not said; it has no agent's name."""
        span = self._month(start, end)
        with self._db.read() as c:
            days = billing.days(c, actor.spaces, span)
        return _broken_down("", span, days, list(UsageType), TimeUnit.DAY)

    def runs(
        self,
        actor: Actor,
        agent_id: int,
        start: datetime | None,
        end: datetime | None,
        usage_types: Sequence[str],
        sort: SortRuns,
        *,
        descending: bool,
        skip: int,
        limit: int,
    ) -> tuple[str, list[RunCost], int]:
        """The agent's name, what its runs cost, this month when not said, and how many runs there are; NotFound."""
        kinds, span = _kinds(usage_types), self._month(start, end)
        with self._db.read() as c:
            name = _name_of(c, actor, agent_id)
            found, count = billing.runs_of_agent(
                c, agent_id, span, kinds, sort=sort, descending=descending, skip=skip, limit=limit
            )
        return name, found, count

    def _month(self, start: datetime | None, end: datetime | None) -> Span:
        now = self._clock.now()
        return Span(*checked_range(start, end, _midnight(min(end or now, now)).replace(day=1), now))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _kinds(usage_types: Sequence[str]) -> list[UsageType]:
    """The types of usage that are asked for; all of them when none is."""
    try:
        asked = [_KIND(word) for word in usage_types]
    except ValueError as problem:
        raise InvalidInput.of("usageTypes", f"each {problem}") from problem
    return [kind for kind in UsageType if not asked or kind in asked]


def _sort_key(one: AgentCost, sort: SortAgents) -> tuple[int, str]:
    return (one.cost, "") if sort is SortAgents.COST else (0, one.agent_name.lower())


def _name_of(c: sa.Connection, actor: Actor, agent_id: int) -> str:
    """A deleted agent is accounted for like any other."""
    found = billing.agent_of(c, agent_id)
    if found is None or not actor.sees(found[1]):
        raise NotFound(f"there is no agent {agent_id}")
    return found[0]


def _labels(span: Span, unit: TimeUnit) -> list[date]:
    """Each UTC day of the range, or the first of each month."""
    day, last = span.start.date(), span.end.date()
    if unit is TimeUnit.DAY:
        return [day + timedelta(days=number) for number in range((last - day).days + 1)]
    months = range(12 * day.year + day.month - 1, 12 * last.year + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in months]


def _broken_down(
    name: str, span: Span, days: list[CostOfDay], kinds: list[UsageType], unit: TimeUnit
) -> Breakdown:
    labels = _labels(span, unit)
    return Breakdown(
        name,
        span,
        labels,
        {kind: _over_time(kind, days, labels, unit) for kind in kinds},
        {kind: sum(day.used[kind] for day in days) for kind in kinds},
    )


def _over_time(kind: UsageType, days: list[CostOfDay], labels: list[date], unit: TimeUnit) -> list[int]:
    sums: dict[date, int] = defaultdict(int)
    for one in days:
        sums[one.day.replace(day=1) if unit is TimeUnit.MONTH else one.day] += one.costs[kind]
    return [sums[label] for label in labels]
