"""Server groups on the command line."""

import signal
from pathlib import Path

import pytest
from cli_support import Cli, end_of

from lamplighter.config import Settings
from lamplighter.errors import InvalidInput
from running_server import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_group_is_added_changed_listed_and_removed(cli: Cli) -> None:
    made = cli.ok("group", "add", "asia", "--description", "far away", "--json").json
    assert ["asia", "nobody", "far away"] in [row[1:] for row in cli.ok("group", "list").rows]
    cli.ok("group", "edit", "asia", "--name", "east")
    assert ["east", "nobody", "far away"] in [row[1:] for row in cli.ok("group", "list").rows]
    assert f"Server group {made['id']} (east) is removed" in cli.ok("group", "remove", "east", "--yes").out
    assert cli("group", "remove", made["id"], "--yes").status == 5


def test_a_group_of_a_known_name_is_a_conflict(cli: Cli) -> None:
    cli.ok("group", "add", "twice")
    assert cli("group", "add", "twice").status == 6


def test_a_schedule_whose_group_nobody_serves_warns(cli: Cli, server: RunningServer) -> None:
    server.agent("warned", "")
    group = cli.ok("group", "add", "nowhere", "--json").json["id"]
    words = ("schedule", "add", "warned", "--name", "s", "--cron", "0 9 * * *", "--server-group", group)
    warning = "no live server serves it (start one with lamplighter up --group nowhere)"
    assert warning in cli.ok(*words).err
    assert warning in cli.ok("schedule", "list", "warned").err
    shown = cli.ok("schedule", "show", "warned", "s")
    assert warning in shown.err
    assert f"Server group\tnowhere (id {group})\n" in shown.out
    assert "nowhere" in cli("group", "remove", "nowhere", "--yes").err


def test_a_change_of_a_group_without_any_change_is_wrong_usage(cli: Cli) -> None:
    cli.ok("group", "add", "unchanged")
    result = cli("group", "edit", "unchanged")
    assert (result.status, result.err) == (2, "Error: say what to change: --name or --description\n")


def test_a_start_for_a_group_that_nobody_serves_says_that_it_waits(cli: Cli, server: RunningServer) -> None:
    server.agent("far", "")
    cli.ok("group", "add", "far away")
    result = cli.ok("run", "start", "far", "--server-group", "far away")
    why = "Queuing: waits for a server of the group 'far away': no live server serves it"
    assert why in result.out
    assert "is started" not in result.out + result.err
    assert "RUN\tSTATUS\tSTARTED" in cli.ok("run", "list", "far").out
    assert [row[1:4] for row in cli.ok("run", "list", "far").rows] == [["Queuing", "–", ""]]
    cli.ok("schedule", "add", "far", "--manual", "--name", "m", "--server-group", "far away")
    assert why in cli.ok("schedule", "run", "far", "m").out


def test_who_waits_for_a_run_that_waits_is_told_why(cli: Cli, server: RunningServer) -> None:
    agent = server.agent("waited", "")
    cli.ok("group", "add", "moon")
    with cli.start("run", "start", "waited", "--wait", "--server-group", "moon") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        run = server.call("GET", f"/agent/{agent}/runs")[0]["id"]
        cli.ok("run", "stop", agent, run)
        out, _ = end_of(process)
    assert said.startswith(f"Run {run} of waited: Queuing: waits for a server of the group 'moon'")
    assert (process.returncode, "ended as Stopped" in out) == (1, True)


def test_the_servers_are_listed(cli: Cli) -> None:
    [row] = cli.ok("server", "list").rows
    assert row[2:] == ["live", "0 of 4", "", ""]


def test_a_server_that_is_drained_takes_nothing_until_it_may_again(cli: Cli, server: RunningServer) -> None:
    [name] = [row[1] for row in cli.ok("server", "list").rows]
    agent = server.agent("drained", "")
    assert "takes nothing new. It has 0 runs." in cli.ok("server", "drain", name).out
    assert cli.ok("server", "drain", name).status == 0, "again, which changes nothing"
    assert cli.ok("server", "list").rows[0][2].startswith("draining since ")
    run = cli.ok("run", "start", "drained", "--json").json["runId"]
    queue = cli.ok("group", "queues", "--json").json[0]
    assert (queue["queued"], queue["places"], queue["live"], queue["draining"]) == (1, 0, [], [name])
    assert cli.ok("group", "queues").rows[0][-1] == f"nobody; draining: {name}"
    assert "takes runs again" in cli.ok("server", "undrain", name).out
    assert server.ended(agent, run)["status"] == 9
    assert cli("server", "drain", "nobody").status == 5


def test_a_server_says_which_groups_it_serves_and_makes_them(tmp_path: Path) -> None:
    cli = Cli("", LAMPLIGHTER_DATA=str(tmp_path), LAMPLIGHTER_BOOTSTRAP_KEY="sk-known")
    with cli.start("up", "--port", 0, "--group", "eu,us", "--group", "night shift") as up:
        assert up.stdout is not None
        url = up.stdout.readline().removeprefix("Lamplighter is ready at ").strip()
        said = up.stdout.readline()
        served = {"LAMPLIGHTER_URL": url, "LAMPLIGHTER_API_KEY": "sk-known"}
        groups = cli.ok("group", "list", "--json", **served).json
        up.send_signal(signal.SIGTERM)
        end_of(up)
    assert "server groups eu, us, night shift" in said
    assert [(g["name"], len(g["servers"])) for g in groups] == [("eu", 1), ("night shift", 1), ("us", 1)]


def test_names_of_groups_are_separated_by_commas(tmp_path: Path) -> None:
    assert Settings.read({}, data=tmp_path, groups=[" eu , us", "eu", "a b"]).groups == ("eu", "us", "a b")
    assert Settings.read({}, data=tmp_path).groups == ()


@pytest.mark.parametrize("text", ["", "eu,", ",", "x" * 201, "a\0b"])
def test_a_name_that_no_group_can_have_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="--group"):
        Settings.read({}, data=tmp_path, groups=[text])
