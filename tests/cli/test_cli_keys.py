"""API keys on the command line."""

import pytest
from cli_support import Cli

from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_new_key_works_until_it_is_revoked(cli: Cli) -> None:
    made = cli.ok("key", "create", "--description", "reports", "--expires", "90 days", "--json").json
    cli.ok("agent", "list", LAMPLIGHTER_API_KEY=made["key"])
    assert f"Key {made['id']}" in cli.ok("key", "revoke", made["id"], "--yes").out
    assert cli("agent", "list", LAMPLIGHTER_API_KEY=made["key"]).status == 4
    assert [row[4] for row in cli.ok("key", "list").rows if row[3] == "reports"] == ["revoked"]


def test_only_the_key_itself_is_on_standard_output(cli: Cli) -> None:
    result = cli.ok("key", "create")
    assert result.out.startswith("sk-")
    assert len(result.out.split()) == 1
    assert "Keep it now" in result.err


def test_a_key_cannot_have_expired_already(cli: Cli) -> None:
    result = cli("key", "create", "--expires", "2020-01-01")
    assert (result.status, "--expires: must be in the future" in result.err) == (2, True)


def test_a_key_that_is_not_there_cannot_be_revoked(cli: Cli) -> None:
    assert cli("key", "revoke", 99, "--yes").status == 5


def test_the_doctor_finds_a_key_that_is_wrong(cli: Cli) -> None:
    result = cli("doctor", LAMPLIGHTER_API_KEY="sk-unknown")
    assert result.status == 1
    assert ["API key", "wrong"] in [row[:2] for row in result.rows]
