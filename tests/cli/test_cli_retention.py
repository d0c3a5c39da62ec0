"""Retention on the command line."""

from collections.abc import Iterator

import pytest
from cli_support import Cli

from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Iterator[Cli]:
    yield Cli(server.url)
    server.call("PUT", "/retention", {})


def test_what_is_not_said_stays_and_0_is_for_ever(cli: Cli) -> None:
    cli.ok("retention", "set", "--runs-days", 30, "--logs-count", 5)
    shown = cli.ok("retention", "set", "--files-count", 9, "--logs-count", 0)
    assert shown.rows == [
        ["runs, whole", "30", "all"],
        ["logs", "for ever", "all"],
        ["records and files", "for ever", "9"],
    ]
    assert cli.ok("retention", "show").out == shown.out


def test_an_agents_limits_are_shown_with_those_of_the_space(cli: Cli, server: RunningServer) -> None:
    server.agent("kept", "")
    cli.ok("retention", "set", "--runs-days", 30, "--files-days", 7)
    shown = cli.ok("retention", "set", "kept", "--runs-days", 90, "--runs-count", 1000)
    assert shown.rows == [
        ["runs, whole", "90", "1000", "agent"],
        ["logs", "for ever", "all", ""],
        ["records and files", "7", "all", "space"],
    ]
    assert cli.ok("retention", "show", "kept", "--json").json["effective"]["filesDays"] == 7
    assert cli.ok("retention", "clear", "kept").rows[0] == ["runs, whole", "30", "all", "space"]


def test_without_limits_everything_is_kept(cli: Cli) -> None:
    result = cli.ok("retention", "show")
    assert {tuple(row[1:]) for row in result.rows} == {("for ever", "all")}
    assert "Everything is kept for ever" in result.err


def test_a_change_must_be_said(cli: Cli) -> None:
    assert cli("retention", "set").status == 2
    assert cli("retention", "set", "--runs-days", -1).status == 2
    assert cli("retention", "set", "--runs-days", 36_501).status == 2
    assert cli("retention", "show", "nobody").status == 5
