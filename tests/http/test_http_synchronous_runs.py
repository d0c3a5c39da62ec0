"""Synchronous starts: the records come with the answer."""

import json
from typing import Any

import httpx
import pytest
from http_helpers import FAILS, SLEEPS, emits, field_errors, problem_of, unique

from running_server import RunningServer


def start(server: RunningServer, agent_id: int, **settings: Any) -> httpx.Response:
    return server.http.post(f"/agent/{agent_id}/start", json={"isRunSynchronously": True, **settings})


def last_run(server: RunningServer, agent_id: int) -> dict[str, Any]:
    run: dict[str, Any] = server.call("GET", f"/agent/{agent_id}/runs?maxRecords=1")[0]
    return server.ended(agent_id, run["id"])


def test_the_answer_is_the_records_as_an_array(server: RunningServer) -> None:
    records = [{"n": 1, "text": "ä🕯"}, {"nested": {"a": [None, True, 1.5]}}]
    agent = server.agent(unique("agent"), emits(*records))

    answer = start(server, agent)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == records
    assert last_run(server, agent)["status"] == 9


def test_many_records_come_whole_and_in_their_order(server: RunningServer) -> None:
    program = (
        "import json, os\n"
        "with open(os.environ['LAMPLIGHTER_RECORDS'], 'w') as out:\n"
        "    for n in range(12_000):\n"
        "        out.write(json.dumps({'n': n, 'text': 'ä' * 50}) + '\\n')\n"
    )
    agent = server.agent(unique("agent"), program)

    found = start(server, agent).json()

    assert found == [{"n": n, "text": "ä" * 50} for n in range(12_000)]
    run = last_run(server, agent)
    assert run["status"] == 9
    assert server.call("GET", f"/agent/{agent}/run/{run['id']}/records") == found


def test_a_run_without_records_answers_with_an_empty_array(server: RunningServer) -> None:
    answer = start(server, server.agent(unique("agent"), ""), Timeout=30)

    assert (answer.status_code, answer.json()) == (200, [])


def test_a_run_that_met_its_criteria_answers_with_its_records(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), emits({"n": 1}), "[success]\nmin_records = 1\n")

    assert start(server, agent).json() == [{"n": 1}]
    assert last_run(server, agent)["status"] == 10


def test_what_is_no_json_in_the_records_does_not_spoil_the_answer(server: RunningServer) -> None:
    lines = r'{"a": NaN}\n{"c": 1e999}\n'
    program = f"import os\nopen(os.environ['LAMPLIGHTER_RECORDS'], 'w').write('{lines}')\n"

    answer = start(server, server.agent(unique("agent"), program))

    assert answer.status_code == 200, answer.text
    assert json.loads(answer.text, parse_constant=pytest.fail) == [{"a": None}, {"c": None}]


def test_a_run_that_takes_too_long_is_504_and_stopped(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), SLEEPS)

    problem = problem_of(start(server, agent, timeout=1), 504)

    run = last_run(server, agent)
    assert problem["code"] == "timed_out"
    assert f"run {run['id']} " in problem["detail"]
    assert "1 second" in problem["detail"]
    assert run["status"] == 8


def test_a_failing_run_says_which_run_and_why(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), FAILS)

    problem = problem_of(start(server, agent), 500)

    run = last_run(server, agent)
    assert problem["code"] == "run_failed"
    assert f"run {run['id']} ended as Failure" in problem["detail"]
    assert "exit status 3" in problem["detail"]


def test_a_synchronous_run_cannot_be_split(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")

    errors = field_errors(start(server, agent, parallelism=2))

    assert "must be 1 for a synchronous run" in errors["parallelism"]
    assert server.call("GET", f"/agent/{agent}/runs") == []
    assert start(server, agent, parallelism=1).status_code == 200


def test_an_archived_agent_is_a_conflict(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "")
    server.call("POST", f"/agent/{agent}/archive", expect=204)

    problem_of(start(server, agent), 409)
