"""Users and limited keys on the command line."""

from pathlib import Path

import pytest
from cli_support import Cli

from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_user_is_added_changed_listed_and_removed(cli: Cli) -> None:
    made = cli.ok("user", "add", "ada", "--email", "ada@example.com", "--json").json
    assert [str(made["id"]), "ada", "ada@example.com", "", "active"] in cli.ok("user", "list").rows
    assert "administrator, disabled" in cli.ok("user", "edit", "ada", "--admin", "--inactive").out
    assert "User 1" not in cli.ok("user", "edit", "ada", "--name", "Ada L.").out
    assert "Email\tada@example.com" in cli.ok("user", "show", "Ada").out
    assert f"User {made['id']} (Ada L.) is removed." in cli.ok("user", "remove", made["id"], "--yes").out
    assert cli("user", "show", "Ada").status == 5


def test_a_change_of_a_user_without_any_change_is_wrong_usage(cli: Cli) -> None:
    result = cli("user", "edit", "admin")
    assert result.status == 2
    assert "say what to change" in result.err


def test_the_last_administrator_stays(cli: Cli) -> None:
    assert cli("user", "edit", "admin", "--no-admin").status == 6
    assert cli("user", "remove", "admin", "--yes").status == 6


def test_a_taken_name_is_a_conflict_and_a_wrong_one_is_named(cli: Cli) -> None:
    assert cli("user", "add", "admin").status == 6
    assert "--name: must be 1 to 200" in cli("user", "add", " ").err


def test_one_sees_oneself_with_the_roles_and_limits_of_the_key(cli: Cli) -> None:
    cli.ok("user", "add", "grace")
    cli.ok("space", "grant", "Default", "grace", "editor")
    key = cli.ok("key", "create", "--user", "grace", "--read-only", "--space", "default").out.strip()
    shown = cli.ok("user", "show", LAMPLIGHTER_API_KEY=key).out
    assert "grace\n" in shown
    assert "Roles\teditor in Default\n" in shown
    assert "This key\tmay only read\n" in shown
    assert "Limited to\tDefault\n" in shown
    assert "Rights\tadministrator\n" in cli.ok("user", "show").out


def test_a_key_that_may_only_read_changes_nothing(cli: Cli) -> None:
    made = cli.ok("key", "create", "--read-only", "--description", "dashboard")
    key = made.out.strip()
    assert "It is limited: reads only." in made.err
    cli.ok("agent", "list", LAMPLIGHTER_API_KEY=key)
    refused = cli("space", "add", "x", LAMPLIGHTER_API_KEY=key)
    assert (refused.status, "may only read" in refused.err) == (4, True)
    assert [row[6] for row in cli.ok("key", "list").rows if row[3] == "dashboard"] == ["reads only"]


def test_a_key_for_another_user_and_one_space_says_so(cli: Cli) -> None:
    cli.ok("user", "add", "linus")
    made = cli.ok("key", "create", "--user", "linus", "--space", 1, "--json").json
    assert (made["userName"], made["spaceId"], made["isReadOnly"]) == ("linus", 1, False)
    [row] = [row for row in cli.ok("key", "list").rows if row[0] == str(made["id"])]
    assert (row[2], row[6]) == ("linus", "space 1 only")
    assert cli("key", "create", "--user", "nobody").status == 5
    assert cli("key", "create", "--space", "nowhere").status == 5


def test_who_owns_nothing_may_not_list_users(cli: Cli) -> None:
    cli.ok("user", "add", "guest")
    key = cli.ok("key", "create", "--user", "guest").out.strip()
    assert cli("user", "list", LAMPLIGHTER_API_KEY=key).status == 4


def test_a_password_is_read_from_a_file_and_gets_a_token(
    cli: Cli, server: RunningServer, tmp_path: Path
) -> None:
    cli.ok("user", "add", "marie")
    file = tmp_path / "password"
    file.write_text("radium and polonium\n")
    assert "The password of marie is set." in cli.ok("user", "password", "marie", "--from", file).out
    form = {"grant_type": "password", "username": "marie", "password": "radium and polonium"}
    token = server.http.post(f"{server.url}/oauth/token", data=form).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert server.http.get("/users/me", headers=bearer).json()["name"] == "marie"
    cli.ok("user", "sign-out", "marie")
    assert server.http.get("/users/me", headers=bearer).status_code == 401


def test_who_changes_the_own_password_says_the_one_before(cli: Cli, tmp_path: Path) -> None:
    cli.ok("user", "add", "emmy")
    key = cli.ok("key", "create", "--user", "emmy").out.strip()
    file = tmp_path / "password"
    file.write_text("rings and ideals\n")
    cli.ok("user", "password", "--from", file, LAMPLIGHTER_API_KEY=key)
    file.write_text("symmetries conserve\n")
    assert "the password now: must be" in cli("user", "password", "--from", file, LAMPLIGHTER_API_KEY=key).err
    file.write_text("symmetries conserve\nrings and ideals\n")
    cli.ok("user", "password", "--from", file, LAMPLIGHTER_API_KEY=key)


def test_a_password_is_never_an_argument(cli: Cli) -> None:
    assert "--from: is needed" in cli.really("user", "password").err
