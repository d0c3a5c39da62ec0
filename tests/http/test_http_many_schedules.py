"""Many schedules at once: listing all, looking at several before they are saved, going back to defaults."""

from typing import Any

import pytest
from http_helpers import field_errors, in_future, unique

from running_server import RunningServer

DAILY = {"name": "daily", "cronExpression": "0 9 * * *"}


def previews(server: RunningServer, *schedules: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("POST", "/schedules/previews", {"schedules": list(schedules)})
    return found


def wrong(previewed: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in previewed["errors"]}


def test_the_schedules_of_all_agents_are_listed_by_agent(server: RunningServer) -> None:
    space = server.call("POST", "/spaces", {"name": unique("many")}, expect=201)["id"]
    made = []
    for name in ("one", "two"):
        files = {"agent.toml": '[agent]\nrun = ["true"]\n'}
        body = {"name": unique(name), "files": files, "spaceId": space}
        agent = server.call("POST", "/agent", body, expect=201)["id"]
        made += [server.call("POST", f"/agent/{agent}/schedules", DAILY, expect=201)["id"] for _ in "ab"]

    found = server.call("GET", f"/schedules?spaceId={space}")
    assert [one["id"] for one in found] == made
    assert {one["id"] for one in server.call("GET", "/schedules")} >= set(made)
    page = server.call("GET", f"/schedules?spaceId={space}&pageIndex=2&recordsPerPage=3")
    assert ([one["id"] for one in page["items"]], page["totalRecordCount"]) == (made[3:], 4)


def test_each_schedule_is_looked_at_by_itself(server: RunningServer) -> None:
    good, cron, shape = previews(
        server, {**DAILY, "count": 2}, {"cronExpression": "99 * * * *"}, {"parallelism": 0}
    )
    assert (good["localSchedule"], len(good["fires"]), good["errors"]) == ("At 09:00 every day, UTC", 2, [])
    assert "99" in wrong(cron)["cronExpression"]
    assert (cron["fires"], cron["localSchedule"]) == ([], None)
    assert "1 to 50" in wrong(shape)["parallelism"]


def test_what_could_not_be_saved_is_told_before_it_is(server: RunningServer) -> None:
    toml = '[inputs.url]\ntype = "string"\nrequired = true\n'
    agent = server.agent(unique("checked"), "", toml)
    past = {"name": "once", "startTime": "2020-01-01T00:00:00Z"}
    no_input, other_input, over, gone, alone = previews(
        server,
        {**DAILY, "agentId": agent},
        {**DAILY, "agentId": agent, "inputParameters": '{"url": 1}'},
        past,
        {**DAILY, "agentId": 999_999},
        {**DAILY, "scheduleId": 1},
    )
    assert "requires url" in wrong(no_input)["inputParameters"]
    assert "url: 1 is not a string" in wrong(other_input)["inputParameters"]
    assert "in the future" in wrong(over)["startTime"]
    assert wrong(gone) == {"": "there is no agent 999999"}
    assert "agentId" in wrong(alone)


def test_a_change_is_looked_at_as_a_change(server: RunningServer) -> None:
    agent = server.agent(unique("changing"), "")
    body = {"name": "hourly", "cronExpression": "0 * * * *", "timezone": "Asia/Tokyo"}
    schedule = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)["id"]
    place = {"agentId": agent, "scheduleId": schedule, "name": "hourly"}

    before, after = previews(server, place, {**place, "cronExpression": "30 5 * * *"})

    assert before["localSchedule"].endswith("Asia/Tokyo")
    assert {fire["localTime"][11:] for fire in after["fires"]} == {"05:30:00"}
    assert server.call("GET", f"/agent/{agent}/schedules/{schedule}")["cronExpression"] == "0 * * * *"


def test_more_than_500_at_once_are_refused(server: RunningServer) -> None:
    answer = server.http.post("/schedules/previews", json={"schedules": [{}] * 501})
    assert "schedules" in field_errors(answer)


def test_what_is_reset_has_its_default_again(server: RunningServer) -> None:
    agent = server.agent(unique("reset"), "")
    place = f"/agent/{agent}/schedules"
    plain = server.call("POST", place, DAILY, expect=201)
    rich = server.call(
        "POST",
        place,
        DAILY
        | {"timezone": "Europe/Berlin", "endTime": in_future(days=30), "maxRetries": 2, "priority": 5}
        | {"inputParameters": "{}", "localSchedule": "mornings", "excludedDates": ["2030-01-01"]}
        | {"timeoutSeconds": 60, "retryDelaySeconds": 5, "parallelMaxConcurrency": 2, "catchUp": "all"},
        expect=201,
    )
    names = ["timezone", "endTime", "MaxRetries", "priority", "inputParameters", "localSchedule", "catchup"]
    names += ["excludedDates", "timeoutSeconds", "retryDelaySeconds", "parallelMaxConcurrency"]

    changed = server.call("PUT", f"{place}/{rich['id']}", {"name": "daily", "reset": names})

    passing = {"id", "created", "updated"}
    assert {k: v for k, v in changed.items() if k not in passing} == {
        k: v for k, v in plain.items() if k not in passing
    }


def test_a_value_that_is_sent_wins_over_its_reset(server: RunningServer) -> None:
    agent = server.agent(unique("reset"), "")
    place = f"/agent/{agent}/schedules"
    made = server.call("POST", place, DAILY | {"priority": 5}, expect=201)
    body = {"name": "daily", "priority": 7, "reset": ["priority"]}
    assert server.call("PUT", f"{place}/{made['id']}", body)["priority"] == 7


@pytest.mark.parametrize("name", ["name", "scheduleType", "anchor", "nothing"])
def test_what_has_no_default_cannot_be_reset(server: RunningServer, name: str) -> None:
    agent = server.agent(unique("reset"), "")
    place = f"/agent/{agent}/schedules"
    made = server.call("POST", place, DAILY, expect=201)
    answer = server.http.put(f"{place}/{made['id']}", json={"name": "daily", "reset": [name]})
    assert f"'{name}' has no default" in field_errors(answer)["reset"]


def test_a_required_input_cannot_be_reset(server: RunningServer) -> None:
    agent = server.agent(unique("reset"), "", "[inputs.url]\nrequired = true\n")
    place = f"/agent/{agent}/schedules"
    made = server.call("POST", place, DAILY | {"inputParameters": '{"url": "x"}'}, expect=201)
    answer = server.http.put(f"{place}/{made['id']}", json={"name": "d", "reset": ["inputParameters"]})
    assert "requires url" in field_errors(answer)["inputParameters"]


def test_what_is_no_object_is_refused_with_its_place(server: RunningServer) -> None:
    answer = server.http.post(
        "/schedules/previews", json={"schedules": [{"cronExpression": "0 9 * * *"}, []]}
    )
    assert list(field_errors(answer)) == ["schedules.1"]
