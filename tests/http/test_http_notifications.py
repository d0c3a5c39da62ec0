"""Notifications over HTTP: made, checked, shown without secrets, changed, tried."""

from typing import Any

import pytest
from http_helpers import FAILS, field_errors, problem_of, unique
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lamplighter.signing import new_secret
from receivers import HttpReceiver
from running_server import RunningServer, eventually

SECRET = "json://user:hunter22@example.com:8000/t0ken"


def made(server: RunningServer, **body: Any) -> dict[str, Any]:
    """A notification of failures of the whole space."""
    full = {"name": unique("tell"), "events": ["failure"], "targets": [SECRET], **body}
    answer = server.http.post("/notifications", json=full)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/v1/notifications/{found['id']}"
    return found


def switch_off(server: RunningServer, rule: dict[str, Any]) -> None:
    """Leave nobody who is told of what other tests do."""
    server.call("DELETE", f"/notifications/{rule['id']}", expect=204)


def test_a_notification_is_made_with_defaults_and_shown_without_secrets(server: RunningServer) -> None:
    rule = made(server, EVENTS=["FAILURE", "didnotrun"], name="All")
    assert (
        rule.items()
        >= {
            "name": "All",
            "spaceId": 1,
            "agentId": None,
            "agentName": None,
            "scheduleId": None,
            "scheduleName": None,
            "events": ["failure", "didNotRun"],
            "targets": ["json://example.com"],
            "withinSeconds": 3600,
            "quietSeconds": 600,
            "isEnabled": True,
        }.items()
    )
    assert server.call("GET", f"/notifications/{rule['id']}") == rule
    assert rule in server.call("GET", "/notifications")
    assert server.call("GET", "/notifications?recordsPerPage=1")["totalRecordCount"] >= 1
    switch_off(server, rule)
    problem_of(server.http.get(f"/notifications/{rule['id']}"), 404)


def test_the_database_holds_no_address(server: RunningServer) -> None:
    rule = made(server)
    stored = b"".join(file.read_bytes() for file in server.data.glob("lamplighter.db*"))
    assert b"hunter22" not in stored
    assert b"t0ken" not in stored
    switch_off(server, rule)


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"name": None}, "name", "is required"),
        ({"name": " "}, "name", "1 to 200"),
        ({"events": None}, "events", "failure, recovery, didNotRun, volumeDrop"),
        ({"events": []}, "events", "at least 1"),
        ({"events": ["success"]}, "events.0", "must be one of: failure"),
        ({"targets": None}, "targets", "mailtos://"),
        ({"targets": []}, "targets", "at least 1"),
        ({"targets": ["json://ok", "nonsense://x"]}, "targets", "number 2 is no target"),
        ({"targets": ["nonsense"]}, "targets", "json://host:8000/path"),
        ({"agentId": 2_000_000_000}, "agentId", "there is no agent with the id 2000000000"),
        ({"scheduleId": 99_999}, "scheduleId", "there is no schedule with the id 99999"),
        ({"withinSeconds": 0}, "withinSeconds", "must be at least 1"),
        ({"quietSeconds": -1}, "quietSeconds", "must be at least 0"),
        ({"isEnabled": "yes"}, "isEnabled", "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(
    server: RunningServer, body: dict[str, Any], field: str, text: str
) -> None:
    full = {"name": "x", "events": ["failure"], "targets": [SECRET], **body}
    errors = field_errors(server.http.post("/notifications", json=full))
    assert text in errors[field]


def test_a_schedule_of_another_agent_is_refused(server: RunningServer) -> None:
    one, other = (server.agent(unique("agent"), "") for _ in range(2))
    schedule = server.call(
        "POST", f"/agent/{one}/schedules", {"name": "s", "cronExpression": "0 0 1 1 *"}, expect=201
    )["id"]
    body = {"name": "x", "events": ["failure"], "targets": [SECRET], "agentId": other, "scheduleId": schedule}
    errors = field_errors(server.http.post("/notifications", json=body))
    assert errors["scheduleId"] == f"there is no schedule of agent {other} with the id {schedule}"
    rule = made(server, agentId=one, scheduleId=schedule)
    assert (rule["agentId"], rule["scheduleId"]) == (one, schedule)
    assert rule["agentName"].startswith("agent ")
    assert rule["scheduleName"] == "s"
    assert rule in server.call("GET", "/notifications")
    server.call("DELETE", f"/agent/{one}/schedules/{schedule}", expect=204)
    problem_of(server.http.get(f"/notifications/{rule['id']}"), 404)


