"""Usage and cost: rates, credits, and what agents and their runs cost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from http_helpers import FAILS, emits, field_errors, instant, problem_of

from running_server import RunningServer

TYPES = ["Server Time", "Export GB", "Agent Inputs", "Proxy Data", "Export CPM"]
INPUT = {"inputParameters": json.dumps([{"n": 1}, {"n": 2}])}


class Account:
    """A server on which agents ran, with a rate for inputs and one for records: exact sums are known."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.free = server.agent("Café free", emits({"n": 1}))
        server.run(self.free, **INPUT)
        set_rates(server, {"Agent Inputs": 0.1, "Export CPM": 1.5})
        self.small = server.agent("ÉCLAIR small", emits({"n": 1}))
        self.large = server.agent("large", emits(*({"n": n} for n in range(10))))
        self.small_runs = [server.run(self.small, **INPUT) for _ in range(3)]
        self.large_run = server.run(self.large, inputParameters=json.dumps([{"n": n} for n in range(30)]))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.server.http.get(f"/billing/{path}", params=query)
        assert answer.status_code == 200, answer.text
        # Read as decimals, as someone does who wants to be exact.
        found: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
        return found


def set_rates(server: RunningServer, rates: dict[str, float]) -> None:
    body = {"rates": [{"type": kind, "rate": rate} for kind, rate in rates.items()]}
    server.call("PUT", "/billing/rates", body)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """What is only read."""
    data: Path = tmp_path_factory.mktemp("account") / "data"
    with RunningServer(data) as server:
        yield Account(server)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Account]:
    """What one test may change."""
    with RunningServer(tmp_path / "data") as server:
        yield Account(server)


SMALL, LARGE = Decimal("0.2015"), Decimal("3.015")


def test_a_new_installation_costs_nothing_and_needs_no_credits(server: RunningServer) -> None:
    rates = server.call("GET", "/billing/rates")["rates"]
    assert [(rate["type"], rate["rate"]) for rate in rates] == [(kind, 0) for kind in TYPES]
    assert [rate["unit"] for rate in rates] == ["hour", "GB", "input", "GB", "1000 records"]
    agent = server.agent("costs nothing", emits({"n": 1}))
    server.run(agent, **INPUT)
    found = server.call("GET", "/billing/credits")
    assert found.keys() == {"availableCredits", "organizationId", "retrievedAt"}
    assert (found["availableCredits"], found["organizationId"]) == (0, 1)
    assert datetime.now(UTC) - instant(found["retrievedAt"]) < timedelta(minutes=1)
    assert server.call("GET", "/billing/history") == {
        "transactions": [],
        "totalCount": 0,
        "pageIndex": 1,
        "recordsPerPage": 50,
    }


def test_what_agents_cost_is_exact(account: Account) -> None:
    found = account.get("agents")
    assert found.keys() == {"agents", "totalRecordCount", "totalCost", "startDate", "endDate"}
    assert found["agents"] == [
        {"agentId": account.free, "agentName": "Café free", "cost": 0, "spaceId": 1},
        {"agentId": account.large, "agentName": "large", "cost": LARGE, "spaceId": 1},
        {"agentId": account.small, "agentName": "ÉCLAIR small", "cost": 3 * SMALL, "spaceId": 1},
    ]
    assert (found["totalRecordCount"], found["totalCost"]) == (3, LARGE + 3 * SMALL)
    assert instant(found["startDate"]).day == 1


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"sortColumn": "cost"}, ["Café free", "ÉCLAIR small", "large"]),
        ({"sortColumn": "COST", "sortOrder": 1}, ["large", "ÉCLAIR small", "Café free"]),
        ({"sortOrder": 1}, ["ÉCLAIR small", "large", "Café free"]),
        ({"SORTORDER": "desc", "pageIndex": ""}, ["ÉCLAIR small", "large", "Café free"]),
        ({"name": "éclair"}, ["ÉCLAIR small"]),
        ({"name": "%"}, []),
        ({"recordsPerPage": 1, "pageIndex": 2}, ["large"]),
        ({"usageTypes": "Export CPM", "sortColumn": "cost", "sortOrder": 1, "recordsPerPage": 1}, ["large"]),
    ],
)
def test_agents_are_filtered_sorted_and_paged(
    account: Account, query: dict[str, Any], wanted: list[str]
) -> None:
    found = account.get("agents", **query)
    assert [agent["agentName"] for agent in found["agents"]] == wanted
    if "recordsPerPage" in query and "pageIndex" in query:
        assert (found["totalRecordCount"], found["totalCost"]) == (3, LARGE + 3 * SMALL), "of all pages"


