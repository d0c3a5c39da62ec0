"""Idempotency-Key: a request is carried out once, and every repeat gets the first answer."""

import io
import itertools
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from http_helpers import FAILS, SLEEPS, emits, field_errors, problem_of, unique

from lamplighter.http import api
from lamplighter.http.idempotency import OnceRoute
from running_server import RunningServer, eventually

CRON = {"cronExpression": "0 9 * * *"}
_numbers = itertools.count(1)


@pytest.fixture
def key() -> str:
    return f"key-{next(_numbers)}"


@pytest.fixture(scope="module")
def agent(server: RunningServer) -> int:
    return server.agent("keys", emits({"n": 1}))


def post(server: RunningServer, path: str, key: str, body: Any = None, **more: Any) -> httpx.Response:
    return server.http.post(path, json=body, headers={"Idempotency-Key": key, **more})


def is_replay(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("Idempotency-Replayed") == "true")


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether two answers are one, but for what says so."""
    ignored = {"date", "idempotency-replayed"}
    headers = [
        {name: value for name, value in answer.headers.items() if name not in ignored}
        for answer in (first, second)
    ]
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert headers[0] == headers[1]
    return not is_replay(first) and is_replay(second)


def test_a_repeat_gets_the_first_answer_and_nothing_is_made_twice(
    server: RunningServer, agent: int, key: str
) -> None:
    path, body = f"/agent/{agent}/schedules", {"name": unique("schedule"), **CRON}

    first, second = post(server, path, key, body), post(server, path, key, body)

    assert first.status_code == 201
    assert first.headers["Location"].endswith(f"/schedules/{first.json()['id']}")
    assert same(first, second)
    assert [s["name"] for s in server.call("GET", path)].count(body["name"]) == 1


def test_an_answer_with_a_key_looks_like_one_without(server: RunningServer, key: str) -> None:
    without = server.http.post("/server-groups", json={"name": unique("group")})
    with_key = post(server, "/server-groups", key, {"name": unique("group")})

    assert without.status_code == with_key.status_code
    assert without.headers.keys() == with_key.headers.keys()
    assert without.json().keys() == with_key.json().keys()


def test_a_repeat_of_what_has_no_answer_has_none(server: RunningServer, key: str) -> None:
    path = f"/agent/{server.agent(unique('agent'), '')}/archive"

    first = post(server, path, key)
    server.call("POST", path.replace("archive", "unarchive"), expect=204)
    second = post(server, path, key)

    assert same(first, second)
    assert (second.status_code, second.content) == (204, b"")


def test_a_start_is_started_once(server: RunningServer, agent: int, key: str) -> None:
    before = len(server.call("GET", f"/agent/{agent}/runs"))

    answers = [post(server, f"/agent/{agent}/start", key, {"logLevel": "Error"}) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(server.call("GET", f"/agent/{agent}/runs")) == before + 1
    assert server.ended(agent, answers[0].json()["id"])["status"] == 9


def test_of_repeats_at_the_same_time_one_is_carried_out_and_all_get_its_answer(
    server: RunningServer, agent: int, key: str
) -> None:
    path, body, together = (
        f"/agent/{agent}/schedules",
        {"name": unique("at once"), **CRON},
        threading.Barrier(12),
    )

    def ask(_: int) -> httpx.Response:
        together.wait()
        return post(server, path, key, body)

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(ask, range(12)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(not is_replay(answer) for answer in answers) == 1
    assert [s["name"] for s in server.call("GET", path)].count(body["name"]) == 1


@pytest.mark.parametrize("change", ["body", "path", "query"])
def test_a_key_that_came_with_another_request_is_refused(
    server: RunningServer, agent: int, key: str, change: str
) -> None:
    path, body = f"/agent/{agent}/schedules", {"name": unique("schedule"), **CRON}
    assert post(server, path, key, body).status_code == 201
    if change == "body":
        body = {**body, "name": "another"}
    path = {"path": "/schedules/preview", "query": f"{path}?a=1"}.get(change, path)

    problem = problem_of(post(server, path, key, body), 422)

    assert problem["code"] == "idempotency_key_reused"


def test_the_key_of_another_user_is_another_key(server: RunningServer, agent: int, key: str) -> None:
    # All keys of one user share theirs: who changes the API key between two tries must not do things twice.
    body = {"name": unique("schedule"), **CRON}
    other = server.call("POST", "/api-keys", expect=201)["key"]

    first = post(server, f"/agent/{agent}/schedules", key, body)
    second = post(server, f"/agent/{agent}/schedules", key, body, Authorization=f"ApiKey {other}")

    assert same(first, second)


def test_a_stranger_does_not_get_an_answer_that_is_kept(server: RunningServer, agent: int, key: str) -> None:
    body = {"name": unique("schedule"), **CRON}
    post(server, f"/agent/{agent}/schedules", key, body)

    answer = post(server, f"/agent/{agent}/schedules", key, body, Authorization="ApiKey sk-unknown")

    problem_of(answer, 401)


@pytest.mark.parametrize("wrong", [b"", b"two words", b"\xc3\xa9", b"x" * 256, b"a\tb"], ids=repr)
def test_a_key_that_is_none_is_refused(server: RunningServer, wrong: bytes) -> None:
    answer = server.http.post("/schedules/preview", json=CRON, headers={b"Idempotency-Key": wrong})

    assert list(field_errors(answer)) == ["Idempotency-Key"]


def test_two_keys_are_refused(server: RunningServer) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert list(field_errors(server.http.post("/schedules/preview", json=CRON, headers=headers)))


def test_the_longest_key_is_taken(server: RunningServer) -> None:
    assert post(server, "/schedules/preview", "~" * 255, CRON).status_code == 200
    assert is_replay(post(server, "/schedules/preview", "~" * 255, CRON))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_take_no_notice_of_it(server: RunningServer, key: str, method: str) -> None:
    answers = [
        server.http.request(method, "/agent/999999", json={}, headers={"Idempotency-Key": key})
        for _ in range(2)
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert not any(is_replay(answer) for answer in answers)


# --- what is kept, and what is not ---


def test_a_conflict_is_kept_though_its_cause_is_gone(server: RunningServer, key: str) -> None:
    agent = server.agent(unique("agent"), "")
    server.call("POST", f"/agent/{agent}/archive", expect=204)
    first = post(server, f"/agent/{agent}/start", key)
    server.call("POST", f"/agent/{agent}/unarchive", expect=204)

    second = post(server, f"/agent/{agent}/start", key)

    problem_of(first, 409)
    assert same(first, second)
    assert server.call("GET", f"/agent/{agent}/runs") == []


def test_a_request_with_a_mistake_in_it_leaves_the_key_free(
    server: RunningServer, agent: int, key: str
) -> None:
    path, right = f"/agent/{agent}/schedules", {"name": unique("schedule"), **CRON}
    problem_of(post(server, path, key, {**right, "cronExpression": "never"}), 400)
    problem_of(post(server, path, key, {**right, "proxyPoolId": 999}), 400)

    answer = post(server, path, key, right)

    assert answer.status_code == 201
    assert not is_replay(answer)


def test_what_is_not_there_is_not_there_for_a_repeat_either(server: RunningServer, key: str) -> None:
    first, second = (post(server, "/agent/999999/start", key) for _ in range(2))

    problem_of(first, 404)
    assert same(first, second)


def test_a_time_that_has_passed_since_does_not_matter_to_a_repeat(
    server: RunningServer, agent: int, key: str
) -> None:
    answer = post(server, f"/agent/{agent}/start", key)
    server.ended(agent, answer.json()["id"])
    server.call("DELETE", f"/agent/{agent}/run/{answer.json()['id']}", expect=204)

    assert same(answer, post(server, f"/agent/{agent}/start", key))


def test_a_new_api_key_is_shown_to_a_repeat_and_is_nowhere_in_the_database(
    server: RunningServer, key: str
) -> None:
    first, second = (post(server, "/api-keys", key, {"description": "once"}) for _ in range(2))

    assert same(first, second)
    assert second.headers["Cache-Control"] == "no-store"
    secret = first.json()["key"].encode()
    assert not [file for file in server.data.glob("lamplighter.db*") if secret in file.read_bytes()]


# --- uploads ---


def upload(
    server: RunningServer, key: str, content: bytes, name: str, boundary: str, *, chunks: int = 0
) -> httpx.Response:
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'.encode()
        + value
        + b"\r\n"
        for field, more, value in (("name", "", name.encode()), ("bundle", '; filename="a.zip"', content))
    )
    body += f"--{boundary}--\r\n".encode()
    headers = {"Idempotency-Key": key, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    pieces: Iterator[bytes] = (body[at : at + chunks] for at in range(0, len(body), chunks or len(body)))
    return server.http.post("/agent", content=pieces if chunks else body, headers=headers)


def test_a_form_may_have_another_boundary_in_its_repeat(
    server: RunningServer, key: str, bundle: bytes
) -> None:
    name = unique("uploaded")
    first = upload(server, key, bundle, name, "one-boundary")

    assert first.status_code == 201
    assert same(first, upload(server, key, bundle, name, "quite-another-one"))
    assert same(first, upload(server, key, bundle, name, "in-small-pieces", chunks=7))
    problem_of(upload(server, key, bundle + b"x", name, "one-boundary"), 422)


@pytest.fixture
def bundle() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("agent.toml", '[agent]\nrun = ["python", "main.py"]\n')
        archive.writestr("main.py", "")
    return out.getvalue()


# --- synchronous starts ---


def test_a_repeat_of_a_synchronous_start_gets_the_same_records(server: RunningServer, key: str) -> None:
    agent = server.agent(unique("agent"), emits({"n": 1}, {"n": 2}))

    first, second = (
        post(server, f"/agent/{agent}/start", key, {"isRunSynchronously": True}) for _ in range(2)
    )

    assert first.json() == [{"n": 1}, {"n": 2}]
    assert same(first, second)
    assert len(server.call("GET", f"/agent/{agent}/runs")) == 1


def test_a_repeat_while_a_synchronous_run_goes_waits_for_that_run(
    server: RunningServer, key: str, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    program = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.02)\n"
    agent = server.agent(unique("agent"), program + emits({"n": 1}))

    def ask(_: int) -> httpx.Response:
        return post(server, f"/agent/{agent}/start", key, {"isRunSynchronously": True})

    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(ask, number) for number in range(2)]
        eventually(lambda: server.call("GET", f"/agent/{agent}/runs"))
        gate.touch()

    assert [answer.result().json() for answer in answers] == [[{"n": 1}]] * 2
    assert len(server.call("GET", f"/agent/{agent}/runs")) == 1


def test_a_synchronous_run_that_failed_is_not_run_again(server: RunningServer, key: str) -> None:
    agent = server.agent(unique("agent"), FAILS)

    for _ in range(2):
        answer = post(server, f"/agent/{agent}/start", key, {"isRunSynchronously": True})
        assert problem_of(answer, 500)["code"] == "run_failed"
    assert len(server.call("GET", f"/agent/{agent}/runs")) == 1


def test_a_synchronous_run_that_took_too_long_is_not_run_again(server: RunningServer, key: str) -> None:
    agent = server.agent(unique("agent"), SLEEPS)
    body = {"isRunSynchronously": True, "timeout": 1}

    problem_of(post(server, f"/agent/{agent}/start", key, body), 504)
    answer = post(server, f"/agent/{agent}/start", key, body)

    assert answer.status_code >= 500
    assert len(server.call("GET", f"/agent/{agent}/runs")) == 1


# --- every route ---


def test_every_post_of_the_api_honours_the_header() -> None:
    modules = [import_module(f"{api.__name__}.{found.name}") for found in iter_modules(api.__path__)]
    routers = [value for module in modules for value in vars(module).values() if isinstance(value, APIRouter)]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    posts = [route for route in routes if "POST" in (route.methods or ())]

    assert len(posts) > 10
    # Getting a token changes nothing, and a webhook knows its deliveries.
    without = {route.path for route in posts if not isinstance(route, OnceRoute)}
    assert without == {"/oauth/token", "/webhook/{webhookId}/{signature}"}


def test_a_post_route_that_is_a_coroutine_must_see_to_its_keys_itself() -> None:
    async def create_something() -> None:
        pass

    with pytest.raises(TypeError, match="create_something is a POST route: make it a plain function"):
        OnceRoute("/something", create_something, methods=["POST"])


# --- rights ---


@pytest.mark.parametrize("limits", [{"isReadOnly": True}, {"spaceId": 1}])
def test_a_limited_key_does_not_get_the_answer_that_was_given_to_a_full_one(
    server: RunningServer, key: str, limits: dict[str, object]
) -> None:
    limited = server.call("POST", "/api-keys", limits, expect=201)["key"]
    made = post(server, "/api-keys", key, {"description": "full"})
    assert made.status_code == 201
    headers = {"Authorization": f"ApiKey {limited}", "Idempotency-Key": key}
    answer = server.http.post("/api-keys", json={"description": "full"}, headers=headers)
    assert problem_of(answer, 422)["code"] == "idempotency_key_reused"
    assert made.json()["key"] not in answer.text


def test_who_has_lost_a_role_does_not_get_the_answer_again(server: RunningServer, key: str) -> None:
    space = server.call("POST", "/spaces", {"name": unique("space")}, expect=201)["id"]
    user = server.call("POST", "/users", {"name": unique("editor")}, expect=201)["id"]
    server.call("PUT", f"/spaces/{space}/members/{user}", {"role": "editor"})
    own = server.call("POST", "/api-keys", {"userId": user}, expect=201)["key"]
    body = {"name": unique("agent"), "spaceId": space, "files": {"agent.toml": '[agent]\nrun = ["true"]\n'}}
    headers = {"Authorization": f"ApiKey {own}", "Idempotency-Key": key}
    assert server.http.post("/agent", json=body, headers=headers).status_code == 201
    assert server.http.post("/agent", json=body, headers=headers).headers["Idempotency-Replayed"] == "true"
    server.call("DELETE", f"/spaces/{space}/members/{user}", expect=204)
    assert server.http.post("/agent", json=body, headers=headers).status_code == 422
