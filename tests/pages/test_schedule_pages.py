"""The schedule editor, its preview, and the ledger, as a reader without scripts sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from browsing import Reader, fields_of, text_of, wrong_at
from running_server import RunningServer, eventually

SCRIPT = "from lamplighter import agent\nagent.emit({'n': 1})\n"
PLAIN = {
    "name": "plain",
    "isEnabled": "on",
    "timezone": "Europe/Berlin",
    "when": "days",
    "on": "every",
    "times": "02:30",
    "settings": "yes",
}


@pytest.fixture(scope="module")
def agent(server: RunningServer) -> int:
    return server.agent("scheduled", SCRIPT)


def saved(admin: Reader, server: RunningServer, agent: int, **form: Any) -> dict[str, Any]:
    answer = admin.send(f"/agents/{agent}/schedules/new", {**PLAIN, **form})
    assert answer.status_code == 303, text_of(answer.text)
    found: dict[str, Any] = server.http.get(f"/agent/{agent}/schedules").json()[-1]
    return found


def preview(admin: Reader, agent: int, **form: Any) -> str:
    answer = admin.send(f"/agents/{agent}/schedules/preview", {**PLAIN, **form})
    assert answer.status_code == 200
    return text_of(answer.text)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, {"scheduleType": 3, "cronExpression": "30 2 * * *", "timezone": "Europe/Berlin"}),
        ({"on": "weekdays", "weekday": ["1", "5"]}, {"cronExpression": "30 2 * * 1,5"}),
        ({"on": "monthdays", "monthdays": "1, L"}, {"cronExpression": "30 2 1,L * *"}),
        ({"on": "nth", "nth": "L", "nthDay": "5", "month": ["3", "6"]}, {"cronExpression": "30 2 * 3,6 5L"}),
        ({"when": "cron", "cronExpression": "*/5 * * * *"}, {"cronExpression": "*/5 * * * *"}),
        (
            {"when": "every", "runEveryCount": "2", "runEveryPeriod": "3"},
            {"scheduleType": 2, "runEveryCount": 2},
        ),
        ({"when": "none"}, {"scheduleType": 0, "nextRunTime": None}),
        ({"isShadow": "on", "isExclusive": "on"}, {"isShadow": True, "isExclusive": True}),
        ({"isEnabled": ""}, {"isEnabled": False}),
        (
            {
                "jitterSeconds": "60",
                "catchUp": "all",
                "dstGap": "skip",
                "excludedDates": "2027-12-25\r\n2028-01-01",
            },
            {
                "jitterSeconds": 60,
                "catchUp": "all",
                "dstGap": "skip",
                "excludedDates": ["2027-12-25", "2028-01-01"],
            },
        ),
        (
            {"parallelism": "4", "maxRetries": "2", "priority": "-5"},
            {"parallelism": 4, "maxRetries": 2, "priority": -5},
        ),
    ],
)
def test_every_kind_of_schedule_can_be_made(
    admin: Reader, server: RunningServer, agent: int, form: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = saved(admin, server, agent, **form)
    assert {name: made[name] for name in expected} == expected


def test_a_time_is_meant_by_the_clock_of_its_zone(admin: Reader, server: RunningServer, agent: int) -> None:
    made = saved(admin, server, agent, when="once", startTime="2035-07-01T09:00")
    assert made["startTime"] == "2035-07-01T07:00:00Z"
    page = admin.look(f"/agents/{agent}/schedules/{made['id']}")
    assert 'value="2035-07-01T09:00"' in page


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"name": " "}, "name", "is required"),
        ({"times": "late"}, "times", "not a time of the day"),
        ({"times": "09:00, 17:30"}, "times", "same minutes"),
        ({"on": "weekdays"}, "weekday", "at least one day"),
        ({"on": "monthdays", "monthdays": "40"}, "monthdays", "1 to 31"),
        ({"on": "monthdays", "monthdays": "31", "month": "2"}, "times", "no date ever matches"),
        ({"when": "cron", "cronExpression": "99 * * * *"}, "cronExpression", "minute"),
        ({"when": "cron", "cronExpression": ""}, "cronExpression", "is required"),
        ({"timezone": "Mars/Olympus"}, "timezone", "Mars/Olympus"),
        ({"when": "once", "startTime": ""}, "startTime", "is required"),
        ({"when": "once", "startTime": "2001-01-01T00:00"}, "startTime", "in the future"),
        ({"endTime": "2001-01-01T00:00"}, "endTime", "in the future"),
        ({"when": "every", "runEveryCount": "0", "runEveryPeriod": "2"}, "runEveryCount", "1 to"),
        ({"excludedDates": "tomorrow"}, "excludedDates", "YYYY-MM-DD"),
        ({"jitterSeconds": "x"}, "jitterSeconds", "whole number"),
        ({"inputParameters": "[1]"}, "inputParameters", "JSON object"),
        ({"serverGroupId": "77"}, "serverGroupId", "no server group"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    admin: Reader, agent: int, form: dict[str, str], field: str, words: str
) -> None:
    answer = admin.send(f"/agents/{agent}/schedules/new", {**PLAIN, "localSchedule": "my own words", **form})
    assert answer.status_code == 400
    assert words in wrong_at(answer.text, field)
    assert "my own words" in answer.text


def test_an_edit_keeps_what_it_shows_and_goes_back_to_defaults_where_it_is_emptied(
    admin: Reader, server: RunningServer, agent: int
) -> None:
    made = saved(
        admin, server, agent, timeoutSeconds="90", excludedDates="2027-12-25", localSchedule="at night"
    )
    form = {**PLAIN, "name": "renamed", "times": "03:00", "timeoutSeconds": "", "excludedDates": ""}
    answer = admin.send(f"/agents/{agent}/schedules/{made['id']}", form)
    assert answer.status_code == 303
    now = server.http.get(f"/agent/{agent}/schedules/{made['id']}").json()
    assert (now["name"], now["cronExpression"]) == ("renamed", "0 3 * * *")
    assert (now["timeoutSeconds"], now["excludedDates"]) == (None, [])
    assert now["localSchedule"] == "At 03:00 every day, Europe/Berlin"


def test_an_editor_that_is_saved_as_it_is_changes_nothing(
    admin: Reader, server: RunningServer, agent: int
) -> None:
    made = saved(
        admin,
        server,
        agent,
        on="nth",
        nth="2",
        nthDay="2",
        month=["5"],
        catchUp="none",
        retryDelaySeconds="7",
    )
    page = admin.look(f"/agents/{agent}/schedules/{made['id']}")
    assert "goes" not in page.split("data-preview-target")[1].split("</section>")[0].replace(
        "How it goes", ""
    )
    before = server.http.get(f"/agent/{agent}/schedules/{made['id']}").json()
    admin.send(f"/agents/{agent}/schedules/{made['id']}", fields_of(page, "data-preview"))
    after = server.http.get(f"/agent/{agent}/schedules/{made['id']}").json()
    assert {**after, "updated": ""} == {**before, "updated": ""}


def test_the_preview_tells_in_words_and_times_what_a_schedule_does(admin: Reader, agent: int) -> None:
    said = preview(admin, agent)
    assert "At 02:30 every day, Europe/Berlin" in said
    assert said.count("02:30") >= 10


def test_the_preview_marks_where_clocks_change(admin: Reader, agent: int) -> None:
    """The night of 26 March 2028, in which 02:30 does not exist in Berlin."""
    said = preview(admin, agent, startTime="2028-03-25T00:00")
    assert "02:30 does not exist on 26 March 2028" in said
    assert "The clocks have changed before this one." in said


def test_the_preview_warns_of_both_kinds_of_days(admin: Reader, agent: int) -> None:
    said = preview(admin, agent, when="cron", cronExpression="0 9 13 * 5")
    assert "it fires when either of them fits" in said


def test_the_preview_tells_what_an_edit_makes_come_and_go(
    admin: Reader, server: RunningServer, agent: int
) -> None:
    made = saved(admin, server, agent)
    same = preview(admin, agent, scheduleId=str(made["id"]))
    assert "comes" not in same
    other = preview(admin, agent, scheduleId=str(made["id"]), times="02:30, 14:30")
    assert "+ comes" in other
    fewer = preview(admin, agent, scheduleId=str(made["id"]), on="weekdays", weekday=["1"])
    assert "− goes" in fewer


def test_the_preview_tells_what_is_wrong(admin: Reader, agent: int) -> None:
    assert "not a time of the day" in preview(admin, agent, times="x")
    assert "cronExpression" in preview(admin, agent, when="cron", cronExpression="x")


def test_a_schedule_is_switched_run_and_deleted(admin: Reader, server: RunningServer, agent: int) -> None:
    made = saved(admin, server, agent)
    base = f"/agents/{agent}/schedules/{made['id']}"
    admin.send(f"{base}/switch", {"on": "no"})
    assert server.http.get(f"/agent/{agent}/schedules/{made['id']}").json()["isEnabled"] is False
    run = admin.send(f"{base}/run").headers["location"]
    assert "Run " in admin.look(run)
    assert "It is off, so nothing is due." in admin.look(f"{base}/why")
    admin.send(f"{base}/delete")
    admin.look(base, 404)


def test_why_tells_each_due_time_its_outcome_and_its_run(
    admin: Reader, server: RunningServer, agent: int
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    body = {
        "name": "soon",
        "scheduleType": 2,
        "runEveryCount": 1,
        "runEveryPeriod": 3,
        "startTime": soon.isoformat().replace("+00:00", "Z"),
        "timezone": "Asia/Tokyo",
    }
    made = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    ledger = f"/agent/{agent}/schedules/{made['id']}/fires"
    fire = eventually(lambda: next(iter(server.http.get(ledger).json()), None))
    path = f"/agents/{agent}/schedules/{made['id']}/why"
    said = text_of(admin.look(path))
    assert "fired" in said
    assert fire["reason"] in said
    assert str(fire["runIds"][0]) in said
    assert "times of Asia/Tokyo" in said
    assert "Nothing was due on this day." in admin.look(f"{path}?day=2020-01-01")
    admin.look(f"{path}?day=nonsense&page=x")
