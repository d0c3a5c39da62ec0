"""A real server with a small limit: what every answer says of it, and who is told to wait."""

from collections.abc import Iterator

import httpx
import pytest
from http_helpers import problem_of

from running_server import RunningServer

LIMIT = 40
STRANGER = {"Authorization": "ApiKey sk-unknown"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("limited") / "data"
    with RunningServer(data, environment={"LAMPLIGHTER_RATE_LIMIT": str(LIMIT)}) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """A client with a key, and so a window, of its own."""
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        client.headers["Authorization"] = f"ApiKey {new_key(server)}"
        yield client


def new_key(server: RunningServer) -> str:
    return str(server.call("POST", "/api-keys", {"description": "a test"}, expect=201)["key"])


def spend(http: httpx.Client) -> httpx.Response:
    """The first refusal, after as many requests as may be sent."""
    for _ in range(LIMIT):
        assert http.get("/agent/all").status_code == 200
    return http.get("/agent/all")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/agent/all", 200),
        ("GET", "/agent/77", 404),
        ("GET", "/agent/none", 400),
        ("GET", "/nothing/here", 404),
        ("PATCH", "/agent/all", 405),
        ("POST", "/schedules/preview", 400),
        ("GET", f"/agent/all?name={'x' * 9000}", 414),
    ],
)
def test_every_answer_says_what_the_limit_is(http: httpx.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path)

    assert answer.status_code == status
    assert answer.headers["X-RateLimit-Limit"] == str(LIMIT)
    assert answer.headers["X-RateLimit-Window-Seconds"] == "60"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/openapi.json", "/docs", "/nothing"])
def test_answers_outside_of_the_api_say_it_too(server: RunningServer, path: str) -> None:
    assert httpx.get(server.url + path).headers["X-RateLimit-Limit"] == str(LIMIT)


def test_a_refused_stranger_is_told_it_too(http: httpx.Client) -> None:
    answer = http.get("/agent/all", headers=STRANGER)

    problem_of(answer, 401)
    assert answer.headers["X-RateLimit-Limit"] == str(LIMIT)
    assert answer.headers["WWW-Authenticate"]


def test_one_request_too_many_is_429_and_says_when_to_come_again(http: httpx.Client) -> None:
    answer = spend(http)

    problem = problem_of(answer, 429)
    assert problem["code"] == "rate_limited"
    assert problem["title"] == "Too many requests"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["X-RateLimit-Limit"] == str(LIMIT)
    assert answer.headers["X-RateLimit-Window-Seconds"] == "60"


def test_another_key_of_the_same_user_has_a_window_of_its_own(
    server: RunningServer, http: httpx.Client
) -> None:
    problem_of(spend(http), 429)

    other = {"Authorization": f"ApiKey {new_key(server)}"}
    assert http.get("/agent/all", headers=other).status_code == 200


def test_the_health_is_told_to_whoever_has_spent_all(server: RunningServer, http: httpx.Client) -> None:
    problem_of(spend(http), 429)

    for _ in range(LIMIT + 1):
        assert http.get(f"{server.url}/health/live").status_code == 200


def test_who_guesses_keys_is_slowed_down_and_nobody_else_from_there(http: httpx.Client) -> None:
    answers = [http.get("/agent/all", headers=STRANGER) for _ in range(110)]

    assert {answer.status_code for answer in answers} == {401, 429}
    problem = problem_of(answers[-1], 429)
    assert problem["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert http.get("/agent/all").status_code == 200


def test_without_credentials_nothing_is_guessed(server: RunningServer) -> None:
    with httpx.Client() as client:
        statuses = {client.get(f"{server.url}/api/v1/agent/all").status_code for _ in range(120)}

    assert statuses == {401}
