"""Spaces, their members and the audit log on the command line."""

from pathlib import Path

import pytest
from cli_support import Cli, write_agent

from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_space_is_added_changed_listed_and_removed(cli: Cli) -> None:
    made = cli.ok("space", "add", "shops", "--description", "of books", "--json").json
    assert [str(made["id"]), "shops", "", "of books"] in cli.ok("space", "list").rows
    cli.ok("space", "edit", "shops", "--name", "stores", "--default-access")
    assert [str(made["id"]), "stores", "to look", "of books"] in cli.ok("space", "list").rows
    assert "everybody may look into it" in cli.ok("space", "show", "sto").out
    assert f"Space {made['id']} (stores) is removed." in cli.ok("space", "remove", "stores", "--yes").out
    assert cli("space", "show", "stores").status == 5


def test_a_change_of_a_space_without_any_change_is_wrong_usage(cli: Cli) -> None:
    assert cli("space", "edit", "Default").status == 2


def test_members_come_change_and_go(cli: Cli) -> None:
    cli.ok("space", "add", "team")
    cli.ok("user", "add", "ada")
    assert cli.ok("space", "grant", "team", "ada", "viewer").out == "ada is viewer in team.\n"
    assert cli.ok("space", "grant", "team", "ada", "OWNER").out == "ada is owner in team.\n"
    assert [row[1:3] for row in cli.ok("space", "members", "team").rows] == [["ada", "owner"]]
    assert "Members\tada (owner)\n" in cli.ok("space", "show", "team").out
    assert cli.ok("space", "revoke", "team", "ada", "--yes").out == "ada is no member of team any more.\n"
    assert cli("space", "revoke", "team", "ada", "--yes").status == 5


def test_a_role_that_is_none_is_wrong_usage(cli: Cli) -> None:
    result = cli("space", "grant", "Default", "admin", "king")
    assert (result.status, "viewer" in result.err) == (2, True)


def test_an_agent_is_deployed_into_a_space_and_listed_there(cli: Cli, tmp_path: Path) -> None:
    cli.ok("space", "add", "far")
    folder = write_agent(tmp_path / "agent", "books")
    here = cli.ok("agent", "deploy", folder, "--space", "Default", "--json").json
    there = cli.ok("agent", "deploy", folder, "--space", "far", "--json").json
    assert here["spaceId"] != there["spaceId"]
    assert [row[0] for row in cli.ok("agent", "list", "--space", "far").rows] == [str(there["id"])]
    again = cli.ok("agent", "deploy", folder, "--space", "far", "--json").json
    assert (again["id"], again["version"]) == (there["id"], 2)
    unclear = cli("agent", "deploy", folder)
    assert (unclear.status, "--space: is needed" in unclear.err) == (2, True)


def test_all_agents_of_a_space_are_started(cli: Cli, tmp_path: Path) -> None:
    cli.ok("space", "add", "batch")
    for name in ("one", "two"):
        cli.ok("agent", "deploy", write_agent(tmp_path / name, name), "--space", "batch")
    result = cli.ok("space", "run-all", "batch", "--input", '{"count": 1}')
    assert [(row[1], row[3]) for row in result.rows] == [("one", "ok"), ("two", "ok")]
    assert "2 of 2 agents started." in result.err
    cli.ok("agent", "archive", "one")
    result = cli("space", "run-all", "batch")
    assert (result.status, "1 of 2 agents started." in result.err) == (1, True)
    assert [(row[1], row[3]) for row in result.rows] == [("one", "wrong"), ("two", "ok")]
    assert "archived" in result.rows[0][4]
    assert cli("space", "run-all", "batch", "--json").json["agentsFailed"] == 1


def test_an_input_that_is_none_starts_nothing(cli: Cli) -> None:
    result = cli("space", "run-all", "Default", "--input", "[")
    assert (result.status, "--input: is not valid JSON" in result.err) == (2, True)


def test_each_space_has_its_secrets_and_limits(cli: Cli, tmp_path: Path) -> None:
    cli.ok("space", "add", "vault")
    value = tmp_path / "value"
    value.write_text("hunter2\n")
    cli.ok("secret", "set", "TOKEN", "--from", value, "--space", "vault")
    assert [row[0] for row in cli.ok("secret", "list", "--space", "vault").rows] == ["TOKEN"]
    assert cli.ok("secret", "list").rows == []
    cli.ok("secret", "remove", "TOKEN", "--space", "vault", "--yes")
    limits = ["runs, whole", "7", "all"]
    assert limits in cli.ok("retention", "set", "--runs-days", 7, "--space", "vault").rows
    assert limits in cli.ok("retention", "show", "--space", "vault").rows
    assert limits not in cli.ok("retention", "show").rows
    assert cli("retention", "show", "agent", "--space", "vault").status == 2


def test_the_audit_log_says_who_changed_what(cli: Cli) -> None:
    made = cli.ok("space", "add", "audited", "--json").json
    cli.ok("space", "edit", "audited", "--description", "seen")
    cli.ok("user", "add", "eve")
    cli.ok("space", "grant", "audited", "eve", "editor")
    rows = cli.ok("audit", "--space", "audited").rows
    assert [row[1:4] for row in rows[1:]] == [
        ["admin", "space.update", f"space {made['id']} audited"],
        ["admin", "space.create", f"space {made['id']} audited"],
    ]
    assert rows[0][2:] == [
        "member.set",
        f"member {cli.ok('user', 'show', 'eve', '--json').json['id']} eve",
        "role: none → editor",
    ]
    assert rows[1][4] == "description: none → seen"


def test_the_audit_log_is_narrowed(cli: Cli) -> None:
    made = cli.ok("space", "add", "narrow", "--json").json
    assert [row[2] for row in cli.ok("audit", "--action", "space.create", "--limit", 1).rows] == [
        "space.create"
    ]
    assert len(cli.ok("audit", "--kind", "space", "--id", made["id"], "--user", "admin").rows) == 1
    assert cli.ok("audit", "--until", "2020-01-01").rows == []
    assert cli.ok("audit", "--since", "today", "--until", "tomorrow", "--json").json != []
    assert "--since: 'soonish' is not a time" in cli("audit", "--since", "soonish").err


def test_only_administrators_read_the_audit_log(cli: Cli) -> None:
    key = cli.ok("key", "create", "--space", "Default").out.strip()
    assert cli("audit", LAMPLIGHTER_API_KEY=key).status == 4
