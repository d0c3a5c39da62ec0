"""Input that does not fit what the agent declares is refused, wherever it is given."""

from typing import Any

import httpx
import pytest
from http_helpers import emits, field_errors, json_text, problem_of, unique

from running_server import RunningServer

CRON = {"name": "n", "cronExpression": "0 9 * * *"}
INPUTS = """
[inputs.pages]
type = "integer"
default = 1
[inputs.url]
type = "string"
required = true
"""


@pytest.fixture(scope="module")
def agent_id(server: RunningServer) -> int:
    return server.agent(
        unique("typed"), "from lamplighter import agent\nagent.emit({'got': agent.input()})\n", INPUTS
    )


def messages(answer: httpx.Response) -> list[str]:
    """What an answer says is wrong with the input."""
    assert field_errors(answer).keys() == {"inputParameters"}
    return [error["message"] for error in answer.json()["errors"]]


def test_every_mistake_of_a_start_is_told(server: RunningServer, agent_id: int) -> None:
    rows = [{"url": "a", "pages": 2}, {"ulr": "b"}, {"url": 5, "pages": "ten"}]

    answer = server.http.post(f"/agent/{agent_id}/start", json={"inputParameters": json_text(rows)})

    assert messages(answer) == [
        "row 2: the agent requires url; did you mean url instead of ulr?",
        'row 3: pages: "ten" is not an integer: write a whole number, such as 10',
        'row 3: url: 5 is not a string: write it in quotes, such as "10"',
    ]


def test_a_schedule_is_checked_when_it_is_made_and_when_it_is_changed(
    server: RunningServer, agent_id: int
) -> None:
    path = f"/agent/{agent_id}/schedules"
    wrong = {**CRON, "inputParameters": '{"url": "a", "pages": "ten"}'}
    right = {**CRON, "inputParameters": '{"url": "a"}'}
    said = ['pages: "ten" is not an integer: write a whole number, such as 10']

    assert messages(server.http.post(path, json=wrong)) == said
    made = server.call("POST", path, right, expect=201)
    assert messages(server.http.put(f"{path}/{made['id']}", json=wrong)) == said
    assert server.call("GET", f"{path}/{made['id']}")["inputParameters"] == right["inputParameters"]


def test_a_schedule_whose_input_no_longer_fits_cannot_be_run_by_hand(server: RunningServer) -> None:
    agent = server.agent(unique("changing"), "")
    path = f"/agent/{agent}/schedules"
    made = server.call("POST", path, {**CRON, "inputParameters": '{"pages": "ten"}'}, expect=201)
    files = {"agent.toml": '[agent]\nrun = ["true"]\n[inputs.pages]\ntype = "integer"\n'}
    server.call("PUT", f"/agent/{agent}", {"files": files})

    assert messages(server.http.post(f"{path}/{made['id']}/run")) == [
        'pages: "ten" is not an integer: write a whole number, such as 10'
    ]


def test_input_that_fits_reaches_the_agent_with_defaults_in_the_place_of_null(
    server: RunningServer, agent_id: int
) -> None:
    given = {"url": "a", "pages": None, "undeclared": [1]}
    run = server.run(agent_id, inputParameters=json_text(given))

    [record] = server.call("GET", f"/agent/{agent_id}/run/{run['id']}/records")
    assert record["got"] == {"url": "a", "pages": 1, "undeclared": [1]}


@pytest.mark.parametrize(
    ("toml", "field"),
    [
        ('[inputs.pages]\ntype = "integer"\ndefault = "ten"\n', "agent.toml: inputs.pages.default"),
        ('[inputs.word]\ntype = "string"\ndefault = 2026-01-05\n', "agent.toml: inputs.word.default"),
        ("[inputs.rate]\ndefault = nan\n", "agent.toml: inputs.rate.default"),
    ],
)
def test_a_default_that_does_not_fit_is_refused_when_the_agent_is_saved(
    server: RunningServer, toml: str, field: str
) -> None:
    files = {"agent.toml": f'[agent]\nrun = ["true"]\n{toml}'}
    body: dict[str, Any] = {"name": unique("wrong"), "files": files}

    assert list(field_errors(server.http.post("/agent", json=body))) == [field]


def test_an_agent_shows_its_inputs_with_their_defaults(server: RunningServer, agent_id: int) -> None:
    shown = server.call("GET", f"/agent/{agent_id}")["inputParameters"]

    assert shown == {"pages": 1, "url": None}


def test_an_agent_without_declared_inputs_takes_any(server: RunningServer) -> None:
    agent = server.agent(unique("any"), emits({"n": 1}))

    assert server.run(agent, inputParameters='{"anything": {"goes": [1]}}')["status"] == 9
    problem_of(server.http.post(f"/agent/{agent}/start", json={"inputParameters": "[1]"}), 400)
