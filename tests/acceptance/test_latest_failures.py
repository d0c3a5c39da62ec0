"""Which failure is diagnosed, what of it is on the wire, and causes that need more than one run."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from lamplighter.cli.app import app as command_line
from local_sites import Site
from package_index import PackageIndex
from recording_proxies import HttpProxy
from running_server import RunningServer

FAILURE, COMPLETED = 6, 9
TWICE = """
import os
from lamplighter import agent
attempt = int(os.environ["LAMPLIGHTER_ATTEMPT"])
for n in range(attempt):
    agent.emit({"n": n})
if attempt < int(agent.input().get("good", 99)):
    raise ValueError(f"attempt {attempt}")
"""
# The field "price" comes from the site, which drops it one day.
PRICES = """
from lamplighter import agent
for n in range(20):
    agent.emit({"title": f"book {n}"} | ({} if agent.input().get("redesigned") else {"price": 5}))
if agent.input().get("redesigned"):
    raise SystemExit(1)
"""
SPIDER = """
import scrapy


class Shop(scrapy.Spider):
    name = "shop"
    custom_settings = {"RETRY_ENABLED": False}

    async def start(self):
        yield scrapy.Request("http://shop.test/a")

    def parse(self, response):
        yield {"text": response.text}
"""


def of_run(server: RunningServer, run: dict[str, Any], query: str = "") -> dict[str, Any]:
    path = f"/analytics/agents/{run['configId']}/runs/{run['id']}/diagnostics{query}"
    found: dict[str, Any] = server.call("GET", path)
    return found


def latest(server: RunningServer, agent: int) -> dict[str, Any]:
    found: dict[str, Any] = server.call("GET", f"/analytics/agents/{agent}/latest-failure")
    return found


def refused(server: RunningServer, path: str, status: int = 404) -> str:
    return str(server.call("GET", f"/analytics/agents/{path}", expect=status)["detail"])


# --- the wire ---


def test_the_answer_has_the_names_and_types_of_the_contract(server: RunningServer) -> None:
    agent = server.agent(
        "on the wire", "from lamplighter import agent\nagent.emit({'n': 1})\nraise ValueError(1)\n"
    )
    run = server.run(agent, inputParameters='{"a": 1}')
    found = of_run(server, run)
    contract = ["runId", "agentId", "agentName", "status", "errorMessage", "startTime", "endTime"]
    contract += ["runtimeSeconds", "stats", "possibleCauses", "suggestedActions"]
    assert list(found)[: len(contract)] == contract
    assert (found["runId"], found["agentId"], found["agentName"]) == (run["id"], agent, "on the wire")
    assert (found["status"], found["errorMessage"]) == (FAILURE, run["message"])
    assert (found["startTime"], found["endTime"]) == (run["startTime"], run["endTime"])
    assert found["runtimeSeconds"] == run["runTimeSec"]
    names = ["dataCount", "inputCount", "errorCount", "pageCount", "exportCount", "traffic"]
    assert found["stats"] == {name: run[name] for name in names}
    assert found["stats"]["dataCount"] == 1
    assert found["possibleCauses"] == [finding["cause"] for finding in found["findings"]]
    assert set(found["suggestedActions"]) == {a for f in found["findings"] for a in f["actions"]}


# --- which failure ---


def test_the_latest_failure_is_the_one_that_ended_last_whatever_went_well_since(
    server: RunningServer,
) -> None:
    agent = server.agent("up and down", TWICE)
    first, second = server.run(agent), server.run(agent)
    assert server.run(agent, inputParameters='{"good": 1}')["status"] == COMPLETED
    assert latest(server, agent)["runId"] == second["id"]
    assert latest(server, agent) == of_run(server, second)
    server.call("POST", f"/agent/{agent}/run/{first['id']}/restart", expect=202)
    server.ended(agent, first["id"])
    assert latest(server, agent)["runId"] == first["id"]


def test_where_there_is_no_failure_there_is_nothing(server: RunningServer) -> None:
    agent, other = server.agent("well", ""), server.agent("other", "raise ValueError(1)\n")
    good, bad = server.run(agent), server.run(other)
    assert f"no run of agent {agent} is in Failure" in refused(server, f"{agent}/latest-failure")
    assert "is Completed, so there is no failure" in refused(server, f"{agent}/runs/{good['id']}/diagnostics")
    assert "has no run" in refused(server, f"{agent}/runs/{bad['id']}/diagnostics")
    assert "has no run" in refused(server, f"{agent}/runs/999999/diagnostics")
    assert "no agent" in refused(server, f"999999/runs/{bad['id']}/diagnostics")
    assert "no agent" in refused(server, "999999/latest-failure")
    refused(server, f"{other}/runs/{bad['id']}/diagnostics?attempt=0", 400)


def test_an_earlier_attempt_is_explained_with_its_own_numbers(server: RunningServer) -> None:
    agent = server.agent("in the end", TWICE)
    run = server.run(agent, maxRetries=2, inputParameters='{"good": 3}')
    assert (run["status"], run["attempt"]) == (COMPLETED, 3)
    problem = refused(server, f"{agent}/runs/{run['id']}/diagnostics")
    assert problem.endswith("is Completed, so there is no failure to explain; attempt 2 of it failed")
    first, second = of_run(server, run, "?attempt=1"), of_run(server, run, "?attempt=2")
    assert "ValueError: attempt 1" in first["possibleCauses"][0]
    assert "ValueError: attempt 2" in second["possibleCauses"][0]
    assert (first["stats"]["dataCount"], second["stats"]["dataCount"]) == (1, 2)
    assert first["endTime"] <= second["startTime"] < run["endTime"]
    assert "there is no attempt 4" in refused(server, f"{agent}/runs/{run['id']}/diagnostics?attempt=4")


def test_a_failure_whose_evidence_is_gone_or_damaged_is_explained_by_its_verdict(
    server: RunningServer,
) -> None:
    agent = server.agent("bare", "raise ValueError(1)\n")
    for spoil in (lambda file: file.write_text('{"message": 1}'), lambda file: shutil.rmtree(file.parent)):
        run = server.run(agent)
        [file] = server.data.glob(f"runs/*/{run['id']}/attempt-1/evidence/evidence.json")
        spoil(file)
        found = of_run(server, run)
        assert [f["code"] for f in found["findings"]] == ["unknown"]
        assert run["message"] in found["possibleCauses"][0]


def test_secrets_are_hidden_in_a_diagnosis(server: RunningServer) -> None:
    server.call("PUT", "/secrets/SHOP_PASSWORD", {"value": "open-sesame-99"}, expect=201)
    main = "from lamplighter import agent\nraise ValueError('cannot log in with ' + agent.input()['word'])\n"
    run = server.run(server.agent("talks", main), inputParameters='{"word": "${secret:SHOP_PASSWORD}"}')
    found = of_run(server, run)
    assert "ValueError: cannot log in with" in found["possibleCauses"][0]
    assert "open-sesame" not in json.dumps(found)


# --- causes that need more than an agent and a site ---


def test_a_field_that_got_lost_since_the_last_good_run_is_named(server: RunningServer) -> None:
    agent = server.agent("prices", PRICES)
    assert server.run(agent)["status"] == COMPLETED
    found = of_run(server, server.run(agent, inputParameters='{"redesigned": true}'))
    [lost] = [finding for finding in found["findings"] if finding["code"] == "records.field"]
    assert "the field 'price' is filled in 0% of the records; in the last good run in 100%" in lost["cause"]


def test_a_secret_that_was_removed_is_named(server: RunningServer) -> None:
    server.call("PUT", "/secrets/GONE_99", {"value": "v"}, expect=201)
    agent = server.agent("keeps a secret", "raise ValueError(1)\n")
    run = server.run(agent, inputParameters='{"token": "${secret:GONE_99}"}')
    server.call("DELETE", "/secrets/GONE_99", expect=204)
    server.call("POST", f"/agent/{agent}/run/{run['id']}/restart", expect=202)
    first = of_run(server, server.ended(agent, run["id"]))["findings"][0]
    assert (first["code"], first["confidence"]) == ("secret.missing", "certain")
    assert "GONE_99" in first["cause"]
    assert "`lamplighter secret set GONE_99`" in first["actions"][0]


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose package index has nothing."""
    environment = {name: "" for name in os.environ if name.startswith(("PIP_", "UV_"))}
    with PackageIndex() as index:
        environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "NO_PROXY": "127.0.0.1"}
        with RunningServer(tmp_path / "data", environment=environment) as server:
            yield server


