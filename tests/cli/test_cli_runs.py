"""Runs on the command line."""

import csv
import io
import json
from pathlib import Path

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> int:
    """An agent whose newest run has ended well, with three records."""
    agent = server.agent("shop", PROGRAM)
    server.run(agent)
    return agent


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture
def cli_other(cli: Cli, server: RunningServer, request: pytest.FixtureRequest) -> tuple[Cli, str]:
    """The command line and an agent of the test's own."""
    name = request.node.name
    server.agent(name, PROGRAM)
    return cli, name


def test_a_run_is_started_and_not_waited_for(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    result = cli.ok("run", "start", agent)
    assert f"of {agent}: " in result.out
    assert "run logs" in result.err


def test_waiting_tells_how_it_ended(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    result = cli.ok("run", "start", agent, "--wait")
    assert "ended as Completed: finished; 3 records" in result.out


def test_waiting_for_a_failure_is_status_1(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    result = cli("run", "start", agent, "--wait", "--input", '{"status": 3}')
    assert result.status == 1
    assert "ended as Failure: exit status 3" in result.out


def test_the_input_may_come_from_a_file(cli_other: tuple[Cli, str], tmp_path: Path) -> None:
    cli, agent = cli_other
    (tmp_path / "input.json").write_text('{"count": 5}')
    run = cli.ok("run", "start", agent, "--wait", "--json", "--input", f"@{tmp_path / 'input.json'}").json
    assert run["dataCount"] == 5


def test_all_runs_of_a_parallel_start_are_waited_for(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    given = json.dumps([{"count": 1}, {"count": 2}])
    runs = cli("run", "start", agent, "--wait", "--json", "--parallelism", 2, "--input", given).json
    assert [run["sequence"] for run in runs] == [1, 2]
    assert all(run["endTime"] for run in runs)


def test_following_prints_the_log(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    lines = cli.ok("run", "start", agent, "--follow").out.splitlines()
    assert lines.index("the first line") < lines.index("the last line")
    assert "ended as Completed" in lines[-1]


def test_a_failed_run_is_restarted(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    cli("run", "start", agent, "--wait", "--input", '{"status": 3}')
    assert "is tried again" in cli.ok("run", "restart", agent).out
    cli.ok("run", "logs", agent, "--follow")
    assert (
        "2" in dict(line.split("\t") for line in cli.ok("run", "status", agent).out.splitlines())["Attempt"]
    )


def test_the_newest_run_is_meant_when_none_is_said(cli: Cli, server: RunningServer, shop: int) -> None:
    newest = server.call("GET", f"/agent/{shop}/runs")[0]["id"]
    assert cli.ok("run", "status", shop, "--json").json["id"] == newest
    assert cli.ok("run", "status", shop, newest, "--json").json == server.status(shop, newest)


def test_runs_are_listed_newest_first(cli: Cli, shop: int) -> None:
    row = cli.ok("run", "list", shop).rows[0]
    assert row[1] == "Completed"
    assert row[6] == "finished; 3 records"


def test_the_runs_of_all_agents_are_listed_newest_first(cli: Cli, server: RunningServer, shop: int) -> None:
    other = server.agent("other shop", PROGRAM)
    newest = server.run(other)["id"]
    rows = cli.ok("run", "list", "--limit", 1000).rows
    assert rows[0][:3] == [str(newest), "other shop", "Completed"]
    assert "shop" in {row[1] for row in rows}
    assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    assert len(cli.ok("run", "list", "--limit", 1).rows) == 1


def test_the_settings_of_a_run_are_shown_where_they_are_not_the_usual_ones(
    cli: Cli, server: RunningServer, shop: int
) -> None:
    cli.ok("proxy", "add", "office", "--proxy", "http://127.0.0.1:9")
    cli.ok("group", "add", "here")
    given = (
        *("--exclusive", "--max-retries", 2, "--retry-delay", "90s", "--timeout", "150m", "--priority", 5),
        *(
            "--proxy-pool",
            "office",
            "--server-group",
            "here",
            "--input",
            '{"count": 1}',
            "--log-level",
            "error",
        ),
    )
    run = cli.ok("run", "start", shop, *given, "--json").json["id"]

    told = dict(line.split("\t") for line in cli.ok("run", "status", shop, run).out.splitlines())

    assert (
        told
        | {
            "Input": '{"count": 1}',
            "Exclusive": "yes",
            "Tried again": "2 times, after a wait",
            "Retry delay": "90 seconds",
            "Time-out": "150 minutes",
            "Proxy pool": "office (id 1)",
            "Server group": "here (id 1)",
            "Priority": "5",
            "Log": "Error, Text",
        }
        == told
    )
    cli.ok("run", "stop", shop, run)
    plain = server.run(shop)["id"]
    told = dict(line.split("\t") for line in cli.ok("run", "status", shop, plain).out.splitlines())
    assert not told.keys() & {"Input", "Exclusive", "Tried again", "Retry delay", "Proxy pool", "Log"}


def test_an_input_file_that_is_not_there_is_told_with_its_option(cli: Cli, shop: int) -> None:
    result = cli("run", "start", shop, "--input", "@/nope")
    assert result.status == 2
    assert result.err == "Error: --input: '/nope' cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("run", "start", "shop", "--export", "foo"), "'--export': 'foo' is not one of"),
        (("run", "list", "shop", "--limit", "x"), "'--limit' / '-n': must be a whole number"),
        (("run", "list", "shop", "--limit", "0"), "'--limit' / '-n': must be at least 1"),
        (("run", "start", "shop", "--parallelism", "0"), "--parallelism: must be 1 to 50"),
        (("run", "start", "shop", "--priority", "5000"), "--priority: must be -1,000 to 1,000"),
        (("retention", "set", "--runs-days", "99999"), "--runs-days: must be at most 36500"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_by_its_name(
    cli: Cli, shop: int, given: tuple[str, ...], told: str
) -> None:
    result = cli(*given)
    assert (result.status, told in result.err) == (2, True), result.err
    for foreign in ("Value error", "Input should"):
        assert foreign not in result.err


def test_the_log_is_printed(cli: Cli, server: RunningServer, shop: int) -> None:
    run = server.call("GET", f"/agent/{shop}/runs")[0]["id"]
    assert cli.ok("run", "logs", "shop").out == server.log(shop, run)


def test_records_are_json_lines_where_no_terminal_is(cli: Cli, shop: int) -> None:
    lines = cli.ok("run", "records", shop).out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1, 2]


def test_records_as_csv_quote_what_must_be_quoted(cli: Cli, shop: int) -> None:
    rows = list(csv.reader(io.StringIO(cli.ok("run", "records", shop, "--format", "csv").out)))
    assert rows[:2] == [["number", "title", "tags"], ["0", "Book, the 0th", '["a", "b"]']]


def test_records_as_a_table_and_as_json(cli: Cli, server: RunningServer, shop: int) -> None:
    assert cli.ok("run", "records", shop, "--format", "table").rows[2][1] == "Book, the 2th"
    run = server.call("GET", f"/agent/{shop}/runs")[0]["id"]
    assert cli.ok("run", "records", shop, "--json").json == server.call(
        "GET", f"/agent/{shop}/run/{run}/records"
    )


def test_records_are_limited_and_the_rest_is_counted(cli: Cli, shop: int) -> None:
    assert len(cli.ok("run", "records", shop, "--limit", 2).out.splitlines()) == 2
    assert "2 of 3 records" in cli.ok("run", "records", shop, "--limit", 2, "--format", "table").err


def test_files_are_listed_and_downloaded(cli: Cli, shop: int, tmp_path: Path) -> None:
    names = [row[1] for row in cli.ok("run", "files", shop).rows]
    cli.ok("run", "download", shop, "--to", tmp_path / "all")
    assert sorted(names) == sorted(path.name for path in (tmp_path / "all").iterdir())
    lines = (tmp_path / "all" / "records.jsonl").read_text().splitlines()
    assert len(lines) == 3


def test_a_download_never_replaces_a_file_unasked(cli: Cli, shop: int, tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("mine")
    one = ("run", "download", shop, "--file", "records.csv", "--to", tmp_path)
    assert cli(*one).status == 6
    assert (tmp_path / "records.csv").read_text() == "mine"
    cli.ok(*one, "--force")
    assert (tmp_path / "records.csv").read_text().startswith("number,title")


def test_a_file_that_is_not_there_is_answered_with_those_that_are(cli: Cli, shop: int) -> None:
    result = cli("run", "download", shop, "--file", "nope.txt")
    assert result.status == 5
    assert "it has: " in result.err
    assert "records.jsonl" in result.err


def test_stopping_a_run_that_has_ended_is_a_conflict(cli: Cli, shop: int) -> None:
    result = cli("run", "stop", shop)
    assert (result.status, "has ended already: Completed" in result.err) == (6, True)


def test_a_removed_run_is_gone(cli_other: tuple[Cli, str]) -> None:
    cli, agent = cli_other
    cli.ok("run", "start", agent, "--wait")
    cli.ok("run", "delete", agent, "--yes")
    assert cli("run", "status", agent).status == 5