def test_usage_types_narrow_the_costs(account: Account) -> None:
    assert account.get("agents", usageTypes="export cpm")["totalCost"] == Decimal("0.0195")
    assert account.get("agents", usageTypes="Agent Inputs, Export CPM")["totalCost"] == LARGE + 3 * SMALL
    assert account.get("agents", usageTypes=["agentinputs", "EXPORT CPM"])["totalCost"] == LARGE + 3 * SMALL
    assert account.get("agents", usageTypes="Server Time,Export GB,Proxy Data")["totalCost"] == 0


def test_the_cost_of_an_agent_is_told_for_each_day_and_type(account: Account) -> None:
    today = datetime.now(UTC).date()
    start = today - timedelta(days=2)
    found = account.get(f"agents/{account.small}", startDate=start.isoformat(), endDate=today.isoformat())
    assert found.keys() == {
        "agentId",
        "agentName",
        "labels",
        "usageTypes",
        "totalCost",
        "startDate",
        "endDate",
    }
    assert found["labels"] == [(start + timedelta(days=number)).isoformat() for number in range(3)]
    assert (found["agentId"], found["agentName"], found["totalCost"]) == (
        account.small,
        "ÉCLAIR small",
        3 * SMALL,
    )
    kinds = {kind["type"]: kind for kind in found["usageTypes"]}
    assert list(kinds) == TYPES
    assert kinds["Agent Inputs"] == {
        "type": "Agent Inputs",
        "data": [0, 0, Decimal("0.6")],
        "totalCost": Decimal("0.6"),
        "used": 6,
        "unit": "input",
    }
    assert kinds["Export CPM"]["data"] == [0, 0, Decimal("0.0045")]
    assert kinds["Server Time"]["used"] > 0
    assert kinds["Server Time"]["totalCost"] == 0


def test_months_are_labelled_by_their_first_days(account: Account) -> None:
    query = {
        "startDate": "2025-11-30",
        "endDate": "2026-02-01",
        "timeUnit": "Month",
        "usageTypes": "Export GB",
    }
    found = account.get(f"agents/{account.small}", **query)
    assert found["labels"] == ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]
    assert [(kind["type"], kind["data"]) for kind in found["usageTypes"]] == [("Export GB", [0, 0, 0, 0])]
    now = datetime.now(UTC)
    this_month = account.get(f"agents/{account.small}", timeUnit="month")
    assert this_month["labels"] == [f"{now:%Y-%m}-01"]
    assert this_month["totalCost"] == 3 * SMALL


def test_what_runs_cost_is_told_one_by_one(account: Account) -> None:
    found = account.get(f"agents/{account.small}/runs")
    assert found.keys() == {"runs", "totalRecordCount", "totalCost", "agentId", "agentName"}
    assert (found["totalRecordCount"], found["totalCost"]) == (3, 3 * SMALL)
    assert [run["runId"] for run in found["runs"]] == [run["id"] for run in account.small_runs]
    first, known = found["runs"][0], account.small_runs[0]
    assert first == {
        "runId": known["id"],
        "date": f"{known['endTime'][:10]}T00:00:00Z",
        "startTime": known["startTime"],
        "endTime": known["endTime"],
        "cost": SMALL,
        "billingType": "Server Time, Export GB, Agent Inputs, Export CPM",
    }


