"""Schedules on the command line."""

import json

import pytest
from cli_support import PROGRAM, Cli

from running_server import RunningServer


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> str:
    server.agent("shop", PROGRAM)
    return "shop"


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def test_a_cron_schedule_is_added_and_told_in_words(cli: Cli, shop: str) -> None:
    result = cli.ok("schedule", "add", shop, "--cron", "0 9 * * 1,4", "--timezone", "America/New_York")
    assert "At 09:00" in result.out
    assert " 09:00 -0" in result.out.splitlines()[1]


@pytest.mark.parametrize(
    ("typed", "count", "period"), [("30 minutes", 30, 1), ("2h", 2, 2), ("day", 1, 3), ("3 months", 3, 5)]
)
def test_an_interval_is_read_as_people_write_it(
    cli: Cli, shop: str, typed: str, count: int, period: int
) -> None:
    made = cli.ok("schedule", "add", shop, "--every", typed, "--json").json
    assert (made["scheduleType"], made["runEveryCount"], made["runEveryPeriod"]) == (2, count, period)
    assert made["name"] == f"every {typed}"


def test_a_single_time_is_read_in_the_schedules_timezone(cli: Cli, shop: str) -> None:
    at = ("--at", "2199-07-01 9:00", "--timezone", "Europe/Berlin")
    made = cli.ok("schedule", "add", shop, *at, "--json").json
    assert (made["scheduleType"], made["startTime"]) == (1, "2199-07-01T07:00:00Z")


def test_all_settings_arrive(cli: Cli, shop: str) -> None:
    given = (
        *("--manual", "--name", "full", "--disabled", "--input", '[{"a": 1}, {"a": 2}]', "--parallelism", 2),
        *(
            "--max-concurrency",
            1,
            "--export",
            "separated",
            "--log-level",
            "warning",
            "--log-mode",
            "textandhtml",
        ),
        *(
            "--exclusive",
            "--wait-on-failure",
            "--max-retries",
            4,
            "--retry-delay",
            "90s",
            "--timeout",
            "1 hour",
        ),
        *("--priority", 5, "--jitter", "5m", "--catch-up", "all", "--catch-up-window", "2 days"),
        *("--dst-gap", "skip", "--dst-overlap", "both", "--exclude", "2199-12-24", "--exclude", "2199-12-25"),
    )
    made = cli.ok("schedule", "add", shop, *given, "--json").json
    wanted = {
        "scheduleType": 0, "name": "full", "isEnabled": False, "inputParameters": '[{"a": 1}, {"a": 2}]',
        "parallelism": 2, "parallelMaxConcurrency": 1, "parallelExport": "Separated", "logLevel": "Warning",
        "logMode": "TextAndHtml", "isExclusive": True, "isWaitOnFailure": True, "maxRetries": 4,
        "retryDelaySeconds": 90, "timeoutSeconds": 3600, "priority": 5, "jitterSeconds": 300, "catchUp": "all",
        "catchUpWindowSeconds": 172_800, "dstGap": "skip", "dstOverlap": "both",
        "excludedDates": ["2199-12-24", "2199-12-25"],
    }  # fmt: skip
    assert {name: made[name] for name in wanted} == wanted


def test_mistakes_are_told_by_the_names_of_the_options(cli: Cli, shop: str) -> None:
    result = cli("schedule", "add", shop, "--cron", "61 9 * * *", "--timezone", "Europe/Berln")
    assert result.status == 2
    assert "Error: --cron: minute: '61' is out of range" in result.err
    assert "Error: --timezone: 'Europe/Berln' is not a timezone; did you mean Europe/Berlin" in result.err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "say when: --cron"),
        (("--cron", "@daily", "--every", "2h"), "--cron and --every exclude each other"),
        (("--every", "fortnight"), "--every: 'fortnight' is not an interval"),
        (("--at", "nine"), "--at: 'nine' is not a time"),
        (("--at", "2020-01-01 9:00"), "at least one minute in the future"),
        (("--cron", "@daily", "--exclude", "24.12."), "--exclude: '24.12.' is not a date"),
        (("--cron", "@daily", "--jitter", "some"), "--jitter: 'some' is not a duration"),
        (("--cron", "@daily", "--input", "{"), "--input: is not valid JSON"),
    ],
)
def test_wrong_options_are_refused_with_what_would_be_right(
    cli: Cli, shop: str, given: tuple[str, ...], told: str
) -> None:
    result = cli("schedule", "add", shop, *given)
    assert result.status == 2
    assert told in result.err
    assert "Traceback" not in result.err


