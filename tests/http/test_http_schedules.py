"""Creating, reading, listing and deleting schedules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_helpers import in_future, instant, json_text, problem_of, unique

from running_server import RunningServer

CRON = {"name": "every morning", "cronExpression": "0 9 * * *"}

PROPERTIES: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "configId": (int,),
    "name": (str,),
    "schedule": (str, type(None)),
    "localSchedule": (str,),
    "timezone": (str,),
    "nextRunTime": (str, type(None)),
    "startTime": (str, type(None)),
    "scheduleType": (int,),
    "isEnabled": (bool,),
    "runEveryCount": (int, type(None)),
    "runEveryPeriod": (int, type(None)),
    "inputParameters": (str, type(None)),
    "parallelism": (int,),
    "parallelMaxConcurrency": (int, type(None)),
    "parallelExport": (str,),
    "proxyPoolId": (int, type(None)),
    "serverGroupId": (int, type(None)),
    "logLevel": (str,),
    "logMode": (str,),
    "isExclusive": (bool,),
    "isWaitOnFailure": (bool,),
    "created": (str,),
    "updated": (str,),
    # ours
    "cronExpression": (str, type(None)),
    "endTime": (str, type(None)),
    "jitterSeconds": (int,),
    "catchUp": (str,),
    "catchUpWindowSeconds": (int,),
    "maxRetries": (int, type(None)),
    "retryDelaySeconds": (int, type(None)),
    "timeoutSeconds": (int, type(None)),
    "priority": (int,),
    "dstGap": (str,),
    "dstOverlap": (str,),
    "excludedDates": (list,),
    "isShadow": (bool,),
    "problem": (str, type(None)),
    "tag": (type(None),),
    "warnings": (list,),
}


@pytest.fixture(scope="module")
def agent_id(server: RunningServer) -> int:
    return server.agent("scheduled", "")


@pytest.fixture(scope="module")
def path(agent_id: int) -> str:
    return f"/agent/{agent_id}/schedules"


def create(server: RunningServer, path: str, **body: Any) -> dict[str, Any]:
    schedule: dict[str, Any] = server.call("POST", path, {"name": unique("s"), **body}, expect=201)
    return schedule


# --- the requests of the official documentation ---


def test_the_documented_cron_request_works(server: RunningServer, agent_id: int, path: str) -> None:
    body = {
        "name": "Market open",
        "scheduleType": 3,
        "cronExpression": "0 9 * * 1,4",
        "timezone": "America/New_York",
        "isEnabled": True,
        "inputParameters": json_text({"category": "news"}),
        "parallelism": 1,
        "logLevel": "Info",
        "logMode": "Text",
    }

    schedule = server.call("POST", path, body, expect=201)

    assert {name: schedule[name] for name in body} == body
    assert schedule["configId"] == agent_id
    assert schedule["schedule"] == "0 9 * * 1,4"
    assert "09:00" in schedule["localSchedule"]
    due = instant(schedule["nextRunTime"])
    assert due.minute == 0
    assert due.hour in (13, 14)
    assert due.isoweekday() in (1, 4)


def test_the_documented_run_once_request_works(server: RunningServer, path: str) -> None:
    start = in_future(days=30)

    schedule = create(server, path, scheduleType=1, startTime=start, timezone="UTC", isEnabled=True)

    assert schedule["scheduleType"] == 1
    assert schedule["startTime"] == schedule["nextRunTime"] == start
    assert schedule["schedule"] is None
    assert schedule["runEveryCount"] is None


def test_the_documented_run_every_request_works(server: RunningServer, path: str) -> None:
    start = in_future(days=1)

    schedule = create(
        server, path, scheduleType=2, runEveryCount=30, runEveryPeriod=0, startTime=start, timezone="UTC"
    )

    assert schedule["runEveryCount"] == 30
    assert schedule["runEveryPeriod"] == 1, "0 stands for minutes"
    assert schedule["nextRunTime"] == start
    assert "30 minutes" in schedule["localSchedule"]


# --- reading the request ---


def test_property_names_are_matched_in_any_letter_case(server: RunningServer, path: str) -> None:
    body = {
        "Name": "Pascal",
        "CronExpression": "0 9 * * *",
        "TIMEZONE": "Europe/Berlin",
        "isenabled": False,
        "ParallelISM": 3,
        "InputParameters": json_text({"a": 1}),
        "CatchUp": "none",
    }

    schedule = server.call("POST", path, body, expect=201)

    assert schedule["name"] == "Pascal"
    assert schedule["timezone"] == "Europe/Berlin"
    assert schedule["isEnabled"] is False
    assert schedule["parallelism"] == 3
    assert schedule["inputParameters"] == '{"a": 1}'
    assert schedule["catchUp"] == "none"


def test_null_means_not_given(server: RunningServer, path: str) -> None:
    nothing = dict.fromkeys(PROPERTIES.keys() - {"name", "cronExpression", "schedule"})

    with_nulls = create(server, path, cronExpression="0 9 * * *", **nothing)
    without = create(server, path, cronExpression="0 9 * * *")

    own = {"id", "name", "created", "updated"}
    assert {n: v for n, v in with_nulls.items() if n not in own} == {
        n: v for n, v in without.items() if n not in own
    }


def test_unknown_properties_are_ignored(server: RunningServer, path: str) -> None:
    schedule = create(server, path, **CRON, colour="blue", nested={"a": [1]})

    assert "colour" not in schedule


def test_every_property_has_its_default(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")

    assert schedule["localSchedule"] == "At 09:00 every day, UTC"
    defaults: dict[str, object] = {
        "timezone": "UTC",
        "startTime": None,
        "endTime": None,
        "scheduleType": 3,
        "isEnabled": True,
        "runEveryCount": None,
        "runEveryPeriod": None,
        "inputParameters": None,
        "parallelism": 1,
        "parallelMaxConcurrency": None,
        "parallelExport": "Combined",
        "proxyPoolId": None,
        "serverGroupId": None,
        "logLevel": "Info",
        "logMode": "Text",
        "isExclusive": False,
        "isWaitOnFailure": False,
        "jitterSeconds": 0,
        "catchUp": "latest",
        "catchUpWindowSeconds": 86_400,
        "maxRetries": None,
        "retryDelaySeconds": None,
        "timeoutSeconds": None,
        "priority": 0,
        "dstGap": "after",
        "dstOverlap": "first",
        "excludedDates": [],
        "problem": None,
        "warnings": [],
    }
    assert {name: schedule[name] for name in defaults} == defaults


def test_every_property_is_kept_and_told(server: RunningServer, path: str) -> None:
    body = {
        "cronExpression": "*/7 3 * * *",
        "localSchedule": "now and then",
        "timezone": "Asia/Tokyo",
        "startTime": in_future(days=2),
        "endTime": in_future(days=20),
        "isEnabled": True,
        "inputParameters": json_text([{"a": 1}, {"a": 2}]),
        "parallelism": 50,
        "parallelMaxConcurrency": 2,
        "parallelExport": "Separated",
        "logLevel": "Fatal",
        "logMode": "TextAndHtml",
        "isExclusive": True,
        "isWaitOnFailure": True,
        "jitterSeconds": 30,
        "catchUp": "all",
        "catchUpWindowSeconds": 60,
        "maxRetries": 2,
        "retryDelaySeconds": 10,
        "timeoutSeconds": 600,
        "priority": -5,
        "dstGap": "skip",
        "dstOverlap": "both",
        "excludedDates": ["2030-12-24", "2030-12-25"],
    }

    schedule = create(server, path, **body)

    assert {name: schedule[name] for name in body} == body
    assert server.call("GET", f"{path}/{schedule['id']}") == schedule


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"cronExpression": "0 9 * * *"}, 3),
        ({"runEveryCount": 2, "runEveryPeriod": 1}, 2),
        ({"startTime": "2190-01-01T00:00:00Z"}, 1),
        ({"cronExpression": "0 9 * * *", "runEveryCount": 2}, 3),
        ({"runEveryCount": 2, "runEveryPeriod": 1, "startTime": "2190-01-01T00:00:00Z"}, 2),
        ({"cronExpression": "0 9 * * *", "startTime": "2190-01-01T00:00:00Z"}, 3),
    ],
)
def test_the_type_is_inferred_from_what_is_given(
    server: RunningServer, path: str, body: dict[str, Any], kind: int
) -> None:
    assert create(server, path, **body)["scheduleType"] == kind


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("scheduleType", "CRON", 3),
        ("scheduleType", "cron", 3),
        ("scheduleType", "3", 3),
        ("runEveryPeriod", "Hours", 2),
        ("runEveryPeriod", "minutes", 1),
        ("parallelExport", "separate", "Separated"),
        ("parallelExport", "combined", "Combined"),
        ("logLevel", "WARNING", "Warning"),
        ("logMode", "textandhtml", "TextAndHtml"),
        ("catchUp", "Latest", "latest"),
        ("dstGap", "Skip", "skip"),
        ("dstOverlap", "BOTH", "both"),
    ],
)
def test_choices_are_taken_in_any_letter_case(
    server: RunningServer, path: str, name: str, given: object, told: object
) -> None:
    every = {"scheduleType": 2, "runEveryCount": 1, "runEveryPeriod": 1}
    timing = every if name == "runEveryPeriod" else {"cronExpression": "0 9 * * *"}

    assert create(server, path, **{**timing, name: given})[name] == told


@pytest.mark.parametrize(
    ("kind", "name"), [(0, "None"), (1, "RunOnce"), (2, "RunEvery"), (3, "CRON")], ids=str
)
def test_a_type_may_be_its_number_or_its_name(server: RunningServer, path: str, kind: int, name: str) -> None:
    all_needs: dict[int, dict[str, Any]] = {
        1: {"startTime": in_future(days=1)},
        2: {"runEveryCount": 1, "runEveryPeriod": 3},
        3: {"cronExpression": "@daily"},
    }
    needs = all_needs.get(kind, {})

    for given in (kind, name, name.lower()):
        assert create(server, path, scheduleType=given, **needs)["scheduleType"] == kind


def test_a_schedule_of_type_none_never_fires_by_itself(server: RunningServer, path: str) -> None:
    schedule = create(server, path, scheduleType=0)

    assert schedule["isEnabled"] is True
    assert schedule["nextRunTime"] is None
    assert schedule["schedule"] is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2190-03-01T09:00:00Z", "2190-03-01T09:00:00Z"),
        ("2190-03-01T09:00:00", "2190-03-01T09:00:00Z"),
        ("2190-03-01T09:00:00+02:00", "2190-03-01T07:00:00Z"),
        ("2190-03-01T09:00:00.1234567Z", "2190-03-01T09:00:00.123Z"),
        ("2190-03-01T09:00:00.000Z", "2190-03-01T09:00:00Z"),
        ("2190-03-01T09:00Z", "2190-03-01T09:00:00Z"),
    ],
)
def test_times_are_told_in_utc_with_at_most_milliseconds(
    server: RunningServer, path: str, given: str, told: str
) -> None:
    schedule = create(server, path, startTime=given)

    assert schedule["startTime"] == schedule["nextRunTime"] == told


def test_a_timezone_is_taken_in_any_letter_case_and_told_as_iana_spells_it(
    server: RunningServer, path: str
) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *", timezone="europe/berlin")

    assert schedule["timezone"] == "Europe/Berlin"


def test_names_may_hold_any_script(server: RunningServer, path: str) -> None:
    name = "Täglich · 每天 · 🕯️ " + "x" * 150

    assert create(server, path, name=name, cronExpression="0 9 * * *")["name"] == name


# --- the answer ---


def test_the_answer_has_exactly_the_documented_properties_and_types(server: RunningServer, path: str) -> None:
    every = create(server, path, runEveryCount=2, runEveryPeriod=3)
    for schedule in (create(server, path, cronExpression="0 9 * * *"), every):
        assert schedule.keys() == PROPERTIES.keys()
        for name, value in schedule.items():
            assert type(value) in PROPERTIES[name], name


def test_times_of_the_answer_end_in_z(server: RunningServer, path: str) -> None:
    schedule = create(server, path, runEveryCount=1, runEveryPeriod=1)

    for name in ("created", "updated", "nextRunTime"):
        assert schedule[name].endswith("Z")
        assert len(schedule[name]) in (20, 24)
        assert instant(schedule[name]).microsecond % 1000 == 0


def test_creating_tells_where_the_schedule_is(server: RunningServer, path: str) -> None:
    answer = server.http.post(path, json=CRON)

    assert answer.status_code == 201
    location = answer.headers["Location"]
    assert location == f"/api/v1{path}/{answer.json()['id']}"
    assert server.http.get(server.url + location).json() == answer.json()


def test_a_run_every_schedule_without_a_start_first_fires_one_interval_after_its_creation(
    server: RunningServer, path: str
) -> None:
    schedule = create(server, path, runEveryCount=2, runEveryPeriod=2)

    assert instant(schedule["nextRunTime"]) == instant(schedule["created"]) + timedelta(hours=2)


def test_a_cron_schedule_does_not_fire_before_its_start(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 0 * * *", startTime="2190-03-01T09:00:00Z")

    assert schedule["nextRunTime"] == "2190-03-02T00:00:00Z"


def test_a_cron_schedule_may_have_a_start_in_the_past(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 0 * * *", startTime="2020-03-01T09:00:00Z")

    assert instant(schedule["nextRunTime"]) > datetime.now(UTC)


def test_a_schedule_created_disabled_is_not_due(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *", isEnabled=False)

    assert schedule["isEnabled"] is False
    assert schedule["nextRunTime"] is None


# --- list and delete ---


def test_the_list_holds_the_schedules_of_the_agent_oldest_first(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")
    made = [create(server, f"/agent/{agent}/schedules", cronExpression="0 9 * * *") for _ in range(3)]

    assert server.call("GET", f"/agent/{agent}/schedules") == made


def test_an_agent_without_schedules_has_an_empty_list(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")

    assert server.call("GET", f"/agent/{agent}/schedules") == []


def test_a_deleted_schedule_is_gone(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")
    own = f"{path}/{schedule['id']}"

    assert server.call("DELETE", own, expect=204) is None

    problem_of(server.http.get(own), 404)
    problem_of(server.http.delete(own), 404)
    problem_of(server.http.put(own, json=CRON), 404)
    assert schedule["id"] not in [s["id"] for s in server.call("GET", path)]


def test_a_schedule_is_found_only_under_its_own_agent(server: RunningServer, path: str) -> None:
    schedule = create(server, path, cronExpression="0 9 * * *")
    other = server.agent(unique("agent"), "")

    problem_of(server.http.get(f"/agent/{other}/schedules/{schedule['id']}"), 404)
    problem_of(server.http.delete(f"/agent/{other}/schedules/{schedule['id']}"), 404)
