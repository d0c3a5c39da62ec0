"""What clients may send though it is not how the contract writes it."""

import httpx
import pytest

from running_server import KEY, RunningServer


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/agent/all",
        "/api/v1/agent/all/",
        "/api/v1/Agent/All",
        "/API/V1/AGENT/ALL/",
        "//api/v1/agent/all",
    ],
)
def test_paths_are_found_in_any_letter_case_and_with_slashes_to_spare(
    server: RunningServer, agent_id: int, path: str
) -> None:
    answer = httpx.get(server.url + path, headers={"Authorization": f"ApiKey {KEY}"})

    assert answer.status_code == 200, "and no redirect, which would lose a body or the credentials"
    assert [agent["id"] for agent in answer.json()] == [agent_id]


def test_what_stands_for_a_name_in_a_path_keeps_its_letter_case(server: RunningServer) -> None:
    server.call("PUT", "/Secrets/MixedCase", {"value": "x"}, expect=201)

    assert [secret["name"] for secret in server.call("GET", "/secrets")] == ["MixedCase"]


@pytest.mark.parametrize("scheme", ["ApiKey", "apikey", "APIKEY", "ApiKey  "])
def test_the_scheme_may_have_any_letter_case(server: RunningServer, scheme: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/agent/all", headers={"Authorization": f"{scheme} {KEY}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/xml", "application/json;odata=none"])
def test_the_answer_is_json_whatever_is_accepted(server: RunningServer, accept: str) -> None:
    answer = server.http.get("/agent/all", headers={"Accept": accept})

    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "text/json",
        "TEXT/JSON; charset=utf-8",
        "application/problem+json",
        "application/*+json",
    ],
)
def test_json_is_read_under_all_its_names(server: RunningServer, agent_id: int, kind: str) -> None:
    body = b'\xef\xbb\xbf{"Name": "x", "name": "the last one counts", "CronExpression": "0 9 * * *"}'

    answer = server.http.post(f"/agent/{agent_id}/schedules", content=body, headers={"Content-Type": kind})

    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "the last one counts"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/xml"])
def test_what_is_not_json_is_refused(server: RunningServer, agent_id: int, kind: str) -> None:
    answer = server.http.post(
        f"/agent/{agent_id}/schedules", content=b'{"name": "x"}', headers={"Content-Type": kind}
    )

    assert answer.status_code == 415


@pytest.mark.parametrize("agent", ["0", "-1", "2147483648", "99999999999999999999", "abc", "1.5"])
def test_an_id_that_cannot_be_one_is_refused(server: RunningServer, agent: str) -> None:
    answer = server.http.get(f"/agent/{agent}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "agentId"


@pytest.mark.parametrize("path", ["/agent/999999", "/agent/999999/runs", "/agent/999999/schedules/1"])
def test_an_unknown_id_is_not_found(server: RunningServer, path: str) -> None:
    assert server.http.get(path).status_code == 404


def test_a_method_that_is_not_possible_names_those_that_are(server: RunningServer, agent_id: int) -> None:
    answer = server.http.patch(f"/agent/{agent_id}")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PUT, DELETE"


def test_errors_can_be_read_by_clients_that_know_only_problem_details(server: RunningServer) -> None:
    problem = server.http.get("/agent/999999").json()

    assert problem["status"] == 404
    assert problem["title"] == "Not found"
    assert "999999" in problem["detail"]
    assert problem["instance"] == "/api/v1/agent/999999"
    assert "message" not in problem, "the other form of errors would be taken for the whole of it"
