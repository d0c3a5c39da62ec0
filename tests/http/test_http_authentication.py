"""Who may ask: API keys from their creation to their end."""

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from http_helpers import field_errors, in_future, instant, problem_of, send_raw

from running_server import KEY, RunningServer


def new_key(server: RunningServer, **body: Any) -> dict[str, Any]:
    key: dict[str, Any] = server.call("POST", "/api-keys", body, expect=201)
    return key


def ask(server: RunningServer, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return httpx.get(f"{server.url}/api/v1/agent/all", headers=headers)


def listed(server: RunningServer, key_id: int) -> dict[str, Any]:
    [key] = [key for key in server.call("GET", "/api-keys") if key["id"] == key_id]
    assert isinstance(key, dict)
    return key


def refused(answer: httpx.Response) -> str:
    """The detail of a 401, which must name the scheme that is wanted."""
    problem = problem_of(answer, 401)
    assert problem["code"] == "not_authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("ApiKey ")
    return str(problem["detail"])


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "ApiKey",
        KEY,
        f"Basic {KEY}",
        f"Token {KEY}",
        f"ApiKey:{KEY}",
        f"ApiKey={KEY}",
        "Basic YWRtaW46YWRtaW4=",
    ],
)
def test_missing_and_malformed_credentials_are_refused_and_say_what_to_send(
    server: RunningServer, authorization: str | None
) -> None:
    assert "Authorization: ApiKey sk-" in refused(ask(server, authorization))


@pytest.mark.parametrize(
    "key", ["sk-unknown", f"{KEY}x", KEY[:-1], KEY.upper(), f"{KEY} {KEY}", "x" * 5000, "' OR 1=1 --", "é"]
)
def test_an_unknown_key_is_refused(server: RunningServer, key: str) -> None:
    answer = httpx.get(
        f"{server.url}/api/v1/agent/all", headers=[(b"Authorization", f"ApiKey {key}".encode())]
    )

    assert "not known" in refused(answer)


@pytest.mark.parametrize("scheme", ["ApiKey", "apikey", "APIKEY", "apiKey"])
def test_the_scheme_is_read_in_any_letter_case(server: RunningServer, scheme: str) -> None:
    assert ask(server, f"{scheme} {KEY}").status_code == 200
    assert ask(server, f"{scheme}   {KEY}").status_code == 200


def test_every_address_of_the_api_needs_credentials(server: RunningServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    open_addresses = set()
    for path, operations in document["paths"].items():
        address = re.sub(r"\{\w+\}", "1", path)
        for method in operations:
            answer = httpx.request(method, server.url + address, json={})
            if answer.status_code != 401:
                open_addresses.add(path)

    signed = {"/api/v1/download/{fileId}", "/api/v1/webhook/{webhookId}/{signature}"}
    assert open_addresses == {"/health/live", "/health/ready", "/oauth/token"} | signed


def test_health_needs_no_credentials(server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/health/live").json() == {"status": "live"}
    ready = httpx.get(f"{server.url}/health/ready").json()
    assert ready["status"] == "ready"
    assert ready["time"].endswith("Z")


# --- making keys ---


def test_a_new_key_opens_the_api_and_is_shown_once(server: RunningServer) -> None:
    made = new_key(server, description="for the test")

    assert made["key"].startswith("sk-")
    assert len(made["key"]) > 40
    assert made["key"].startswith(made["prefix"])
    assert made["description"] == "for the test"
    assert ask(server, f"ApiKey {made['key']}").status_code == 200
    again = listed(server, made["id"])
    assert "key" not in again
    assert made["key"] not in server.http.get("/api-keys").text
    own = {"key", "lastUsed"}
    assert {n: v for n, v in made.items() if n not in own} == {n: v for n, v in again.items() if n not in own}


def test_creating_a_key_tells_where_it_is(server: RunningServer) -> None:
    answer = server.http.post("/api-keys", json={})

    assert answer.headers["Location"] == f"/api/v1/api-keys/{answer.json()['id']}"


def test_the_answer_with_the_key_is_not_to_be_cached(server: RunningServer) -> None:
    assert server.http.post("/api-keys").headers["Cache-Control"] == "no-store"


def test_a_key_is_kept_only_as_a_hash(server: RunningServer) -> None:
    made = new_key(server)
    assert ask(server, f"ApiKey {made['key']}").status_code == 200

    secret = made["key"].encode()
    kept = [path for path in server.data.rglob("*") if path.is_file()]
    assert any(path.name.startswith("lamplighter.db") for path in kept)
    assert [path.name for path in kept if secret in path.read_bytes()] == []
    assert secret not in (server.data.parent / "server.log").read_bytes()


def test_the_first_key_is_kept_only_as_a_hash_too(server: RunningServer) -> None:
    for path in [*server.data.rglob("*"), server.data.parent / "server.log"]:
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path.name


def test_two_keys_are_never_alike(server: RunningServer) -> None:
    assert new_key(server)["key"] != new_key(server)["key"]


def test_a_key_is_good_for_a_year_when_not_said_otherwise(server: RunningServer) -> None:
    made = new_key(server)

    assert instant(made["expires"]) == instant(made["created"]) + timedelta(days=365)
    assert made["description"] is None
    assert made["revoked"] is None
    assert made["lastUsed"] is None
    assert made["userName"] == "admin"


def test_a_key_may_be_given_its_end(server: RunningServer) -> None:
    end = in_future(days=3)

    assert new_key(server, expires=end)["expires"] == end


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "never"}, "expires"),
        ({"expires": 5}, "expires"),
        ({"description": 5}, "description"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\0b"}, "description"),
    ],
)
def test_a_bad_key_request_is_refused(server: RunningServer, body: dict[str, Any], field: str) -> None:
    assert list(field_errors(server.http.post("/api-keys", json=body))) == [field]