def test_requirements_that_cannot_be_installed_are_named(lonely: RunningServer) -> None:
    run = lonely.run(lonely.agent("needs more", "", 'requirements = ["lantern99"]\n'))
    first = of_run(lonely, run)["findings"][0]
    assert (first["code"], first["confidence"]) == ("environment.failed", "certain")
    assert "lantern99" in first["cause"]
    assert "`requirements` under `[agent]`" in "\n".join(first["actions"])


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def through(server: RunningServer, proxy: str) -> dict[str, Any]:
    """What is said of a spider that went through the proxy."""
    files = {"agent.toml": '[agent]\nspider = "shop"\n', "shop.py": SPIDER}
    agent = server.call("POST", "/agent", {"name": f"by {proxy}", "files": files}, expect=201)["id"]
    pool = server.call("POST", "/proxy-pools", {"name": f"of {proxy}", "proxies": [proxy]}, expect=201)["id"]
    run = server.run(agent, proxyPoolId=pool)
    assert run["status"] == FAILURE
    first: dict[str, Any] = of_run(server, run)["findings"][0]
    return first


def test_a_proxy_that_refuses_the_credentials_is_told(server: RunningServer, site: Site) -> None:
    with HttpProxy(username="ada", password="right", routes={"shop.test": site.port}) as proxy:
        first = through(server, proxy.url.replace("right", "wrong"))
    assert (first["code"], first["confidence"]) == ("proxy.credentials", "certain")
    assert "A proxy refuses its user name and password" in first["cause"]
    assert "wrong" not in json.dumps(first)


