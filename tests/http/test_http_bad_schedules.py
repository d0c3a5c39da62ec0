"""Schedules that are refused: each with status 400, the field that is wrong, and what would be right."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from http_helpers import field_errors, in_future, unique

from running_server import RunningServer

CRON = {"name": "n", "cronExpression": "0 9 * * *"}
ONCE = {"name": "n", "scheduleType": 1}
EVERY = {"name": "n", "scheduleType": 2}


@pytest.fixture(scope="module")
def path(server: RunningServer) -> str:
    return f"/agent/{server.agent('bad input', '')}/schedules"


def test_an_unknown_agent_is_404_and_named(server: RunningServer) -> None:
    for answer in (
        server.http.get("/agent/4711/schedules"),
        server.http.post("/agent/4711/schedules", json=CRON),
    ):
        assert answer.status_code == 404
        assert "4711" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        # --- the name ---
        ({"cronExpression": "0 9 * * *"}, "name", "required"),
        ({**CRON, "name": None}, "name", "required"),
        ({**CRON, "name": ""}, "name", "1 to 200 characters"),
        ({**CRON, "name": " \t "}, "name", "1 to 200 characters"),
        ({**CRON, "name": "x" * 201}, "name", "200 characters"),
        ({**CRON, "name": "x" * 1_000_000}, "name", "200 characters"),
        ({**CRON, "name": "a\0b"}, "name", "NUL"),
        # --- the type and what it needs ---
        ({"name": "n"}, "cronExpression", "required for a CRON schedule"),
        ({"name": "n", "scheduleType": 3}, "cronExpression", "required for a CRON schedule"),
        ({**CRON, "scheduleType": 4}, "scheduleType", "0 None, 1 RunOnce, 2 RunEvery, 3 Cron"),
        ({**CRON, "scheduleType": -1}, "scheduleType", "must be one of"),
        ({**CRON, "scheduleType": "Weekly"}, "scheduleType", "must be one of"),
        # --- RunOnce ---
        (ONCE, "startTime", "required for a RunOnce schedule"),
        ({**ONCE, "startTime": "2020-01-01T00:00:00Z"}, "startTime", "at least one minute in the future"),
        (
            {"name": "n", "startTime": "2020-01-01T00:00:00Z"},
            "startTime",
            "one minute in the future; it is now",
        ),
        ({**ONCE, "startTime": in_future(seconds=30)}, "startTime", "at least one minute in the future"),
        ({**ONCE, "startTime": "tomorrow"}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": ""}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": "2190-02-30T00:00:00Z"}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": "2190-01-01T25:00:00Z"}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": "1900000000"}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": "1/2/2190"}, "startTime", "ISO 8601"),
        ({**ONCE, "startTime": "9999-12-31T23:59:59Z"}, "startTime", "between the years 1970 and 2200"),
        ({**ONCE, "startTime": "0001-01-01T00:00:00Z"}, "startTime", "between the years 1970 and 2200"),
        # --- RunEvery ---
        ({**EVERY, "runEveryPeriod": 1}, "runEveryCount", "required for a RunEvery schedule"),
        ({**EVERY, "runEveryCount": 5}, "runEveryPeriod", "1 minutes, 2 hours, 3 days, 4 weeks, 5 months"),
        ({**EVERY, "runEveryCount": 0, "runEveryPeriod": 1}, "runEveryCount", "must be 1 to 1,000,000"),
        ({**EVERY, "runEveryCount": -3, "runEveryPeriod": 1}, "runEveryCount", "must be 1 to 1,000,000"),
        ({**EVERY, "runEveryCount": 10**30, "runEveryPeriod": 1}, "runEveryCount", "1 to 1,000,000"),
        ({**EVERY, "runEveryCount": 1, "runEveryPeriod": 6}, "runEveryPeriod", "1 Minutes, 2 Hours, 3 Days"),
        ({**EVERY, "runEveryCount": 1, "runEveryPeriod": -1}, "runEveryPeriod", "must be one of"),
        ({**EVERY, "runEveryCount": 1, "runEveryPeriod": "fortnights"}, "runEveryPeriod", "must be one of"),
        (
            {**EVERY, "runEveryCount": 1, "runEveryPeriod": 1, "startTime": "2020-01-01T00:00:00Z"},
            "startTime",
            "must be in the future; it is now",
        ),
        # --- the timezone ---
        ({**CRON, "timezone": "Europe/Berlyn"}, "timezone", "Europe/Berlin"),
        ({**CRON, "timezone": "New York"}, "timezone", "America/New_York"),
        ({**CRON, "timezone": "America/NewYork"}, "timezone", "America/New_York"),
        ({**CRON, "timezone": ""}, "timezone", "empty"),
        ({**CRON, "timezone": "+02:00"}, "timezone", "is not a timezone"),
        ({**CRON, "timezone": "../../etc/passwd"}, "timezone", "is not a timezone"),
        ({**CRON, "timezone": "x" * 100_000}, "timezone", "100000 characters"),
        # --- the input ---
        ({**CRON, "inputParameters": ""}, "inputParameters", "not valid JSON"),
        ({**CRON, "inputParameters": "{'a': 1}"}, "inputParameters", "not valid JSON"),
        ({**CRON, "inputParameters": "5"}, "inputParameters", "JSON object or an array of JSON objects"),
        ({**CRON, "inputParameters": '"text"'}, "inputParameters", "JSON object or an array"),
        ({**CRON, "inputParameters": "null"}, "inputParameters", "JSON object or an array"),
        ({**CRON, "inputParameters": "true"}, "inputParameters", "JSON object or an array"),
        ({**CRON, "inputParameters": "[1, 2]"}, "inputParameters", "JSON object or an array"),
        ({**CRON, "inputParameters": "[{}, []]"}, "inputParameters", "JSON object or an array"),
        ({**CRON, "inputParameters": '{"a": NaN}'}, "inputParameters", "NaN"),
        ({**CRON, "inputParameters": '{"a": -Infinity}'}, "inputParameters", "Infinity"),
        ({**CRON, "inputParameters": '{"a": 1e999}'}, "inputParameters", "1e999"),
        ({**CRON, "inputParameters": '{"a": 1' + "0" * 5000 + "}"}, "inputParameters", "not valid JSON"),
        ({**CRON, "inputParameters": '{"a": "\\ud800"}'}, "inputParameters", "surrogate"),
        ({**CRON, "inputParameters": '{"\\udfff": 1}'}, "inputParameters", "surrogate"),
        ({**CRON, "inputParameters": '{"a": "\0"}'}, "inputParameters", ""),
        ({**CRON, "inputParameters": "[" * 50_000}, "inputParameters", "nested"),
        ({**CRON, "inputParameters": '[{"a": ' + "[" * 300 + "]" * 300 + "}]"}, "inputParameters", "nested"),
        (
            {**CRON, "inputParameters": '{"a": "' + "x" * 1_000_000 + '"}'},
            "inputParameters",
            "1000000 characters",
        ),
        ({**CRON, "inputParameters": {"a": 1}}, "inputParameters", "string with JSON in it"),
        # --- numbers out of range ---
        ({**CRON, "parallelism": 0}, "parallelism", "must be 1 to 50"),
        ({**CRON, "parallelism": 51}, "parallelism", "must be 1 to 50"),
        ({**CRON, "parallelism": -(10**40)}, "parallelism", "must be 1 to 50"),
        ({**CRON, "parallelMaxConcurrency": 0}, "parallelMaxConcurrency", "must be 1 to 1,000,000"),
        ({**CRON, "jitterSeconds": -1}, "jitterSeconds", "must be 0 to 86,400"),
        ({**CRON, "catchUpWindowSeconds": -1}, "catchUpWindowSeconds", "must be 0 to 315,360,000"),
        ({**CRON, "maxRetries": -1}, "maxRetries", "must be 0 to 1,000"),
        ({**CRON, "retryDelaySeconds": 3601}, "retryDelaySeconds", "must be 0 to 3,600"),
        ({**CRON, "timeoutSeconds": 0}, "timeoutSeconds", "must be 1 to 31,536,000"),
        ({**CRON, "priority": 10**9}, "priority", "must be -1,000 to 1,000"),
        # --- what does not exist ---
        ({**CRON, "proxyPoolId": 77}, "proxyPoolId", "no proxy pool with the id 77"),
        ({**CRON, "serverGroupId": 88}, "serverGroupId", "no server group with the id 88"),
        # --- choices ---
        ({**CRON, "parallelExport": "Both"}, "parallelExport", "Combined, Separated"),
        ({**CRON, "logLevel": "Debug"}, "logLevel", "Fatal, Error, Warning, Info"),
        ({**CRON, "logMode": "Html"}, "logMode", "Text, TextAndHtml"),
        ({**CRON, "catchUp": "some"}, "catchUp", "latest, all, none"),
        ({**CRON, "dstGap": "before"}, "dstGap", "after, skip"),
        ({**CRON, "dstOverlap": "third"}, "dstOverlap", "first, second, both"),
        # --- ends and exclusions ---
        ({**CRON, "endTime": "2020-01-01T00:00:00Z"}, "endTime", "must be in the future"),
        (
            {**CRON, "startTime": "2190-01-02T00:00:00Z", "endTime": "2190-01-01T00:00:00Z"},
            "endTime",
            "after startTime",
        ),
        (
            {
                "name": "n",
                "cronExpression": "0 0 1 1 *",
                "startTime": "2190-01-02T00:00:00Z",
                "endTime": "2190-12-31T00:00:00Z",
            },
            "endTime",
            "never fire",
        ),
        ({**CRON, "excludedDates": ["24.12.2026"]}, "excludedDates", "YYYY-MM-DD"),
        ({**CRON, "excludedDates": ["2026-02-30"]}, "excludedDates", "YYYY-MM-DD"),
        ({**CRON, "localSchedule": "x" * 501}, "localSchedule", "500 characters"),
        ({**CRON, "localSchedule": "a\0b"}, "localSchedule", "NUL"),
    ],
    ids=lambda value: re.sub(r"\W+", "-", str(value)[:40]),
)
def test_a_bad_schedule_is_refused_with_its_field(
    server: RunningServer, path: str, body: dict[str, Any], field: str, words: str
) -> None:
    errors = field_errors(server.http.post(path, json=body))

    assert list(errors) == [field]
    assert words in errors[field]
    assert len(errors[field]) < 400, "a message is not as long as what it complains of"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "five"),
        ("* * * *", "five"),
        ("0 0 9 * * *", "seconds and years are not supported"),
        ("0 0 9 * * * 2026", "seconds and years are not supported"),
        ("@reboot", "@hourly"),
        ("H * * * *", "minute"),
        ("0 R * * *", "hour"),
        ("TZ=UTC 0 9 * * *", "timezone"),
        ("0 22-2 * * *", "hour: the range '22-2' runs backward"),
        ("*/0 * * * *", "minute: the step"),
        ("*/61 * * * *", "larger than the field"),
        ("61 * * * *", "0 to 59"),
        ("0 0 * * 8", "day of week"),
        ("0 0 30 2 *", "no date ever matches"),
        ("\u0665 * * * *", "ASCII"),
        ("0 9 * * *\0", "NUL"),
        ("*" * 257, "at most 256"),
        ("every day", "five"),
    ],
    ids=ascii,
)
def test_a_cron_expression_of_every_refused_kind_says_what_is_wrong(
    server: RunningServer, path: str, expression: str, words: str
) -> None:
    errors = field_errors(server.http.post(path, json={"name": "n", "cronExpression": expression}))

    assert list(errors) == ["cronExpression"]
    assert words in errors["cronExpression"]


STRINGS = ("name", "cronExpression", "localSchedule", "timezone", "startTime", "endTime", "inputParameters")
CHOICES = ("scheduleType", "runEveryPeriod", "parallelExport", "logLevel", "logMode", "catchUp", "dstGap")
WHOLE_NUMBERS = (
    *("runEveryCount", "parallelism", "parallelMaxConcurrency", "proxyPoolId", "serverGroupId"),
    *(
        "jitterSeconds",
        "catchUpWindowSeconds",
        "maxRetries",
        "retryDelaySeconds",
        "timeoutSeconds",
        "priority",
    ),
)
SWITCHES = ("isEnabled", "isExclusive", "isWaitOnFailure")


def each(names: Sequence[str], *values: object) -> list[tuple[str, object]]:
    """Every name with every value."""
    return [(name, value) for name in names for value in values]


WRONG_TYPES = [
    *each(STRINGS, 5, 1.5, True, [], {}),
    *each(CHOICES, 99, 1.5, True, "?", [], {}),
    *each(WHOLE_NUMBERS, "5", 1.5, True, [], {}),
    *each(SWITCHES, "true", "yes", 0, 1, [], {}),
    *each(["excludedDates"], "2026-12-24", 5, True, {}),
]


@pytest.mark.parametrize(("name", "value"), WRONG_TYPES, ids=str)
def test_a_value_of_the_wrong_type_is_refused(
    server: RunningServer, path: str, name: str, value: object
) -> None:
    errors = field_errors(server.http.post(path, json={**CRON, name: value}))

    assert list(errors) == [name]


def test_an_element_of_the_wrong_type_is_refused(server: RunningServer, path: str) -> None:
    errors = field_errors(server.http.post(path, json={**CRON, "excludedDates": ["2026-12-24", 5]}))

    assert list(errors) == ["excludedDates.1"]


def test_a_field_is_named_as_the_contract_spells_it_however_it_was_sent(
    server: RunningServer, path: str
) -> None:
    errors = field_errors(server.http.post(path, json={**CRON, "PARALLELISM": 0}))

    assert list(errors) == ["parallelism"]


def test_all_wrong_values_are_told_at_once(server: RunningServer, path: str) -> None:
    body = {"name": 5, "parallelism": 0, "logLevel": "Debug", "isEnabled": "yes", "startTime": "soon"}

    assert field_errors(server.http.post(path, json=body)).keys() == body.keys()


def test_all_values_that_mean_nothing_are_told_at_once(server: RunningServer, path: str) -> None:
    body = {
        "cronExpression": "0 0 30 2 *",
        "timezone": "Mars/Base",
        "inputParameters": "[1]",
        "proxyPoolId": 1,
        "serverGroupId": 1,
        "endTime": "2020-01-01T00:00:00Z",
        "excludedDates": ["never"],
    }

    assert field_errors(server.http.post(path, json=body)).keys() == {"name", *body}


def test_the_detail_repeats_every_error(server: RunningServer, path: str) -> None:
    problem = server.http.post(path, json={"name": "", "parallelism": 0}).json()

    for error in problem["errors"]:
        assert f"{error['field']}: {error['message']}" in problem["detail"]


def test_a_refused_schedule_is_not_stored(server: RunningServer) -> None:
    path = f"/agent/{server.agent(unique('agent'), '')}/schedules"

    field_errors(server.http.post(path, json={**CRON, "proxyPoolId": 1}))

    assert server.call("GET", path) == []


def test_a_change_is_checked_like_a_creation(server: RunningServer, path: str) -> None:
    schedule = server.call("POST", path, CRON, expect=201)
    body = {"name": "n", "timezone": "Mars/Base", "cronExpression": "x", "inputParameters": "5"}

    errors = field_errors(server.http.put(f"{path}/{schedule['id']}", json=body))

    assert errors.keys() == {"timezone", "cronExpression", "inputParameters"}


def test_the_input_must_give_what_the_agent_requires(server: RunningServer) -> None:
    agent = server.agent(
        unique("picky"), "", "[inputs.url]\nrequired = true\n[inputs.key]\nrequired = true\n"
    )
    path = f"/agent/{agent}/schedules"

    nothing = field_errors(server.http.post(path, json=CRON))
    some_rows = field_errors(
        server.http.post(path, json={**CRON, "inputParameters": '[{"url": "a", "key": 1}, {"url": "b"}]'})
    )

    assert "url, key" in nothing["inputParameters"]
    assert "key" in some_rows["inputParameters"]


@pytest.mark.parametrize("schedule_id", ["0", "-1", "abc", "1.5", str(2**63), "9" * 50, "%00"])
def test_a_schedule_id_out_of_range_is_refused(server: RunningServer, path: str, schedule_id: str) -> None:
    for answer in (
        server.http.get(f"{path}/{schedule_id}"),
        server.http.put(f"{path}/{schedule_id}", json=CRON),
        server.http.delete(f"{path}/{schedule_id}"),
        server.http.post(f"{path}/{schedule_id}/run"),
    ):
        assert list(field_errors(answer)) == ["scheduleId"]


@pytest.mark.parametrize("agent_id", ["0", "-1", "abc", str(2**31)])
def test_an_agent_id_out_of_range_is_refused(server: RunningServer, agent_id: str) -> None:
    for answer in (
        server.http.get(f"/agent/{agent_id}/schedules"),
        server.http.post(f"/agent/{agent_id}/schedules", json=CRON),
        server.http.get(f"/agent/{agent_id}"),
        server.http.get(f"/agent/{agent_id}/runs"),
        server.http.post(f"/agent/{agent_id}/start"),
    ):
        assert list(field_errors(answer)) == ["agentId"]


def test_the_largest_ids_are_only_unknown(server: RunningServer, path: str) -> None:
    assert server.http.get(f"{path}/{2**63 - 1}").status_code == 404
    assert server.http.get(f"/agent/{2**31 - 1}").status_code == 404
