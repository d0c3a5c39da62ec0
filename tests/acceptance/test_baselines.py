"""A run that ended well and extracted far less than the good runs before it."""

import json
from typing import Any

import pytest

from running_server import RunningServer

COMPLETED, FAILURE, SUCCESS = 9, 6, 10
MAIN = """
from lamplighter import agent
given = agent.input()
for n in range(given.get("count", 20)):
    agent.emit({"title": f"book {n}", "price": 5 if n < given.get("priced", 99) else None})
"""


def run(server: RunningServer, agent: int, **given: Any) -> dict[str, Any]:
    return server.run(agent, inputParameters=json.dumps(given))


def with_good_runs(server: RunningServer, name: str, toml: str = "") -> int:
    """An agent with three good runs of twenty records."""
    agent = server.agent(name, MAIN, toml)
    for _ in range(3):
        assert run(server, agent)["warnings"] == []
    return agent


def test_far_fewer_records_complete_the_run_with_a_warning(server: RunningServer) -> None:
    agent = with_good_runs(server, "volume")
    ended = run(server, agent, count=3)
    assert (ended["status"], ended["message"]) == (COMPLETED, "finished; 3 records")
    assert ended["warnings"] == ["extracted 3 records; the last 3 good runs had 20"]
    assert server.call("GET", f"/agent/{agent}/runs")[0]["warnings"] == ended["warnings"]
    assert f"[lamplighter] warning: {ended['warnings'][0]}" in server.log(agent, ended["id"])


def test_a_field_that_is_not_filled_any_more_completes_the_run_with_a_warning(server: RunningServer) -> None:
    agent = with_good_runs(server, "fields", "[success]\nmin_records = 1\n")
    ended = run(server, agent, priced=1)
    assert ended["status"] == SUCCESS
    assert ended["warnings"] == ["field 'price' is filled in 5 % of the records; usually in 100 %"]


def test_it_is_a_failure_when_the_agent_wants_that(server: RunningServer) -> None:
    agent = with_good_runs(server, "strict", '[success]\nbaseline = "fail"\n')
    ended = run(server, agent, count=0)
    assert ended["status"] == FAILURE
    assert ended["message"].startswith("baseline: extracted 0 records; the last 3 good runs had 20")
    evidence = server.call("GET", f"/agent/{agent}/run/{ended['id']}/evidence")
    assert evidence["difference"]["records"] == {"now": 0, "then": 20}
    assert run(server, agent)["status"] == COMPLETED


def test_nothing_is_compared_when_the_agent_wants_that(server: RunningServer) -> None:
    agent = with_good_runs(server, "free", '[success]\nbaseline = "off"\n')
    ended = run(server, agent, count=0)
    assert (ended["status"], ended["warnings"]) == (COMPLETED, [])


@pytest.mark.parametrize("export", ["Combined", "Separated"])
def test_each_part_of_a_set_is_compared_with_the_same_part_of_others(
    server: RunningServer, export: str
) -> None:
    agent = server.agent(f"parts {export}", MAIN)

    def start(*given: dict[str, Any]) -> list[dict[str, Any]]:
        settings = {"inputParameters": json.dumps(given), "parallelism": 2, "parallelExport": export}
        first = server.call("POST", f"/agent/{agent}/start", settings, expect=202)
        numbers = sorted(
            one["id"]
            for one in server.call("GET", f"/agent/{agent}/runs")
            if one["parallelSet"] == first["parallelSet"]
        )
        return [server.ended(agent, number) for number in numbers]

    rows = MAIN.replace("agent.input()", "agent.rows()[0]")
    files = {"agent.toml": '[agent]\nrun = ["python", "main.py"]\n', "main.py": rows}
    server.call("PUT", f"/agent/{agent}", {"files": files})
    for _ in range(3):
        start({"count": 40}, {"count": 12})
    large, small = start({"count": 12}, {"count": 12})
    assert large["warnings"] == ["extracted 12 records; the last 3 good runs had 40"]
    assert small["warnings"] == []