def test_what_a_change_does_not_give_stays(server: RunningServer) -> None:
    rule = made(server, withinSeconds=60, events=["didNotRun"])
    changed = server.call("PUT", f"/notifications/{rule['id']}", {"QuietSeconds": 0, "events": ["recovery"]})
    wanted = rule | {"quietSeconds": 0, "events": ["recovery"], "updated": changed["updated"]}
    assert changed == wanted
    switch_off(server, rule)


def test_a_target_that_is_sent_back_as_it_was_shown_stays_what_it_is(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        rule = made(server, targets=[receiver.url("one"), receiver.url("two")])
        shown = server.call("GET", f"/notifications/{rule['id']}")
        server.call("PUT", f"/notifications/{rule['id']}", shown)
        assert server.call("POST", f"/notifications/{rule['id']}/test") == {"delivered": True, "error": None}
        assert sorted(post["path"] for post in receiver.posts) == ["/one", "/two"]
    switch_off(server, rule)


def test_two_notifications_cannot_have_one_name(server: RunningServer) -> None:
    first, second = made(server), made(server)
    body = {"name": first["name"], "events": ["failure"], "targets": [SECRET]}
    refused = problem_of(server.http.post("/notifications", json=body), 409)
    assert f"a notification named {first['name']!r} exists already (id {first['id']})" in refused["detail"]
    problem_of(server.http.put(f"/notifications/{second['id']}", json={"name": first["name"]}), 409)
    server.call("PUT", f"/notifications/{first['id']}", {"name": first["name"]})
    switch_off(server, first)
    server.call("PUT", f"/notifications/{second['id']}", {"name": first["name"]})
    switch_off(server, second)


def test_a_time_to_begin_within_is_refused_where_nothing_is_told_of_it(server: RunningServer) -> None:
    full = {"name": unique("tell"), "events": ["failure"], "targets": [SECRET], "withinSeconds": 60}
    wrong = {"withinSeconds": "is for didNotRun, which is not among the events: add it, or leave this out"}
    assert field_errors(server.http.post("/notifications", json=full)) == wrong
    rule = made(server)
    path = f"/notifications/{rule['id']}"
    assert field_errors(server.http.put(path, json={"withinSeconds": 60})) == wrong
    server.call("PUT", path, rule | {"quietSeconds": 1})
    late = server.call("PUT", path, {"withinSeconds": 60, "events": ["didNotRun"]})
    assert late["withinSeconds"] == 60
    switch_off(server, rule)


def test_a_bad_change_changes_nothing(server: RunningServer) -> None:
    rule = made(server)
    body = {"name": "new", "targets": ["nonsense"]}
    assert "targets" in field_errors(server.http.put(f"/notifications/{rule['id']}", json=body))
    assert server.call("GET", f"/notifications/{rule['id']}") == rule
    switch_off(server, rule)


def test_a_test_message_is_sent_at_once_and_its_failure_told(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        rule = made(server, targets=[receiver.url("s3cret")])
        assert server.call("POST", f"/notifications/{rule['id']}/test")["delivered"] is True
        assert receiver.titles() == [f"Test of the notification {rule['name']}"]
        receiver.statuses = [503]
        refused = server.call("POST", f"/notifications/{rule['id']}/test")
    assert refused["delivered"] is False
    assert refused["error"].startswith("json://127.0.0.1: ")
    assert "503" in refused["error"]
    assert "s3cret" not in refused["error"]
    switch_off(server, rule)


def test_the_messages_of_a_notification_are_listed_newest_first(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        agent = server.agent(unique("fails"), FAILS)
        rule = made(server, agentId=agent, targets=[receiver.url()], quietSeconds=0)
        for _ in range(2):
            assert server.run(agent)["status"] == 6
        path = f"/notifications/{rule['id']}/messages"

        def all_sent() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = server.call("GET", path)
            return found if len(found) == 2 and all(m["sent"] for m in found) else None

        newest, oldest = eventually(all_sent)
    assert newest["id"] > oldest["id"]
    assert (
        newest.items()
        >= {
            "event": "failure",
            "subject": f"agent {agent}",
            "target": "json://127.0.0.1",
            "tries": 1,
            "more": 0,
            "nextTry": None,
            "error": None,
        }.items()
    )
    page = server.call("GET", f"{path}?pageIndex=2&recordsPerPage=1")
    assert page == {"items": [oldest], "totalRecordCount": 2}
    switch_off(server, rule)
    problem_of(server.http.get(path), 404)


def test_switching_a_notification_off_gives_up_what_waits(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        away = receiver.url()
    agent = server.agent(unique("fails"), FAILS)
    rule = made(server, agentId=agent, targets=[away])
    server.run(agent)
    path = f"/notifications/{rule['id']}/messages"
    eventually(lambda: [m for m in server.call("GET", path) if m["error"]])
    server.call("PUT", f"/notifications/{rule['id']}", {"isEnabled": False})
    [message] = server.call("GET", path)
    assert message["nextTry"] is None
    assert message["error"] == "the notification was switched off"
    switch_off(server, rule)


def test_the_secret_of_a_plain_webhook_is_shown_once(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        rule = made(server, targets=[SECRET, receiver.plain_url("t0ken")])
        shown = f"webhook+http://127.0.0.1:{receiver.port}"
        [new] = rule["newSecrets"]
        assert new == {"target": 2, "shown": shown, "secret": new["secret"]}
        path = f"/notifications/{rule['id']}"
        assert server.call("GET", path) == rule | {"newSecrets": []}
        stored = b"".join(file.read_bytes() for file in server.data.glob("lamplighter.db*"))
        assert new["secret"].encode() not in stored
        assert b"t0ken" not in stored
        # Sent back as it is shown, it stays what it is, and so does its secret.
        assert server.call("PUT", path, {"targets": [shown]})["newSecrets"] == []
        assert server.call("POST", f"{path}/test") == {"delivered": True, "error": None}
        assert receiver.posts[0]["event"] == "test"
        assert receiver.posts[0]["notificationName"] == rule["name"]
        told = Webhook(new["secret"]).verify(receiver.bodies[0], receiver.headers[0])
        assert told["type"] == "notification.test"
    switch_off(server, rule)


def test_a_secret_is_rotated_with_an_overlap(server: RunningServer) -> None:
    with HttpReceiver() as receiver:
        rule = made(server, targets=[receiver.plain_url()])
        path = f"/notifications/{rule['id']}"
        old = rule["newSecrets"][0]["secret"]
        new = server.call("POST", f"{path}/rotate")["newSecrets"][0]["secret"]
        server.call("POST", f"{path}/test")
        for secret in (old, new):
            Webhook(secret).verify(receiver.bodies[0], receiver.headers[0])
        mine = new_secret()
        given = server.call("POST", f"{path}/rotate", {"secret": mine, "target": 1, "overlapSeconds": 0})
        assert given["newSecrets"] == [], "who gave it knows it"
        server.call("POST", f"{path}/test")
        Webhook(mine).verify(receiver.bodies[1], receiver.headers[1])
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(receiver.bodies[1], receiver.headers[1])
    switch_off(server, rule)


@pytest.mark.parametrize(
    ("targets", "body", "field", "text"),
    [
        ([SECRET], {}, "target", "there is none among the targets"),
        (["webhook+https://a", "webhook+https://b"], {}, "target", "one of: 1 (webhook+https://a), 2 ("),
        (["webhook+https://a"], {"target": 2}, "target", "one of: 1 (webhook+https://a)"),
        ([SECRET, "webhook+https://a"], {"target": 1}, "target", "json://example.com is no webhook+https"),
        (["webhook+https://a"], {"secret": "hunter22"}, "secret", "whsec_ and then base64"),
        (["webhook+https://a"], {"overlapSeconds": -1}, "overlapSeconds", "0 to 604,800"),
    ],
)
def test_a_rotation_that_cannot_be_says_why(
    server: RunningServer, targets: list[str], body: dict[str, Any], field: str, text: str
) -> None:
    rule = made(server, targets=targets)
    errors = field_errors(server.http.post(f"/notifications/{rule['id']}/rotate", json=body))
    assert text in errors[field]
    assert "hunter22" not in str(errors)
    switch_off(server, rule)


def test_without_a_key_nothing_is_told(server: RunningServer) -> None:
    answer = server.http.get("/notifications", headers={"Authorization": ""})
    problem_of(answer, 401)
