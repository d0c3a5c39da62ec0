"""Bearer tokens from our own endpoint: got for a password or a key, used, refused, ended."""

import base64
import json
from typing import Any

import httpx
import pytest
from http_helpers import field_errors, problem_of, unique
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from running_server import KEY, RunningServer

PASSWORD = "correct horse battery"
CLAIMS = {"iss": "lamplighter", "aud": "lamplighter", "sub": "1", "iat": 1, "exp": 4_000_000_000}


@pytest.fixture
def user(server: RunningServer) -> dict[str, Any]:
    """A user with a password."""
    made: dict[str, Any] = server.call("POST", "/users", {"name": unique("user")}, expect=201)
    server.call("PUT", f"/users/{made['id']}/password", {"password": PASSWORD}, expect=204)
    return made


def get(server: RunningServer, **form: str) -> httpx.Response:
    return httpx.post(f"{server.url}/oauth/token", data=form)


def sign_in(server: RunningServer, user: dict[str, Any], password: str = PASSWORD) -> str:
    answer = get(server, grant_type="password", username=user["name"], password=password)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def me(server: RunningServer, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})


# --- getting one ---


def test_a_password_gets_a_token_of_an_hour(server: RunningServer, user: dict[str, Any]) -> None:
    answer = get(server, grant_type="password", username=user["name"].upper(), password=PASSWORD)

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert me(server, answer.json()["access_token"]).json()["name"] == user["name"]


def test_an_api_key_gets_a_token_in_the_form_or_as_http_basic(server: RunningServer) -> None:
    as_form = get(server, grant_type="client_credentials", client_id="x", client_secret=KEY)
    as_basic = httpx.post(
        f"{server.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=("x", KEY)
    )

    for answer in (as_form, as_basic):
        assert me(server, answer.json()["access_token"]).json()["isAdmin"] is True


def test_the_endpoint_is_also_below_the_base_path(server: RunningServer) -> None:
    form = {"grant_type": "client_credentials", "client_secret": KEY}

    assert httpx.post(f"{server.url}/api/v1/oauth/token", data=form).status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"hello": "there"}, 400, "unsupported_grant_type"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "admin", "password": "x" * 20}, 400, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody", "password": "x" * 20}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "client_secret": "sk-no"}, 401, "invalid_client"),
    ],
)
def test_what_gets_no_token_is_told_as_rfc_6749_says(
    server: RunningServer, form: dict[str, str], status: int, error: str
) -> None:
    answer = get(server, **form)

    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == error


def test_a_wrong_password_and_an_unknown_user_are_told_alike(
    server: RunningServer, user: dict[str, Any]
) -> None:
    wrong = get(server, grant_type="password", username=user["name"], password="something else")
    unknown = get(server, grant_type="password", username="who is that", password="something else")

    assert wrong.json() == unknown.json()


def test_json_is_not_what_the_endpoint_takes(server: RunningServer) -> None:
    problem_of(httpx.post(f"{server.url}/oauth/token", json={"grant_type": "password"}), 415)


# --- passwords ---


def test_a_short_password_is_refused_without_being_shown(server: RunningServer, user: dict[str, Any]) -> None:
    answer = server.http.put(f"/users/{user['id']}/password", json={"password": "tooshort1"})

    assert field_errors(answer)["password"] == "must have at least 10 characters"
    assert "tooshort1" not in answer.text


def test_a_user_changes_the_own_password_by_saying_the_one_before(
    server: RunningServer, user: dict[str, Any]
) -> None:
    path = f"{server.url}/api/v1/users/{user['id']}/password"
    bearer = {"Authorization": f"Bearer {sign_in(server, user)}"}
    new = "another long password"

    wrong = httpx.put(path, headers=bearer, json={"password": new, "currentPassword": "no such one"})
    right = httpx.put(path, headers=bearer, json={"password": new, "currentPassword": PASSWORD})

    assert "that you have now" in field_errors(wrong)["currentPassword"]
    assert right.status_code == 204
    assert get(server, grant_type="password", username=user["name"], password=PASSWORD).status_code == 400
    assert me(server, sign_in(server, user, new)).status_code == 200


def test_the_database_holds_no_password(server: RunningServer, user: dict[str, Any]) -> None:
    files = [file.read_bytes() for file in server.data.glob("lamplighter.db*")]

    assert files
    assert not any(PASSWORD.encode() in content for content in files)


# --- ending them ---


@pytest.fixture
def token(server: RunningServer, user: dict[str, Any]) -> str:
    made = sign_in(server, user)
    assert me(server, made).status_code == 200
    return made


def test_signing_out_ends_all_tokens_of_a_user(
    server: RunningServer, user: dict[str, Any], token: str
) -> None:
    server.call("POST", f"/users/{user['id']}/sign-out", expect=204)

    assert "signed out" in problem_of(me(server, token), 401)["detail"]
    assert me(server, sign_in(server, user)).status_code == 200


def test_a_new_password_ends_all_tokens(server: RunningServer, user: dict[str, Any], token: str) -> None:
    server.call("PUT", f"/users/{user['id']}/password", {"password": PASSWORD}, expect=204)

    problem_of(me(server, token), 401)


def test_a_user_who_is_switched_off_is_out_at_once(server: RunningServer, user: dict[str, Any]) -> None:
    token = sign_in(server, user)
    server.call("PUT", f"/users/{user['id']}", {"isActive": False})

    problem_of(me(server, token), 401)
    assert get(server, grant_type="password", username=user["name"], password=PASSWORD).status_code == 400


def test_revoking_a_key_ends_the_tokens_that_were_got_for_it(server: RunningServer) -> None:
    key = server.call("POST", "/api-keys", {"isReadOnly": True}, expect=201)
    token = get(server, grant_type="client_credentials", client_secret=key["key"]).json()["access_token"]
    assert me(server, token).json()["isReadOnly"] is True

    server.call("DELETE", f"/api-keys/{key['id']}", expect=204)

    assert "revoked" in problem_of(me(server, token), 401)["detail"]


# --- tokens of others ---


def unsigned(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def forgeries() -> dict[str, str]:
    other = OctKey.import_key(b"another secret of thirty-two bytes")
    rsa = RSAKey.generate_key(2048)
    return {
        "nothing like a token": "x",
        "three parts of nothing": "a.b.c",
        "not signed": unsigned(CLAIMS),
        "signed by another secret": jwt.encode({"alg": "HS256"}, CLAIMS, other),
        "signed by another algorithm": jwt.encode({"alg": "RS256"}, CLAIMS, rsa),
        "of another issuer": jwt.encode({"alg": "RS256"}, CLAIMS | {"iss": "https://example.com"}, rsa),
    }


def test_what_we_did_not_sign_is_refused(server: RunningServer) -> None:
    for name, token in forgeries().items():
        problem = problem_of(me(server, token), 401)

        assert problem["code"] == "not_authenticated", name


def test_a_token_that_was_changed_is_refused(server: RunningServer, user: dict[str, Any]) -> None:
    head, claims, signature = sign_in(server, user).split(".")
    padded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(padded | {"sub": "1"}).encode()).rstrip(b"=").decode()

    problem_of(me(server, f"{head}.{forged}.{signature}"), 401)
