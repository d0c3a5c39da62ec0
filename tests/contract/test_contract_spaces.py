"""Spaces as clients of the contract list, find and start them."""

import pytest
from wire_shapes import check_shape

from foreign_client import ForeignClient
from running_server import RunningServer

EMITS_ITS_INPUT = "from lamplighter import agent\nagent.emit(agent.input())\n"


@pytest.fixture(scope="module")
def space(server: RunningServer) -> int:
    """A space with three agents: one that runs, one that is archived, one that needs an input."""
    made = server.call("POST", "/spaces", {"name": "Überblick", "description": "of shops"}, expect=201)
    for name, toml in (("beta", ""), ("Archived", ""), ("needy", "[inputs.url]\nrequired = true\n")):
        files = {
            "agent.toml": f'[agent]\nrun = ["python", "main.py"]\n{toml}',
            "main.py": EMITS_ITS_INPUT,
        }
        body = {"name": name, "spaceId": made["id"], "files": files}
        agent = server.call("POST", "/agent", body, expect=201)["id"]
        if name == "Archived":
            server.call("POST", f"/agent/{agent}/archive", expect=204)
    return int(made["id"])


def test_spaces_are_listed_as_a_plain_array(client: ForeignClient, space: int) -> None:
    listed = client.get("/spaces")

    for one in listed:
        check_shape("space", one)
    assert [one["name"] for one in listed] == ["Default", "Überblick"]
    assert [one["organizationId"] for one in listed] == [1, 1]
    assert {one["id"] for one in listed} == {1, space}


def test_a_page_of_spaces_has_the_total(client: ForeignClient, space: int) -> None:
    page = client.get("/spaces?pageIndex=2&recordsPerPage=1")

    assert page.keys() == {"items", "totalRecordCount"}
    assert [one["id"] for one in page["items"]] == [space]
    assert page["totalRecordCount"] == 2


def test_a_space_is_read(client: ForeignClient, space: int) -> None:
    one = client.get(f"/spaces/{space}")

    check_shape("space", one)
    assert (one["name"], one["description"], one["isDefaultAccess"]) == ("Überblick", "of shops", False)


def test_a_space_is_found_by_its_name_in_any_letter_case(client: ForeignClient, space: int) -> None:
    one = client.get("/spaces/search?name=üBERBLICK")

    check_shape("space", one)
    assert one["id"] == space


def test_a_part_of_a_name_finds_no_space(server: RunningServer, space: int) -> None:
    assert server.http.get("/spaces/search?name=Über").status_code == 404
    assert server.http.get("/spaces/search?name=").status_code == 400
    assert server.http.get("/spaces/999999").status_code == 404


def test_the_agents_of_a_space_are_listed_by_name(client: ForeignClient, space: int) -> None:
    listed = client.get(f"/spaces/{space}/agents")
    page = client.get(f"/spaces/{space}/agents?pageIndex=2&recordsPerPage=2")

    for agent in listed:
        check_shape("space agent", agent)
    assert [agent["name"] for agent in listed] == ["Archived", "beta", "needy"]
    assert [agent["name"] for agent in page["items"]] == ["needy"]
    assert page["totalRecordCount"] == 3


def test_all_agents_of_a_space_are_started_and_what_cannot_start_stops_none(
    server: RunningServer, client: ForeignClient, space: int
) -> None:
    answer = client.send("POST", f"/spaces/{space}/run-all", {"InputParameters": '{"page": 7}'})
    told = answer.json()
    archived, beta, needy = told["results"]

    assert answer.status_code == 200
    check_shape("run-all", told)
    for result in told["results"]:
        check_shape("run-all result", result)
    assert (told["spaceId"], told["spaceName"]) == (space, "Überblick")
    assert (told["totalAgents"], told["agentsStarted"], told["agentsFailed"]) == (3, 1, 2)
    assert (archived["success"], archived["runId"]) == (False, None)
    assert "the agent is archived" in archived["errorMessage"]
    assert (needy["success"], needy["runId"]) == (False, None)
    assert "the agent requires url" in needy["errorMessage"]
    assert (beta["agentName"], beta["success"], beta["errorMessage"]) == ("beta", True, None)
    run = server.ended(beta["agentId"], beta["runId"])
    assert (run["status"], run["inputParameters"]) == (9, '{"page": 7}')


@pytest.mark.parametrize("body", [None, {}, {"InputParameters": None, "Unknown": 1}], ids=repr)
def test_a_space_is_started_without_an_input(client: ForeignClient, space: int, body: object) -> None:
    told = client.post(f"/spaces/{space}/run-all", body)

    assert [result["success"] for result in told["results"]] == [False, True, False]


def test_a_space_without_agents_starts_none(server: RunningServer, client: ForeignClient) -> None:
    empty = server.call("POST", "/spaces", {"name": "empty"}, expect=201)["id"]
    told = client.post(f"/spaces/{empty}/run-all", {})
    server.call("DELETE", f"/spaces/{empty}", expect=204)

    check_shape("run-all", told)
    assert (told["totalAgents"], told["results"]) == (0, [])


@pytest.mark.parametrize("text", ["[", "5", "[1]", "null"])
def test_an_input_for_no_agent_starts_nothing(server: RunningServer, space: int, text: str) -> None:
    answer = server.http.post(f"/spaces/{space}/run-all", json={"inputParameters": text})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["inputParameters"]


def test_starting_a_space_is_in_the_audit_log_with_every_run(server: RunningServer, space: int) -> None:
    told = server.call("POST", f"/spaces/{space}/run-all", {})
    runs = {str(one["runId"]) for one in told["results"] if one["success"]}

    [entry] = server.call("GET", f"/audit-log?spaceId={space}&action=space.runAll&maxRecords=1")
    starts = server.call("GET", f"/audit-log?spaceId={space}&action=run.start&maxRecords=1")
    assert entry["changes"] == {"agentsStarted": 1, "agentsFailed": 2}
    assert entry["subjectName"] == "Überblick"
    assert {one["subjectId"] for one in starts} == runs
