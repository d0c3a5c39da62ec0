"""Webhooks over HTTP: others start an agent by a signed address, once, with what they may bring."""

import hashlib
import hmac
import json
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from http_helpers import field_errors, in_future, json_text, problem_of, unique
from standardwebhooks.webhooks import Webhook

from lamplighter.signing import new_secret
from running_server import RunningServer, eventually

TELLS_ITS_INPUT = """
import json, os
from pathlib import Path
from lamplighter import agent
agent.emit(json.loads(Path(os.environ["LAMPLIGHTER_INPUT"]).read_text()))
"""
LIMIT = '[inputs.limit]\ntype = "integer"\n[inputs.url]\nrequired = true\n'


@pytest.fixture(scope="module")
def agent(server: RunningServer) -> int:
    return server.agent("told", TELLS_ITS_INPUT)


def made(server: RunningServer, agent: int, **body: Any) -> dict[str, Any]:
    answer = server.http.post(f"/agent/{agent}/webhooks", json={"name": unique("hook"), **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/v1/agent/{agent}/webhooks/{found['id']}"
    return found


def again(server: RunningServer, hook: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = server.call("GET", f"/agent/{hook['agentId']}/webhooks/{hook['id']}")
    return found


def post(
    hook: Mapping[str, Any], body: Any = b"", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """A delivery by somebody without credentials."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(hook["url"], content=content, headers=dict(headers or {}))


def input_of(server: RunningServer, answer: httpx.Response) -> Any:
    """The input that the run got which a delivery started."""
    assert answer.status_code == 202, answer.text
    agent, run = answer.json()["agentId"], answer.json()["runId"]
    server.ended(agent, run)
    [record] = server.call("GET", f"/agent/{agent}/run/{run}/records")
    return record


# --- keeping them ---


def test_a_webhook_is_made_with_defaults_changed_listed_and_deleted(
    server: RunningServer, agent: int
) -> None:
    hook = made(server, agent, NAME="first", logLevel="warning")
    assert hook.items() >= {
        "agentId": agent, "name": "first", "isEnabled": True, "expires": None, "acceptsInput": False,
        "hasSecret": False, "inputParameters": None, "parallelism": 1, "logLevel": "Warning", "lastUsed": None,
        "lastResult": None, "lastRunId": None,
    }.items()  # fmt: skip
    path = f"/agent/{agent}/webhooks/{hook['id']}"
    changed = server.call("PUT", path, {"isEnabled": False, "inputParameters": '{"a": 1}', "name": None})
    wanted = {"isEnabled": False, "inputParameters": '{"a": 1}', "updated": changed["updated"]}
    assert changed == hook | wanted
    assert changed in server.call("GET", f"/agent/{agent}/webhooks")
    assert server.call("GET", f"/agent/{agent}/webhooks?recordsPerPage=1")["totalRecordCount"] >= 1
    server.call("DELETE", path, expect=204)
    problem_of(server.http.get(path), 404)
    problem_of(server.http.delete(path), 404)


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"name": None}, "name", "is required"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires", "must be in the future"),
        ({"inputParameters": "nonsense"}, "inputParameters", "is not valid JSON"),
        ({"inputParameters": "[{}]", "acceptsInput": True}, "inputParameters", "must be a JSON object"),
        ({"inputParameters": '{"a": "${secret:NONE}"}'}, "inputParameters", "there is no secret 'NONE'"),
        ({"proxyPoolId": 999}, "proxyPoolId", "there is no proxy pool"),
        ({"parallelism": 51}, "parallelism", "1 to 50"),
        ({"secret": "whsec_short"}, "secret", "base64 of 24 to 64 bytes"),
        ({"secret": "too short"}, "secret", "16 to 1000 characters"),
        ({"acceptsInput": "yes"}, "acceptsInput", "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(
    server: RunningServer, agent: int, body: dict[str, Any], field: str, text: str
) -> None:
    errors = field_errors(server.http.post(f"/agent/{agent}/webhooks", json={"name": "x", **body}))
    assert text in errors[field]
    assert str(body.get("secret")) not in str(errors)


def test_an_agent_has_each_name_once(server: RunningServer, agent: int) -> None:
    first, second = made(server, agent), made(server, agent)
    refused = server.http.put(f"/agent/{agent}/webhooks/{second['id']}", json={"name": first["name"]})
    assert f"(id {first['id']})" in problem_of(refused, 409)["detail"]
    other = server.agent(unique("other"), "")
    made(server, other, name=first["name"])
    problem_of(server.http.get(f"/agent/{other}/webhooks/{first['id']}"), 404)


def test_without_a_key_no_webhook_is_shown(server: RunningServer, agent: int) -> None:
    problem_of(server.http.get(f"/agent/{agent}/webhooks", headers={"Authorization": ""}), 401)


# --- starting ---


def test_who_posts_to_the_address_starts_the_agent(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, inputParameters='{"a": 1}', logLevel="Error", priority=5)
    answer = post(hook, b"\xff not JSON at all", {"Content-Type": "image/png"})
    assert input_of(server, answer) == {"a": 1}
    run = server.status(agent, answer.json()["runId"])
    assert answer.json() == {"agentId": agent, "runId": run["id"], "isRepeated": False}
    assert run["startedBy"] == f"webhook {hook['name']}"
    assert run["logLevel"] == "Error"
    used = again(server, hook)
    assert used["lastRunId"] == run["id"]
    assert used["lastResult"] == f"started run {run['id']}"
    assert datetime.fromisoformat(used["lastUsed"]) >= datetime.fromisoformat(hook["created"])
    assert used["url"] == hook["url"]


def test_other_methods_are_not_possible_at_the_address(server: RunningServer, agent: int) -> None:
    hook = made(server, agent)
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert httpx.request(method, hook["url"]).status_code == 405
    assert again(server, hook)["lastUsed"] is None


def test_what_is_posted_is_laid_over_the_fixed_input(server: RunningServer, agent: int) -> None:
    fixed = json_text({"a": 1, "b": {"c": 2}})
    hook = made(server, agent, acceptsInput=True, inputParameters=fixed)
    assert input_of(server, post(hook, {"b": "new", "d": [3]})) == {"a": 1, "b": "new", "d": [3]}
    assert input_of(server, post(hook)) == {"a": 1, "b": {"c": 2}}
    # As curl sends it when nobody says otherwise.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert input_of(server, post(hook, {"a": "é"}, form)) == {"a": "é", "b": {"c": 2}}


@pytest.mark.parametrize(
    "body", [b"[1]", b"nonsense", b"\xff", b"NaN", b'{"a": NaN}', b"[" * 200_000, b"null"]
)
def test_a_body_that_is_no_object_starts_nothing(server: RunningServer, agent: int, body: bytes) -> None:
    hook = made(server, agent, acceptsInput=True)
    assert "body" in field_errors(post(hook, body))[""]
    used = again(server, hook)
    assert used["lastResult"].startswith("refused: the body")
    assert used["lastRunId"] is None


def test_what_is_posted_must_be_what_the_agent_takes(server: RunningServer) -> None:
    choosy = server.agent(unique("choosy"), TELLS_ITS_INPUT, LIMIT)
    hook = made(server, choosy, acceptsInput=True)
    assert "the agent requires url" in problem_of(post(hook, {}), 400)["detail"]
    wrong = problem_of(post(hook, {"url": "u", "limit": "many"}), 400)["detail"]
    assert "the input does not fit: limit: " in wrong
    assert input_of(server, post(hook, {"url": "u", "limit": 3, "extra": 1}))["limit"] == 3


def test_a_stranger_cannot_ask_for_secrets(server: RunningServer, agent: int) -> None:
    server.http.put("/secrets/PASSWORD", json={"value": "hunter22"})
    fixed = json_text({"mine": "${secret:PASSWORD}"})
    hook = made(server, agent, acceptsInput=True, inputParameters=fixed)
    posted = {"x": "${secret:PASSWORD}", "y": ["$${secret:PASSWORD}", "${secret:NONE}"]}
    assert input_of(server, post(hook, posted)) == {"mine": "hunter22", **posted}


def test_a_body_that_is_too_large_is_refused(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, acceptsInput=True)
    problem_of(post(hook, {"x": "y" * 1_000_001}), 413)
    problem_of(post(hook, {"x": "y" * 3 * 1024**2}), 413)
    assert again(server, hook)["lastRunId"] is None


def test_who_goes_away_in_the_middle_starts_nothing_and_is_no_defect(
    server: RunningServer, agent: int
) -> None:
    hook = made(server, agent)
    url = httpx.URL(hook["url"])
    with socket.create_connection((url.host, url.port or 80)) as half:
        half.sendall(f"POST {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1".encode())
    log = server.data.parent / "server.log"
    assert post(hook).status_code == 202  # it has seen the other one go by then
    assert "a request failed" not in log.read_text()
    assert again(server, hook)["lastResult"].startswith("started run")


# --- the address ---


def test_a_wrong_address_does_not_tell_whether_there_is_such_a_webhook(
    server: RunningServer, agent: int
) -> None:
    hook = made(server, agent)
    head, _, signature = hook["url"].rpartition("/")
    other = made(server, agent)["url"].rpartition("/")[2]
    for address in (
        f"{head}/{signature[:-1]}{'0' if signature[-1] != '0' else '1'}",
        f"{head}/{other}",
        f"{head}/x",
        f"{head}/%ff%00",
        f"{server.url}/api/v1/webhook/999999/{signature}",
    ):
        told = problem_of(httpx.post(address), 404)["detail"]
        assert told == "there is no webhook at this address, or not any more"
    assert again(server, hook)["lastUsed"] is None


def test_a_new_address_ends_the_old_one_at_once(server: RunningServer, agent: int) -> None:
    hook = made(server, agent)
    new = server.call("POST", f"/agent/{agent}/webhooks/{hook['id']}/rotate")
    assert new["url"] != hook["url"]
    problem_of(post(hook), 404)
    assert post(new).status_code == 202
    assert again(server, hook)["url"] == new["url"]


def test_a_deleted_webhook_has_no_address_and_its_id_is_not_given_again(
    server: RunningServer, agent: int
) -> None:
    hook = made(server, agent)
    server.call("DELETE", f"/agent/{agent}/webhooks/{hook['id']}", expect=204)
    problem_of(post(hook), 404)
    assert made(server, agent)["id"] > hook["id"]
    problem_of(post(hook), 404)


def test_a_deleted_agent_has_no_webhooks(server: RunningServer) -> None:
    gone = server.agent(unique("gone"), "")
    hook = made(server, gone)
    server.call("DELETE", f"/agent/{gone}", expect=204)
    problem_of(post(hook), 404)


def test_a_webhook_that_is_switched_off_says_so(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, isEnabled=False)
    assert problem_of(post(hook), 409)["detail"] == "this webhook is switched off"
    assert again(server, hook)["lastResult"] == "refused: this webhook is switched off"
    server.call("PUT", f"/agent/{agent}/webhooks/{hook['id']}", {"isEnabled": True})
    assert post(hook).status_code == 202


def test_a_webhook_that_has_expired_is_gone_for_good(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, expires=in_future(seconds=2))
    eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(hook["expires"]))
    assert problem_of(post(hook), 410)["code"] == "gone"


def test_an_archived_agent_is_not_started(server: RunningServer) -> None:
    away = server.agent(unique("away"), "")
    hook = made(server, away)
    server.call("POST", f"/agent/{away}/archive", expect=204)
    assert "archived" in problem_of(post(hook), 409)["detail"]


def test_strangers_are_not_told_what_does_not_fit_any_more(server: RunningServer, agent: int) -> None:
    server.http.put("/secrets/SOON_GONE", json={"value": "hunter22"})
    hook = made(server, agent, inputParameters=json_text({"a": "${secret:SOON_GONE}"}))
    server.call("DELETE", "/secrets/SOON_GONE", expect=204)
    answer = post(hook)
    problem_of(answer, 409)
    assert "SOON_GONE" not in answer.text
    assert "SOON_GONE" in again(server, hook)["lastResult"]


def test_the_database_holds_nothing_that_makes_an_address(server: RunningServer, agent: int) -> None:
    secret = new_secret()
    hook = made(server, agent, secret=secret)
    stored = b"".join(file.read_bytes() for file in server.data.glob("lamplighter.db*"))
    assert hook["url"].rpartition("/")[2].encode() not in stored
    assert (server.data / "secret.key").read_bytes() not in stored
    assert secret.encode() not in stored
    log = (server.data.parent / "server.log").read_text()
    assert hook["url"].rpartition("/")[2] not in log


def test_an_address_survives_a_restart_of_the_server(server: RunningServer, agent: int) -> None:
    hook = made(server, agent)
    assert server.stop() == 0
    server.start()
    assert httpx.post(server.url + httpx.URL(hook["url"]).path).status_code == 202


# --- again ---


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id", "X-GitHub-Delivery"])
def test_a_delivery_that_comes_again_is_the_first_run(server: RunningServer, agent: int, header: str) -> None:
    hook, other = made(server, agent), made(server, agent)
    first = post(hook, headers={header: "one"}).json()
    second = post(hook, headers={header: "one"})
    assert second.status_code == 202
    assert second.json() == first | {"isRepeated": True}
    assert again(server, hook)["lastResult"] == f"run {first['runId']} had been started by the same delivery"
    assert post(hook, headers={header: "two"}).json()["runId"] > first["runId"]
    assert post(other, headers={header: "one"}).json()["isRepeated"] is False


def test_deliveries_without_an_id_are_each_a_run(server: RunningServer, agent: int) -> None:
    hook = made(server, agent)
    assert post(hook).json()["runId"] != post(hook).json()["runId"]


def test_the_same_delivery_many_times_at_once_is_one_run(server: RunningServer) -> None:
    busy = server.agent(unique("busy"), "")
    hook = made(server, busy)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(hook, headers={"webhook-id": "once"}).json(), range(24)))
    assert len({answer["runId"] for answer in answers}) == 1
    assert [answer["isRepeated"] for answer in answers].count(False) == 1
    assert len(server.call("GET", f"/agent/{busy}/runs")) == 1


def test_a_delivery_that_was_refused_may_come_again(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, isEnabled=False)
    problem_of(post(hook, headers={"webhook-id": "x"}), 409)
    server.call("PUT", f"/agent/{agent}/webhooks/{hook['id']}", {"isEnabled": True})
    assert post(hook, headers={"webhook-id": "x"}).json()["isRepeated"] is False


# --- who sends ---


def test_a_sender_that_must_sign_signs_by_the_standard(server: RunningServer, agent: int) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    hook = made(server, agent, secret=secret)
    assert hook["hasSecret"] is True
    body = b'{"any": "thing"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body.decode()),
    }
    assert post(hook, body, headers).status_code == 202
    repeated = post(hook, body, headers | {"Idempotency-Key": "of-somebody-who-caught-it"})
    assert repeated.json()["isRepeated"] is True
    refused = problem_of(post(hook, body + b" ", headers), 403)
    assert "no webhook-signature is that of this body" in refused["detail"]
    assert again(server, hook)["lastResult"].startswith("refused: this delivery is not signed as it must be")
    problem_of(post(hook, body), 403)


def test_a_sender_that_must_sign_signs_as_github_does(server: RunningServer, agent: int) -> None:
    secret = "a secret that both know"
    hook = made(server, agent, secret=secret, acceptsInput=True)
    body = b'{"action": "published"}'
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={right}", "X-GitHub-Delivery": "72d3162e"}
    assert input_of(server, post(hook, body, headers)) == {"action": "published"}
    problem_of(post(hook, body + b" ", headers), 403)


def test_a_secret_stays_until_it_is_taken_away(server: RunningServer, agent: int) -> None:
    hook = made(server, agent, secret=new_secret())
    path = f"/agent/{agent}/webhooks/{hook['id']}"
    assert server.call("PUT", path, {"isEnabled": True})["hasSecret"] is True
    assert "secret" not in server.call("GET", path)
    assert server.call("PUT", path, {"secret": ""})["hasSecret"] is False
    assert post(hook).status_code == 202


# --- who may see and change it ---


def test_only_who_may_start_the_agent_sees_the_address(server: RunningServer, agent: int) -> None:
    hook = made(server, agent)
    path = f"/agent/{agent}/webhooks"
    user = server.call("POST", "/users", {"name": unique("looks")}, expect=201)["id"]
    keys = [{"userId": user}, {"isReadOnly": True}, {"userId": user}]
    for role, body, sees in zip(("viewer", "viewer", "editor"), keys, (False, False, True), strict=True):
        server.call("PUT", f"/spaces/1/members/{user}", {"role": role})
        key = server.call("POST", "/api-keys", body, expect=201)["key"]
        headers = {"Authorization": f"ApiKey {key}"}
        [found] = [one for one in server.http.get(path, headers=headers).json() if one["id"] == hook["id"]]
        assert found == hook | {"url": hook["url"] if sees else None}
        assert server.http.get(f"{path}/{hook['id']}", headers=headers).json() == found


def test_what_is_done_to_a_webhook_is_in_the_audit_log_without_what_is_secret(
    server: RunningServer, agent: int
) -> None:
    secret, other = new_secret(), new_secret()
    hook = made(server, agent, secret=secret, logLevel="Error")
    path = f"/agent/{agent}/webhooks/{hook['id']}"
    server.call("PUT", path, {"isEnabled": False, "secret": other})
    server.call("POST", f"{path}/rotate")
    server.call("DELETE", path, expect=204)
    answer = server.http.get("/audit-log", params={"kind": "webhook", "subjectId": hook["id"]})
    assert secret not in answer.text
    assert other not in answer.text
    assert hook["url"].rpartition("/")[2] not in answer.text
    entries = answer.json()
    assert [entry["action"] for entry in entries] == [
        "webhook.delete", "webhook.rotate", "webhook.update", "webhook.create"
    ]  # fmt: skip
    assert entries[3]["changes"].items() >= {"logLevel": "Error", "hasSecret": True}.items()
    assert entries[2]["changes"] == {
        "agentId": agent, "isEnabled": [True, False], "hasSecret": [True, True]
    }  # fmt: skip