def test_runs_are_sorted_filtered_and_paged(account: Account) -> None:
    path = f"agents/{account.small}/runs"
    ids = [run["id"] for run in account.small_runs]
    newest = account.get(path, sortOrder=1, recordsPerPage=2)
    assert [run["runId"] for run in newest["runs"]] == ids[:0:-1]
    assert (newest["totalRecordCount"], newest["totalCost"]) == (3, 2 * SMALL), "the sum is of the page"
    by_duration = account.get(path, sortColumn="Duration", sortOrder=1)["runs"]
    lengths = [instant(run["endTime"]) - instant(run["startTime"]) for run in by_duration]
    assert lengths == sorted(lengths, reverse=True)
    equal = account.get(path, sortColumn="cost", sortOrder=1)["runs"]
    assert [run["runId"] for run in equal] == sorted(ids), "what is equal is in the order of ids"
    inputs = account.get(path, usageTypes="Agent Inputs")["runs"]
    assert [(run["cost"], run["billingType"]) for run in inputs] == [(Decimal("0.2"), "Agent Inputs")] * 3
    none = account.get(path, usageTypes="Proxy Data")
    assert (none["runs"], none["totalRecordCount"], none["totalCost"]) == ([], 0, 0)


def test_spending_since_monday_is_what_went_off_the_balance(account: Account) -> None:
    found = account.get("spending")
    assert found.keys() == {"totalSpent", "startDate", "endDate", "organizationId", "currentBalance"}
    assert instant(found["startDate"]).weekday() == 0
    assert (found["totalSpent"], found["organizationId"]) == (LARGE + 3 * SMALL, 1)
    before = account.get("spending", startDate="2026-01-01", endDate="2026-01-31")
    assert (before["startDate"], before["endDate"]) == ("2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999Z")
    assert before["totalSpent"] == 0
    assert before["currentBalance"] == found["currentBalance"]
    assert account.get("spending", endDate="2026-01-31")["startDate"] == "2026-01-26T00:00:00Z"
    assert account.get("agents", endDate="2026-01-31")["startDate"] == "2026-01-01T00:00:00Z"


def test_credits_are_added_and_taken_away_and_the_history_tells_of_all(own: Account) -> None:
    spent = own.get("spending")["totalSpent"]
    answer = own.server.http.post("/billing/credits", json={"Amount": 100, "message": "for a start"})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/billing/history")
    own.server.call("POST", "/billing/credits", {"amount": -0.000001}, expect=201)
    found = own.get("history")
    last, credit, debit = found["transactions"]
    assert json.loads(answer.text, parse_float=Decimal) == credit
    assert credit.keys() == {"id", "transactionType", "amount", "balance", "created", "expiresAt", "message"}
    assert (credit["transactionType"], credit["amount"], credit["message"]) == ("Credit", 100, "for a start")
    assert (debit["transactionType"], debit["amount"], debit["balance"]) == ("Debit", -spent, -spent)
    assert (last["transactionType"], last["balance"]) == ("Adjustment", 100 - spent - Decimal("0.000001"))
    assert (last["expiresAt"], last["message"]) == (None, None)
    assert own.get("credits")["availableCredits"] == last["balance"]
    page = own.get("history", pageIndex=2, recordsPerPage=1)
    assert page == {"transactions": [credit], "totalCount": 3, "pageIndex": 2, "recordsPerPage": 1}


def test_rates_change_what_is_to_come_and_not_what_was(own: Account) -> None:
    server = own.server
    server.call("PUT", "/billing/rates", {"Rates": [{"Type": "agent inputs", "RATE": 0.7}]})
    rates = {rate["type"]: rate["rate"] for rate in server.call("GET", "/billing/rates")["rates"]}
    assert rates == {**dict.fromkeys(TYPES, 0), "Agent Inputs": 0.7, "Export CPM": 1.5}
    assert own.get(f"agents/{own.small}")["totalCost"] == 3 * SMALL
    agent = server.agent("after the change", emits({"n": 1}))
    server.run(agent, **INPUT)
    assert own.get(f"agents/{agent}")["totalCost"] == Decimal("1.4015")