def test_a_preview_shows_what_daylight_saving_does(cli: Cli) -> None:
    given = ("--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--after", "2026-10-24 12:00", "-n", 2)
    first, second = cli.ok("schedule", "preview", *given).rows
    assert first[0] == "Sun 2026-10-25 02:30"
    assert "happens twice" in first[3]
    assert second[3] == ""


def test_schedules_of_all_agents_are_listed_when_none_is_said(cli: Cli, server: RunningServer) -> None:
    server.agent("second shop", PROGRAM)
    cli.ok("schedule", "add", "second shop", "--cron", "@hourly", "--name", "mine")
    rows = cli.ok("schedule", "list").rows
    assert ["second shop", "mine"] in [[row[0], row[2]] for row in rows]
    assert [row[1] for row in cli.ok("schedule", "list", "second shop").rows] == ["mine"]


def test_a_schedule_is_switched_off_and_on(cli: Cli, shop: str) -> None:
    cli.ok("schedule", "add", shop, "--cron", "@hourly", "--name", "switched")
    cli.ok("schedule", "disable", shop, "switched")
    assert [row[3] for row in cli.ok("schedule", "list", shop).rows if row[1] == "switched"] == ["disabled"]
    assert "Next fire: " in cli.ok("schedule", "enable", shop, "switched").out


def test_an_edit_keeps_what_is_not_said(cli: Cli, shop: str) -> None:
    cli.ok("schedule", "add", shop, "--cron", "0 9 * * *", "--name", "edited", "--max-retries", 2)
    changed = cli.ok("schedule", "edit", shop, "edited", "--cron", "0 10 * * *", "--json").json
    assert (changed["cronExpression"], changed["maxRetries"], changed["name"]) == ("0 10 * * *", 2, "edited")
    assert "At 10:00" in cli.ok("schedule", "show", shop, "edited").out


def test_all_that_is_set_is_shown_with_names_for_pool_and_group(cli: Cli, shop: str) -> None:
    cli.ok("proxy", "add", "office", "--proxy", "http://127.0.0.1:9")
    cli.ok("group", "add", "eu")
    given = (
        *("--every", "2h", "--end", "2199-01-01", "--timezone", "Europe/Berlin", "--exclude", "2198-12-24"),
        *("--jitter", "90s", "--catch-up", "all", "--catch-up-window", "36h", "--input", '{"count": 1}'),
        *("--parallelism", 2, "--max-concurrency", 1, "--export", "separated", "--exclusive"),
        *("--max-retries", 2, "--retry-delay", "150s", "--timeout", "90m", "--priority", 5),
        *("--proxy-pool", "office", "--server-group", "eu", "--log-level", "error"),
        *("--log-mode", "textandhtml"),
    )
    cli.ok("schedule", "add", shop, "--name", "full of settings", *given)

    told = dict(line.split("\t") for line in cli.ok("schedule", "show", shop, "full of").out.splitlines())

    assert (
        told
        | {
            "Timezone": "Europe/Berlin",
            "End": "2199-01-01 00:00 +01:00",
            "Excluded days": "2198-12-24",
            "Jitter": "90 seconds",
            "Missed fires": "all, within 36 hours",
            "Input": '{"count": 1}',
            "Parallel runs": "2, export separated",
            "At the same time": "1",
            "Exclusive": "yes",
            "Tried again": "2 times, after a wait",
            "Retry delay": "150 seconds",
            "Time-out": "90 minutes",
            "Proxy pool": "office (id 1)",
            "Server group": "eu (id 1)",
            "Priority": "5",
            "Log": "Error, TextAndHtml",
        }
        == told
    )


def test_an_edit_without_any_change_is_wrong_usage(cli: Cli, shop: str) -> None:
    cli.ok("schedule", "add", shop, "--manual", "--name", "unchanged")
    result = cli("schedule", "edit", shop, "unchanged")
    assert (result.status, "say what to change" in result.err) == (2, True)


def test_a_schedule_is_deleted(cli: Cli, shop: str) -> None:
    made = cli.ok("schedule", "add", shop, "--cron", "@hourly", "--name", "deleted", "--json").json
    cli.ok("schedule", "delete", shop, made["id"], "--yes")
    assert cli("schedule", "show", shop, made["id"]).status == 5


def test_run_now_uses_the_settings_of_the_schedule(cli: Cli, server: RunningServer, shop: str) -> None:
    given = json.dumps({"count": 7})
    made = cli.ok("schedule", "add", shop, "--manual", "--name", "now", "--input", given, "--json").json
    run = cli.ok("schedule", "run", shop, "now", "--json").json
    assert run["scheduleId"] == made["id"]
    assert server.ended(made["configId"], run["id"])["dataCount"] == 7
