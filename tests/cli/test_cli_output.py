"""How answers look: on a terminal, in a pipe, when there is nothing to show."""

import re

import pytest
from cli_support import PROGRAM, Cli
from rich.cells import cell_len

from lamplighter.cli.output import table
from running_server import RunningServer

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NAME = "a shop with a name that is long enough to need some room of its own on a line"


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture
def terminal(cli: Cli) -> Cli:
    """Rich takes FORCE_COLOR for a terminal."""
    cli.environment |= {"FORCE_COLOR": "1", "COLUMNS": "80"}
    return cli


def test_nothing_to_show_says_what_to_do_next(cli: Cli) -> None:
    result = cli.ok("agent", "list")
    assert result.out == "ID\tNAME\tVERSION\tKIND\tLAST RUN\tLAST ACTIVITY\n"
    assert "lamplighter agent deploy DIR" in result.err


def test_an_agent_that_never_ran_says_how_to_run_it(cli: Cli, server: RunningServer) -> None:
    server.agent("idle", PROGRAM)
    assert "lamplighter run start idle --follow" in cli.ok("run", "list", "idle").err
    assert "idle has never run" in cli("run", "logs", "idle").err


def test_there_are_no_colours_in_a_pipe(cli: Cli, server: RunningServer) -> None:
    server.agent("plain", PROGRAM)
    result = cli.really("agent", "list")
    assert "plain" in result.out
    assert "\x1b" not in result.out + result.err


def test_there_are_colours_on_a_terminal_unless_they_are_not_wanted(
    terminal: Cli, server: RunningServer
) -> None:
    server.run(server.agent("colour", PROGRAM))
    assert "\x1b[32mCompleted" in terminal.ok("agent", "list").out
    assert "\x1b[32m" not in terminal.ok("agent", "list", NO_COLOR="1").out


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_to_the_width_of_the_terminal(terminal: Cli, server: RunningServer, width: int) -> None:
    name = f"{NAME} {width}"
    server.run(server.agent(name, PROGRAM))
    terminal.ok("schedule", "add", name, "--cron", "0 9 * * 1-5", "--timezone", "America/New_York")
    for command in (("agent", "list"), ("schedule", "list"), ("run", "list", name), ("run", "records", name)):
        out = COLOUR.sub("", terminal.ok(*command, COLUMNS=str(width), TERM="xterm").out)
        assert max(len(line) for line in out.splitlines()) <= width
        assert "…" not in out


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 80, 100, 200])
def test_a_table_is_whole_on_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", str(width))):
        monkeypatch.setenv(name, value)
    rows = [
        [4711, "office-in-the-old-town", "RoundRobin", 12, "1.5 MiB", "rests since 2026-11-22 20:06 +00:00"],
        [4712, "外国の会社", "Sticky", 3, "0 B", "two\nlines"],
    ]

    table(["ID>", "NAME", "ROTATION", "PROXIES>", "TRAFFIC>", "STATE"], rows, wraps=["NAME"])

    out = COLOUR.sub("", capsys.readouterr().out)
    assert max(cell_len(line) for line in out.splitlines()) <= width
    assert "…" not in out
    shown = "".join(out.split())
    for cell in ("4711", "4712", "RoundRobin", "1.5MiB", "外国の会社"):
        assert cell in shown or width < 100, cell
    for word in ["4711", "4712", "rests", "since", "2026-11-22", "20:06", "+00:00", "two", "lines"]:
        assert word in out


def test_rows_that_do_not_fit_are_printed_as_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "24")):
        monkeypatch.setenv(name, value)

    table(["ID>", "NAME", "RECORDS>", "ERRORS>"], [[1, "first", 10, 0], [2, "second", 20, 1]])

    lines = [line.split() for line in COLOUR.sub("", capsys.readouterr().out).splitlines()]
    first = [["ID", "1"], ["NAME", "first"], ["RECORDS", "10"], ["ERRORS", "0"]]
    second = [["ID", "2"], ["NAME", "second"], ["RECORDS", "20"], ["ERRORS", "1"]]
    assert lines == [*first, [], *second]


def test_signs_that_steer_a_terminal_are_not_printed_on_one(terminal: Cli, server: RunningServer) -> None:
    evil = (
        r'print("\x1b]0;owned\x07 \x1b[31mred"); from lamplighter import agent; agent.emit({"a": "\x1b[2J"})'
    )
    server.run(server.agent("evil", evil))
    assert "\x1b]0" not in terminal.ok("run", "logs", "evil").out
    assert "\x1b[2J" not in terminal.ok("run", "records", "evil").out


def test_help_and_version_need_no_server(cli: Cli) -> None:
    cli.environment["LAMPLIGHTER_URL"] = "http://127.0.0.1:9"
    text = cli.ok("--help").out
    for word in ("LAMPLIGHTER_URL", "LAMPLIGHTER_API_KEY", "NO_COLOR", "3  the server cannot be reached"):
        assert word in text
    assert cli.ok("--version").out.startswith("lamplighter ")


def test_every_command_explains_itself(cli: Cli) -> None:
    for group in ("agent", "schedule", "run", "key"):
        listing = cli.ok(group, "--help").out.split("Commands:")[1]
        for line in listing.splitlines():
            if line.strip():
                command, _, text = line.strip().partition(" ")
                assert text.strip(), command
                assert not text.endswith("..."), command
                cli.ok(group, command, "--help")
