"""Moving in from a server that speaks the Sequentum API: a second Lamplighter, and one whose answers are others."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cli_support import Cli, write_agent

from running_server import KEY, RunningServer, eventually


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The server that is moved away from."""
    with RunningServer(tmp_path_factory.mktemp("other") / "data") as running:
        yield running


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url, SEQUENTUM_API_KEY=KEY)


@pytest.fixture
def space(cli: Cli, request: pytest.FixtureRequest) -> str:
    """A space of the test's own."""
    name = str(request.node.name)[:190]
    cli.ok("space", "add", name)
    return name


@pytest.fixture
def theirs(other: RunningServer, request: pytest.FixtureRequest) -> str:
    """An agent over there, with the name of the test and schedules of every kind."""
    name = f"prices of {request.node.name}"
    agent = other.agent(name, "print('there')\n", "[inputs.pages]\ndefault = 3\n")
    later = (datetime.now(UTC) + timedelta(days=40)).replace(microsecond=0).isoformat()
    for body in (
        {
            "name": "mornings",
            "cronExpression": "0 9 * * 1-5",
            "timezone": "America/New_York",
            "inputParameters": '{"pages": 5}',
            "parallelism": 2,
            "isExclusive": True,
            "logLevel": "Error",
        },
        {"name": "often", "runEveryCount": 45, "runEveryPeriod": 1},
        {"name": "once", "startTime": later},
        {"name": "by hand", "scheduleType": 0},
        {"name": "resting", "cronExpression": "@daily", "isEnabled": False},
    ):
        other.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    return name


def bring(cli: Cli, url: str, space: str, agent: str, *more: str) -> Any:
    return cli.ok("import", "sequentum", url, "--agent", agent, "--space", space, "--json", *more).json


def schedules_in(cli: Cli, space: str) -> dict[str, dict[str, Any]]:
    [agent] = cli.ok("agent", "list", "--space", space, "--json").json
    return {one["name"]: one for one in cli.ok("schedule", "list", agent["id"], "--json").json}


def next_of(other: RunningServer, agent: str, schedule: str) -> Any:
    [found] = other.call("GET", f"/agent/all?name={agent}")
    every = other.call("GET", f"/agent/{found['id']}/schedules")
    return next(one["nextRunTime"] for one in every if one["name"] == schedule)


def test_schedules_of_every_kind_come_over_in_shadow_while_the_program_is_missing(
    cli: Cli, space: str, other: RunningServer, theirs: str
) -> None:
    answer = bring(cli, other.url, space, theirs)
    found = schedules_in(cli, space)
    assert found.keys() == {"mornings", "often", "once", "by hand", "resting"}
    assert all(one["isShadow"] for one in found.values())
    mornings = found["mornings"]
    assert (mornings["cronExpression"], mornings["timezone"]) == ("0 9 * * 1-5", "America/New_York")
    assert (mornings["inputParameters"], mornings["parallelism"]) == ('{"pages": 5}', 2)
    assert (mornings["isExclusive"], mornings["logLevel"]) == (True, "Error")
    assert found["often"]["nextRunTime"] == next_of(other, theirs, "often")
    assert found["once"]["nextRunTime"] == next_of(other, theirs, "once")
    assert (found["by hand"]["scheduleType"], found["resting"]["isEnabled"]) == (0, False)
    lost = [one["what"] for one in answer["notCarriedOver"]]
    assert any("program, which the server does not hand out" in what for what in lost)
    assert any("(pages)" in what for what in lost)


def test_the_stand_in_fails_and_says_what_is_missing(
    cli: Cli, space: str, server: RunningServer, other: RunningServer, theirs: str
) -> None:
    agent = bring(cli, other.url, space, theirs)["carriedOver"][0]["agentId"]
    run = server.run(agent)
    assert run["status"] == 6
    assert "was not carried over" in server.log(agent, run["id"])


def test_importing_again_changes_nothing(cli: Cli, space: str, other: RunningServer, theirs: str) -> None:
    bring(cli, other.url, space, theirs)
    before = schedules_in(cli, space)
    assert {one["outcome"] for one in bring(cli, other.url, space, theirs)["carriedOver"]} == {"as it was"}
    assert schedules_in(cli, space) == before


def test_a_rehearsal_does_nothing(cli: Cli, space: str, other: RunningServer, theirs: str) -> None:
    rehearsed = bring(cli, other.url, space, theirs, "--dry-run")
    assert [one["outcome"] for one in rehearsed["carriedOver"]] == ["new"] * 6
    assert cli.ok("agent", "list", "--space", space, "--json").json == []


def test_an_agent_whose_program_is_here_gets_schedules_that_run(
    cli: Cli, space: str, other: RunningServer, theirs: str, tmp_path: Path
) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "agent"), "--name", theirs, "--space", space)
    answer = bring(cli, other.url, space, theirs)
    assert answer["carriedOver"][0]["outcome"] == "as it was"
    assert not any(one["isShadow"] for one in schedules_in(cli, space).values())


def test_a_program_that_is_deployed_later_leaves_the_shadow_to_people(
    cli: Cli, space: str, other: RunningServer, theirs: str, tmp_path: Path
) -> None:
    bring(cli, other.url, space, theirs)
    cli.ok("agent", "deploy", write_agent(tmp_path / "agent"), "--name", theirs, "--space", space)
    cli.ok("schedule", "edit", theirs, "mornings", "--no-shadow")
    bring(cli, other.url, space, theirs, "--shadow")
    states = {name: one["isShadow"] for name, one in schedules_in(cli, space).items()}
    assert (states["mornings"], states["often"]) == (False, True)


