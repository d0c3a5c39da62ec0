"""``schedule compare``: a schedule's ledger beside a file of times, on a real server."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_support import Cli, write_agent

from lamplighter.cli.times import zone_of
from running_server import RunningServer, eventually


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture(scope="module")
def due(cli: Cli, server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> datetime:
    """The one due time in the ledger of the schedule "daily" of the agent "shadowed"."""
    cli.ok("agent", "deploy", write_agent(tmp_path_factory.mktemp("agents") / "shadowed"))
    start = (datetime.now().astimezone() + timedelta(seconds=3)).isoformat()
    more = ("--name", "daily", "--every", "day", "--start", start, "--tz", "Europe/Berlin", "--shadow")
    made = cli.ok("schedule", "add", "shadowed", *more, "--json").json
    assert made["isShadow"]
    path = f"/agent/{made['configId']}/schedules/{made['id']}/fires"
    [fire] = eventually(lambda: server.call("GET", path))
    return datetime.fromisoformat(fire["dueTime"])


def compare(cli: Cli, file: Path, *more: str) -> Any:
    return cli("schedule", "compare", "shadowed", "daily", "--times", file, *more)


def test_times_that_are_the_same_are_counted(cli: Cli, due: datetime, tmp_path: Path) -> None:
    file = tmp_path / "times"
    file.write_text(f"{(due + timedelta(seconds=2)).isoformat()}\n2020-01-01T00:00:00Z\n")
    result = compare(cli, file)
    assert result.status == 0, result
    assert result.out.startswith(
        "1 time the same (theirs +2 to +2 seconds), 0 only ours, 0 only theirs, from "
    )
    assert "1 time of theirs lie outside" in result.err


def test_times_that_are_not_the_same_are_shown_and_the_exit_status_says_so(
    cli: Cli, due: datetime, tmp_path: Path
) -> None:
    file = tmp_path / "times"
    file.write_text("2020-01-01T00:00:00Z\n")
    result = compare(cli, file, "--until", "now")
    assert result.status == 1
    assert result.rows[0][1:] == [
        "only ours",
        "in shadow: nothing was started; it would have fired on time",
    ]
    assert "0 times the same, 1 only ours, 0 only theirs" in result.out


def test_the_log_of_cron_is_read_in_the_zone_of_the_schedule(cli: Cli, due: datetime, tmp_path: Path) -> None:
    file = tmp_path / "syslog"
    wall = due.astimezone(zone_of("Europe/Berlin"))
    stamp = f"{wall:%b} {wall.day:>2} {wall:%H:%M:%S}"
    file.write_text(
        f"{stamp} web CRON[7]: (ada) CMD (/opt/a.sh)\n{stamp} web CRON[8]: (ada) CMD (/opt/b.sh)\n"
    )
    assert compare(cli, file).status == 2
    result = compare(cli, file, "--command", "a.sh", "--json", "--tolerance", "2s")
    assert result.status == 0, result
    assert len(result.json["both"]) == 1


def test_without_times_it_is_wrong_usage(cli: Cli, due: datetime) -> None:
    result = cli("schedule", "compare", "shadowed", "daily")
    assert (result.status, "--times FILE or --server URL" in result.err) == (2, True)


def test_a_schedule_in_shadow_says_so_and_leaves_it(cli: Cli, due: datetime) -> None:
    assert "(in shadow)" in cli.ok("schedule", "show", "shadowed", "daily").out
    assert cli.ok("schedule", "why", "shadowed", "daily").rows[0][1] == "shadow"
    assert "(in shadow)" not in cli.ok("schedule", "edit", "shadowed", "daily", "--no-shadow").out
    assert "(in shadow)" in cli.ok("schedule", "edit", "shadowed", "daily", "--shadow").out
