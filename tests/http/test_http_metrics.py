"""What Prometheus is told."""

import httpx
import pytest
from http_helpers import FAILS, emits, problem_of, unique
from prometheus_client.parser import text_string_to_metric_families

from running_server import RunningServer


def samples(server: RunningServer) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus's own reader understands the text."""
    answer = httpx.get(f"{server.url}/metrics", headers=server.http.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(sample.labels[name] for name in sorted(sample.labels))
            key = f"{sample.name}{{{labels}}}"
            assert key not in found
            found[key] = sample.value
    return found


def test_ended_attempts_are_counted_by_their_status(server: RunningServer) -> None:
    good = server.agent(unique("good"), emits({"n": 1}))
    bad = server.agent(unique("bad"), FAILS)
    before = samples(server)
    server.ended(good, server.run(good)["id"])
    server.ended(bad, server.run(bad)["id"])
    after = samples(server)
    for status, more in [("Completed", 1), ("Failure", 1), ("Stopped", 0)]:
        name = f"lamplighter_attempts_ended_total{{{status}}}"
        assert after.get(name, 0) - before.get(name, 0) == more
    name = "lamplighter_attempt_duration_seconds_count{}"
    assert after[name] - before[name] == 2


def test_the_state_of_the_installation_is_told(server: RunningServer) -> None:
    agent = server.agent(unique("scheduled"), emits({"n": 1}))
    before = samples(server)
    server.call("POST", f"/agent/{agent}/schedules", {"name": "s", "cronExpression": "0 3 * * *"}, expect=201)
    found = samples(server)
    assert found["lamplighter_schedules{}"] - before["lamplighter_schedules{}"] == 1
    assert found["lamplighter_servers{live}"] == 1
    assert found["lamplighter_servers{lost}"] == 0
    assert found["lamplighter_servers{draining}"] == 0
    assert found["lamplighter_places{}"] == 4
    assert found["lamplighter_queue_places{}"] == 4
    assert found["lamplighter_queue_runs{}"] == 0
    assert found["lamplighter_queue_oldest_seconds{}"] == 0
    assert found["lamplighter_rescued_runs_total{}"] == 0
    assert "lamplighter_broker_unseen_seconds{}" not in found, "there is no broker"
    assert found["lamplighter_oldest_undecided_seconds{}"] < 3600
    assert found["lamplighter_runs{Queuing}"] == 0
    assert {"lamplighter_loop_last_pass_timestamp_seconds{scheduler}", "process_cpu_seconds_total{}"} <= set(
        found
    )
    assert found["lamplighter_due_times_total{fired}"] >= 0


def test_answers_are_counted_by_method_and_status(server: RunningServer) -> None:
    before = samples(server)
    server.http.get("/agent/999999")
    httpx.request("BREW", f"{server.url}/nothing")
    after = samples(server)
    for labels in ("GET,404", "other,404"):
        name = f"lamplighter_http_requests_total{{{labels}}}"
        assert after[name] - before.get(name, 0) == 1


def test_only_administrators_read_them(server: RunningServer) -> None:
    problem_of(httpx.get(f"{server.url}/metrics"), 401)
    user = server.call("POST", "/users", {"name": unique("reader")}, expect=201)
    key = server.call("POST", "/api-keys", {"userId": user["id"]}, expect=201)["key"]
    problem_of(httpx.get(f"{server.url}/metrics", headers={"Authorization": f"ApiKey {key}"}), 403)


def test_a_key_that_may_only_read_is_enough(server: RunningServer) -> None:
    key = server.call("POST", "/api-keys", {"isReadOnly": True}, expect=201)["key"]
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"ApiKey {key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("accept", ["application/openmetrics-text", "text/html", "*/*"])
def test_the_text_is_the_same_whatever_is_asked_for(server: RunningServer, accept: str) -> None:
    answer = httpx.get(f"{server.url}/metrics", headers={**server.http.headers, "Accept": accept})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# HELP lamplighter_due_times_total " in answer.text
