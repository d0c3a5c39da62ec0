"""Routes of billing: what runs used and cost, the rates, and the credits."""

from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field

from lamplighter import model
from lamplighter.http.api.access import AgentId, Caller, Paging, Since, Until, Use, problems
from lamplighter.http.api.agents import Direction
from lamplighter.http.api.shapes import Shape, Time, example
from lamplighter.http.idempotency import OnceRoute
from lamplighter.model import SortRuns, UsageType
from lamplighter.planner import CREDIT, UNITS
from lamplighter.service.billing import (
    ORGANIZATION,
    Breakdown,
    CreditsRequest,
    RatesRequest,
    SortAgents,
    TimeUnit,
)
from lamplighter.service.requests import choose

router = APIRouter(tags=["billing"], route_class=OnceRoute)

_HISTORY = "/api/v1/billing/history"
SortOrder = Annotated[Direction, Query(alias="sortOrder", description="0 ascending, 1 descending")]
UsageTypes = Annotated[
    list[str] | None,
    Query(
        alias="usageTypes",
        description=f"Only these, with commas between or one by one: {', '.join(UsageType)}",
    ),
]


class CreditsShape(Shape):
    """The credits that are left."""

    model_config = example(availableCredits=24.93397, organizationId=1, retrievedAt="2026-11-25T21:11:15Z")

    available_credits: float
    organization_id: int
    retrieved_at: Time


class SpendingShape(Shape):
    """What the agents that one sees cost in a range of time."""

    model_config = example(
        totalSpent=0.06603,
        startDate="2026-11-01T00:00:00Z",
        endDate="2026-11-25T21:11:15.361Z",
        organizationId=1,
        currentBalance=24.93397,
    )

    total_spent: float
    start_date: Time
    end_date: Time
    organization_id: int
    current_balance: float | None = Field(description="Null for those who are no administrators")


class TransactionShape(Shape):
    """A change of the balance."""

    id: int
    transaction_type: str = Field(
        description="Credit, Debit (the usage of a UTC day) or Adjustment", examples=["Credit"]
    )
    amount: float = Field(examples=[25.0])
    balance: float = Field(description="After it", examples=[25.0])
    created: Time
    expires_at: Time | None = Field(description="Always null: credits do not expire here")
    message: str | None = Field(examples=["budget of the fourth quarter"])

    @classmethod
    def of(cls, one: model.CreditTransaction) -> "TransactionShape":
        """The answer for a transaction."""
        return cls(
            id=one.id,
            transaction_type=one.type.value,
            amount=credits_of(one.amount),
            balance=credits_of(one.balance),
            created=one.created,
            expires_at=None,
            message=one.message,
        )


class HistoryShape(Shape):
    """A page of what changed the balance, newest first."""

    transactions: list[TransactionShape]
    total_count: int
    page_index: int
    records_per_page: int


class AgentCostShape(Shape):
    """What an agent cost."""

    agent_id: int
    agent_name: str
    cost: float
    space_id: int


class AgentCostsShape(Shape):
    """A page of agents with their costs."""

    model_config = example(
        agents=[{"agentId": 1, "agentName": "prices", "cost": 0.06602, "spaceId": 1}],
        totalRecordCount=1,
        totalCost=0.06602,
        startDate="2026-11-01T00:00:00Z",
        endDate="2026-11-25T21:11:15.361Z",
    )

    agents: list[AgentCostShape]
    total_record_count: int
    total_cost: float = Field(description="Of all pages")
    start_date: Time
    end_date: Time


class UsageTypeShape(Shape):
    """What one type of usage cost."""

    type: str
    data: list[float] = Field(description="The cost for each label")
    total_cost: float
    used: float = Field(description="How much was used")
    unit: str = Field(description="Of what", examples=["hour"])


