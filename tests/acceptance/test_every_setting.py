"""Every property of a schedule has its effect in a real run that the schedule fires.

All schedules are created together and fire by the clock; each test then looks at one of them. What takes more
than a run to see (proxy pools, server groups, parallel sets, snapshots) has files of its own.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from running_server import PATIENCE, RunningServer, eventually

FAILURE, COMPLETED, WAITING, QUEUING = 6, 9, 12, 4
SHOW = """
import json, os
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as f:
    f.write(json.dumps({
        "input": json.load(open(os.environ["LAMPLIGHTER_INPUT"])),
        "level": os.environ["LAMPLIGHTER_LOG_LEVEL"],
        "shard": [os.environ["LAMPLIGHTER_SHARD_INDEX"], os.environ["LAMPLIGHTER_SHARD_COUNT"]],
        "scheduled": os.environ["LAMPLIGHTER_SCHEDULED_TIME"],
    }) + "\\n")
"""
FAILS_TWICE = """
import os, sys
print("this is attempt", os.environ["LAMPLIGHTER_ATTEMPT"], flush=True)
sys.exit(0 if os.environ["LAMPLIGHTER_ATTEMPT"] == "3" else 7)
"""
SLEEPS = "import time\ntime.sleep(1000)\n"
WAITS_FOR_GATE = """
import os, pathlib, time
data = pathlib.Path(os.environ["LAMPLIGHTER_FILES"]).parents[4]
with open(data / "begun", "a") as f:
    f.write(os.environ["LAMPLIGHTER_RUN_ID"] + "\\n")
while not (data / "gate").exists():
    time.sleep(0.02)