def test_what_was_accounted_for_outlives_runs_and_agents(own: Account) -> None:
    server = own.server
    agent = server.agent("short-lived", emits({"n": 1}))
    run = server.run(agent, **INPUT)
    server.call("DELETE", f"/agent/{agent}/run/{run['id']}", expect=204)
    server.call("DELETE", f"/agent/{agent}", expect=204)
    problem_of(server.http.get(f"/agent/{agent}"), 404)
    assert own.get(f"agents/{agent}")["totalCost"] == SMALL
    [known] = own.get(f"agents/{agent}/runs")["runs"]
    assert (known["runId"], known["cost"]) == (run["id"], SMALL)
    assert own.get("agents", name="short-lived")["totalCost"] == SMALL
    assert own.get("agents", name="short-lived", endDate="2026-01-31")["agents"] == []


def test_a_run_that_fails_is_charged_for_its_time_and_inputs_only(own: Account) -> None:
    server = own.server
    agent = server.agent("fails", f"{emits({'n': 1})}\n{FAILS}", "[export]\nformats = ['jsonl']\n")
    server.run(agent, **INPUT)
    [run] = own.get(f"agents/{agent}/runs")["runs"]
    assert (run["cost"], run["billingType"]) == (Decimal("0.2"), "Server Time, Agent Inputs")


@pytest.mark.parametrize(
    ("path", "field", "hint"),
    [
        ("agents?sortColumn=size", "sortColumn", "name, cost"),
        ("agents?sortOrder=2", "sortOrder", "1 descending"),
        (
            "agents?usageTypes=Server Time,Magic",
            "usageTypes",
            "Server Time, Export GB, Agent Inputs, Proxy Data",
        ),
        ("agents?startDate=2026-01-02&endDate=2026-01-01", "endDate", "startDate"),
        ("agents?recordsPerPage=1001", "recordsPerPage", "1000"),
        ("agents/1?timeUnit=year", "timeUnit", "day, month"),
        ("agents/1/runs?sortColumn=name", "sortColumn", "date, cost, duration"),
        ("history?pageIndex=0", "pageIndex", "at least 1"),
        ("spending?startDate=x", "startDate", "ISO 8601"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    server: RunningServer, path: str, field: str, hint: str
) -> None:
    errors = field_errors(server.http.get(f"/billing/{path}"))
    assert errors.keys() == {field}
    assert hint in errors[field]


def test_an_agent_that_never_was_cost_nothing_that_could_be_told(server: RunningServer) -> None:
    for path in ("agents/99999", "agents/99999/runs"):
        problem_of(server.http.get(f"/billing/{path}"), 404)


@pytest.mark.parametrize("rate", [-1, 10_001, "1", True, 0.0000001, None, [], 1e300])
def test_a_rate_is_a_number_of_credits(server: RunningServer, rate: Any) -> None:
    answer = server.http.put("/billing/rates", json={"rates": [{"type": "Export GB", "rate": rate}]})
    assert field_errors(answer).keys() == {"rates.0.rate"}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400"])
def test_a_rate_is_a_number_that_is_one(server: RunningServer, text: str) -> None:
    answer = server.http.put(
        "/billing/rates",
        content=f'{{"rates": [{{"type": "Export GB", "rate": {text}}}]}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400


def test_a_rate_is_for_a_type_that_there_is(server: RunningServer) -> None:
    answer = server.http.put("/billing/rates", json={"rates": [{"type": "Magic", "rate": 1}]})
    assert "Export CPM" in field_errors(answer)["rates.0.type"]


@pytest.mark.parametrize("amount", [0, "5", None, 1_000_000_001, 0.00000001, False])
def test_an_amount_of_credits_is_a_number_other_than_zero(server: RunningServer, amount: Any) -> None:
    assert field_errors(server.http.post("/billing/credits", json={"amount": amount})).keys() == {"amount"}
