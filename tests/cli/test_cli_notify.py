"""``lamplighter notify …`` against a real server."""

from pathlib import Path

from cli_support import Cli

from receivers import HttpReceiver
from running_server import RunningServer


def test_a_notification_from_the_cradle_to_the_grave(server: RunningServer) -> None:
    cli = Cli(server.url)
    agent = server.agent("prices", "")
    server.call(
        "POST", f"/agent/{agent}/schedules", {"name": "morning", "cronExpression": "0 9 * * *"}, expect=201
    )
    with HttpReceiver() as receiver:
        options = ["--on", "failure", "--on", "didNotRun", "--to", receiver.url("s3cret")]
        scope = ["--agent", "prices", "--schedule", "morning", "--within", "30m", "--quiet", "0"]
        made = cli.ok("notify", "add", "ops", *options, *scope)
        assert (
            "failure, didNotRun of morning (schedule 1) of prices (agent 1) to json://127.0.0.1" in made.out
        )
        assert "s3cret" not in made.out + made.err
        assert cli.ok("notify", "list").rows == [
            [
                *("1", "ops", "failure, didNotRun", "morning (schedule 1) of prices (agent 1)"),
                *("json://127.0.0.1", "enabled"),
            ]
        ]
        assert "Of\tmorning (schedule 1) of prices (agent 1)\n" in cli.ok("notify", "show", "ops").out
        assert cli("notify", "add", "ops", "--on", "failure", "--to", "json://h").status != 0
        assert cli.ok("notify", "test", "ops").out == "The test message was delivered.\n"
        assert receiver.titles() == ["Test of the notification ops"]
        receiver.statuses = [500]
        refused = cli("notify", "test", "1")
        assert refused.status == 1
        assert "error=500" in refused.err
    shown = cli.ok("notify", "show", "ops", "--json").json
    assert (shown["withinSeconds"], shown["quietSeconds"], shown["messages"]) == (1800, 0, [])
    assert "Did not run within\t30 min" in cli.ok("notify", "show", "ops").out
    changed = cli.ok("notify", "edit", "ops", "--on", "recovery", "--disable", "--json").json
    assert (changed["events"], changed["isEnabled"]) == (["recovery"], False)
    assert "Did not run" not in cli.ok("notify", "show", "ops").out
    late = cli("notify", "edit", "ops", "--within", "1h")
    assert late.status == 2
    assert "is for didNotRun" in late.err
    cli.ok("notify", "remove", "ops", "--yes")
    assert cli.ok("notify", "list").rows == []
    assert cli("notify", "show", "ops").status == 5


def test_addresses_are_read_from_a_file_where_nobody_sees_them(server: RunningServer, tmp_path: Path) -> None:
    cli = Cli(server.url)
    file = tmp_path / "targets.txt"
    file.write_text("json://u:hunter22@one.example.com\n\njson://two.example.com\n")
    made = cli.ok("notify", "add", "many", "--on", "recovery", "--from", file, "--json").json
    assert made["targets"] == ["json://one.example.com", "json://two.example.com"]
    cli.ok("notify", "remove", made["id"], "-y")


def test_what_is_needed_and_missing_is_said(server: RunningServer) -> None:
    cli = Cli(server.url)
    assert "--on is needed" in cli("notify", "add", "x", "--to", "json://h").err.replace(": ", " ")
    assert "--to is needed" in cli("notify", "add", "x", "--on", "failure").err.replace(": ", " ")
    lonely = cli("notify", "add", "x", "--on", "failure", "--to", "json://h", "--schedule", "1")
    assert lonely.status == 2
    assert "--agent" in lonely.err
    unknown = cli("notify", "add", "x", "--on", "failure", "--to", "nonsense://hunter22")
    assert unknown.status == 2
    assert "hunter22" not in unknown.err
