"""Secrets on the command line."""

import io
import os
import pty
import sys
import termios
from pathlib import Path

import pytest
from cli_support import COMMAND, Cli

from running_server import RunningServer, eventually

VALUE = "hunter2 & more"


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def read(terminal: int) -> bytes:
    """Some of what is on the terminal; nothing when the command has ended."""
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""


def names(cli: Cli) -> list[str]:
    return [row[0] for row in cli.ok("secret", "list").rows]


def test_a_secret_is_read_from_a_file_and_never_printed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text(f"{VALUE}\n")

    results = [cli.ok("secret", "set", "FROM_FILE", "--from", file), cli.ok("secret", "list")]

    assert "${secret:FROM_FILE}" in results[0].out
    assert results[1].rows[0][0] == "FROM_FILE"
    assert "hunter2" not in "".join(result.out + result.err for result in results)


def test_a_secret_is_read_from_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{VALUE}\n"))

    assert cli.ok("secret", "set", "FROM_INPUT", "--from", "-", "--json").json["name"] == "FROM_INPUT"


def test_the_value_gets_to_the_agent_without_the_end_of_its_line(
    cli: Cli, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text(f"{VALUE}\r\n")
    cli.ok("secret", "set", "EXACT", "--from", tmp_path / "value")
    agent = server.agent(
        "measures", "from lamplighter import agent\nagent.emit({'length': len(agent.input()['key'])})\n"
    )

    run = server.run(agent, inputParameters='{"key": "${secret:EXACT}"}')

    assert server.call("GET", f"/agent/{agent}/run/{run['id']}/records") == [{"length": len(VALUE)}]
    assert cli.ok("secret", "list").rows


def test_on_a_terminal_the_value_is_asked_for_and_not_shown(cli: Cli) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND[0], [*COMMAND, "secret", "set", "TYPED"], cli.environment)
    # What is typed before the echo is off would be shown by the terminal itself, and thrown away.
    eventually(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
    os.write(terminal, f"{VALUE}\n".encode())
    seen = b"".join(iter(lambda: read(terminal), b""))
    assert os.waitpid(pid, 0)[1] == 0
    os.close(terminal)
    assert b"Value of TYPED" in seen
    assert b"is set" in seen
    assert b"hunter2" not in seen
    assert "TYPED" in names(cli)


def test_where_nobody_can_be_asked_the_value_must_be_read(cli: Cli) -> None:
    result = cli.really("secret", "set", "NOBODY")

    assert (result.status, "--from: is needed" in result.err) == (2, True)


def test_an_empty_value_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("\n")

    result = cli("secret", "set", "EMPTY", "--from", tmp_path / "value")

    assert (result.status, "the value is empty" in result.err) == (2, True)


def test_a_name_that_cannot_be_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "value").write_text(VALUE)

    result = cli("secret", "set", "a/b c", "--from", tmp_path / "value")

    assert result.status in (2, 5)
    assert "a/b c" not in names(cli)


def test_what_uses_a_secret_is_listed_and_keeps_it_from_being_removed(
    cli: Cli, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text(VALUE)
    cli.ok("secret", "set", "USED", "--from", tmp_path / "value")
    agent = server.agent("user of it", "")
    cli.ok(
        "schedule",
        "add",
        agent,
        "--name",
        "daily",
        "--cron",
        "0 9 * * *",
        "--input",
        '{"k": "${secret:USED}"}',
    )

    assert [row[3] for row in cli.ok("secret", "list").rows if row[0] == "USED"] == ["user of it › daily"]
    refused = cli("secret", "remove", "USED", "--yes")
    assert (refused.status, "daily of user of it" in refused.err) == (6, True)

    cli.ok("schedule", "delete", agent, "daily", "--yes")
    assert "is removed" in cli.ok("secret", "remove", "USED", "--yes").out
    assert "USED" not in names(cli)


def test_a_secret_that_is_not_there_cannot_be_removed(cli: Cli) -> None:
    assert cli("secret", "remove", "NEVER", "--yes").status == 5
