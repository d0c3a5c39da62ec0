"""``lamplighter run diagnose`` against a real server with real failures."""

import pytest
from cli_support import Cli

from running_server import RunningServer

TWICE = "import os\nraise ValueError('attempt ' + os.environ['LAMPLIGHTER_ATTEMPT'])\n"


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture(scope="module")
def broken(server: RunningServer) -> int:
    """The agent "the shop", which failed for a missing module."""
    agent = server.agent("the shop", "import bs99\n")
    server.run(agent)
    return agent


def test_the_causes_are_told_with_what_to_do_and_what_they_rest_on(cli: Cli, broken: int) -> None:
    result = cli.ok("run", "diagnose", broken)
    lines = result.out.splitlines()
    assert "Message\texit status 1; 0 records" in lines
    assert "1. Something that the agent imports is missing: the module 'bs99' is not there (certain)" in lines
    assert any(line.startswith("   → Add the package that brings it to `requirements`") for line in lines)
    assert "   · ModuleNotFoundError: No module named 'bs99'" in lines
    assert "`lamplighter run evidence 'the shop' " in result.err


def test_all_of_a_diagnosis_is_the_answer_of_the_api(cli: Cli, server: RunningServer, broken: int) -> None:
    of_agent = f"/analytics/agents/{broken}"
    latest = server.call("GET", f"{of_agent}/latest-failure")
    assert cli.ok("run", "diagnose", broken, "--json").json == latest
    of_run = server.call("GET", f"{of_agent}/runs/{latest['runId']}/diagnostics")
    assert cli.ok("run", "diagnose", broken, latest["runId"], "--json").json == of_run


def test_it_fits_a_terminal(cli: Cli, broken: int) -> None:
    out = cli.ok("run", "diagnose", broken, FORCE_COLOR="1", NO_COLOR="1", COLUMNS="80", TERM="dumb").out
    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[0].startswith("the shop › run ")


def test_an_earlier_attempt_is_asked_for_by_its_number(cli: Cli, server: RunningServer) -> None:
    server.run(server.agent("twice", TWICE), maxRetries=1)
    assert "ValueError: attempt 2" in cli.ok("run", "diagnose", "twice").out
    result = cli.ok("run", "diagnose", "twice", "--attempt", 1)
    assert "ValueError: attempt 1" in result.out
    assert "--attempt 1` shows what was kept" in result.err


def test_an_agent_that_never_failed_has_nothing_to_explain(cli: Cli, server: RunningServer) -> None:
    agent = server.agent("faultless", "")
    run = server.run(agent)["id"]
    assert cli("run", "diagnose", "faultless").status == 5
    result = cli("run", "diagnose", "faultless", run)
    assert result.status == 5
    assert f"run {run} is Completed, so there is no failure to explain" in result.err
