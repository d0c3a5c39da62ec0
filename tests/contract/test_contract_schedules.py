"""The three schedules of the official documentation, and what clients do with schedules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wire_shapes import check_shape

from foreign_client import ForeignClient

SOON = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT10:00:00Z")
CRON = {
    "name": "Daily Morning Run",
    "scheduleType": 3,
    "cronExpression": "0 9 * * 1,4",
    "timezone": "America/New_York",
    "isEnabled": True,
}
ONCE = {
    "name": "One-time Run",
    "scheduleType": 1,
    "startTime": SOON,
    "timezone": "America/New_York",
    "isEnabled": True,
}
EVERY = {
    "name": "Frequent Check",
    "scheduleType": 2,
    "runEveryCount": 30,
    "runEveryPeriod": 0,
    "startTime": SOON,
    "timezone": "America/Denver",
    "isEnabled": True,
}


@pytest.mark.parametrize("request_body", [CRON, ONCE, EVERY], ids=["CRON", "RunOnce", "RunEvery"])
def test_the_official_requests_work_as_they_stand(
    client: ForeignClient, agent_id: int, request_body: dict[str, Any]
) -> None:
    answer = client.send("POST", f"/agent/{agent_id}/schedules", request_body)
    made = answer.json()

    assert answer.status_code == 201
    check_shape("schedule", made)
    where = f"/agent/{agent_id}/schedules/{made['id']}"
    assert answer.headers["location"] == f"/api/v1{where}"
    assert client.get(where) == made
    assert made["configId"] == agent_id
    for name in ("name", "scheduleType", "timezone", "isEnabled"):
        assert made[name] == request_body[name]
    assert made["schedule"] == request_body.get("cronExpression")
    assert made["nextRunTime"] is not None
    if request_body is ONCE or request_body is EVERY:
        assert made["startTime"] == made["nextRunTime"] == SOON


def test_every_thirty_of_period_zero_is_every_thirty_minutes(client: ForeignClient, agent_id: int) -> None:
    made = client.post(f"/agent/{agent_id}/schedules", EVERY)

    assert (made["runEveryCount"], made["runEveryPeriod"]) == (30, 1)
    assert made["localSchedule"].startswith("Every 30 minutes")


def test_pascal_case_bodies_with_nulls_and_strangers_are_understood(
    client: ForeignClient, agent_id: int
) -> None:
    body = {
        "Name": "weekly",
        "ScheduleType": "cron",
        "CronExpression": "0 6 * * 1",
        "StartTime": None,
        "RunEveryCount": None,
        "InputParameters": '{"url": "https://example.com/w"}',
        "IsEnabled": False,
        "Parallelism": 1,
        "ParallelExport": "separated",
        "LogLevel": "warning",
        "LogMode": "TEXTANDHTML",
        "SaveContentCache": True,
    }

    made = client.post(f"/agent/{agent_id}/schedules", body)

    check_shape("schedule", made)
    assert made["nextRunTime"] is None
    assert made["inputParameters"] == body["InputParameters"]
    assert (made["parallelExport"], made["logLevel"], made["logMode"]) == (
        "Separated",
        "Warning",
        "TextAndHtml",
    )


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        ("2031-01-20T14:30:00Z", "2031-01-20T14:30:00Z"),
        ("2031-01-20T14:30:00", "2031-01-20T14:30:00Z"),
        ("2031-01-20T14:30:00.1234567Z", "2031-01-20T14:30:00.123Z"),
        ("2031-01-20T14:30:00.0000000-05:00", "2031-01-20T19:30:00Z"),
        ("2031-01-20T14:30Z", "2031-01-20T14:30:00Z"),
        ("2031-01-20T14:30:00.000+00:00", "2031-01-20T14:30:00Z"),
    ],
)
def test_times_are_read_as_all_kinds_of_clients_write_them(
    client: ForeignClient, agent_id: int, sent: str, understood: str
) -> None:
    made = client.post(f"/agent/{agent_id}/schedules", {**ONCE, "startTime": sent})

    assert made["startTime"] == made["nextRunTime"] == understood


def test_a_schedule_is_changed_switched_and_deleted(client: ForeignClient, agent_id: int) -> None:
    made = client.post(f"/agent/{agent_id}/schedules", CRON)
    where = f"/agent/{agent_id}/schedules/{made['id']}"

    changed = client.send("PUT", where, {"Name": "Renamed"}).json()
    off = client.send("POST", f"{where}/disable")
    asleep = client.get(where)
    on = client.send("POST", f"{where}/enable")
    awake = client.get(where)
    gone = client.send("DELETE", where)

    check_shape("schedule", changed)
    assert changed["name"] == "Renamed"
    assert changed["schedule"] == CRON["cronExpression"]
    assert (off.status_code, on.status_code, gone.status_code) == (204, 204, 204)
    assert (asleep["isEnabled"], asleep["nextRunTime"]) == (False, None)
    assert awake["isEnabled"]
    assert made["id"] not in [schedule["id"] for schedule in client.get(f"/agent/{agent_id}/schedules")]
