"""The exit statuses that `lamplighter --help` promises, with the real command, and what it says."""

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> int:
    return server.agent("shop", PROGRAM)


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_0_when_it_worked(cli: Cli) -> None:
    assert cli.really("agent", "list").status == 0


def test_1_when_the_run_failed(cli: Cli, shop: int) -> None:
    assert cli.really("run", "start", shop, "--wait", "--input", '{"status": 1}').status == 1


@pytest.mark.parametrize(
    "wrong", [("agent", "shw"), ("agent", "show"), ("run", "list", "shop", "--limit", "x")]
)
def test_2_for_wrong_usage(cli: Cli, wrong: tuple[str, ...]) -> None:
    result = cli.really(*wrong)
    assert result.status == 2
    assert "Error: " in result.err
    assert "help" in result.err


def test_3_when_nothing_listens_there(cli: Cli) -> None:
    result = cli.really("agent", "list", LAMPLIGHTER_URL="http://127.0.0.1:9")
    assert result.status == 3
    assert "cannot be reached at http://127.0.0.1:9" in result.err
    assert "lamplighter up" in result.err
    assert result.out == ""


def test_4_for_a_key_that_is_not_known(cli: Cli) -> None:
    result = cli.really("agent", "list", LAMPLIGHTER_API_KEY="sk-unknown")
    assert result.status == 4
    assert "this API key is not known (it came from LAMPLIGHTER_API_KEY)" in result.err


def test_4_without_any_key_with_where_to_get_one(cli: Cli) -> None:
    result = cli.really("agent", "list", LAMPLIGHTER_API_KEY="")
    assert result.status == 4
    assert "no API key: LAMPLIGHTER_API_KEY is not set" in result.err
    assert "admin.key" in result.err


@pytest.mark.parametrize(
    "missing", [("agent", "show", "99"), ("run", "status", "shop", "99"), ("schedule", "show", "shop", "99")]
)
def test_5_for_what_is_not_there(cli: Cli, shop: int, missing: tuple[str, ...]) -> None:
    result = cli.really(*missing)
    assert result.status == 5
    assert result.err.startswith("Error: ")
    assert len(result.err.splitlines()) == 1


def test_6_when_the_state_forbids_it(cli: Cli, server: RunningServer, shop: int) -> None:
    run = server.run(shop)
    assert cli.really("run", "kill", "shop", run["id"]).status == 6


def test_an_address_that_is_none_is_wrong_usage(cli: Cli) -> None:
    result = cli("agent", "list", LAMPLIGHTER_URL="nonsense")
    assert (result.status, "LAMPLIGHTER_URL: must be an address" in result.err) == (2, True)