def test_a_ledger_in_shadow_is_compared_with_the_runs_over_there(
    cli: Cli, space: str, server: RunningServer, other: RunningServer, theirs: str
) -> None:
    [there] = other.call("GET", f"/agent/all?name={theirs}")
    start = (datetime.now(UTC) + timedelta(seconds=15)).isoformat()
    body = {"name": "soon", "runEveryCount": 1, "runEveryPeriod": 3, "startTime": start}
    made = other.call("POST", f"/agent/{there['id']}/schedules", body, expect=201)
    answer = bring(cli, other.url, space, theirs)
    here = next(one for one in answer["carriedOver"] if one["schedule"] == "soon")
    path = f"/agent/{here['agentId']}/schedules/{here['scheduleId']}/fires"
    [fire] = eventually(lambda: server.call("GET", path))
    assert (fire["outcome"], fire["runIds"]) == ("shadow", [])
    runs_there = f"/agent/{there['id']}/runs"
    eventually(lambda: [run for run in other.call("GET", runs_there) if run["scheduleId"] == made["id"]])
    other.run(there["id"])  # by hand: no run of the schedule
    said = cli.ok("schedule", "compare", here["agentId"], "soon", "--server", other.url, "--json").json
    assert said["isSame"]
    assert [one["dueTime"] for one in said["both"]] == [fire["dueTime"]]


# --- what another server may answer ---


class Foreign(BaseHTTPRequestHandler):
    """A server with the contract's routes: it pages, has properties of its own, and leaves others out."""

    answers: ClassVar[dict[str, Any]] = {
        "/api/v1/agent/all": {
            "agents": [
                {"id": 7, "name": "shop", "configType": "Agent", "validationLevel": {"x": 1}, "spaceId": 3},
                {"id": 8, "name": "quiet", "spaceId": 4},
                {"id": 9, "name": "shop", "spaceId": 4},
                {"name": "nameless id"},
            ],
            "totalRecordCount": 4,
        },
        "/api/v1/agent/7/schedules": [
            {"id": 1, "name": "plain", "schedule": "0 6 * * *", "proxyPoolId": 12, "color": "red"},
            {"id": 2, "name": "six fields", "schedule": "0 0 6 * * *", "scheduleType": 3, "timezone": "UTC"},
            {"id": 3, "name": "nowhere", "schedule": "0 6 * * *", "timezone": "Eastern Standard Time"},
            {"id": 4, "name": "over", "scheduleType": 1, "startTime": "2020-01-01T00:00:00"},
            {"id": 5, "name": "beatless", "scheduleType": 2, "runEveryCount": 30, "runEveryPeriod": 0},
            {"id": 6, "name": "plain", "schedule": "0 7 * * *"},
        ],
        "/api/v1/agent/8/schedules": [],
        "/api/v1/agent/9/schedules": [],
        "/api/v1/agent/7/runs": [{"id": 1, "startTime": "2026-03-01T06:00:02"}, {"id": 2, "status": 4}],
    }

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        content = json.dumps(answer).encode()
        self.send_response(
            401 if self.headers["Authorization"] != f"ApiKey {KEY}" else 200 if answer is not None else 404
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class calls it
        """Nothing."""


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_with_more_and_with_less_are_read(cli: Cli, space: str, foreign: str) -> None:
    answer = cli.ok("import", "sequentum", foreign, "--space", space, "--json").json
    carried = {(one["agent"], one["schedule"]) for one in answer["carriedOver"]}
    assert carried == {("shop", None), ("shop", "plain"), ("shop", "beatless"), ("quiet", None)}
    lost = {one["where"]: one["what"] for one in answer["notCarriedOver"]}
    assert "exactly five" in lost["shop › six fields"]
    assert "Eastern Standard Time" in lost["shop › nowhere"]
    assert lost["shop › over"] == "ran once, and that is over"
    assert "nameless id" in lost["an agent"]
    assert [one["what"] for one in answer["notCarriedOver"] if one["where"] == "shop › plain"] == [
        "its proxy pool 12, which is known there only: `lamplighter schedule edit --proxy-pool`",
        "another schedule of this name: give it its own there",
    ]
    look = {one["where"]: one["what"] for one in answer["lookAt"]}
    assert "counts from now on" in look["shop › beatless"]
    assert "from 2 spaces" in look["spaces"]


def test_runs_that_do_not_name_their_schedule_are_all_of_it(cli: Cli, space: str, foreign: str) -> None:
    cli.ok("import", "sequentum", foreign, "--agent", "shop", "--space", space)
    [agent] = cli.ok("agent", "list", "--space", space, "--json").json
    said = cli.ok("schedule", "compare", agent["id"], "plain", "--server", foreign, "--json").json
    assert (said["outside"], said["onlyTheirs"]) == (1, [])


def test_an_agent_that_is_not_there_is_an_error(cli: Cli, foreign: str) -> None:
    result = cli("import", "sequentum", foreign, "--agent", "nothing")
    assert (result.status, "has no agent named 'nothing'" in result.err) == (5, True)


def test_a_key_that_the_other_server_refuses_is_an_error(cli: Cli, foreign: str) -> None:
    assert cli("import", "sequentum", foreign, "--key", "sk-wrong").status == 4
