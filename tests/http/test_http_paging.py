"""Every list can be had page by page."""

import pytest

from running_server import RunningServer


@pytest.fixture(scope="module")
def agent(server: RunningServer) -> int:
    """An agent with three runs, three schedules and three versions."""
    agent = server.agent("paged", "pass\n")
    for number in range(3):
        body = {"name": f"schedule {number}", "cronExpression": "0 9 * * *"}
        server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
        server.run(agent)
        if number:
            server.call("PUT", f"/agent/{agent}", {"comments": "again"})
    return agent


@pytest.mark.parametrize("path", ["schedules", "runs", "versions", "run/1/files"])
def test_a_page_has_its_items_and_says_how_many_there_are(
    server: RunningServer, agent: int, path: str
) -> None:
    everything = server.call("GET", f"/agent/{agent}/{path}")
    first = server.call("GET", f"/agent/{agent}/{path}?recordsPerPage=2")
    second = server.call("GET", f"/agent/{agent}/{path}?pageIndex=2&recordsPerPage=2")
    assert first["totalRecordCount"] == second["totalRecordCount"] == len(everything)
    assert first["items"] + second["items"] == everything[:4]
    beyond = server.call("GET", f"/agent/{agent}/{path}?pageIndex=999")
    assert beyond == {"items": [], "totalRecordCount": len(everything)}


def test_keys_and_fires_have_pages_too(server: RunningServer, agent: int) -> None:
    keys = server.call("GET", "/api-keys?pageIndex=1")
    assert keys["totalRecordCount"] == len(keys["items"]) == 1
    schedule = server.call("GET", f"/agent/{agent}/schedules")[0]["id"]
    fires = server.call("GET", f"/agent/{agent}/schedules/{schedule}/fires?recordsPerPage=5")
    assert fires == {"items": [], "totalRecordCount": 0}


@pytest.mark.parametrize("query", ["pageIndex=0", "recordsPerPage=0", "pageIndex=x", "recordsPerPage=1001"])
def test_a_page_that_cannot_be_is_refused(server: RunningServer, agent: int, query: str) -> None:
    problem = server.call("GET", f"/agent/{agent}/runs?{query}", expect=400)
    assert problem["errors"][0]["field"] == query.split("=")[0]
