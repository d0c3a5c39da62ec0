"""Agents with requirements: each runs in an environment of its own, which is built before its time begins."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from package_index import PackageIndex
from running_server import RunningServer, eventually

COMPLETED, FAILURE, STOPPED, STARTING = 9, 6, 8, 3
OLD, NEW = "2.13.4", "2.19.0"
# Each goes on until the other has come, too: neither would end if they did not run at the same time.
MEETING = """
import pathlib, sys, time
import scrapy
from lamplighter import agent
place = pathlib.Path(agent.input()["place"])
(place / scrapy.__version__).touch()
while len(list(place.iterdir())) < 2:
    time.sleep(0.05)
agent.emit({"version": scrapy.__version__, "prefix": sys.prefix})
"""
LANTERN = """
import lantern
from lamplighter import agent
agent.emit({"version": lantern.version})
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as index:
        index.add("lantern", "1.0")
        yield index


@pytest.fixture
def lonely(index: PackageIndex, tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose pip is configured for that index alone."""
    environment = {name: "" for name in os.environ if name.startswith(("PIP_", "UV_"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "NO_PROXY": "127.0.0.1"}
    with RunningServer(tmp_path / "data", environment=environment) as server:
        yield server
        index.open.set()


def agent(server: RunningServer, main: str, *requirements: str, more: str = "") -> int:
    toml = f"requirements = {json.dumps(requirements)}\n{more}"
    return server.agent(f"needs {', '.join(requirements)}", main, toml)


def start(server: RunningServer, agent_id: int, **given: str) -> int:
    body = {"inputParameters": json.dumps(given)}
    return int(server.call("POST", f"/agent/{agent_id}/start", body, expect=202)["id"])


def records(server: RunningServer, agent_id: int, run_id: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = server.call("GET", f"/agent/{agent_id}/run/{run_id}/records")
    return found


def test_agents_with_conflicting_versions_of_scrapy_run_side_by_side(
    server: RunningServer, tmp_path: Path
) -> None:
    agents = {version: agent(server, MEETING, f"scrapy=={version}") for version in (OLD, NEW)}
    started = {version: start(server, found, place=str(tmp_path)) for version, found in agents.items()}
    prefixes = set()
    for version, found in agents.items():
        ended = server.ended(found, started[version])
        log = server.log(found, started[version])
        assert ended["status"] == COMPLETED, log
        [record] = records(server, found, started[version])
        assert record["version"] == version
        assert f"uv:  + scrapy=={version}\n" in log
        prefixes.add(record["prefix"])
    assert len(prefixes) == 2


def test_an_environment_is_built_once_for_runs_at_the_same_time_and_later_ones(
    lonely: RunningServer, index: PackageIndex
) -> None:
    index.open.clear()
    one, other = agent(lonely, LANTERN, "lantern"), agent(lonely, LANTERN, "Lantern")
    runs = {one: start(lonely, one), other: start(lonely, other)}
    eventually(lambda: any("waiting for the environment" in lonely.log(*run) for run in runs.items()))
    index.open.set()
    for run in runs.items():
        assert lonely.ended(*run)["status"] == COMPLETED, lonely.log(*run)
        assert records(lonely, *run) == [{"version": "1.0"}]
    later = lonely.run(one)
    assert later["status"] == COMPLETED
    assert "as it was built before" in lonely.log(one, later["id"])
    assert index.pages_asked("lantern") == 1


def test_requirements_that_cannot_be_installed_are_a_failure_that_says_why(lonely: RunningServer) -> None:
    found = agent(lonely, LANTERN, "lantern==3.0")
    ended = lonely.run(found)
    assert ended["status"] == FAILURE
    assert "there is no version of lantern==3.0" in ended["message"]
    assert "uv: error: No solution found" in lonely.log(found, ended["id"])


def test_a_run_can_be_stopped_while_its_environment_is_built(
    lonely: RunningServer, index: PackageIndex
) -> None:
    index.open.clear()
    found = agent(lonely, LANTERN, "lantern")
    run = start(lonely, found)
    eventually(lambda: index.asked)
    assert lonely.status(found, run)["status"] == STARTING
    lonely.call("POST", f"/agent/{found}/run/{run}/stop", expect=204)
    ended = lonely.ended(found, run)
    assert ended["status"] == STOPPED
    assert "before its process began" in ended["message"]


def test_the_time_out_does_not_begin_before_the_environment_is_built(
    lonely: RunningServer, index: PackageIndex
) -> None:
    index.open.clear()
    found = agent(lonely, LANTERN, "lantern", more="[limits]\ntimeout_seconds = 10\n")
    run = start(lonely, found)
    eventually(lambda: index.asked)
    over = datetime.now(UTC) + timedelta(seconds=11)
    eventually(lambda: datetime.now(UTC) > over)
    index.open.set()
    ended = lonely.ended(found, run)
    assert ended["status"] == COMPLETED, ended["message"]


def test_a_run_goes_on_with_its_environment_after_the_server_was_killed_while_building(
    lonely: RunningServer, index: PackageIndex
) -> None:
    index.open.clear()
    found = agent(lonely, LANTERN, "lantern")
    run = start(lonely, found)
    eventually(lambda: index.asked)
    lonely.kill()
    lonely.start()
    index.open.set()
    ended = lonely.ended(found, run)
    assert ended["status"] == COMPLETED, lonely.log(found, run)
    assert records(lonely, found, run) == [{"version": "1.0"}]
