"""Sums over the runs of a range of time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from http_helpers import FAILS, SLEEPS, emits, field_errors, instant, problem_of

from running_server import RunningServer, eventually

RUNS, RECORDS = "/analytics/runs/summary", "/analytics/records/summary"
COUNTS = (
    "totalRuns",
    "completedRuns",
    "failedRuns",
    "completedWithErrorsRuns",
    "runningRuns",
    "queuedRuns",
    "stoppedRuns",
    "skippedRuns",
)
STUMBLES = """
from lamplighter import agent
agent.emit({"n": 1})
agent.emit({"n": 2})
agent.report(errors=3, pages=7)
"""
STRICT = "[success]\nmin_records = 1\n"


class Ran:
    """A server on which runs ended in every way."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.good = server.agent("good", emits({"n": 1}))
        self.strict = server.agent("strict", emits({"n": 1}, {"n": 2}), STRICT)
        self.bad = server.agent("bad", FAILS)
        self.stumbling = server.agent("stumbling", STUMBLES)
        self.slow = server.agent("slow", SLEEPS)
        for agent in (self.good, self.good, self.strict, self.stumbling):
            server.run(agent)
        self.failures = [server.run(self.bad) for _ in range(2)]
        stopped = server.call("POST", f"/agent/{self.slow}/start", {}, expect=202)["id"]
        server.call("POST", f"/agent/{self.slow}/run/{stopped}/stop", expect=204)
        server.ended(self.slow, stopped)
        self.going = server.call("POST", f"/agent/{self.slow}/start", {"isExclusive": True}, expect=202)["id"]
        eventually(lambda: server.status(self.slow, self.going)["status"] == 1)
        self.held = server.call("POST", f"/agent/{self.slow}/start", {"isExclusive": True}, expect=202)["id"]

    def summary(self, query: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.server.call("GET", f"{RUNS}{query}")
        return found

    def counts(self, query: str = "") -> list[int]:
        found = self.summary(query)
        return [found[name] for name in COUNTS]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    data: Path = tmp_path_factory.mktemp("ran") / "data"
    with RunningServer(data) as server:
        made = Ran(server)
        yield made
        for run in (made.held, made.going):
            server.call("POST", f"/agent/{made.slow}/run/{run}/stop", expect=204)
            server.ended(made.slow, run)


def test_runs_are_counted_by_how_they_ended(ran: Ran) -> None:
    found = ran.summary()
    assert found.keys() == {*COUNTS, "startDate", "endDate", "failedRunDetails"}
    assert [found[name] for name in COUNTS] == [9, 3, 2, 1, 1, 1, 1, 0]


def test_the_range_is_today_when_it_is_not_said(ran: Ran) -> None:
    for path in (RUNS, RECORDS):
        found = ran.server.call("GET", path)
        start, end = instant(found["startDate"]), instant(found["endDate"])
        assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
        assert start <= end <= datetime.now(UTC)
        assert start.date() == end.date()


def test_a_bare_end_date_is_the_whole_day(ran: Ran) -> None:
    today = ran.summary()["startDate"][:10]
    found = ran.summary(f"?startDate={today}&endDate={today}")
    assert (found["startDate"], found["endDate"]) == (f"{today}T00:00:00Z", f"{today}T23:59:59.999Z")
    assert found["totalRuns"] == 9
    assert ran.summary(f"?endDate={today}")["totalRuns"] == 9
    assert ran.summary("?startDate=2026-01-01&endDate=2026-01-31")["totalRuns"] == 0
    assert ran.summary("?endDate=2026-01-31")["startDate"] == "2026-01-31T00:00:00Z"


def test_the_runs_that_failed_are_told_newest_first(ran: Ran) -> None:
    details = ran.summary()["failedRunDetails"]
    first, second = ran.failures
    assert [run["runId"] for run in details] == [second["id"], first["id"]]
    assert details[0] == {
        "runId": second["id"],
        "agentId": ran.bad,
        "agentName": "bad",
        "startTime": second["startTime"],
        "endTime": second["endTime"],
        "status": 6,
        "errorMessage": second["message"],
        "spaceId": 1,
        "spaceName": "Default",
    }


def test_details_are_null_when_they_are_not_wanted_and_empty_when_nothing_failed(ran: Ran) -> None:
    assert ran.summary("?includeDetails=false")["failedRunDetails"] is None
    assert ran.summary("?status=Completed&includeDetails=true")["failedRunDetails"] == []


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("Failed", [2, 0, 2, 0, 0, 0, 0, 0]),
        ("failure", [2, 0, 2, 0, 0, 0, 0, 0]),
        ("6", [2, 0, 2, 0, 0, 0, 0, 0]),
        ("7", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("Completed", [3, 3, 0, 0, 0, 0, 0, 0]),
        ("CompletedWithErrors", [1, 0, 0, 1, 0, 0, 0, 0]),
        ("9", [3, 2, 0, 1, 0, 0, 0, 0]),
        ("Success", [1, 1, 0, 0, 0, 0, 0, 0]),
        ("RUNNING", [1, 0, 0, 0, 1, 0, 0, 0]),
        ("Queued", [1, 0, 0, 0, 0, 1, 0, 0]),
        ("Waiting", [1, 0, 0, 0, 0, 1, 0, 0]),
        ("Stopped", [1, 0, 0, 0, 0, 0, 1, 0]),
        ("Skipped", [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_status_filter_takes_the_words_of_the_summary_and_those_of_runs(
    ran: Ran, status: str, wanted: list[int]
) -> None:
    found = ran.summary(f"?status={status}")
    assert [found[name] for name in COUNTS] == wanted
    assert len(found["failedRunDetails"]) == wanted[2]


def test_records_are_summed_over_all_runs_or_those_of_an_agent(ran: Ran) -> None:
    found = ran.server.call("GET", RECORDS)
    assert found.keys() == {
        "startDate",
        "endDate",
        "totalRecordsExtracted",
        "totalRecordsExported",
        "totalErrors",
        "totalPageLoads",
        "runCount",
        "agentId",
    }
    sums = (
        "totalRecordsExtracted",
        "totalRecordsExported",
        "totalErrors",
        "totalPageLoads",
        "runCount",
        "agentId",
    )
    assert [found[name] for name in sums] == [6, 6, 3, 7, 9, None]
    found = ran.server.call("GET", f"{RECORDS}?agentId={ran.stumbling}")
    assert [found[name] for name in sums] == [2, 2, 3, 7, 1, ran.stumbling]


def test_an_agent_that_is_not_there_has_no_sums(ran: Ran) -> None:
    problem_of(ran.server.http.get(f"{RECORDS}?agentId=99999"), 404)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (RUNS, "status=Broken", "status"),
        (RUNS, "status=0", "status"),
        (RUNS, "status=13", "status"),
        (RUNS, "includeDetails=perhaps", "includeDetails"),
        (RUNS, "startDate=2026-01-02&endDate=2026-01-01", "endDate"),
        (RECORDS, "startDate=yesterday", "startDate"),
        (RECORDS, "agentId=0", "agentId"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(ran: Ran, path: str, query: str, field: str) -> None:
    errors = field_errors(ran.server.http.get(f"{path}?{query}"))
    assert errors.keys() == {field}
    if field == "status":
        assert "Completed, CompletedWithErrors, Failed" in errors["status"]
