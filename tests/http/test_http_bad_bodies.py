"""Requests that are no use at all, and that every kind of error has one shape."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from http_helpers import field_errors, problem_of, send_raw

from running_server import KEY, RunningServer

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def path(server: RunningServer) -> str:
    return f"/agent/{server.agent('bodies', '')}/schedules"


@pytest.mark.parametrize(
    "text",
    [
        '{"name": ',
        "{'name': 'x'}",
        "name=x",
        "<name>x</name>",
        b"\xff\xfe{}",
        b'{"name": "\xff"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"parallelism": 1' + "0" * 5000 + "}",
    ],
    ids=lambda text: str(text[:12]),
)
@pytest.mark.parametrize("target", ["schedules", "start", "agent", "api-keys"])
def test_a_body_that_cannot_be_read_as_json_is_refused(
    server: RunningServer, path: str, text: str | bytes, target: str
) -> None:
    address = {"schedules": path, "start": path.replace("schedules", "start")}.get(target, f"/{target}")

    errors = field_errors(send_raw(server.http, "POST", address, text))

    assert list(errors) == [""]
    assert "JSON" in errors[""]


@pytest.mark.parametrize("text", ["null", "[]", '[{"name": "x"}]', '"x"', "5", "true", ""], ids=repr)
def test_a_body_that_is_not_an_object_is_refused(server: RunningServer, path: str, text: str) -> None:
    errors = field_errors(send_raw(server.http, "POST", path, text))

    assert errors == {"": "the body must be a JSON object"}


@pytest.mark.parametrize("text", ["[]", '"x"', "5"])
def test_an_agent_that_is_not_an_object_is_refused(server: RunningServer, text: str) -> None:
    errors = field_errors(send_raw(server.http, "POST", "/agent", text))

    assert errors == {"": "the body must be a JSON object"}


@pytest.mark.parametrize("text", ["", "null", "{}"], ids=repr)
def test_a_start_needs_no_body(server: RunningServer, path: str, text: str) -> None:
    answer = send_raw(server.http, "POST", path.replace("schedules", "start"), text)

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"name": "n", "cronExpression": "0 9 * * *", "parallelism": NaN}', "parallelism"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "parallelism": 1e400}', "parallelism"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "scheduleType": 1e400}', "scheduleType"),
        ('{"name": "\\ud800", "cronExpression": "0 9 * * *"}', "name"),
        ('{"name": "n", "cronExpression": "\\ud800"}', "cronExpression"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "timezone": "\\ud800"}', "timezone"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "startTime": "\\ud800"}', "startTime"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "inputParameters": "\\ud800"}', "inputParameters"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "logLevel": "\\ud800"}', "logLevel"),
        ('{"name": "n", "cronExpression": "0 9 * * *", "excludedDates": ["\\ud800"]}', "excludedDates.0"),
    ],
)
def test_numbers_and_characters_that_json_cannot_carry_are_refused(
    server: RunningServer, path: str, text: str, field: str
) -> None:
    assert list(field_errors(send_raw(server.http, "POST", path, text))) == [field]


def test_an_unknown_property_may_hold_anything(server: RunningServer, path: str) -> None:
    text = '{"name": "n", "cronExpression": "0 9 * * *", "\\ud800": "\\ud800", "\\u0000": 1e300}'

    assert send_raw(server.http, "POST", path, text).status_code == 201


# --- too large ---


@pytest.mark.parametrize("attempt", range(5))
def test_ten_megabytes_are_refused_with_413(server: RunningServer, path: str, attempt: int) -> None:
    body = b'{"name": "' + b"x" * 10 * MEGABYTE + b'"}'

    problem = problem_of(send_raw(server.http, "POST", path, body), 413)

    assert "2 MiB" in problem["detail"]


def test_ten_megabytes_in_chunks_are_refused_with_413(server: RunningServer, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(100):
            yield b"x" * (MEGABYTE // 10)

    answer = server.http.post(path, content=chunks(), headers={"Content-Type": "application/json"})

    problem_of(answer, 413)


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(
    server: RunningServer, path: str
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: ApiKey {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {10**12}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())

        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_the_server_still_answers_after_bodies_that_were_too_large(server: RunningServer, path: str) -> None:
    send_raw(server.http, "POST", path, b" " * 3 * MEGABYTE)

    assert server.http.get(path).status_code == 200


# --- the wrong kind ---


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("target", ["schedules", "start", "agent", "preview", "api-keys"])
def test_a_body_of_another_kind_is_refused_with_415(
    server: RunningServer, path: str, kind: str, target: str
) -> None:
    address = {
        "schedules": path,
        "start": path.replace("schedules", "start"),
        "preview": "/schedules/preview",
    }.get(target, f"/{target}")

    answer = server.http.post(address, content=b'{"name": "x"}', headers={"Content-Type": kind})

    assert "application/json" in problem_of(answer, 415)["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge+json"]
)
def test_json_may_be_announced_in_its_usual_ways(server: RunningServer, path: str, kind: str) -> None:
    body = b'{"name": "x", "cronExpression": "0 9 * * *"}'

    answer = server.http.post(path, content=body, headers={"Content-Type": kind})

    assert answer.status_code == 201


# --- one shape ---


def test_an_unknown_address_is_404(server: RunningServer) -> None:
    problem = problem_of(server.http.get("/nothing/here"), 404)

    assert problem["code"] == "not_found"
    assert "/docs" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "suffix", "allowed"),
    [
        ("PATCH", "", {"GET", "POST"}),
        ("DELETE", "", {"GET", "POST"}),
        ("POST", "/1", {"GET", "PUT", "DELETE"}),
        ("GET", "/1/enable", {"POST"}),
    ],
)
def test_a_method_that_an_address_does_not_have_is_405_and_told_which_it_has(
    server: RunningServer, path: str, method: str, suffix: str, allowed: set[str]
) -> None:
    answer = server.http.request(method, path + suffix)

    assert problem_of(answer, 405)["code"] == "method_not_allowed"
    assert {word.strip() for word in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "code"),
    [
        ("GET", "/agent/abc", None, 400, "invalid_input"),
        ("GET", "/agent/4711", None, 404, "not_found"),
        ("GET", "/agent/{agent}/run/4711/status", None, 404, "not_found"),
        (
            "POST",
            "/agent",
            {"name": "bodies", "files": {"agent.toml": "[agent]\nrun=['x']"}},
            409,
            "conflict",
        ),
        ("POST", "/agent", {"name": "x"}, 400, "invalid_input"),
        ("GET", "/agent/search", None, 400, "invalid_input"),
        ("GET", "/agent/all?sortColumn=height", None, 400, "invalid_input"),
        ("GET", "/download/1?expires=1&signature=x", None, 403, "not_allowed"),
        ("DELETE", "/api-keys/4711", None, 404, "not_found"),
    ],
)
def test_every_error_is_a_problem_document(
    server: RunningServer, path: str, method: str, address: str, body: Any, status: int, code: str
) -> None:
    address = address.replace("/agent/{agent}", path.removesuffix("/schedules"))

    problem = problem_of(server.http.request(method, address, json=body), status)

    assert problem["type"] == "about:blank"
    assert problem["code"] == code


def test_a_request_that_needs_credentials_says_so_before_it_judges_the_body(
    server: RunningServer, path: str
) -> None:
    bad = {"Authorization": "", "Content-Type": "application/json"}

    problem_of(server.http.post(path, content=b'{"name": 5}', headers=bad), 401)
    problem_of(server.http.get("/agent/abc", headers=bad), 401)