"""


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Scene:
    """A server with schedules that have all been created; ``run`` waits for the first run of one."""

    server: RunningServer
    minute: datetime
    agents: dict[str, int] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, program: str, **settings: Any) -> None:
        """An agent of its own with one schedule."""
        self.agents[name] = self.server.agent(name, program)
        self.schedules[name] = self.server.call(
            "POST", f"/agent/{self.agents[name]}/schedules", {"name": name, **settings}, expect=201
        )

    def runs(self, name: str) -> list[dict[str, Any]]:
        """The runs of the agent, oldest first."""
        return list(reversed(self.server.call("GET", f"/agent/{self.agents[name]}/runs")))

    def run(self, name: str) -> dict[str, Any]:
        """The first run of the schedule, when it has ended; a minute's cadence takes its time."""
        runs = eventually(lambda: self.runs(name), patience=4 * PATIENCE)
        return self.server.ended(self.agents[name], runs[0]["id"])

    def records(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.call(
            "GET", f"/agent/{self.agents[name]}/run/{self.run(name)['id']}/records"
        )
        return found

    def fires(self, name: str) -> list[dict[str, Any]]:
        """The ledger of the schedule, oldest first."""
        path = f"/agent/{self.agents[name]}/schedules/{self.schedules[name]['id']}/fires"
        return list(reversed(self.server.call("GET", path)))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with RunningServer(tmp_path_factory.mktemp("settings") / "data", concurrency=8) as server:
        now = datetime.now(UTC)
        # The next minute that leaves time to create everything before it.
        minute = (now + timedelta(seconds=75)).replace(second=0, microsecond=0)
        built = Scene(server, minute)
        once = now.replace(microsecond=0) + timedelta(seconds=65)
        there = minute.astimezone(
            ZoneInfo("Asia/Kathmandu")
        )  # 5:45 ahead: no other hour and minute is the same
        built.add("once", SHOW, scheduleType=1, startTime=iso(once), inputParameters='{"page": 7}')
        built.add(
            "cron", SHOW, cronExpression=f"{minute.minute} * * * *", localSchedule="when the lamps are lit"
        )
        built.add(
            "zone", SHOW, cronExpression=f"{there.minute} {there.hour} * * *", timezone="Asia/Kathmandu"
        )
        soon: dict[str, Any] = {
            "runEveryCount": 4,
            "runEveryPeriod": 4,
            "startTime": iso(now + timedelta(seconds=8)),
        }
        built.add("every", SHOW, runEveryCount=1, runEveryPeriod=0, startTime=soon["startTime"])
        built.add("off", SHOW, **{**soon, "isEnabled": False})
        built.add("never", SHOW, scheduleType=0)
        built.add("excluded", SHOW, **soon, excludedDates=[soon["startTime"][:10]])
        built.add("level", SHOW, **soon, logLevel="Error")
        built.add("shards", SHOW, **soon, parallelism=2, parallelExport="Separated")
        built.add("retries", FAILS_TWICE, **soon, maxRetries=2)
        built.add("patient", FAILS_TWICE, **soon, isWaitOnFailure=True, retryDelaySeconds=1)
        built.add("impatient", FAILS_TWICE, **soon, maxRetries=1, retryDelaySeconds=0)
        built.add("late", SLEEPS, **soon, timeoutSeconds=1)
        yield built


def test_run_once_fires_at_its_time_with_its_input_and_never_again(scene: Scene) -> None:
    run = scene.run("once")
    assert (
        run["scheduledTime"] == scene.schedules["once"]["nextRunTime"] == scene.schedules["once"]["startTime"]
    )
    assert run["startedBy"] == "schedule once"
    [record] = scene.records("once")
    assert record["input"] == {"page": 7}
    assert record["scheduled"] == run["scheduledTime"]
    schedule = scene.server.call(
        "GET", f"/agent/{scene.agents['once']}/schedules/{scene.schedules['once']['id']}"
    )
    assert schedule["nextRunTime"] is None


@pytest.mark.parametrize("name", ["cron", "zone"])
def test_cron_fires_at_the_minute_that_it_names_in_its_zone(scene: Scene, name: str) -> None:
    run = scene.run(name)
    assert run["scheduledTime"] == scene.schedules[name]["nextRunTime"]
    assert run["scheduledTime"] == iso(scene.minute)
    [fire] = scene.fires(name)
    assert (fire["outcome"], fire["runIds"]) == ("fired", [run["id"]])


def test_the_text_of_a_schedule_is_kept_as_it_was_given(scene: Scene) -> None:
    assert scene.schedules["cron"]["localSchedule"] == "when the lamps are lit"
    assert scene.schedules["zone"]["localSchedule"] != "when the lamps are lit"


def test_run_every_fires_at_its_anchor_and_then_each_minute(scene: Scene) -> None:
    anchor = datetime.fromisoformat(scene.schedules["every"]["startTime"])
    runs = eventually(lambda: found if len(found := scene.runs("every")) > 1 else None, patience=4 * PATIENCE)
    times = [datetime.fromisoformat(run["scheduledTime"]) for run in runs[:2]]
    assert times == [anchor, anchor + timedelta(minutes=1)]


def test_a_schedule_that_is_off_or_has_no_trigger_does_not_fire(scene: Scene) -> None:
    scene.run("once")  # long after the others were due
    for name in ("off", "never"):
        assert scene.schedules[name]["nextRunTime"] is None
        assert scene.runs(name) == []
        assert scene.fires(name) == []


def test_an_excluded_date_is_skipped_and_the_ledger_says_so(scene: Scene) -> None:
    [fire] = eventually(lambda: scene.fires("excluded"))
    assert fire["outcome"] == "skipped"
    assert "excluded" in fire["reason"]
    assert scene.runs("excluded") == []


def test_the_log_level_reaches_the_agent(scene: Scene) -> None:
    assert scene.run("level")["logLevel"] == "Error"
    assert scene.records("level")[0]["level"] == "Error"


def test_parallelism_makes_so_many_runs_that_know_their_share(scene: Scene) -> None:
    scene.run("shards")
    runs = scene.runs("shards")
    shards = [
        scene.server.call("GET", f"/agent/{run['configId']}/run/{run['id']}/records")[0]["shard"]
        for run in runs
        if scene.server.ended(run["configId"], run["id"])
    ]
    assert shards == [["1", "2"], ["2", "2"]]
    assert len({run["parallelSet"] for run in runs}) == 1


@pytest.mark.parametrize("name", ["retries", "patient"])
def test_retries_are_numbered_attempts_in_place_and_each_keeps_its_log(scene: Scene, name: str) -> None:
    run = scene.run(name)
    assert (run["status"], run["attempt"]) == (COMPLETED, 3)
    assert len(scene.runs(name)) == 1
    path = f"/agent/{run['configId']}/run/{run['id']}"
    for attempt in (1, 2, 3):
        text = scene.server.http.get(f"{path}/log?attempt={attempt}").text
        assert f"this is attempt {attempt}\n" in text
    names = {file["name"] for file in scene.server.call("GET", f"{path}/files") if file["fileType"] == "Log"}
    assert names == {"log.txt", "log-attempt-1.txt", "log-attempt-2.txt"}


def test_no_retry_is_left_after_max_retries(scene: Scene) -> None:
    run = scene.run("impatient")
    assert (run["status"], run["attempt"]) == (FAILURE, 2)
    assert run["message"].startswith("exit status 7")


def test_a_run_that_takes_too_long_fails_and_says_so(scene: Scene) -> None:
    run = scene.run("late")
    assert run["status"] == FAILURE
    assert run["message"].startswith("time-out: not finished after 1 second")


def test_a_failed_run_waits_for_its_retry_and_says_until_when(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("waits", "raise SystemExit(1)")
        run = server.call("POST", f"/agent/{agent}/start", {"isWaitOnFailure": True}, expect=202)
        waiting = eventually(
            lambda: found if (found := server.status(agent, run["id"]))["status"] == WAITING else None
        )
        assert "attempt 1 failed: exit status 1" in waiting["message"]
        assert "retry 1 of 3 at 20" in waiting["message"]


def test_a_higher_priority_goes_first(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", concurrency=1) as server:
        agent = server.agent("queue", WAITS_FOR_GATE)
        begun = server.data / "begun"
        first = server.call("POST", f"/agent/{agent}/start", {}, expect=202)["id"]
        eventually(begun.exists)
        low, high = (
            server.call("POST", f"/agent/{agent}/start", {"priority": priority}, expect=202)["id"]
            for priority in (-5, 5)
        )
        (server.data / "gate").touch()
        for run in (first, low, high):
            server.ended(agent, run)
        assert begun.read_text().split() == [str(first), str(high), str(low)]


def test_an_exclusive_schedule_holds_one_set_and_skips_the_next_with_the_reason(tmp_path: Path) -> None:
    """Three due times in a row, as an outage leaves them: one runs, one waits, one is skipped."""
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("alone", WAITS_FOR_GATE)
        schedule = server.call(
            "POST",
            f"/agent/{agent}/schedules",
            {
                "name": "alone",
                "runEveryCount": 1,
                "runEveryPeriod": 1,
                "isExclusive": True,
                "catchUp": "all",
                "startTime": iso(datetime.now(UTC) + timedelta(minutes=30)),
            },
            expect=201,
        )
        server.stop()
        _move_into_the_past(server.data, minutes=33)
        server.start()
        path = f"/agent/{agent}/schedules/{schedule['id']}"
        fires = eventually(lambda: found if len(found := server.call("GET", f"{path}/fires")) >= 3 else None)
        first, second, third = list(reversed(fires))[:3]
        assert [fire["outcome"] for fire in (first, second, third)] == ["late", "held", "skipped"]
        assert third["reason"] == "previous run still waiting"
        assert "one of them is exclusive" in second["reason"]
        [going], [held] = first["runIds"], second["runIds"]
        eventually((server.data / "begun").exists)
        assert server.status(agent, held)["status"] == WAITING
        (server.data / "gate").touch()
        assert server.ended(agent, going)["endTime"] <= server.ended(agent, held)["startTime"]


def _move_into_the_past(data: Path, *, minutes: int) -> None:
    """Let the server's schedules be as if all of it were so much later."""
    back = minutes * 60_000
    with closing(sqlite3.connect(data / "lamplighter.db")) as db, db:
        db.execute(
            "UPDATE schedules SET start_time = start_time - ?, anchor = anchor - ?, next_due = next_due - ?,"
            " fire_at = fire_at - ?, decided_until = decided_until - ?",
            (back,) * 5,
        )


def test_settings_of_a_start_are_shown_in_the_run(scene: Scene) -> None:
    agent = scene.agents["never"]
    settings = {"logMode": "TextAndHtml", "logLevel": "Fatal", "parallelism": 1, "parallelMaxConcurrency": 3}
    run = scene.server.run(agent, **settings)
    assert {name: run[name] for name in settings} == settings
    assert json.loads(json.dumps(run))["status"] == COMPLETED