def test_a_proxy_that_is_down_is_told(server: RunningServer) -> None:
    with HttpProxy(mode="refuse") as proxy:
        first = through(server, proxy.url)
    assert (first["code"], first["confidence"]) == ("proxy.failing", "certain")
    assert "`lamplighter proxy check POOL`" in "\n".join(first["actions"])


# --- what is suggested ---


def test_every_command_that_is_suggested_exists() -> None:
    """In the rules' own words: a command that was renamed must be renamed there, too."""
    folder = Path(__file__).parents[2] / "src" / "lamplighter" / "planner" / "diagnosis"
    text = re.sub(
        r'["\']\s*\n\s*f?["\']', "", "".join(path.read_text() for path in sorted(folder.glob("*.py")))
    )
    said = re.findall(r"`lamplighter ([a-z -]+)([^`]*)`", text)
    said += [
        (words, more)
        for words, more in re.findall(r"command(?:_for_agent)?\(\s*\"([a-z ]+)\"([^)]*)\)", text)
    ]
    assert len(said) > 20
    for words, more in said:
        command = found(words.split())
        options = {option for one in command.params for option in one.opts}
        for option in re.findall(r"--[a-z-]+", f"{words} {more}"):
            assert option in options, (words, option)


def found(words: list[str]) -> Any:
    """The command that the words begin with."""
    command = get_command(command_line)
    context = typer.Context(command)
    for word in words:
        inner = getattr(command, "commands", {}).get(word)
        if inner is None:
            break
        command = inner
    assert command is not context.command, words
    assert not getattr(command, "commands", None), words
    return command
