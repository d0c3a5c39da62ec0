"""Why did it, or did it not, run at nine?"""

from datetime import UTC, datetime, timedelta

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer, eventually


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> int:
    return server.agent("shop", PROGRAM)


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture(scope="module")
def fired(server: RunningServer, shop: int) -> datetime:
    """The due time at which the schedule ``soon`` has fired; its run has ended."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    Cli(server.url).ok(
        "schedule", "add", shop, "--every", "7 hours", "--start", due.isoformat(), "--name", "soon"
    )
    run = eventually(lambda: server.call("GET", f"/agent/{shop}/runs"))[0]
    server.ended(shop, run["id"])
    return due


def test_a_due_time_that_fired_is_told_with_its_run(cli: Cli, shop: int, fired: datetime) -> None:
    answer = dict(
        line.split("\t") for line in cli.ok("schedule", "why", shop, "soon", fired).out.splitlines()
    )
    assert (answer["Outcome"], answer["Reason"]) == ("fired", "fired on time")
    assert "Completed, 3 records" in answer["Run"]


def test_the_minute_is_enough(cli: Cli, shop: int, fired: datetime) -> None:
    assert "fired on time" in cli.ok("schedule", "why", shop, "soon", f"{fired:%Y-%m-%d %H:%M}").out


def test_a_whole_day_is_answered_by_its_due_times(cli: Cli, shop: int, fired: datetime) -> None:
    assert "fired on time" in cli.ok("schedule", "why", shop, "soon", f"{fired:%Y-%m-%d}").out


def test_without_a_time_the_newest_due_times_are_listed(cli: Cli, shop: int, fired: datetime) -> None:
    [row] = cli.ok("schedule", "why", shop, "soon").rows
    assert row[0] == f"{fired:%Y-%m-%d %H:%M:%S} +00:00" or fired.second == 0
    assert row[1] == "fired"


def test_the_answer_as_json_has_the_rows_of_the_ledger(
    cli: Cli, server: RunningServer, shop: int, fired: datetime
) -> None:
    answer = cli.ok("schedule", "why", shop, "soon", fired, "--json").json
    path = f"/agent/{shop}/schedules/{answer['schedule']['id']}/fires"
    assert answer["fires"] == server.call("GET", path)
    assert [run["id"] for run in answer["runs"]] == answer["fires"][0]["runIds"]


def test_a_time_that_is_no_due_time_has_its_neighbours_told(cli: Cli, shop: int, fired: datetime) -> None:
    other = fired + timedelta(seconds=1)
    out = cli.ok("schedule", "why", shop, "soon", other).out
    assert "is not a due time" in out
    assert f"before: {fired:%Y-%m-%d %H:%M}" in out
    assert f"after:  {fired + timedelta(hours=7):%Y-%m-%d %H:%M}" in out


def test_a_time_to_come_is_told_as_such(cli: Cli, shop: int) -> None:
    cli.ok("schedule", "add", shop, "--cron", "0 9 * * *", "--name", "nine")
    out = cli.ok("schedule", "why", shop, "nine", "tomorrow", "9:00").out
    assert "is still to come" in out
    assert "it is due then" in out


def test_a_disabled_schedule_is_the_reason(cli: Cli, shop: int) -> None:
    cli.ok("schedule", "add", shop, "--cron", "0 9 * * *", "--name", "off", "--disabled")
    assert "the schedule is disabled" in cli.ok("schedule", "why", shop, "off", "tomorrow 9:00").out


def test_a_time_before_the_schedule_was_there_is_told_as_such(cli: Cli, shop: int) -> None:
    cli.ok("schedule", "add", shop, "--cron", "0 9 * * *", "--name", "young")
    out = cli.ok("schedule", "why", shop, "young", "2020-03-01 9:00").out
    assert "did not exist then: it was created at" in out


def test_a_schedule_without_a_trigger_never_fires(cli: Cli, shop: int) -> None:
    cli.ok("schedule", "add", shop, "--manual", "--name", "hand")
    assert "never fires by itself" in cli.ok("schedule", "why", shop, "hand", "yesterday 9:00").out
    assert "lamplighter schedule run" in cli.ok("schedule", "why", shop, "hand").err


def test_a_wall_time_that_the_clocks_jump_over_is_explained(cli: Cli, shop: int) -> None:
    given = ("--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--name", "gap")
    cli.ok("schedule", "add", shop, *given)
    out = cli.ok("schedule", "why", shop, "gap", "2199-03-31 2:30").out
    assert "2:30 did not exist on 2199-03-31: the clocks jumped to 03:00" in out
    assert "2199-03-31 03:00 +02:00 is still to come" in out


def test_a_time_that_cannot_be_read_is_a_wrong_usage(cli: Cli, shop: int) -> None:
    cli.ok("schedule", "add", shop, "--manual", "--name", "any")
    result = cli("schedule", "why", shop, "any", "nine")
    assert (result.status, "WHEN: 'nine' is not a time" in result.err) == (2, True)