class BreakdownShape(Shape):
    """What an agent cost over time."""

    model_config = example(
        agentId=1,
        agentName="prices",
        labels=["2026-11-24", "2026-11-25"],
        usageTypes=[
            {
                "type": "Export CPM",
                "data": [0.0, 0.06],
                "totalCost": 0.06,
                "used": 0.12,
                "unit": "1000 records",
            }
        ],
        totalCost=0.06,
        startDate="2026-11-24T00:00:00Z",
        endDate="2026-11-25T23:59:59.999Z",
    )

    agent_id: int
    agent_name: str
    labels: list[str] = Field(description="UTC days, or the first days of months", examples=[["2026-01-05"]])
    usage_types: list[UsageTypeShape]
    total_cost: float
    start_date: Time
    end_date: Time

    @classmethod
    def of(cls, agent_id: int, found: Breakdown) -> "BreakdownShape":
        """The answer for an agent's costs."""
        return cls(
            agent_id=agent_id,
            agent_name=found.agent_name,
            labels=[day.isoformat() for day in found.labels],
            usage_types=[
                UsageTypeShape(
                    type=kind.value,
                    data=[credits_of(cost) for cost in costs],
                    total_cost=credits_of(sum(costs)),
                    used=round(found.used[kind] / UNITS[kind].size, 9),
                    unit=UNITS[kind].name,
                )
                for kind, costs in found.costs.items()
            ],
            total_cost=credits_of(sum(map(sum, found.costs.values()))),
            start_date=found.span.start,
            end_date=found.span.end,
        )


class RunCostShape(Shape):
    """What a run cost, with all its attempts in the range."""

    model_config = example(
        runId=1,
        date="2026-11-25T00:00:00Z",
        startTime="2026-11-25T21:11:14.106Z",
        endTime="2026-11-25T21:11:14.795Z",
        cost=0.03301,
        billingType="Server Time, Export CPM",
    )

    run_id: int
    date: Time = Field(description="The UTC day of its last attempt's end")
    start_time: Time | None
    end_time: Time
    cost: float
    billing_type: str | None = Field(
        description="The types of usage it had", examples=["Server Time, Export GB"]
    )

    @classmethod
    def of(cls, run: model.RunCost) -> "RunCostShape":
        """The answer for a run's costs."""
        return cls(
            run_id=run.run_id,
            date=datetime.combine(run.charged.date(), time_of_day(), UTC),
            start_time=run.start_time,
            end_time=run.end_time,
            cost=credits_of(run.cost),
            billing_type=", ".join(run.types) or None,
        )


class RunCostsShape(Shape):
    """A page of runs with their costs."""

    runs: list[RunCostShape]
    total_record_count: int
    total_cost: float = Field(description="Of this page")
    agent_id: int
    agent_name: str


class RateShape(Shape):
    """What a unit of one type of usage costs."""

    type: str
    unit: str
    rate: float = Field(description="Credits for a unit")


class RatesShape(Shape):
    """What usage costs."""

    model_config = example(rates=[{"type": "Server Time", "unit": "hour", "rate": 0.36}])

    rates: list[RateShape]

    @classmethod
    def of(cls, rates: model.Usage) -> "RatesShape":
        """The answer for the rates."""
        return cls(
            rates=[
                RateShape(type=kind.value, unit=UNITS[kind].name, rate=credits_of(rate))
                for kind, rate in rates.items()
            ]
        )


def credits_of(millionths: int) -> float:
    """An amount as a JSON number: the shortest that reads as exactly these millionths."""
    return millionths / CREDIT


@router.get("/billing/credits", responses=problems(401, 403))
def read_credits(use: Use, caller: Caller) -> CreditsShape:
    """The credits that are left, for administrators: what was added less what was used."""
    balance, now = use.billing.balance(caller)
    return CreditsShape(available_credits=credits_of(balance), organization_id=ORGANIZATION, retrieved_at=now)


@router.post("/billing/credits", status_code=201, responses=problems(400, 401, 403, 413, 415))
def add_credits(body: CreditsRequest, response: Response, use: Use, caller: Caller) -> TransactionShape:
    """Add credits, or take some away with a negative amount; for administrators."""
    response.headers["Location"] = _HISTORY
    return TransactionShape.of(use.billing.add_credits(caller, body))


@router.get("/billing/spending", responses=problems(400, 401))
def read_spending(use: Use, caller: Caller, start: Since = None, end: Until = None) -> SpendingShape:
    """What the agents that one sees cost in the range; since Monday when no range is said."""
    found = use.billing.spending(caller, start, end)
    return SpendingShape(
        total_spent=credits_of(found.total),
        start_date=found.span.start,
        end_date=found.span.end,
        organization_id=ORGANIZATION,
        current_balance=None if found.balance is None else credits_of(found.balance),
    )


