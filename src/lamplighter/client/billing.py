"""Usage and cost: what agents used and cost, the rates, and the credits."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class Credits(TypedDict):
    """The credits that are left."""

    availableCredits: float
    organizationId: int
    retrievedAt: str


class Transaction(TypedDict):
    """A change of the balance: ``Credit``, ``Debit`` (the usage of a UTC day) or ``Adjustment``."""

    id: int
    transactionType: str
    amount: float
    balance: float
    created: str
    expiresAt: str | None
    message: str | None


class History(TypedDict):
    """A page of what changed the balance, newest first."""

    transactions: list[Transaction]
    totalCount: int
    pageIndex: int
    recordsPerPage: int


class Spending(TypedDict):
    """What agents cost; ``currentBalance`` is None for those who are no administrators."""

    totalSpent: float
    startDate: str
    endDate: str
    organizationId: int
    currentBalance: float | None


class AgentCost(TypedDict):
    """What an agent cost."""

    agentId: int
    agentName: str
    cost: float
    spaceId: int


class AgentCosts(TypedDict):
    """A page of agents with their costs; ``totalCost`` is of all pages."""

    agents: list[AgentCost]
    totalRecordCount: int
    totalCost: float
    startDate: str
    endDate: str


class UsageTypeCost(TypedDict):
    """What one type of usage cost: in ``data`` for each label; ``used`` is in the unit of its rate."""

    type: str
    data: list[float]
    totalCost: float
    used: float
    unit: str


class CostsOverTime(TypedDict):
    """What an agent cost, for each day or month of a range."""

    agentId: int
    agentName: str
    labels: list[str]
    usageTypes: list[UsageTypeCost]
    totalCost: float
    startDate: str
    endDate: str


class RunCost(TypedDict):
    """What a run cost."""

    runId: int
    date: str
    startTime: str | None
    endTime: str
    cost: float
    billingType: str | None


class RunCosts(TypedDict):
    """A page of runs with their costs; ``totalCost`` is of this page."""

    runs: list[RunCost]
    totalRecordCount: int
    totalCost: float
    agentId: int
    agentName: str


class Rate(TypedDict):
    """What a unit of one type of usage costs, in credits."""

    type: str
    unit: str
    rate: float


class Rates(TypedDict):
    """What usage costs."""

    rates: list[Rate]


class AsyncBilling(AsyncRoutes):
    """The routes of billing: ``client.billing``. ``startDate`` and ``endDate`` say the range of time."""

    async def credits(self) -> Credits:
        """The credits that are left; for administrators."""
        return await self._ask(Credits, "GET", "/billing/credits")

    async def add_credits(self, amount: float, message: str | None = None) -> Transaction:
        """Add credits, or take some away with a negative amount; for administrators."""
        body = {"amount": amount, "message": message}
        return await self._ask(Transaction, "POST", "/billing/credits", json=body)

    async def history(self, page_index: int = 1, records_per_page: int = 50) -> History:
        """What changed the balance, newest first; for administrators."""
        params = {"pageIndex": page_index, "recordsPerPage": records_per_page}
        return await self._ask(History, "GET", "/billing/history", params=params)

    async def spending(self, **filters: Any) -> Spending:
        """What the agents that one sees cost, since Monday when no range is said."""
        return await self._ask(Spending, "GET", "/billing/spending", params=filters)

    async def agents(self, **filters: Any) -> AgentCosts:
        """What each agent cost, this month when no range is said; the filters of the API narrow and sort it."""
        return await self._ask(AgentCosts, "GET", "/billing/agents", params=filters)

    async def agent(self, agent_id: int, **filters: Any) -> CostsOverTime:
        """What an agent cost by day, or with ``timeUnit="month"`` by month; this month when no range is said."""
        return await self._ask(CostsOverTime, "GET", f"/billing/agents/{agent_id}", params=filters)

    async def runs(self, agent_id: int, **filters: Any) -> RunCosts:
        """What the runs of an agent cost, this month when no range is said."""
        return await self._ask(RunCosts, "GET", f"/billing/agents/{agent_id}/runs", params=filters)

    async def rates(self) -> Rates:
        """What a unit of each type of usage costs."""
        return await self._ask(Rates, "GET", "/billing/rates")

    async def set_rates(self, rates: Mapping[str, float]) -> Rates:
        """Change rates by the names of their types; for administrators. What is not there keeps its rate."""
        body = {"rates": [{"type": kind, "rate": rate} for kind, rate in rates.items()]}
        return await self._ask(Rates, "PUT", "/billing/rates", json=body)
