"""Secrets over HTTP: set, listed and removed, and never shown."""

from typing import Any

import httpx
import pytest
from http_helpers import field_errors, in_future, json_text, problem_of, send_raw, unique

from running_server import RunningServer, eventually

CRON = {"name": "n", "cronExpression": "0 9 * * *"}
VALUE = 'hunter2-äöü/+&="quoted"'
SAYS_IT = """
import json, sys, time, urllib.parse
from lamplighter import agent
key = agent.input()["key"]
print("the key is", key)
print("the address is https://example.test/?key=" + urllib.parse.quote(key, safe=""))
print(json.dumps(agent.input()), file=sys.stderr)
sys.stdout.write("x" * 300_000 + key + "y" * 10 + "\\n")
print("done")
"""
_numbers = iter(range(1, 1000))


@pytest.fixture
def secret(server: RunningServer) -> str:
    """A secret of the test's own."""
    name = f"SECRET_{next(_numbers)}"
    server.call("PUT", f"/secrets/{name}", {"value": VALUE}, expect=201)
    return name


def listed(server: RunningServer, name: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = server.call("GET", "/secrets")
    return next((one for one in found if one["name"] == name), None)


# --- setting, listing, removing ---


def test_a_new_secret_is_created_and_listed_without_its_value(server: RunningServer) -> None:
    answer = server.http.put("/secrets/API_KEY", json={"Value": VALUE})

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/secrets/API_KEY"
    assert answer.json().keys() == {"name", "created", "updated", "usedBy"}
    assert listed(server, "API_KEY") == answer.json()
    assert "hunter2" not in answer.text + server.http.get("/secrets").text


def test_a_secret_that_is_there_is_replaced(server: RunningServer, secret: str) -> None:
    before = listed(server, secret)
    answer = server.http.put(f"/secrets/{secret}", json={"value": "another"})

    assert answer.status_code == 200
    assert before is not None
    assert answer.json()["created"] == before["created"]
    assert answer.json()["updated"] >= before["updated"]


def test_there_is_no_way_to_read_a_value(server: RunningServer, secret: str) -> None:
    assert server.http.get(f"/secrets/{secret}").status_code == 405


def test_secrets_come_in_pages(server: RunningServer, secret: str) -> None:
    page = server.call("GET", "/secrets?recordsPerPage=1")
    assert (len(page["items"]), page["totalRecordCount"] >= 1) == (1, True)


@pytest.mark.parametrize("name", ["1st", "-a", ".a", "a b", "ä", "a" * 101, "a$", "a%7F", "%00"])
def test_a_name_that_cannot_be_is_refused(server: RunningServer, name: str) -> None:
    errors = field_errors(server.http.put(f"/secrets/{name}", json={"value": "v"}))
    assert "must begin with a letter" in errors["secretName"]


@pytest.mark.parametrize("name", ["a", "_", "A.b-c_9", "a" * 100])
def test_a_name_that_can_be_is_taken(server: RunningServer, name: str) -> None:
    server.call("PUT", f"/secrets/{name}", {"value": "v"}, expect=201)
    server.call("DELETE", f"/secrets/{name}", expect=204)


@pytest.mark.parametrize(
    "body",
    [
        '{"value": ""}',
        '{"value": null}',
        "{}",
        '{"value": 5}',
        '{"value": "\\u0000"}',
        '{"value": "\\ud800"}',
    ],
)
def test_a_value_that_cannot_be_is_refused(server: RunningServer, body: str) -> None:
    assert list(field_errors(send_raw(server.http, "PUT", "/secrets/X", body))) == ["value"]


def test_a_value_has_at_most_65536_characters_and_a_refusal_does_not_repeat_it(server: RunningServer) -> None:
    answer = server.http.put("/secrets/LONG", json={"value": "hunter2" * 10_000})

    assert list(field_errors(answer)) == ["value"]
    assert "hunter2" not in answer.text
    server.call("PUT", "/secrets/LONG", {"value": "ä" * 65_536}, expect=201)


def test_secrets_need_credentials(server: RunningServer) -> None:
    for method in ("GET", "PUT", "DELETE"):
        path = f"{server.url}/api/v1/secrets" + ("" if method == "GET" else "/A")
        problem_of(httpx.request(method, path, json={"value": "v"} if method == "PUT" else None), 401)


def test_a_secret_that_is_removed_is_gone(server: RunningServer, secret: str) -> None:
    server.call("DELETE", f"/secrets/{secret}", expect=204)

    assert listed(server, secret) is None
    problem_of(server.http.delete(f"/secrets/{secret}"), 404)


# --- references ---


def test_a_reference_to_an_unknown_secret_is_refused_with_those_spelled_alike(
    server: RunningServer, secret: str
) -> None:
    agent = server.agent(unique("agent"), "")
    for path in (f"/agent/{agent}/schedules", f"/agent/{agent}/start"):
        body = {**CRON, "inputParameters": json_text([{"a": [f"x ${{secret:{secret}X}}"]}])}
        errors = field_errors(server.http.post(path, json=body))
        assert f"there is no secret '{secret}X'; did you mean {secret}" in errors["inputParameters"]


def test_a_reference_in_a_default_is_checked_when_the_agent_is_started(server: RunningServer) -> None:
    agent = server.agent(unique("agent"), "", '[inputs.key]\ndefault = "${secret:LATER}"\n')

    errors = field_errors(server.http.post(f"/agent/{agent}/start", json={}))
    assert errors == {"agent.toml: inputs.key.default": "there is no secret 'LATER': set it first"}
    server.call("POST", f"/agent/{agent}/start", {"inputParameters": '{"key": "own"}'}, expect=202)


def test_a_reference_in_a_destination_is_blamed_on_the_destination(server: RunningServer) -> None:
    to = '{ to = "https://example.com/hook", secret = "${secret:HOOK}" }'
    agent = server.agent(unique("agent"), "", f"[export]\ndestination = {to}\n")
    for path in (f"/agent/{agent}/schedules", f"/agent/{agent}/start"):
        errors = field_errors(server.http.post(path, json={**CRON, "inputParameters": "{}"}))
        assert errors == {"agent.toml: export.destination": "there is no secret 'HOOK': set it first"}


@pytest.mark.parametrize("way", ["POST", "PUT"])
def test_a_schedule_whose_secret_is_gone_cannot_be_enabled(
    server: RunningServer, secret: str, way: str
) -> None:
    agent = server.agent(unique("agent"), "")
    body = {**CRON, "isEnabled": False, "inputParameters": json_text({"key": f"${{secret:{secret}}}"})}
    made = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    path = f"/agent/{agent}/schedules/{made['id']}"
    server.call("DELETE", f"/secrets/{secret}", expect=204)

    def enable() -> httpx.Response:
        if way == "POST":
            return server.http.post(f"{path}/enable")
        return server.http.put(path, json={"name": "n", "isEnabled": True})

    assert f"there is no secret '{secret}'" in field_errors(enable())["inputParameters"]
    assert server.call("GET", path)["isEnabled"] is False
    renamed = server.http.put(path, json={"name": "other"})
    assert renamed.status_code == 200, renamed.text
    server.call("PUT", f"/secrets/{secret}", {"value": VALUE}, expect=201)
    assert enable().is_success
    assert server.call("GET", path)["isEnabled"] is True


def test_the_api_shows_references_as_they_were_written(server: RunningServer, secret: str) -> None:
    text = json_text({"key": f"${{secret:{secret}}}"})
    agent = server.agent(unique("agent"), "", f'[inputs.other]\ndefault = "${{secret:{secret}}}"\n')
    made = server.call("POST", f"/agent/{agent}/schedules", {**CRON, "inputParameters": text}, expect=201)

    assert made["inputParameters"] == text
    assert server.call("GET", f"/agent/{agent}")["inputParameters"] == {"other": f"${{secret:{secret}}}"}


@pytest.mark.parametrize("written", ["${secret:%s}", r"\u0024{secret:%s}", r"${\u0073ecret:%s}"])
def test_a_secret_that_an_enabled_schedule_needs_cannot_be_removed(
    server: RunningServer, secret: str, written: str
) -> None:
    agent = server.agent(unique("needy"), "")
    path = f"/agent/{agent}/schedules"
    body = {
        "name": "daily",
        "startTime": in_future(days=1),
        "inputParameters": '{"k": "%s"}' % (written % secret),
    }
    made = server.call("POST", path, body, expect=201)

    problem = problem_of(server.http.delete(f"/secrets/{secret}"), 409)
    assert "daily of needy" in problem["detail"]
    assert f"(id {made['id']})" in problem["detail"]
    server.call("POST", f"{path}/{made['id']}/disable", expect=204)
    server.call("DELETE", f"/secrets/{secret}", expect=204)


def test_a_secret_that_an_agents_default_gives_to_its_schedule_cannot_be_removed(
    server: RunningServer, secret: str
) -> None:
    agent = server.agent(unique("agent"), "", f'[inputs.key]\ndefault = "${{secret:{secret}}}"\n')
    server.call("POST", f"/agent/{agent}/schedules", {**CRON, "name": "uses it"}, expect=201)
    own = {**CRON, "name": "has its own", "inputParameters": '{"key": "own"}'}
    server.call("POST", f"/agent/{agent}/schedules", own, expect=201)

    found = listed(server, secret)
    assert found is not None
    assert [(use["agentId"], use["scheduleName"]) for use in found["usedBy"]] == [
        (agent, None),
        (agent, "uses it"),
    ]
    assert "uses it" in problem_of(server.http.delete(f"/secrets/{secret}"), 409)["detail"]
    server.call("DELETE", f"/agent/{agent}", expect=204)
    server.call("DELETE", f"/secrets/{secret}", expect=204)


# --- the run ---


@pytest.fixture
def talker(server: RunningServer, secret: str) -> str:
    """The address of an ended run that printed its secret in several ways."""
    agent = server.agent(unique("talker"), SAYS_IT)
    run = server.run(agent, inputParameters=json_text({"key": f"${{secret:{secret}}}"}))
    assert run["status"] == 9, run["message"]
    return f"/agent/{agent}/run/{run['id']}"


def is_clean(text: str) -> bool:
    return "hunter2" not in text and "%2F%2B%26" not in text and "quoted" not in text


def test_the_log_hides_the_secrets_of_the_run(server: RunningServer, talker: str) -> None:
    text = server.http.get(f"{talker}/log").text

    assert "the key is ***\n" in text
    assert "?key=***\n" in text
    assert '{"key": "***"}' in text
    assert "x***yyyyyyyyyy\ndone\n" in text
    assert is_clean(text)


def test_a_followed_log_hides_them_too(server: RunningServer, talker: str) -> None:
    text = server.http.get(f"{talker}/log?follow=true").text

    assert "data: the key is ***\n" in text
    assert "x***yyyyyyyyyy\n" in text
    assert is_clean(text)


def test_a_log_that_is_taken_up_inside_of_a_secret_shows_nothing_of_it(
    server: RunningServer, talker: str
) -> None:
    whole = server.http.get(f"{talker}/log?follow=true").text
    place = next(line for line in whole.splitlines() if line.startswith("id: 1-"))
    offset = int(place.removeprefix("id: 1-")) + len("the key is hun")

    text = server.http.get(f"{talker}/log?follow=true", headers={"Last-Event-ID": f"1-{offset}"}).text

    assert text.startswith("id: 1-")
    assert "ter2" not in text.split("data: the address", 1)[0]


def test_a_log_that_is_downloaded_hides_them_too(server: RunningServer, talker: str) -> None:
    [file] = [f for f in server.call("GET", f"{talker}/files") if f["name"] == "log.txt"]

    answer = server.http.get(f"{talker}/file/{file['id']}/download", follow_redirects=True)

    assert answer.text == server.http.get(f"{talker}/log").text
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"] == 'attachment; filename="log.txt"'


def test_a_run_without_a_reference_has_its_log_as_it_is(server: RunningServer, secret: str) -> None:
    agent = server.agent(unique("other"), f"print({VALUE!r})\n")
    run = server.run(agent)

    assert VALUE in server.http.get(f"/agent/{agent}/run/{run['id']}/log").text


def test_the_log_of_a_run_that_goes_ends_with_a_whole_line(server: RunningServer, secret: str) -> None:
    agent = server.agent(
        unique("slow"),
        "import sys, time\nfrom lamplighter import agent\nkey = agent.input()['key']\n"
        "print('begun', flush=True)\nsys.stdout.write('half: ' + key[:8])\nsys.stdout.flush()\ntime.sleep(300)\n",
    )
    run = server.call(
        "POST", f"/agent/{agent}/start", {"inputParameters": f'{{"key": "${{secret:{secret}}}"}}'}, expect=202
    )
    own = f"/agent/{agent}/run/{run['id']}"
    kept = server.data / "runs" / "0" / str(run["id"]) / "attempt-1" / "log.txt"
    eventually(lambda: kept.exists() and b"half" in kept.read_bytes())

    text = server.http.get(f"{own}/log").text

    assert text.endswith("begun\n")
    server.call("POST", f"{own}/kill", expect=204)
    server.ended(agent, run["id"])
