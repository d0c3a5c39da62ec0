"""Agents on the command line."""

from pathlib import Path

import pytest
from cli_support import Cli, write_agent

from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_folder_becomes_an_agent(cli: Cli, tmp_path: Path) -> None:
    result = cli.ok("agent", "deploy", write_agent(tmp_path / "first", "first"))
    assert "first: new, version 1 (2 files" in result.out
    assert "lamplighter run start first --follow" in result.err


def test_deployed_twice_it_has_version_2_with_a_comment(cli: Cli, tmp_path: Path) -> None:
    folder = write_agent(tmp_path / "twice")
    cli.ok("agent", "deploy", folder)
    again = cli.ok("agent", "deploy", folder, "--comment", "slower")
    assert "twice: version 2" in again.out
    assert [(row[0], row[4]) for row in cli.ok("agent", "versions", "twice").rows] == [
        ("2", "slower"),
        ("1", ""),
    ]


def test_an_old_version_is_restored_as_a_new_one(cli: Cli, tmp_path: Path) -> None:
    folder = write_agent(tmp_path / "older")
    cli.ok("agent", "deploy", folder)
    cli.ok("agent", "deploy", folder)
    result = cli.ok("agent", "restore", "older", 1)
    assert "version 3 has the content of version 1" in result.out


def test_what_is_wrong_with_an_agent_is_said_with_its_place(cli: Cli, tmp_path: Path) -> None:
    folder = write_agent(tmp_path / "broken")
    (folder / "agent.toml").write_text("[agent]\nrun = []\n")
    result = cli("agent", "deploy", folder)
    assert result.status == 2
    assert "agent.toml: agent.run" in result.err


def test_a_folder_without_files_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("agent", "deploy", tmp_path)
    assert (result.status, "no files" in result.err) == (2, True)


def test_an_agent_is_found_by_id_name_and_the_beginning_of_its_name(cli: Cli, tmp_path: Path) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "x"), "--name", "Unique Shop")
    number = cli.ok("agent", "show", "Unique Shop", "--json").json["id"]
    assert cli.ok("agent", "show", number, "--json").json["name"] == "Unique Shop"
    assert cli.ok("agent", "show", "uniq", "--json").json["id"] == number


def test_a_beginning_that_fits_several_names_lists_them(cli: Cli, tmp_path: Path) -> None:
    for name in ("same-one", "same-two"):
        cli.ok("agent", "deploy", write_agent(tmp_path / name))
    result = cli("agent", "show", "same")
    assert result.status == 2
    assert "same-one" in result.err
    assert "same-two" in result.err


def test_an_archived_agent_is_shown_as_such_and_cannot_be_started(cli: Cli, tmp_path: Path) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "away"))
    cli.ok("agent", "archive", "away")
    assert "archived" in next(row for row in cli.ok("agent", "list").rows if row[1] == "away")
    assert cli("run", "start", "away").status == 6
    cli.ok("agent", "unarchive", "away")
    assert "archived" not in cli.ok("agent", "show", "away").out


def test_deleting_needs_a_yes_where_nobody_can_be_asked(cli: Cli, tmp_path: Path) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "gone"))
    refused = cli.really("agent", "delete", "gone")
    assert (refused.status, "--yes" in refused.err) == (2, True)
    cli.ok("agent", "delete", "gone", "--yes")
    assert cli("agent", "show", "gone").status == 5


def test_json_is_what_the_api_says(cli: Cli, server: RunningServer, tmp_path: Path) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "exact"))
    assert cli.ok("agent", "list", "--json").json == server.call("GET", "/agent/all")
