"""``lamplighter billing …``"""

import math
from enum import StrEnum
from typing import Annotated, Any

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, facts, hint, say, table, title
from lamplighter.cli.ranges import Since, Until, dates, shown_range
from lamplighter.cli.session import AgentWord, Json, connect, keep_said, the_agent
from lamplighter.cli.times import shown
from lamplighter.client.billing import CostsOverTime, Rates
from lamplighter.errors import InvalidInput

app = typer.Typer()


def _a_number(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("must be a number")
    return value


Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")]
Amount = Annotated[
    float,
    typer.Argument(metavar="AMOUNT", min=0, callback=_a_number, help="How many, with up to 6 decimals."),
]
Message = Annotated[str | None, option("--message", "-m", help="What for.")]
Types = Annotated[
    str | None,
    option("--types", help='Only these types of usage, with commas between: "Server Time,Export GB".'),
]


def _rate(name: str, unit: str) -> Any:
    return option(name, min=0, callback=_a_number, help=f"Credits for {unit}")


class Unit(StrEnum):
    """For what time costs are summed."""

    DAY = "day"
    MONTH = "month"


class SortRuns(StrEnum):
    """What runs are sorted by."""

    DATE = "date"
    COST = "cost"
    DURATION = "duration"


@app.command()
def credits(json: Json = False) -> None:  # noqa: A001 - it is the command's name
    """Show how many credits are left; only for administrators."""
    with connect() as client:
        found = client.billing.credits()
    if json:
        as_json(found)
        return
    say(f"{_credits(found['availableCredits'])} credits")


@app.command()
def add(amount: Amount, message: Message = None, json: Json = False) -> None:
    """Add credits; only for administrators."""
    _change(amount, message, json=json)


@app.command()
def take(amount: Amount, message: Message = None, json: Json = False) -> None:
    """Take credits away; only for administrators."""
    _change(-amount, message, json=json)


def _change(amount: float, message: str | None, *, json: bool) -> None:
    with connect() as client:
        made = client.billing.add_credits(amount, message)
    if json:
        as_json(made)
        return
    done = "added" if made["amount"] > 0 else "taken away"
    say(f"{_credits(abs(made['amount']))} credits are {done}; {_credits(made['balance'])} are left.")


@app.command()
def history(limit: Limit = 20, json: Json = False) -> None:
    """Show what changed the credits, newest first; only for administrators."""
    with connect() as client:
        found = client.billing.history(1, limit)
    if json:
        as_json(found)
        return
    rows = [
        [
            shown(one["created"]),
            one["transactionType"],
            _credits(one["amount"]),
            _credits(one["balance"]),
            one["message"],
        ]
        for one in found["transactions"]
    ]
    table(["TIME", "WHAT", "AMOUNT>", "BALANCE>", "MESSAGE"], rows, wraps=["MESSAGE"])
    if found["totalCount"] > limit:
        hint(f"These are the newest {limit} of {found['totalCount']}. --limit shows more.")


@app.command()
def rates(json: Json = False) -> None:
    """Show what usage costs."""
    with connect() as client:
        found = client.billing.rates()
    _show_rates(found, json=json)


@app.command("set-rates")
def set_rates(
    server_time: Annotated[float | None, _rate("--server-time", "an hour on a server.")] = None,
    export_gb: Annotated[float | None, _rate("--export-gb", "a GB of exported files.")] = None,
    agent_inputs: Annotated[float | None, _rate("--agent-inputs", "a row of input.")] = None,
    proxy_data: Annotated[float | None, _rate("--proxy-data", "a GB through proxies.")] = None,
    export_cpm: Annotated[float | None, _rate("--export-cpm", "1000 exported records.")] = None,
    json: Json = False,
) -> None:
    """Change what usage costs from now on; what is not said stays. Only for administrators."""
    said = {
        "Server Time": server_time,
        "Export GB": export_gb,
        "Agent Inputs": agent_inputs,
        "Proxy Data": proxy_data,
        "Export CPM": export_cpm,
    }
    wanted = {kind: rate for kind, rate in said.items() if rate is not None}
    if not wanted:
        raise InvalidInput.of("", "say what to change, such as --server-time 0.36")
    with connect() as client:
        found = client.billing.set_rates(wanted)
    _show_rates(found, json=json)


@app.command()
def spending(since: Since = None, until: Until = None, json: Json = False) -> None:
    """Show what the agents that you see cost; since Monday (UTC) when no range is said."""
    with connect() as client:
        found = client.billing.spending(**dates(since, until))
    if json:
        as_json(found)
        return
    balance = found["currentBalance"]
    facts(
        [
            ("Time", shown_range(found["startDate"], found["endDate"])),
            ("Spent", _credits(found["totalSpent"])),
            ("Left", None if balance is None else _credits(balance)),
        ]
    )


@app.command()
def agents(
    since: Since = None, until: Until = None, types: Types = None, limit: Limit = 20, json: Json = False
) -> None:
    """Show what each agent cost, the dearest first; this month (UTC) when no range is said."""
    with connect() as client:
        asked = dates(since, until) | keep_said(usageTypes=types)
        found = client.billing.agents(**asked, sortColumn="cost", sortOrder=1, recordsPerPage=limit)
    if json:
        as_json(found)
        return
    title(shown_range(found["startDate"], found["endDate"]))
    rows = [[one["agentId"], one["agentName"], _credits(one["cost"])] for one in found["agents"]]
    table(["ID>", "AGENT", "COST>"], rows, wraps=["AGENT"])
    hint(f"All {found['totalRecordCount']} agents: {_credits(found['totalCost'])} credits")


@app.command()
def agent(
    agent: AgentWord,
    since: Since = None,
    until: Until = None,
    types: Types = None,
    by: Annotated[
        Unit | None, option("--by", help="What it cost on each day, or in each month.", case_sensitive=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show what an agent used and cost; this month (UTC) when no range is said."""
    with connect() as client:
        owner = the_agent(client, agent)
        asked = dates(since, until) | keep_said(usageTypes=types, timeUnit=by)
        found = client.billing.agent(owner["id"], **asked)
    if json:
        as_json(found)
        return
    title(f"{found['agentName']}, {shown_range(found['startDate'], found['endDate'])}")
    if by is None:
        rows = [
            [one["type"], _decimal(one["used"], 9), one["unit"], _credits(one["totalCost"])]
            for one in found["usageTypes"]
        ]
        table(["TYPE", "USED>", "UNIT", "COST>"], rows)
    else:
        _show_over_time(found, by)
    hint(f"Together: {_credits(found['totalCost'])} credits")


def _show_over_time(found: CostsOverTime, by: Unit) -> None:
    kinds = found["usageTypes"]
    length = len("2026-01" if by is Unit.MONTH else "2026-01-01")
    rows = [
        [label[:length], *(_credits(kind["data"][number]) for kind in kinds)]
        for number, label in enumerate(found["labels"])
    ]
    table([by.upper(), *(f"{kind['type'].upper()}>" for kind in kinds)], rows)


@app.command()
def runs(
    agent: AgentWord,
    since: Since = None,
    until: Until = None,
    types: Types = None,
    sort: Annotated[
        SortRuns, typer.Option("--sort", help="The newest, dearest or longest first.", case_sensitive=False)
    ] = SortRuns.DATE,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show what the runs of an agent cost; this month (UTC) when no range is said."""
    with connect() as client:
        owner = the_agent(client, agent)
        asked = dates(since, until) | keep_said(usageTypes=types)
        found = client.billing.runs(owner["id"], **asked, sortColumn=sort, sortOrder=1, recordsPerPage=limit)
    if json:
        as_json(found)
        return
    rows = [
        [run["runId"], shown(run["endTime"]), _credits(run["cost"]), run["billingType"]]
        for run in found["runs"]
    ]
    table(["RUN>", "ENDED", "COST>", "USAGE"], rows, wraps=["USAGE"])
    if found["totalRecordCount"] > limit:
        hint(f"These are {limit} of {found['totalRecordCount']}. --limit shows more.")


def _show_rates(found: Rates, *, json: bool) -> None:
    if json:
        as_json(found)
        return
    rows = [[one["type"], _credits(one["rate"]), one["unit"]] for one in found["rates"]]
    table(["TYPE", "CREDITS>", "FOR"], rows)
    if not any(one["rate"] for one in found["rates"]):
        hint("Nothing costs anything. `lamplighter billing set-rates --server-time 0.36` changes that.")


def _credits(amount: float) -> str:
    return _decimal(amount, 6)


def _decimal(amount: float, most: int) -> str:
    """A number with as many decimals as it has, at most so many: never ``1e-05``."""
    return f"{amount:.{most}f}".rstrip("0").rstrip(".")
