"""Tokens of an OpenID Connect issuer that runs beside the server, and those that only look like it."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from issuer import AUDIENCE, Issuer
from running_server import RunningServer, eventually


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with Issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[RunningServer]:
    environment = {"LAMPLIGHTER_OIDC_ISSUER": issuer.url, "LAMPLIGHTER_OIDC_AUDIENCE": AUDIENCE}
    with RunningServer(tmp_path_factory.mktemp("server") / "data", environment=environment) as running:
        yield running


def ask(server: RunningServer, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})


def who(server: RunningServer, token: str) -> dict[str, Any]:
    answer = ask(server, token)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_stranger_with_a_token_becomes_a_user_without_rights(server: RunningServer, issuer: Issuer) -> None:
    token = issuer.token(sub="ada", preferred_username="Ada", email="ada@example.com")

    first, again = who(server, token), who(server, token)

    assert (first["name"], first["email"], first["isAdmin"], first["roles"]) == (
        "Ada",
        "ada@example.com",
        False,
        [],
    )
    assert again["id"] == first["id"]
    server.call("PUT", f"/spaces/1/members/{first['id']}", {"role": "editor"})
    assert who(server, token)["roles"] == [{"spaceId": 1, "role": "editor"}]


def test_a_name_that_is_taken_gives_nobody_the_rights_of_its_owner(
    server: RunningServer, issuer: Issuer
) -> None:
    found = who(server, issuer.token(sub="mallory", preferred_username="admin"))

    assert (found["name"], found["isAdmin"]) == ("admin 2", False)


def test_an_audience_may_be_one_of_several(server: RunningServer, issuer: Issuer) -> None:
    assert ask(server, issuer.token(aud=["others", AUDIENCE])).status_code == 200


def test_keys_that_changed_are_fetched_without_a_restart(server: RunningServer, issuer: Issuer) -> None:
    before = issuer.token(sub="rotating")
    assert ask(server, before).status_code == 200
    issuer.rotate()
    after = issuer.token(sub="rotating")

    # The issuer is asked at most every few seconds, whoever sends whatever.
    eventually(lambda: ask(server, after).status_code == 200)

    assert ask(server, before).status_code == 401, "the key that signed it is not published any more"


def test_unknown_keys_do_not_make_the_server_ask_the_issuer_again_and_again(
    server: RunningServer, issuer: Issuer
) -> None:
    strange = RSAKey.generate_key(2048, auto_kid=True)
    asked = issuer.requests()

    for _ in range(30):
        assert ask(server, issuer.token(key=strange)).status_code == 401

    assert issuer.requests() - asked < 30


def signed_by_published_key(issuer: Issuer) -> str:
    """Signed with the public key as if it were a secret: whoever takes any algorithm would believe it."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": issuer.kid}).encode()).rstrip(b"=")
    signed = head + b"." + issuer.token().split(".")[1].encode()
    signature = base64.urlsafe_b64encode(hmac.digest(issuer.public_key, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + signature).decode()


def wrong_tokens(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    strange = RSAKey.generate_key(2048, auto_kid=True)
    twin = RSAKey.generate_key(2048, {"kid": str(issuer.kid)})
    return {
        "wrong audience": issuer.token(aud="somebody else"),
        "no audience": issuer.token(aud=None),
        "wrong issuer": issuer.token(iss="https://issuer.example"),
        "almost the issuer": issuer.token(iss=f"{issuer.url}/"),
        "no issuer": issuer.token(iss=None),
        "expired": issuer.token(exp=now - 1),
        "no end": issuer.token(exp=None),
        "not yet valid": issuer.token(nbf=now + 3600),
        "issued in the future": issuer.token(iat=now + 3600),
        "no subject": issuer.token(sub=None),
        "an unknown key": issuer.token(key=strange),
        "another key under a known id": issuer.token(key=twin),
        "a shared secret": signed_by_published_key(issuer),
        "not signed": ".".join([*issuer.token().split(".")[:2], ""]),
        "algorithm none": "eyJhbGciOiJub25lIn0." + issuer.token().split(".")[1] + ".",
    }


def test_tokens_that_only_look_right_are_refused(server: RunningServer, issuer: Issuer) -> None:
    for name, token in wrong_tokens(issuer).items():
        answer = ask(server, token)

        assert answer.status_code == 401, f"{name}: {answer.text}"
        assert answer.json()["code"] == "not_authenticated"


def test_our_own_tokens_and_keys_are_good_as_before(server: RunningServer) -> None:
    key = server.call("POST", "/api-keys", {}, expect=201)["key"]
    form = {"grant_type": "client_credentials", "client_secret": key}
    token = httpx.post(f"{server.url}/oauth/token", data=form).json()["access_token"]

    assert who(server, token)["name"] == "admin"
