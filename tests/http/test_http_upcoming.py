"""What fires next, over all agents."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_helpers import emits, field_errors, in_future, instant, send_raw, unique, wire_time

from running_server import RunningServer

UPCOMING = "/analytics/schedules/upcoming"
FIELDS = {
    "scheduleId",
    "agentId",
    "agentName",
    "scheduleName",
    "nextRunTime",
    "timezone",
    "isEnabled",
    "occurrenceCount",
    "fireTime",
}


@pytest.fixture
def agent(server: RunningServer) -> Iterator[int]:
    """An agent of its own, whose schedules are gone afterwards."""
    made = server.agent(unique("upcoming"), emits({"n": 1}))
    yield made
    server.call("DELETE", f"/agent/{made}", expect=204)


def schedule(server: RunningServer, agent: int, name: str = "a schedule", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = server.call(
        "POST", f"/agent/{agent}/schedules", {"name": name, **fields}, expect=201
    )
    return made


def once(server: RunningServer, agent: int, name: str, **later: float) -> dict[str, Any]:
    return schedule(server, agent, name, startTime=in_future(**later))


def upcoming(server: RunningServer, **query: Any) -> list[dict[str, Any]]:
    answer = server.http.get(UPCOMING, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [entry["scheduleName"] for entry in found]


def time_of(entry: Mapping[str, Any]) -> datetime:
    return instant(entry["nextRunTime"])


def test_nothing_is_to_come_at_first(server: RunningServer) -> None:
    assert upcoming(server) == []
    assert server.call("GET", f"{UPCOMING}?pageIndex=1") == {"items": [], "totalRecordCount": 0}


def test_each_schedule_that_fires_in_the_next_seven_days_has_one_entry(
    server: RunningServer, agent: int
) -> None:
    daily = schedule(server, agent, "daily", cronExpression="0 9 * * *", timezone="Asia/Tokyo")
    once(server, agent, "in six days", days=6)
    once(server, agent, "in eight days", days=8)
    [first, second] = upcoming(server)
    assert first.keys() == FIELDS
    assert first == {
        "scheduleId": daily["id"],
        "agentId": agent,
        "agentName": server.call("GET", f"/agent/{agent}")["name"],
        "scheduleName": "daily",
        "nextRunTime": daily["nextRunTime"],
        "timezone": "Asia/Tokyo",
        "isEnabled": True,
        "occurrenceCount": 7,
        "fireTime": daily["nextRunTime"],
    }
    assert (second["scheduleName"], second["occurrenceCount"]) == ("in six days", 1)


def test_entries_are_in_the_order_of_their_next_run_times(server: RunningServer, agent: int) -> None:
    for name, hours in (("third", 9), ("first", 2), ("second", 5)):
        once(server, agent, name, hours=hours)
    assert names(upcoming(server)) == ["first", "second", "third"]


def test_only_schedules_whose_next_fire_is_in_the_range_are_listed(server: RunningServer, agent: int) -> None:
    for name, days in (("tomorrow", 1), ("in ten days", 10), ("in thirty", 30)):
        once(server, agent, name, days=days)
    schedule(server, agent, "hourly", runEveryCount=1, runEveryPeriod=2)
    assert names(upcoming(server, startDate=in_future(days=9), endDate=in_future(days=31))) == [
        "in ten days",
        "in thirty",
    ]
    assert names(upcoming(server, startDate=in_future(days=9))) == ["in ten days"], "a week from the start"
    assert names(upcoming(server, endDate=in_future(days=2))) == ["hourly", "tomorrow"]


def test_a_bare_end_date_includes_its_whole_day(server: RunningServer, agent: int) -> None:
    moment = (datetime.now(UTC) + timedelta(days=3)).replace(hour=23, minute=59, second=30, microsecond=0)
    schedule(server, agent, startTime=wire_time(moment))
    day = moment.date()
    assert len(upcoming(server, endDate=day.isoformat())) == 1
    assert len(upcoming(server, startDate=day.isoformat(), endDate=day.isoformat())) == 1
    assert upcoming(server, endDate=(day - timedelta(days=1)).isoformat()) == []
    assert upcoming(server, endDate=f"{day.isoformat()}T00:00:00Z") == []


def test_what_is_disabled_deleted_or_of_an_archived_agent_is_not_to_come(
    server: RunningServer, agent: int
) -> None:
    off, gone = (
        schedule(server, agent, cronExpression="0 * * * *"),
        schedule(server, agent, cronExpression="0 * * * *"),
    )
    schedule(server, agent, "stays", cronExpression="0 * * * *")
    schedule(server, agent, "by hand", scheduleType=0)
    server.call("POST", f"/agent/{agent}/schedules/{off['id']}/disable", expect=204)
    server.call("DELETE", f"/agent/{agent}/schedules/{gone['id']}", expect=204)
    assert names(upcoming(server)) == ["stays"]
    server.call("POST", f"/agent/{agent}/archive", expect=204)
    assert upcoming(server) == []
    assert upcoming(server, expand="true") == []
    server.call("POST", f"/agent/{agent}/unarchive", expect=204)
    assert names(upcoming(server)) == ["stays"]


def test_excluded_dates_and_the_end_of_a_schedule_count(server: RunningServer, agent: int) -> None:
    today = datetime.now(UTC).date()
    days = [(today + timedelta(days=number)).isoformat() for number in (0, 1, 3)]
    schedule(server, agent, "with holidays", cronExpression="0 0,12 * * *", excludedDates=days)
    end = datetime.combine(today + timedelta(days=4), datetime.min.time(), UTC)
    schedule(server, agent, "ends", cronExpression="0 0 * * *", endTime=wire_time(end))
    until = (today + timedelta(days=4)).isoformat()
    found = {entry["scheduleName"]: entry for entry in upcoming(server, endDate=until)}
    assert time_of(found["with holidays"]).date() == today + timedelta(days=2)
    assert found["with holidays"]["occurrenceCount"] == 4
    assert found["ends"]["occurrenceCount"] == 4
    fires = upcoming(server, endDate=until, expand="true")
    assert names(fires).count("with holidays") == 4
    assert names(fires).count("ends") == 4
    assert server.call("GET", f"{UPCOMING}?endDate={days[1]}&pageIndex=1")["totalRecordCount"] == 1


def test_jitter_moves_the_start_of_runs_and_not_the_next_run_time(server: RunningServer, agent: int) -> None:
    schedule(server, agent, cronExpression="0 * * * *", jitterSeconds=1800)
    fires = upcoming(server, expand="true", maxRecords=24)
    [entry] = upcoming(server)
    assert entry["fireTime"] == fires[0]["fireTime"]
    delays = [instant(fire["fireTime"]) - time_of(fire) for fire in fires]
    assert all(timedelta(0) <= delay < timedelta(minutes=30) for delay in delays)
    assert len(set(delays)) > 12
    assert {time_of(fire).minute for fire in fires} == {0}


def test_expanded_there_is_an_entry_for_each_fire_oldest_first(server: RunningServer, agent: int) -> None:
    hourly = schedule(server, agent, "hourly", cronExpression="0 * * * *")
    schedule(server, agent, "half past", cronExpression="30 * * * *")
    first = instant(hourly["nextRunTime"])
    answer = server.http.get(
        UPCOMING,
        params={
            "expand": "true",
            "startDate": hourly["nextRunTime"],
            "endDate": wire_time(first + timedelta(hours=3)),
        },
    )
    assert "x-truncated" not in answer.headers
    found = answer.json()
    assert [entry["nextRunTime"] for entry in found if entry["scheduleName"] == "hourly"] == [
        wire_time(first + timedelta(hours=n)) for n in range(4)
    ]
    assert names(found) == ["hourly", "half past"] * 3 + ["hourly"]
    assert all(entry.keys() == FIELDS and entry["occurrenceCount"] == 1 for entry in found)


def test_expanded_fires_of_a_schedule_that_fires_before_the_range_are_there(
    server: RunningServer, agent: int
) -> None:
    schedule(server, agent, cronExpression="0 * * * *")
    start, end = in_future(days=2), in_future(days=3)
    assert len(upcoming(server, expand="true", startDate=start, endDate=end)) == 24
    assert upcoming(server, startDate=start, endDate=end) == []


def test_an_expanded_answer_is_cut_and_says_so(server: RunningServer, agent: int) -> None:
    schedule(server, agent, cronExpression="* * * * *")
    for query, count in (("", 1000), ("&maxRecords=5", 5), ("&maxRecords=10000", 10_000)):
        answer = server.http.get(f"{UPCOMING}?expand=true{query}")
        assert answer.headers["X-Truncated"] == "true"
        assert len(answer.json()) == count
    page = server.http.get(f"{UPCOMING}?expand=true&maxRecords=5&pageIndex=2&recordsPerPage=3")
    assert page.headers["X-Truncated"] == "true"
    assert page.json()["totalRecordCount"] == 5
    assert len(page.json()["items"]) == 2


def test_without_expand_everything_is_there_unless_less_is_asked_for(
    server: RunningServer, agent: int
) -> None:
    for number in range(5):
        once(server, agent, f"number {number}", hours=number + 1)
    whole = server.http.get(UPCOMING)
    assert "x-truncated" not in whole.headers
    cut = server.http.get(f"{UPCOMING}?maxRecords=2")
    assert cut.headers["X-Truncated"] == "true"
    assert cut.json() == whole.json()[:2]
    assert "x-truncated" not in server.http.get(f"{UPCOMING}?maxRecords=5").headers
    pages = [server.call("GET", f"{UPCOMING}?pageIndex={n}&recordsPerPage=2") for n in (1, 2, 3, 4)]
    assert [entry for page in pages for entry in page["items"]] == whole.json()
    assert {page["totalRecordCount"] for page in pages} == {5}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("startDate=tomorrow", "startDate"),
        ("endDate=2026-13-01", "endDate"),
        ("startDate=2031-01-02&endDate=2031-01-01", "endDate"),
        ("endDate=2020-01-01", "endDate"),
        ("maxRecords=0", "maxRecords"),
        ("maxRecords=10001", "maxRecords"),
        ("expand=perhaps", "expand"),
        ("pageIndex=0", "pageIndex"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(server: RunningServer, query: str, field: str) -> None:
    assert field_errors(send_raw(server.http, "GET", f"{UPCOMING}?{query}", "")).keys() == {field}
