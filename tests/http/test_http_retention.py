"""How long things are kept, said and read over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from http_helpers import emits, field_errors, problem_of, unique

from running_server import RunningServer

NONE: dict[str, Any] = dict.fromkeys(
    ["runsDays", "runsCount", "logsDays", "logsCount", "filesDays", "filesCount"]
)


@pytest.fixture
def agent(server: RunningServer) -> Iterator[int]:
    yield server.agent(unique("kept"), emits({"n": 1}))
    server.call("PUT", "/retention", {})


def test_at_first_everything_is_kept_for_ever(server: RunningServer, agent: int) -> None:
    assert server.call("GET", "/retention") == {**NONE, "spaceId": 1}
    assert server.call("GET", f"/agent/{agent}/retention") == {**NONE, "agentId": agent, "effective": NONE}


def test_an_update_replaces_all_limits_and_null_is_for_ever(server: RunningServer, agent: int) -> None:
    server.call("PUT", "/retention", {"RunsDays": 90, "logsCount": 10})
    assert server.call("GET", "/retention?spaceId=1") == {
        **NONE,
        "spaceId": 1,
        "runsDays": 90,
        "logsCount": 10,
    }
    changed = server.call("PUT", "/retention", {"runsDays": None, "filesDays": 7})
    assert changed == {**NONE, "spaceId": 1, "filesDays": 7}
    assert server.call("GET", "/retention") == changed


def test_an_agents_own_limits_count_more_one_by_one(server: RunningServer, agent: int) -> None:
    path = f"/agent/{agent}/retention"
    server.call("PUT", "/retention", {"runsDays": 30, "filesDays": 7})
    answer = server.call("PUT", path, {"runsDays": 365, "logsCount": 5})
    assert {name: answer[name] for name in NONE} == {**NONE, "runsDays": 365, "logsCount": 5}
    assert answer["effective"] == {**NONE, "runsDays": 365, "logsCount": 5, "filesDays": 7}
    assert server.call("GET", path) == answer
    server.call("DELETE", path, expect=204)
    server.call("DELETE", path, expect=204)
    assert server.call("GET", path)["effective"] == {**NONE, "runsDays": 30, "filesDays": 7}


@pytest.mark.parametrize("value", [0, -1, 1.5, "30", True, 36_501, 10**12, []])
def test_a_limit_is_a_whole_number_from_one_on(server: RunningServer, agent: int, value: Any) -> None:
    for path in ("/retention", f"/agent/{agent}/retention"):
        assert field_errors(server.http.put(path, json={"filesDays": value})).keys() == {"filesDays"}
    assert server.call("GET", "/retention") == {**NONE, "spaceId": 1}


def test_what_is_not_there_has_no_limits(server: RunningServer) -> None:
    for method in ("GET", "PUT", "DELETE"):
        problem_of(server.http.request(method, "/agent/99999/retention", json={}), 404)
    for method in ("GET", "PUT"):
        problem_of(server.http.request(method, "/retention?spaceId=99", json={}), 404)