@pytest.mark.parametrize("text", ["", "{}", "null", '{"DESCRIPTION": "x", "unknown": 1}'])
def test_a_key_needs_no_body(server: RunningServer, text: str) -> None:
    assert send_raw(server.http, "POST", "/api-keys", text).status_code == 201


# --- their end ---


def test_a_revoked_key_is_refused_at_once_and_stays_listed(server: RunningServer) -> None:
    made = new_key(server)
    with httpx.Client(
        headers={"Authorization": f"ApiKey {made['key']}"}, base_url=f"{server.url}/api/v1"
    ) as http:
        assert http.get("/agent/all").status_code == 200

        server.call("DELETE", f"/api-keys/{made['id']}", expect=204)

        assert "revoked" in refused(http.get("/agent/all"))
    assert listed(server, made["id"])["revoked"].endswith("Z")


def test_revoking_twice_keeps_the_first_time(server: RunningServer) -> None:
    made = new_key(server)
    server.call("DELETE", f"/api-keys/{made['id']}", expect=204)
    first = listed(server, made["id"])["revoked"]

    server.call("DELETE", f"/api-keys/{made['id']}", expect=204)

    assert listed(server, made["id"])["revoked"] == first


def test_an_expired_key_is_refused(server: RunningServer) -> None:
    made = new_key(server)
    assert ask(server, f"ApiKey {made['key']}").status_code == 200

    let_expire(server, made["id"])

    assert "expired on 2020-01-02" in refused(ask(server, f"ApiKey {made['key']}"))


def let_expire(server: RunningServer, key_id: int) -> None:
    """Give a key an end in the past, which the API does not."""
    end = int(datetime(2020, 1, 2, tzinfo=UTC).timestamp() * 1000)
    database = sqlite3.connect(server.data / "lamplighter.db", timeout=30)
    with database:
        database.execute("UPDATE api_keys SET expires = ? WHERE id = ?", (end, key_id))
    database.close()


def test_the_last_use_of_a_key_is_noted(server: RunningServer) -> None:
    made = new_key(server)
    before = datetime.now(UTC) - timedelta(seconds=1)

    ask(server, f"ApiKey {made['key']}")

    assert before <= instant(listed(server, made["id"])["lastUsed"]) <= datetime.now(UTC)


def test_an_unknown_key_cannot_be_revoked(server: RunningServer) -> None:
    problem_of(server.http.delete("/api-keys/4711"), 404)
    assert list(field_errors(server.http.delete("/api-keys/0"))) == ["keyId"]
