"""Agents as clients of the contract list, find, read and restore them."""

import pytest
from wire_shapes import check_shape

from foreign_client import ForeignClient
from running_server import RunningServer


@pytest.fixture(scope="module", autouse=True)
def agents(server: RunningServer, agent_id: int) -> list[int]:
    """Three agents, one of which has run."""
    server.run(agent_id)
    return [agent_id, server.agent("Öfen und Herde", "pass\n"), server.agent("another", "pass\n")]


def test_the_list_is_a_plain_array_when_no_page_is_asked_for(client: ForeignClient) -> None:
    listed = client.get("/agent/all")

    assert [agent["name"] for agent in listed] == ["another", "product catalog", "Öfen und Herde"]
    for agent in listed:
        check_shape("agent", agent)


def test_a_page_has_its_agents_under_both_names_and_the_total(client: ForeignClient) -> None:
    page = client.get("/agent/all?sortColumn=name&sortOrder=1&pageIndex=1&recordsPerPage=2")

    assert page.keys() == {"items", "agents", "totalRecordCount"}
    assert [agent["name"] for agent in page["agents"]] == ["Öfen und Herde", "product catalog"]
    assert page["items"] == page["agents"]
    assert page["totalRecordCount"] == 3


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=9", ["product catalog"]),
        ("status=completed", ["product catalog"]),
        ("spaceId=1&name=CATALOG", ["product catalog"]),
        ("name=ÖFEN", ["Öfen und Herde"]),
        ("configType=Command&name=another", ["another"]),
        ("configType=4&name=another", ["another"]),
        ("configType=1", []),
        ("Status=9&NAME=product", ["product catalog"]),
        ("status=&spaceId=&name=another", ["another"]),
        ("name=another&somethingElse=5", ["another"]),
        ("sortColumn=status&sortOrder=desc&recordsPerPage=1", ["product catalog"]),
    ],
)
def test_filters_are_taken_in_every_spelling(client: ForeignClient, query: str, found: list[str]) -> None:
    answer = client.get(f"/agent/all?{query}")

    listed = answer if isinstance(answer, list) else answer["agents"]
    assert [agent["name"] for agent in listed] == found


@pytest.mark.parametrize("query", ["status=13", "status=sleeping", "configType=Robot", "sortOrder=up"])
def test_a_filter_that_means_nothing_is_refused(server: RunningServer, query: str) -> None:
    answer = server.http.get(f"/agent/all?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_pages_of_equal_agents_leave_none_out(client: ForeignClient) -> None:
    names = [
        agent["name"]
        for page in (1, 2, 3)
        for agent in client.get(f"/agent/all?sortColumn=configType&pageIndex={page}&recordsPerPage=1")[
            "items"
        ]
    ]

    assert names == ["another", "product catalog", "Öfen und Herde"]


def test_search_answers_a_plain_array(client: ForeignClient) -> None:
    [found] = client.get("/agent/search?query=öfen&maxRecords=50")

    check_shape("agent", found)
    assert found["name"] == "Öfen und Herde"


def test_an_agent_has_its_inputs_with_their_defaults(client: ForeignClient, agent_id: int) -> None:
    agent = client.get(f"/agent/{agent_id}")

    check_shape("agent", agent)
    assert agent["inputParameters"] == {"url": "https://example.com"}
    assert agent["status"] == 9
    assert agent["validationStatus"] == "Valid"
    assert agent["configType"] == "Command"


def test_an_agent_that_lacks_a_secret_says_so(server: RunningServer, client: ForeignClient) -> None:
    toml = '[inputs.password]\ndefault = "${secret:SHOP}"\n'
    agent_id = server.agent("needs a secret", "pass\n", toml)
    before = client.get(f"/agent/{agent_id}")["validationStatus"]
    server.call("PUT", "/secrets/SHOP", {"value": "hunter2"}, expect=201)
    after = client.get(f"/agent/{agent_id}")["validationStatus"]
    server.call("DELETE", f"/agent/{agent_id}", expect=204)

    assert (before, after) == ("Warning", "Valid")


def test_an_old_version_is_restored_as_a_new_one(client: ForeignClient, agent_id: int) -> None:
    client.post(f"/agent/{agent_id}/version/1/restore", {"content": "Rollback to working version"})
    newest, oldest = client.get(f"/agent/{agent_id}/versions")

    check_shape("version", newest)
    check_shape("version", oldest)
    assert (newest["version"], oldest["version"]) == (2, 1)
    assert newest["comments"] == "Rollback to working version"
