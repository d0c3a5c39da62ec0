"""Finding agents: filters, sorting, pages, search."""

from typing import Any

import pytest
from http_helpers import FAILS, field_errors, names

from running_server import RunningServer

FILES = {"agent.toml": '[agent]\nrun = ["python", "main.py"]\n', "main.py": ""}
SPIDER = {"agent.toml": '[agent]\nspider = "one"\n', "spider.py": ""}


@pytest.fixture(scope="module", autouse=True)
def agents(server: RunningServer) -> dict[str, int]:
    """Four agents: two that never ran, one that failed, one that completed."""
    made = {
        name: server.call("POST", "/agent", {"name": name, "files": files, "description": text}, expect=201)[
            "id"
        ]
        for name, files, text in (
            ("banana", SPIDER, "A Yellow fruit"),
            ("Apple", {**FILES, "main.py": FAILS}, None),
            ("cherry", FILES, "red"),
            ("date 100%_", FILES, None),
        )
    }
    assert server.run(made["Apple"])["status"] == 6
    assert server.run(made["cherry"])["status"] == 9
    return made


def listed(server: RunningServer, **params: Any) -> list[str]:
    return names(server.http.get("/agent/all", params=params).json())


def test_all_agents_are_listed_by_name_in_any_letter_case(server: RunningServer) -> None:
    assert listed(server) == ["Apple", "banana", "cherry", "date 100%_"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"name": "AN"}, ["banana"]),
        ({"name": "%"}, ["date 100%_"]),
        ({"name": "zebra"}, []),
        ({"status": 6}, ["Apple"]),
        ({"status": 9}, ["cherry"]),
        ({"status": 1}, []),
        ({"configType": "agent"}, ["banana"]),
        ({"configType": "Command"}, ["Apple", "cherry", "date 100%_"]),
        ({"spaceId": 1, "name": "e"}, ["Apple", "cherry", "date 100%_"]),
        ({"spaceId": 99}, []),
        ({"status": 9, "name": "apple"}, []),
    ],
)
def test_the_list_can_be_filtered(server: RunningServer, params: dict[str, Any], found: list[str]) -> None:
    assert listed(server, **params) == found


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("name", ["Apple", "banana", "cherry", "date 100%_"]),
        ("NAME", ["Apple", "banana", "cherry", "date 100%_"]),
        ("created", ["banana", "Apple", "cherry", "date 100%_"]),
        ("updated", ["banana", "Apple", "cherry", "date 100%_"]),
        ("configType", ["banana", "Apple", "cherry", "date 100%_"]),
        ("status", ["banana", "date 100%_", "Apple", "cherry"]),
        ("lastActivity", ["banana", "date 100%_", "Apple", "cherry"]),
    ],
)
def test_the_list_can_be_sorted(server: RunningServer, column: str, order: list[str]) -> None:
    upward = listed(server, sortColumn=column, sortOrder=0)
    downward = listed(server, sortColumn=column, sortOrder=1)

    assert upward == order
    if column in ("name", "created", "updated"):
        assert downward == order[::-1]
    assert sorted(downward) == sorted(order)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"pageIndex": 1, "recordsPerPage": 3}, ["Apple", "banana", "cherry"]),
        ({"pageIndex": 2, "recordsPerPage": 3}, ["date 100%_"]),
        ({"pageIndex": 3, "recordsPerPage": 3}, []),
        ({"recordsPerPage": 2}, ["Apple", "banana"]),
        ({"pageIndex": 1}, ["Apple", "banana", "cherry", "date 100%_"]),
    ],
)
def test_a_page_is_an_object_with_the_total(
    server: RunningServer, params: dict[str, Any], found: list[str]
) -> None:
    page = server.http.get("/agent/all", params=params).json()

    assert page.keys() == {"items", "agents", "totalRecordCount"}
    assert names(page["items"]) == found
    assert page["agents"] == page["items"]
    assert page["totalRecordCount"] == 4


def test_the_total_counts_what_was_filtered(server: RunningServer) -> None:
    page = server.http.get("/agent/all", params={"name": "e", "recordsPerPage": 1}).json()

    assert page["totalRecordCount"] == 3
    assert len(page["items"]) == 1


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"sortColumn": "height"}, "sortColumn"),
        ({"sortOrder": 2}, "sortOrder"),
        ({"pageIndex": 0}, "pageIndex"),
        ({"pageIndex": "first"}, "pageIndex"),
        ({"recordsPerPage": 0}, "recordsPerPage"),
        ({"recordsPerPage": 1001}, "recordsPerPage"),
        ({"status": "bad"}, "status"),
        ({"spaceId": "x"}, "spaceId"),
    ],
)
def test_a_list_that_cannot_be_made_is_refused(
    server: RunningServer, params: dict[str, Any], field: str
) -> None:
    assert list(field_errors(server.http.get("/agent/all", params=params))) == [field]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ANAN", ["banana"]),
        ("yellow", ["banana"]),
        ("RED", ["cherry"]),
        ("nothing", []),
        ("%", ["date 100%_"]),
    ],
)
def test_search_finds_names_and_descriptions_in_any_letter_case(
    server: RunningServer, query: str, found: list[str]
) -> None:
    assert names(server.http.get("/agent/search", params={"query": query}).json()) == found


def test_search_gives_at_most_as_many_as_wanted(server: RunningServer) -> None:
    answer = server.http.get("/agent/search", params={"query": "", "maxRecords": 2})

    assert names(answer.json()) == ["Apple", "banana"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "query"),
        ({"query": "x", "maxRecords": 0}, "maxRecords"),
        ({"query": "x", "maxRecords": 1001}, "maxRecords"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(
    server: RunningServer, params: dict[str, Any], field: str
) -> None:
    assert list(field_errors(server.http.get("/agent/search", params=params))) == [field]