@router.get("/billing/history", responses=problems(400, 401, 403))
def list_transactions(use: Use, caller: Caller, paging: Paging) -> HistoryShape:
    """What changed the balance, newest first, for administrators: credits added, and the usage of each UTC day."""
    found, total = use.billing.history(caller, skip=paging.skip, limit=paging.limit)
    return HistoryShape(
        transactions=[TransactionShape.of(one) for one in found],
        total_count=total,
        page_index=paging.skip // paging.limit + 1,
        records_per_page=paging.limit,
    )


@router.get("/billing/agents", responses=problems(400, 401))
def list_agent_costs(
    use: Use,
    caller: Caller,
    paging: Paging,
    start: Since = None,
    end: Until = None,
    sort_column: Annotated[
        SortAgents, BeforeValidator(choose(SortAgents)), Query(alias="sortColumn")
    ] = SortAgents.NAME,
    is_descending: SortOrder = False,
    name: Annotated[str | None, Query(description="The name contains this")] = None,
    usage_types: UsageTypes = None,
) -> AgentCostsShape:
    """What each agent that one sees cost in the range; this month when no range is said."""
    found = use.billing.agents(
        caller,
        start,
        end,
        _words(usage_types),
        name,
        sort_column,
        descending=is_descending,
        skip=paging.skip,
        limit=paging.limit,
    )
    return AgentCostsShape(
        agents=[
            AgentCostShape(
                agent_id=one.agent_id,
                agent_name=one.agent_name,
                cost=credits_of(one.cost),
                space_id=one.space_id,
            )
            for one in found.agents
        ],
        total_record_count=found.count,
        total_cost=credits_of(found.total),
        start_date=found.span.start,
        end_date=found.span.end,
    )


@router.get("/billing/agents/{agentId}", responses=problems(400, 401, 404))
def read_agent_costs(
    agent_id: AgentId,
    use: Use,
    caller: Caller,
    start: Since = None,
    end: Until = None,
    time_unit: Annotated[TimeUnit, BeforeValidator(choose(TimeUnit)), Query(alias="timeUnit")] = TimeUnit.DAY,
    usage_types: UsageTypes = None,
) -> BreakdownShape:
    """What an agent cost for each day or month of the range; this month when no range is said."""
    return BreakdownShape.of(
        agent_id, use.billing.agent(caller, agent_id, start, end, _words(usage_types), time_unit)
    )


@router.get("/billing/agents/{agentId}/runs", responses=problems(400, 401, 404))
def list_run_costs(
    agent_id: AgentId,
    use: Use,
    caller: Caller,
    paging: Paging,
    start: Since = None,
    end: Until = None,
    sort_column: Annotated[
        SortRuns, BeforeValidator(choose(SortRuns)), Query(alias="sortColumn")
    ] = SortRuns.DATE,
    is_descending: SortOrder = False,
    usage_types: UsageTypes = None,
) -> RunCostsShape:
    """What the runs of an agent cost in the range; this month when no range is said."""
    name, found, count = use.billing.runs(
        caller,
        agent_id,
        start,
        end,
        _words(usage_types),
        sort_column,
        descending=is_descending,
        skip=paging.skip,
        limit=paging.limit,
    )
    return RunCostsShape(
        runs=[RunCostShape.of(run) for run in found],
        total_record_count=count,
        total_cost=credits_of(sum(run.cost for run in found)),
        agent_id=agent_id,
        agent_name=name,
    )


@router.get("/billing/rates", responses=problems(401))
def read_rates(use: Use, caller: Caller) -> RatesShape:
    """What a unit of each type of usage costs, in credits."""
    return RatesShape.of(use.billing.rates(caller))


@router.put("/billing/rates", responses=problems(400, 401, 403, 413, 415))
def update_rates(body: RatesRequest, use: Use, caller: Caller) -> RatesShape:
    """Change what usage costs from now on, for administrators; what is not sent keeps its rate."""
    return RatesShape.of(use.billing.set_rates(caller, body))


def _words(usage_types: list[str] | None) -> list[str]:
    return [word.strip() for text in usage_types or () for word in text.split(",") if word.strip()]
