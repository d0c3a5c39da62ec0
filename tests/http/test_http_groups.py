"""Server groups and servers over HTTP."""

from typing import Any

import pytest
from http_helpers import emits, field_errors, names, problem_of, unique

from running_server import RunningServer


def make_group(server: RunningServer, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = server.call(
        "POST", "/server-groups", {"name": unique("group"), **more}, expect=201
    )
    return made


def test_a_group_can_be_made_read_changed_and_taken_away(server: RunningServer) -> None:
    name = unique("group")
    answer = server.http.post("/server-groups", json={"Name": name, "Description": "in Europe"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/server-groups/{made['id']}"
    assert made.keys() == {"id", "name", "description", "servers", "created", "updated"}
    assert (made["name"], made["description"], made["servers"]) == (name, "in Europe", [])
    path = f"/server-groups/{made['id']}"
    assert server.call("GET", path) == made
    assert name in names(server.call("GET", "/server-groups"))
    renamed = server.call("PUT", path, {"name": f"{name}!"})
    assert (renamed["name"], renamed["description"]) == (f"{name}!", None)
    server.call("DELETE", path, expect=204)
    server.call("GET", path, expect=404)
    server.call("DELETE", path, expect=404)
    server.call("PUT", path, {"name": "x"}, expect=404)


def test_groups_come_in_pages_too(server: RunningServer) -> None:
    make_group(server)
    make_group(server)
    page = server.call("GET", "/server-groups?recordsPerPage=1")
    assert len(page["items"]) == 1
    assert page["totalRecordCount"] >= 2


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "  "}, {"name": "x" * 201}, {"name": 5}])
def test_a_group_needs_a_name(server: RunningServer, body: dict[str, Any]) -> None:
    assert field_errors(server.http.post("/server-groups", json=body)).keys() == {"name"}


@pytest.mark.parametrize("name", ["eu,us", " eu", "eu "])
def test_a_name_must_be_one_that_a_server_can_be_started_with(server: RunningServer, name: str) -> None:
    errors = field_errors(server.http.post("/server-groups", json={"name": name}))
    assert "--group" in errors["name"]


def test_two_groups_cannot_have_one_name(server: RunningServer) -> None:
    one, other = make_group(server), make_group(server)
    problem = problem_of(server.http.post("/server-groups", json={"name": one["name"]}), 409)
    assert f"(id {one['id']})" in problem["detail"]
    path = f"/server-groups/{other['id']}"
    problem_of(server.http.put(path, json={"name": one["name"]}), 409)
    server.call("PUT", path, {"name": other["name"], "description": "its own name is free to it"})


def test_a_group_that_is_used_stays_and_its_users_are_named(server: RunningServer) -> None:
    agent = server.agent(unique("user"), emits({"n": 1}))
    group = make_group(server)
    path = f"/server-groups/{group['id']}"
    body = {"name": "nightly", "cronExpression": "0 3 * * *", "serverGroupId": group["id"]}
    schedule = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    assert "'nightly' of 'user" in problem_of(server.http.delete(path), 409)["detail"]
    server.call("DELETE", f"/agent/{agent}/schedules/{schedule['id']}", expect=204)
    run = server.call("POST", f"/agent/{agent}/start", {"serverGroupId": group["id"]}, expect=202)
    assert "1 run" in problem_of(server.http.delete(path), 409)["detail"]
    server.call("POST", f"/agent/{agent}/run/{run['id']}/stop", expect=204)
    server.ended(agent, run["id"])
    server.call("DELETE", path, expect=204)


def test_a_schedule_warns_while_nobody_serves_its_group(server: RunningServer) -> None:
    agent = server.agent(unique("warned"), emits({"n": 1}))
    group = make_group(server)
    path = f"/agent/{agent}/schedules"
    body = {"name": "s", "cronExpression": "0 3 * * *"}
    plain = server.call("POST", path, body, expect=201)
    made = server.call("POST", path, {**body, "serverGroupId": group["id"]}, expect=201)
    assert plain["warnings"] == []
    [warning] = made["warnings"]
    assert f"'{group['name']}'" in warning
    assert "no live server serves it" in warning
    assert server.call("GET", f"{path}/{made['id']}")["warnings"] == [warning]
    assert [s["warnings"] for s in server.call("GET", path)] == [[], [warning]]
    changed = server.call("PUT", f"{path}/{made['id']}", {"name": "s", "serverGroupId": 0})
    assert changed["warnings"] == []


def test_the_server_says_what_it_is_and_does(server: RunningServer) -> None:
    [one] = server.call("GET", "/servers")
    assert one.keys() == {
        *("id", "name", "groups", "concurrency", "running", "isLive", "started", "leaseUntil"),
        *("drainingSince", "labels"),
    }
    assert (one["groups"], one["concurrency"], one["running"], one["isLive"]) == ([], 4, 0, True)


def test_a_synchronous_start_for_a_group_that_nobody_serves_ends_at_its_time_out(
    server: RunningServer,
) -> None:
    agent = server.agent(unique("nobody's"), emits({"n": 1}))
    group = make_group(server)
    body = {"isRunSynchronously": True, "timeout": 1, "serverGroupId": group["id"]}
    problem_of(server.http.post(f"/agent/{agent}/start", json=body), 504)
    [run] = server.call("GET", f"/agent/{agent}/runs")
    assert (run["status"], "time-out of a synchronous start" in run["message"]) == (8, True)


def test_a_server_is_drained_and_takes_runs_again(server: RunningServer) -> None:
    [one] = server.call("GET", "/servers")
    agent = server.agent("drained", "")
    drained = server.call("POST", f"/servers/{one['id']}/drain")
    assert drained["drainingSince"] is not None
    assert server.call("POST", f"/servers/{one['id']}/drain") == drained, "it stays as it was"
    run = server.call("POST", f"/agent/{agent}/start", {}, expect=202)
    queue = server.call("GET", "/queues")[0]
    assert (queue["serverGroupId"], queue["serverGroup"]) == (None, None)
    assert (queue["queued"], queue["running"], queue["places"]) == (1, 0, 0)
    assert (queue["live"], queue["draining"], queue["lost"]) == ([], [one["name"]], [])
    assert queue["oldestQueued"] is not None
    assert server.call("POST", f"/servers/{one['id']}/undrain")["drainingSince"] is None
    assert server.ended(agent, run["id"])["status"] == 9
    assert problem_of(server.http.post("/servers/999/drain"), 404)["detail"] == "there is no server 999"


def test_a_group_has_a_queue_of_its_own(server: RunningServer) -> None:
    group = make_group(server)
    agent = server.agent("grouped", "")
    server.call("POST", f"/agent/{agent}/start", {"serverGroupId": group["id"]}, expect=202)
    [queue] = [one for one in server.call("GET", "/queues") if one["serverGroupId"] == group["id"]]
    assert (queue["serverGroup"], queue["queued"], queue["live"]) == (group["name"], 1, [])
