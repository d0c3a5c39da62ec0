"""Pages of what is used and what it costs."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from lamplighter.http.api.access import AgentId
from lamplighter.http.pages import charts, forms
from lamplighter.http.pages.view import REFUSALS, Sent, View, Viewing
from lamplighter.model import SortRuns, UsageType
from lamplighter.planner import CREDIT, UNITS
from lamplighter.service.billing import Breakdown, CreditsRequest, RatesRequest, SortAgents, TimeUnit

router = APIRouter(include_in_schema=False)

_AGENTS = 50
_RUNS = 50
_SPANS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year"}


@router.get("/usage")
def show_usage(view: Viewing) -> Response:
    """What the agents used and cost, and the credits that are left."""
    return view.page("usage.html", _usage(view))


def _usage(view: View) -> dict[str, Any]:
    use, actor = view.use, view.actor
    days, start = _span(view)
    spending = use.billing.spending(actor, start, None)
    costs = use.billing.agents(
        actor, start, None, (), None, SortAgents.COST, descending=True, skip=0, limit=_AGENTS
    )
    history = use.billing.history(actor, skip=0, limit=20)[0] if actor.is_admin else []
    return {
        "days": days,
        "spans": _SPANS,
        "spending": spending,
        "costs": costs,
        "history": history,
        "credit": CREDIT,
        "rates": [(kind, rate / CREDIT, UNITS[kind].name) for kind, rate in use.billing.rates(actor).items()],
        **_charted(use.billing.over_time(actor, start, None)),
    }


def _span(view: View) -> tuple[str, datetime]:
    asked = view.request.query_params.get("days", "30")
    days = asked if asked in _SPANS else "30"
    now = view.use.clock.now()
    return days, now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=int(days) - 1)


def _charted(found: Breakdown) -> dict[str, Any]:
    """The costs of each day as a chart and as numbers, and what was used of each type."""
    by_day = [
        (label, sum(costs[index] for costs in found.costs.values()) / CREDIT)
        for index, label in enumerate(found.labels)
    ]
    total = sum(value for _, value in by_day)
    said = f"credits on each of {len(by_day)} days: {total:,.2f} in all"
    return {
        "chart": charts.amounts(by_day, said, "credits"),
        "by_day_values": by_day,
        "used": [
            (kind, found.used[kind] / UNITS[kind].size, UNITS[kind].name, sum(found.costs[kind]) / CREDIT)
            for kind in UsageType
        ],
    }


@router.get("/usage/agents/{agentId}")
def show_usage_of_agent(agent_id: AgentId, view: Viewing) -> Response:
    """What one agent used and cost, day by day and run by run."""
    days, start = _span(view)
    found = view.use.billing.agent(view.actor, agent_id, start, None, (), TimeUnit.DAY)
    _, runs, count = view.use.billing.runs(
        view.actor, agent_id, start, None, (), SortRuns.COST, descending=True, skip=0, limit=_RUNS
    )
    return view.page(
        "usage_agent.html",
        agent_id=agent_id,
        name=found.agent_name,
        days=days,
        spans=_SPANS,
        runs=runs,
        count=count,
        credit=CREDIT,
        **_charted(found),
    )


@router.post("/usage/rates")
def set_rates(view: Viewing, form: Sent) -> Response:
    """Change what usage costs from now on."""
    rates = [
        {"type": kind.value, "rate": _decimal(str(form.get(kind.value, "0") or "0"))} for kind in UsageType
    ]
    try:
        view.use.billing.set_rates(view.actor, forms.read(RatesRequest, {"rates": rates}))
    except REFUSALS as problem:
        return view.refused("usage.html", problem, _usage(view))
    return view.go("/usage", "The rates hold from now on.")


@router.post("/usage/credits")
def add_credits(view: Viewing, form: Sent) -> Response:
    """Add credits, or take some away."""
    values = {"amount": _decimal(str(form.get("amount", ""))), "message": forms.text(form, "message")}
    try:
        view.use.billing.add_credits(view.actor, forms.read(CreditsRequest, values))
    except REFUSALS as problem:
        return view.refused("usage.html", problem, _usage(view))
    return view.go("/usage", "The balance is changed.")


def _decimal(text: str) -> float | str:
    """A number; the text itself when it is none, for the request to refuse."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text
