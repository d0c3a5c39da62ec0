"""What a schedule does and will do: preview, run now, and the fire ledger."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_helpers import emits, field_errors, in_future, instant, problem_of, unique

from running_server import RunningServer, eventually


@pytest.fixture(scope="module")
def agent_id(server: RunningServer) -> int:
    return server.agent("firing", emits({"n": 1}))


@pytest.fixture(scope="module")
def path(agent_id: int) -> str:
    return f"/agent/{agent_id}/schedules"


@pytest.fixture(scope="module")
def fired(server: RunningServer, path: str) -> dict[str, Any]:
    """A schedule that has fired once."""
    start = in_future(seconds=3)
    body = {
        "name": unique("s"),
        "runEveryCount": 1,
        "runEveryPeriod": 3,
        "startTime": start,
        "timezone": "Asia/Kolkata",
        "inputParameters": '{"a": 1}',
    }
    schedule: dict[str, Any] = server.call("POST", path, body, expect=201)
    eventually(lambda: server.call("GET", f"{path}/{schedule['id']}/fires"))
    return schedule


def preview(server: RunningServer, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.call("POST", "/schedules/preview", body)
    return found


# --- preview ---


def test_a_preview_tells_the_text_and_the_next_fires(server: RunningServer) -> None:
    shown = preview(
        server,
        cronExpression="0 9 * * 1,4",
        timezone="America/New_York",
        after="2026-01-05T00:00:00Z",
        count=3,
    )

    assert shown.keys() == {"localSchedule", "fires"}
    assert "09:00" in shown["localSchedule"]
    assert shown["fires"] == [
        {"time": f"2026-01-{day}T14:00:00Z", "localTime": f"2026-01-{day}T09:00:00", "utcOffset": "-05:00"}
        | {"note": None}
        for day in ("05", "08", "12")
    ]


def test_a_preview_has_five_fires_when_not_asked_for_a_number(server: RunningServer) -> None:
    shown = preview(server, CronExpression="* * * * *")

    times = [instant(fire["time"]) for fire in shown["fires"]]
    assert len(times) == 5
    assert times[0] > datetime.now(UTC) - timedelta(seconds=1)
    assert all(b - a == timedelta(minutes=1) for a, b in itertools.pairwise(times))


def test_a_preview_notes_daylight_saving(server: RunningServer) -> None:
    shown = preview(
        server, cronExpression="30 2 * * *", timezone="Europe/Berlin", after="2026-03-28T12:00:00Z", count=2
    )

    gap, after = shown["fires"]
    assert gap["time"] == "2026-03-29T01:00:00Z"
    assert gap["utcOffset"] == "+02:00"
    assert gap["note"]
    assert after["note"] is None


def test_a_preview_notes_excluded_dates(server: RunningServer) -> None:
    shown = preview(
        server,
        cronExpression="0 9 * * *",
        after="2026-12-23T12:00:00Z",
        count=2,
        excludedDates=["2026-12-24"],
    )

    assert "excluded" in shown["fires"][0]["note"]
    assert shown["fires"][1]["note"] is None


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"startTime": "2190-01-01T00:00:00Z"}, 1),
        ({"scheduleType": 0}, 0),
        ({"runEveryCount": 1, "runEveryPeriod": 3, "count": 4}, 4),
        ({"cronExpression": "0 0 1 1 *", "after": "2100-06-01", "endTime": "2103-01-01T00:00:00Z"}, 3),
        ({"cronExpression": "* * * * *", "count": 1000}, 1000),
    ],
)
def test_a_preview_shows_as_many_fires_as_there_are(
    server: RunningServer, body: dict[str, Any], count: int
) -> None:
    assert len(preview(server, **body)["fires"]) == count


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "count"),
        ({"count": "5"}, "count"),
        ({"after": "yesterday"}, "after"),
        ({"cronExpression": "0 0 30 2 *"}, "cronExpression"),
        ({"timezone": "Europe/Berlyn"}, "timezone"),
    ],
)
def test_a_preview_refuses_what_it_cannot_show(
    server: RunningServer, body: dict[str, Any], field: str
) -> None:
    answer = server.http.post("/schedules/preview", json={"cronExpression": "* * * * *", **body})

    assert list(field_errors(answer)) == [field]


def test_a_preview_stores_nothing(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")

    preview(server, name="x", cronExpression="* * * * *")

    assert server.call("GET", f"/agent/{agent}/schedules") == []


# --- run now ---


def test_run_now_starts_the_agent_with_the_settings_of_the_schedule(
    server: RunningServer, agent_id: int, path: str
) -> None:
    body = {
        "name": "by hand",
        "cronExpression": "0 0 1 1 *",
        "isEnabled": False,
        "parallelism": 2,
        "inputParameters": '[{"a": 1}, {"a": 2}]',
        "logLevel": "Error",
    }
    schedule = server.call("POST", path, body, expect=201)

    run = server.call("POST", f"{path}/{schedule['id']}/run", expect=202)

    assert run["scheduleId"] == schedule["id"]
    assert run["scheduledTime"] is None
    assert run["parallelism"] == 2
    assert run["logLevel"] == "Error"
    assert "by hand" in run["startedBy"]
    ended = server.ended(agent_id, run["id"])
    assert ended["status"] == 9
    assert ended["inputCount"] == 1


def test_run_now_leaves_the_cadence_and_the_ledger_as_they_are(server: RunningServer, path: str) -> None:
    body = {"name": unique("s"), "startTime": in_future(days=3)}
    schedule = server.call("POST", path, body, expect=201)

    server.call("POST", f"{path}/{schedule['id']}/run", expect=202)

    assert server.call("GET", f"{path}/{schedule['id']}") == schedule
    assert server.call("GET", f"{path}/{schedule['id']}/fires") == []


def test_a_schedule_of_an_archived_agent_cannot_be_run(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")
    path = f"/agent/{agent}/schedules"
    schedule = server.call("POST", path, {"name": "x", "scheduleType": 0}, expect=201)
    server.call("POST", f"/agent/{agent}/archive", expect=204)

    problem = problem_of(server.http.post(f"{path}/{schedule['id']}/run"), 409)

    assert "archived" in problem["detail"]


# --- the ledger ---


def test_the_ledger_tells_what_became_of_a_due_time(
    server: RunningServer, agent_id: int, path: str, fired: dict[str, Any]
) -> None:
    [row] = server.call("GET", f"{path}/{fired['id']}/fires")

    assert row.keys() == {
        *("id", "scheduleId", "dueTime", "lastDueTime", "localTime"),
        *("count", "outcome", "reason", "decided", "runIds"),
    }
    assert row["scheduleId"] == fired["id"]
    assert row["dueTime"] == row["lastDueTime"] == fired["startTime"]
    assert row["localTime"].endswith("+05:30")
    assert instant(row["localTime"]) == instant(row["dueTime"])
    assert (row["count"], row["outcome"], row["reason"]) == (1, "fired", "fired on time")
    assert instant(row["decided"]) >= instant(row["dueTime"])
    [run_id] = row["runIds"]
    run = server.ended(agent_id, run_id)
    assert run["scheduleId"] == fired["id"]
    assert run["scheduledTime"] == fired["startTime"]
    assert run["inputCount"] == 1


@pytest.mark.parametrize(
    ("bounds", "count"),
    [
        ({}, 1),
        ({"maxRecords": 1}, 1),
        ({"startDate": "2020-01-01"}, 1),
        ({"startDate": "2190-01-01"}, 0),
        ({"endDate": "2020-01-01"}, 0),
        ({"startDate": "2020-01-01T00:00:00Z", "endDate": "2190-01-01T00:00:00+01:00"}, 1),
    ],
)
def test_the_ledger_can_be_bounded_by_dates(
    server: RunningServer, path: str, fired: dict[str, Any], bounds: dict[str, str], count: int
) -> None:
    answer = server.http.get(f"{path}/{fired['id']}/fires", params=bounds)

    assert len(answer.json()) == count


def test_a_bare_end_date_includes_its_whole_day(
    server: RunningServer, path: str, fired: dict[str, Any]
) -> None:
    day = fired["startTime"][:10]

    answer = server.http.get(f"{path}/{fired['id']}/fires", params={"startDate": day, "endDate": day})

    assert len(answer.json()) == 1


@pytest.mark.parametrize(
    ("bounds", "field"),
    [
        ({"maxRecords": 0}, "maxRecords"),
        ({"maxRecords": 1001}, "maxRecords"),
        ({"maxRecords": "many"}, "maxRecords"),
        ({"startDate": "last week"}, "startDate"),
        ({"endDate": "2026-13-01"}, "endDate"),
        ({"endDate": "1767225600"}, "endDate"),
    ],
)
def test_the_ledger_refuses_bounds_that_it_cannot_read(
    server: RunningServer, path: str, fired: dict[str, Any], bounds: dict[str, Any], field: str
) -> None:
    answer = server.http.get(f"{path}/{fired['id']}/fires", params=bounds)

    assert list(field_errors(answer)) == [field]


def test_the_fire_of_an_archived_agent_is_skipped_and_says_so(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")
    path = f"/agent/{agent}/schedules"
    server.call("POST", f"/agent/{agent}/archive", expect=204)
    body = {"name": "x", "runEveryCount": 1, "runEveryPeriod": 3, "startTime": in_future(seconds=3)}
    schedule = server.call("POST", path, body, expect=201)

    [row] = eventually(lambda: server.call("GET", f"{path}/{schedule['id']}/fires"))

    assert (row["outcome"], row["reason"]) == ("skipped", "the agent is archived")
    [run] = server.call("GET", f"/agent/{agent}/runs")
    assert run["status"] == 11
    assert run["id"] in row["runIds"]
