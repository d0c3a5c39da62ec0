"""What fires next, and sums over what ran, on the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with three schedules, two good runs and a failed one."""
    data: Path = tmp_path_factory.mktemp("ran") / "data"
    with RunningServer(data) as server:
        agent, other = server.agent("counts", PROGRAM), server.agent("fails", "raise SystemExit(3)")
        for name, cron in (("often", "0 * * * *"), ("new year", "0 0 1 1 *")):
            body = {"name": name, "cronExpression": cron}
            server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
        body = {"name": "in Tokyo", "cronExpression": "30 9 * * *", "timezone": "Asia/Tokyo"}
        server.call("POST", f"/agent/{other}/schedules", body, expect=201)
        for one in (agent, agent, other):
            server.run(one)
        yield server


@pytest.fixture
def cli(ran: RunningServer) -> Cli:
    return Cli(ran.url)


def test_what_fires_next_is_shown_over_all_agents(cli: Cli) -> None:
    said = cli.ok("schedule", "upcoming", "--until", "2199-01-01", "--limit", 2)
    assert said.out.splitlines()[0] == "NEXT FIRE\tAGENT\tID\tSCHEDULE\tFIRES"
    assert {row[3] for row in said.rows} == {"often", "in Tokyo"}
    [tokyo] = [row for row in said.rows if row[3] == "in Tokyo"]
    assert tokyo[0].endswith("09:30 +09:00")
    assert "These are the first 2." in said.err
    whole = cli.ok("schedule", "upcoming", "--until", "2199-01-01")
    assert [row[3] for row in whole.rows][2:] == ["new year"]
    assert "These are" not in whole.err


def test_each_fire_has_a_line_when_that_is_asked_for(cli: Cli) -> None:
    said = cli.ok("schedule", "upcoming", "--each", "--limit", 30)
    assert said.out.splitlines()[0] == "NEXT FIRE\tAGENT\tID\tSCHEDULE"
    assert [row[3] for row in said.rows].count("often") >= 28
    assert len(cli.ok("schedule", "upcoming", "--each", "--limit", 3, "--json").json) == 3


def test_runs_are_summed_and_the_failed_ones_told(cli: Cli) -> None:
    said = cli.ok("summary", "runs")
    assert "Runs\t3\nCompleted\t2\nWith errors\t0\nFailed\t1\n" in said.out
    assert [line.split("\t")[1:3] for line in said.out.splitlines()[-1:]] == [["fails", "Failure"]]
    assert "Runs\t2\n" in cli.ok("summary", "runs", "--status", "Completed").out
    assert "Runs\t0\n" in cli.ok("summary", "runs", "--until", "2026-01-01").out
    assert cli.ok("summary", "runs", "--json").json["totalRuns"] == 3
    refused = cli("summary", "runs", "--status", "Broken")
    assert (refused.status, "Completed, CompletedWithErrors" in refused.err) == (2, True)


def test_records_are_summed_over_all_agents_or_one(cli: Cli) -> None:
    assert "Runs\t3\nExtracted\t6\nExported\t6\nErrors\t0\nPages\t0\n" in cli.ok("summary", "records").out
    of_one = cli.ok("summary", "records", "fails").out
    assert of_one.startswith("Agent\tfails\n")
    assert "Runs\t1\nExtracted\t0\n" in of_one
    assert cli("summary", "records", "nobody").status == 5


def test_a_time_that_is_none_is_wrong_usage(cli: Cli) -> None:
    refused = cli("schedule", "upcoming", "--until", "soon")
    assert (refused.status, "--until: 'soon' is not a time" in refused.err) == (2, True)
