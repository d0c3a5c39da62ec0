"""Usage and cost on the command line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer

TYPES = ["Server Time", "Export GB", "Agent Inputs", "Proxy Data", "Export CPM"]


@pytest.fixture(scope="module")
def dear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on which an input costs 0.1 and 1000 records 1.5; ``dear`` has run twice, ``cheap`` once."""
    data: Path = tmp_path_factory.mktemp("dear") / "data"
    with RunningServer(data) as server:
        Cli(server.url).ok("billing", "set-rates", "--agent-inputs", 0.1, "--export-cpm", 1.5)
        for name, count, times in (("dear", 10, 2), ("cheap", 1, 1)):
            agent = server.agent(name, PROGRAM)
            for _ in range(times):
                server.run(agent, inputParameters=json.dumps({"count": count}))
        yield server


@pytest.fixture
def cli(dear: RunningServer) -> Cli:
    """What is only read."""
    return Cli(dear.url)


def test_rates_are_shown_and_changed(server: RunningServer) -> None:
    cli = Cli(server.url)
    assert [row[0] for row in cli.ok("billing", "rates").rows] == TYPES
    cli.ok("billing", "set-rates", "--server-time", 0.36)
    changed = cli.ok("billing", "set-rates", "--export-gb", 2, "--proxy-data", 0.000001)
    assert [row[1:] for row in changed.rows] == [
        ["0.36", "hour"],
        ["2", "GB"],
        ["0", "input"],
        ["0.000001", "GB"],
        ["0", "1000 records"],
    ]
    assert "say what to change" in cli("billing", "set-rates").err
    for wrong in ("-1", "nan", "x", "10001"):
        assert cli("billing", "set-rates", "--server-time", wrong).status == 2
    assert cli.ok("audit", "--action", "rates").rows[0][2] == "rates.update"


def test_credits_are_added_and_taken_away(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        cli = Cli(server.url)
        assert cli.ok("billing", "credits").out == "0 credits\n"
        assert "25 credits are added; 25 are left." in cli.ok("billing", "add", 25, "-m", "a budget").out
        said = cli.ok("billing", "take", 0.00001).out
        assert said == "0.00001 credits are taken away; 24.99999 are left.\n"
        rows = [row[1:] for row in cli.ok("billing", "history").rows]
        assert rows == [["Adjustment", "-0.00001", "24.99999", ""], ["Credit", "25", "25", "a budget"]]
        assert "These are the newest 1 of 2." in cli.ok("billing", "history", "--limit", 1).err
        assert cli.ok("billing", "credits", "--json").json["availableCredits"] == 24.99999
        for wrong in ("0", "inf", "nan", "0.0000001", "many"):
            assert cli("billing", "add", wrong).status == 2
        assert [row[2] for row in cli.ok("audit", "--action", "credits").rows] == ["credits.add"] * 2


def test_agents_are_shown_with_their_costs_the_dearest_first(cli: Cli) -> None:
    said = cli.ok("billing", "agents")
    assert [row[1:] for row in said.rows] == [["dear", "0.23"], ["cheap", "0.1015"]]
    assert "All 2 agents: 0.3315 credits" in said.err
    records = cli.ok("billing", "agents", "--types", "export cpm", "--limit", 1)
    assert [row[1:] for row in records.rows] == [["dear", "0.03"]]
    assert "Spent\t0.3315\nLeft\t-0.3315\n" in cli.ok("billing", "spending").out
    assert "Spent\t0\n" in cli.ok("billing", "spending", "--until", "2026-01-01").out


def test_an_agents_usage_is_shown_by_type_day_and_month(cli: Cli) -> None:
    said = cli.ok("billing", "agent", "dear", "--types", "Agent Inputs,Export CPM")
    assert said.rows == [
        ["Agent Inputs", "2", "input", "0.2"],
        ["Export CPM", "0.02", "1000 records", "0.03"],
    ]
    assert "Together: 0.23 credits" in said.err
    today = datetime.now(UTC)
    days = cli.ok("billing", "agent", "dear", "--by", "day", "--since", f"{today:%Y-%m-%d}").out
    assert days.splitlines() == [
        "DAY\tSERVER TIME\tEXPORT GB\tAGENT INPUTS\tPROXY DATA\tEXPORT CPM",
        f"{today:%Y-%m-%d}\t0\t0\t0.2\t0\t0.03",
    ]
    [month] = cli.ok("billing", "agent", "dear", "--by", "month").rows
    assert month[0] == f"{today:%Y-%m}"


def test_the_runs_of_an_agent_are_shown_with_their_costs(cli: Cli) -> None:
    said = cli.ok("billing", "runs", "dear", "--sort", "cost", "--limit", 1)
    assert [row[2:] for row in said.rows] == [["0.115", "Server Time, Export GB, Agent Inputs, Export CPM"]]
    assert "These are 1 of 2." in said.err
    assert cli("billing", "runs", "nobody").status == 5
    assert cli.ok("billing", "runs", "dear", "--json").json["totalRecordCount"] == 2
