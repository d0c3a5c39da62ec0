"""Changing schedules: PUT, enable and disable. Nothing of it ever fires the past."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_helpers import field_errors, in_future, instant, json_text, problem_of, unique

from running_server import RunningServer, eventually


@pytest.fixture(scope="module")
def path(server: RunningServer) -> str:
    return f"/agent/{server.agent('changing', '')}/schedules"


def create(server: RunningServer, path: str, **body: Any) -> dict[str, Any]:
    schedule: dict[str, Any] = server.call("POST", path, {"name": unique("s"), **body}, expect=201)
    return schedule


def change(server: RunningServer, path: str, schedule: Mapping[str, Any], /, **body: Any) -> dict[str, Any]:
    changed: dict[str, Any] = server.call("PUT", f"{path}/{schedule['id']}", body)
    assert server.call("GET", f"{path}/{schedule['id']}") == changed
    return changed


def without(schedule: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in schedule.items() if name not in names}


FULL = {
    "cronExpression": "30 4 * * 1-5",
    "localSchedule": "before work",
    "timezone": "Europe/Berlin",
    "startTime": "2190-01-01T00:00:00Z",
    "endTime": "2191-01-01T00:00:00Z",
    "inputParameters": json_text([{"a": 1}]),
    "parallelism": 4,
    "parallelMaxConcurrency": 2,
    "parallelExport": "Separated",
    "logLevel": "Error",
    "logMode": "TextAndHtml",
    "isExclusive": True,
    "isWaitOnFailure": True,
    "isEnabled": False,
    "jitterSeconds": 9,
    "catchUp": "all",
    "catchUpWindowSeconds": 77,
    "maxRetries": 1,
    "retryDelaySeconds": 5,
    "timeoutSeconds": 50,
    "priority": 3,
    "dstGap": "skip",
    "dstOverlap": "second",
    "excludedDates": ["2190-05-01"],
}


def test_what_is_not_sent_keeps_its_value(server: RunningServer, path: str) -> None:
    before = create(server, path, **FULL)

    after = change(server, path, before, name="renamed")

    assert after["name"] == "renamed"
    assert without(after, "name", "updated") == without(before, "name", "updated")
    assert instant(after["updated"]) >= instant(before["updated"])


def test_null_keeps_the_value_too(server: RunningServer, path: str) -> None:
    before = create(server, path, **FULL)

    after = change(server, path, before, name=before["name"], **dict.fromkeys(FULL))

    assert without(after, "updated") == without(before, "updated")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cronExpression", "0 5 * * *"),
        ("timezone", "Asia/Tokyo"),
        ("inputParameters", '{"b": 2}'),
        ("parallelism", 7),
        ("isExclusive", False),
        ("isEnabled", True),
        ("catchUp", "none"),
        ("excludedDates", []),
        ("jitterSeconds", 0),
        ("priority", 0),
        ("localSchedule", "another text"),
        ("endTime", "2192-01-01T00:00:00Z"),
    ],
)
def test_what_is_sent_is_changed(server: RunningServer, path: str, name: str, value: object) -> None:
    before = create(server, path, **FULL)

    after = change(server, path, before, **{"name": before["name"], name: value})

    assert after[name] == value


@pytest.mark.parametrize("body", [{}, {"cronExpression": "0 5 * * *"}, {"name": None}])
def test_a_change_requires_the_name(server: RunningServer, path: str, body: dict[str, Any]) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")

    answer = server.http.put(f"{path}/{schedule['id']}", json=body)

    assert "required" in field_errors(answer)["name"]
    assert server.call("GET", f"{path}/{schedule['id']}") == schedule


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        {"cronExpression": "0 9 * * *"},
        {"runEveryCount": 3, "runEveryPeriod": 5, "timezone": "Europe/Berlin"},
        {"runEveryCount": 3, "runEveryPeriod": 0, "startTime": "2190-01-01T00:00:00.123Z"},
        {"startTime": "2190-01-01T00:00:00Z"},
        {"scheduleType": 0},
    ],
)
def test_the_whole_object_can_be_put_back(server: RunningServer, path: str, body: dict[str, Any]) -> None:
    before = create(server, path, **body)

    after = change(server, path, before, **before)

    assert without(after, "updated") == without(before, "updated")


def test_a_finished_run_once_schedule_can_be_put_back(server: RunningServer, path: str) -> None:
    schedule = create(server, path, startTime=in_future(days=1))
    move_into_the_past(server, schedule["id"])

    def finished() -> dict[str, Any] | None:
        now: dict[str, Any] = server.call("GET", f"{path}/{schedule['id']}")
        return now if now["nextRunTime"] is None else None

    before = eventually(finished)
    assert instant(before["startTime"]) < datetime.now(UTC)
    ledger = server.call("GET", f"{path}/{schedule['id']}/fires")
    assert [row["outcome"] for row in ledger] == ["late"], "a one-off is never lost"

    after = change(server, path, before, **before)

    assert without(after, "updated") == without(before, "updated")
    assert server.call("GET", f"{path}/{schedule['id']}/fires") == ledger


def move_into_the_past(server: RunningServer, schedule_id: int) -> None:
    """Let the server find a RunOnce that came due an hour ago, while it was not running."""
    server.stop()
    due = int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)
    database = sqlite3.connect(server.data / "lamplighter.db")
    with database:
        database.execute(
            "UPDATE schedules SET start_time = ?1, anchor = ?1, next_due = ?1, fire_at = ?1,"
            " decided_until = ?1 - 1 WHERE id = ?2",
            (due, schedule_id),
        )
    database.close()
    server.start()


def test_a_run_every_schedule_whose_start_has_passed_can_be_put_back(
    server: RunningServer, path: str
) -> None:
    start = in_future(seconds=3)
    schedule = create(server, path, runEveryCount=10, runEveryPeriod=3, startTime=start)

    def fired() -> list[Any]:
        rows: list[Any] = server.call("GET", f"{path}/{schedule['id']}/fires")
        return rows

    assert [row["dueTime"] for row in eventually(fired)] == [start]
    before = server.call("GET", f"{path}/{schedule['id']}")
    assert instant(before["nextRunTime"]) == instant(start) + timedelta(days=10)

    after = change(server, path, before, **before)

    assert without(after, "updated") == without(before, "updated")


def test_the_generated_text_follows_the_trigger_after_it_was_put_back(
    server: RunningServer, path: str
) -> None:
    before = create(server, path, cronExpression="0 9 * * *")
    change(server, path, before, **before)

    after = change(server, path, before, **{**before, "cronExpression": "0 17 * * *"})

    assert "17:00" in after["localSchedule"]


def test_an_own_text_stays_when_the_trigger_changes(server: RunningServer, path: str) -> None:
    before = create(server, path, cronExpression="0 9 * * *", localSchedule="for the boss")

    after = change(server, path, before, name="x", cronExpression="0 17 * * *")

    assert after["localSchedule"] == "for the boss"


def test_the_type_can_be_changed(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")

    every = change(server, path, schedule, name="x", scheduleType=2, runEveryCount=3, runEveryPeriod=2)
    assert every["schedule"] is None
    assert every["cronExpression"] is None
    assert every["runEveryCount"] == 3
    assert instant(every["nextRunTime"]) > datetime.now(UTC)

    never = change(server, path, schedule, name="x", scheduleType=0)
    assert never["nextRunTime"] is None

    again = change(server, path, schedule, name="x", scheduleType=3, cronExpression="0 9 * * *")
    assert again["nextRunTime"] == schedule["nextRunTime"]


def test_a_change_to_run_once_needs_a_start_to_come(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *", startTime="2020-01-01T00:00:00Z")

    answer = server.http.put(f"{path}/{schedule['id']}", json={"name": "x", "scheduleType": 1})

    assert "one minute in the future" in field_errors(answer)["startTime"]


def test_a_new_start_may_not_lie_in_the_past(server: RunningServer, path: str) -> None:
    schedule = create(server, path, runEveryCount=1, runEveryPeriod=3)

    answer = server.http.put(
        f"{path}/{schedule['id']}", json={"name": "x", "startTime": "2020-01-01T00:00:00Z"}
    )

    assert "future" in field_errors(answer)["startTime"]
    assert server.call("GET", f"{path}/{schedule['id']}") == schedule


def test_a_change_keeps_the_input_that_the_agent_requires(server: RunningServer) -> None:
    agent = server.agent(unique("picky"), "", "[inputs.url]\nrequired = true\n")
    path = f"/agent/{agent}/schedules"
    schedule = create(server, path, cronExpression="0 9 * * *", inputParameters='{"url": "x"}')

    after = change(server, path, schedule, name="renamed")

    assert after["inputParameters"] == '{"url": "x"}'


def test_a_refused_change_changes_nothing(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")

    answer = server.http.put(
        f"{path}/{schedule['id']}", json={"name": "other", "parallelism": 3, "timezone": "Nowhere"}
    )

    field_errors(answer)
    assert server.call("GET", f"{path}/{schedule['id']}") == schedule


# --- enable and disable ---


def switch(server: RunningServer, path: str, schedule: Mapping[str, Any], word: str) -> dict[str, Any]:
    assert server.call("POST", f"{path}/{schedule['id']}/{word}", expect=204) is None
    switched: dict[str, Any] = server.call("GET", f"{path}/{schedule['id']}")
    return switched


def test_a_disabled_schedule_is_not_due_and_an_enabled_one_is_again(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")

    off = switch(server, path, schedule, "disable")
    assert (off["isEnabled"], off["nextRunTime"]) == (False, None)

    on = switch(server, path, schedule, "enable")
    assert (on["isEnabled"], on["nextRunTime"]) == (True, schedule["nextRunTime"])


@pytest.mark.parametrize(("word", "enabled"), [("enable", True), ("disable", False)])
def test_switching_twice_is_switching_once(
    server: RunningServer, path: str, word: str, enabled: bool
) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *", isEnabled=not enabled)

    once = switch(server, path, schedule, word)
    twice = switch(server, path, schedule, word)

    assert once["isEnabled"] is enabled
    assert twice == once


@pytest.mark.parametrize("word", ["enable", "disable", "run"])
def test_an_unknown_schedule_cannot_be_switched(server: RunningServer, path: str, word: str) -> None:
    problem_of(server.http.post(f"{path}/999999/{word}"), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"cronExpression": "* * * * *"},
        {"cronExpression": "* * * * *", "startTime": "2020-01-01T00:00:00Z"},
        {"runEveryCount": 1, "runEveryPeriod": 1},
        {"timezone": "Asia/Kolkata"},
    ],
)
def test_a_change_never_fires_the_past(server: RunningServer, path: str, body: dict[str, Any]) -> None:
    schedule = create(server, path, cronExpression="0 0 1 1 *", isEnabled=False)
    kind = 2 if "runEveryCount" in body else 3

    before = datetime.now(UTC)
    after = change(server, path, schedule, name="x", scheduleType=kind, isEnabled=True, **body)

    assert instant(after["nextRunTime"]) > before
    server.call("POST", f"{path}/{schedule['id']}/disable", expect=204)
    missed = [
        row
        for row in server.call("GET", f"{path}/{schedule['id']}/fires")
        if instant(row["dueTime"]) <= before
    ]
    assert missed == []


def test_what_is_given_for_another_type_makes_it_that_type(server: RunningServer, path: str) -> None:
    made = server.call("POST", path, {"name": "s", "cronExpression": "0 9 * * *"}, expect=201)
    own = f"{path}/{made['id']}"
    changed = server.call("PUT", own, {"name": "s", "runEveryCount": 2, "runEveryPeriod": 3})
    assert (changed["scheduleType"], changed["runEveryCount"], changed["runEveryPeriod"]) == (2, 2, 3)
    assert changed["localSchedule"].startswith("Every 2 days")
    again = server.call("PUT", own, {"name": "s", "startTime": "2190-03-01T09:00:00Z"})
    assert again["scheduleType"] == 2
    assert server.call("PUT", own, {"name": "s", "cronExpression": "0 8 * * *"})["scheduleType"] == 3


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_text_of_a_schedule_goes_back_to_the_one_that_is_made(
    server: RunningServer, path: str, empty: str
) -> None:
    body = {"name": "s", "cronExpression": "0 9 * * *", "localSchedule": "by hand"}
    made = server.call("POST", path, body, expect=201)
    assert made["localSchedule"] == "by hand"
    changed = server.call("PUT", f"{path}/{made['id']}", {"name": "s", "localSchedule": empty})
    plain = server.call("POST", path, {**body, "localSchedule": empty}, expect=201)
    assert changed["localSchedule"] == plain["localSchedule"] != "by hand"
