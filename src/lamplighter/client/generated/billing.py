"""Made from client/billing.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.billing import (
    AgentCosts,
    CostsOverTime,
    Credits,
    History,
    Rates,
    RunCosts,
    Spending,
    Transaction,
)
from lamplighter.client.generated.sending import Routes


class Billing(Routes):
    """The routes of billing: ``client.billing``. ``startDate`` and ``endDate`` say the range of time."""

    def credits(self) -> Credits:
        """The credits that are left; for administrators."""
        return self._ask(Credits, "GET", "/billing/credits")

    def add_credits(self, amount: float, message: str | None = None) -> Transaction:
        """Add credits, or take some away with a negative amount; for administrators."""
        body = {"amount": amount, "message": message}
        return self._ask(Transaction, "POST", "/billing/credits", json=body)

    def history(self, page_index: int = 1, records_per_page: int = 50) -> History:
        """What changed the balance, newest first; for administrators."""
        params = {"pageIndex": page_index, "recordsPerPage": records_per_page}
        return self._ask(History, "GET", "/billing/history", params=params)

    def spending(self, **filters: Any) -> Spending:
        """What the agents that one sees cost, since Monday when no range is said."""
        return self._ask(Spending, "GET", "/billing/spending", params=filters)

    def agents(self, **filters: Any) -> AgentCosts:
        """What each agent cost, this month when no range is said; the filters of the API narrow and sort it."""
        return self._ask(AgentCosts, "GET", "/billing/agents", params=filters)

    def agent(self, agent_id: int, **filters: Any) -> CostsOverTime:
        """What an agent cost by day, or with ``timeUnit="month"`` by month; this month when no range is said."""
        return self._ask(CostsOverTime, "GET", f"/billing/agents/{agent_id}", params=filters)

    def runs(self, agent_id: int, **filters: Any) -> RunCosts:
        """What the runs of an agent cost, this month when no range is said."""
        return self._ask(RunCosts, "GET", f"/billing/agents/{agent_id}/runs", params=filters)

    def rates(self) -> Rates:
        """What a unit of each type of usage costs."""
        return self._ask(Rates, "GET", "/billing/rates")

    def set_rates(self, rates: Mapping[str, float]) -> Rates:
        """Change rates by the names of their types; for administrators. What is not there keeps its rate."""
        body = {"rates": [{"type": kind, "rate": rate} for kind, rate in rates.items()]}
        return self._ask(Rates, "PUT", "/billing/rates", json=body)
