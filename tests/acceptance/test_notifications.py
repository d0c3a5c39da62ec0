"""People are told: a real server, real agents, a real mail server and a real receiver of HTTP."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from receivers import HttpReceiver, MailServer, texts_of
from running_server import RunningServer, eventually

FAILS_WHEN_TOLD = """
import json, os, sys
from pathlib import Path
sys.exit(json.loads(Path(os.environ["LAMPLIGHTER_INPUT"]).read_text()).get("status", 0))
"""
SLEEPS = "import time\ntime.sleep(300)\n"
FAIL = json.dumps({"status": 3})
_numbers = count(1)


@pytest.fixture
def receiver() -> Any:
    with HttpReceiver() as running:
        yield running


def tell(server: RunningServer, events: list[str], targets: list[str], **more: Any) -> int:
    body = {"name": f"ops {next(_numbers)}", "events": events, "targets": targets, **more}
    return int(server.call("POST", "/notifications", body, expect=201)["id"])


def messages(server: RunningServer, rule: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", f"/notifications/{rule}/messages")
    return found


def unsent(server: RunningServer, rule: int) -> list[dict[str, Any]]:
    return [message for message in messages(server, rule) if not message["sent"]]


def schedule(server: RunningServer, agent: int, **more: Any) -> dict[str, Any]:
    """A schedule that is due once, soon, and then daily."""
    soon = datetime.now(UTC) + timedelta(seconds=3)
    body = {"name": "daily", "runEveryCount": 1, "runEveryPeriod": 3, "startTime": soon.isoformat(), **more}
    made: dict[str, Any] = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    return made


def test_a_failure_is_one_mail_and_one_post_and_then_it_recovers(
    tmp_path: Path, receiver: HttpReceiver
) -> None:
    with MailServer() as mail, RunningServer(tmp_path / "data") as server:
        agent = server.agent("Prices", FAILS_WHEN_TOLD)
        rule = tell(server, ["failure", "recovery"], [mail.url(), receiver.url()])
        assert server.run(agent)["status"] == 9
        failed = server.run(agent, inputParameters=FAIL)
        again = server.run(agent, inputParameters=FAIL)
        assert failed["status"] == again["status"] == 6
        eventually(lambda: mail.mails and receiver.posts)
        well = server.run(agent)
        eventually(lambda: len(mail.mails) == 2 and len(receiver.posts) == 2)
        # The second failure waits for the end of the quiet time, once for each target.
        waiting = eventually(lambda: found if len(found := unsent(server, rule)) == 2 else None)
    assert receiver.titles() == [
        "Prices (agent) failed: exit status 3; 0 records",
        "Prices (agent) has recovered",
    ]
    assert [m["subject"] for m in mail.mails] == receiver.titles()
    body = texts_of(mail.mails[0])["text/plain"]
    assert f"lamplighter run status {agent} {failed['id']}" in body
    assert f"Run: {well['id']}" in receiver.posts[1]["message"]
    assert "failed 2 times" in receiver.posts[1]["message"]
    assert all(f"Run: {again['id']}" in m["body"] for m in waiting)


def test_a_receiver_that_was_ill_gets_it_when_it_is_well(tmp_path: Path, receiver: HttpReceiver) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("Prices", FAILS_WHEN_TOLD)
        receiver.statuses = [500, 500]
        rule = tell(server, ["failure"], [receiver.url()])
        server.run(agent, inputParameters=FAIL)
        eventually(lambda: receiver.posts)
        [message] = eventually(lambda: [m for m in messages(server, rule) if m["sent"]])
    assert message["tries"] == 3
    assert message["error"] is None
    assert len(receiver.posts) == 1


def test_what_the_server_could_not_send_before_it_was_killed_its_next_start_sends(tmp_path: Path) -> None:
    with HttpReceiver() as away:
        port = away.port
    server = RunningServer(tmp_path / "data").start()
    agent = server.agent("Prices", FAILS_WHEN_TOLD)
    tell(server, ["failure"], [f"json://127.0.0.1:{port}/hook"])
    server.run(agent, inputParameters=FAIL)
    server.kill()
    with HttpReceiver(port=port) as receiver, server:
        eventually(lambda: receiver.posts)
        assert receiver.titles()[0] == "Prices (agent) failed: exit status 3; 0 records"
        texts = {post["message"] for post in receiver.posts}
        assert len(texts) == 1, "if it was sent twice, then with the same id"


def test_a_schedule_whose_agent_is_busy_did_not_run(tmp_path: Path, receiver: HttpReceiver) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("Prices", SLEEPS)
        busy = server.call("POST", f"/agent/{agent}/start", {"isExclusive": True}, expect=202)["id"]
        made = schedule(server, agent, timezone="Europe/Berlin")
        tell(server, ["didNotRun"], [receiver.url()], scheduleId=made["id"], withinSeconds=1)
        eventually(lambda: receiver.posts)
        server.call("POST", f"/agent/{agent}/run/{busy}/kill", expect=204)
    [post] = receiver.posts
    assert post["title"].startswith("daily of Prices (agent) did not run by ")
    assert "Europe/Berlin" in post["message"]
    assert "Reason: its run waits: another run of the agent is going" in post["message"]


def test_what_was_due_while_the_server_was_away_is_told_at_its_start(
    tmp_path: Path, receiver: HttpReceiver
) -> None:
    server = RunningServer(tmp_path / "data").start()
    agent = server.agent("Prices", FAILS_WHEN_TOLD)
    made = schedule(server, agent)
    rule = tell(server, ["didNotRun"], [receiver.url()], agentId=agent, withinSeconds=1)
    server.kill()
    due = datetime.fromisoformat(made["nextRunTime"])
    eventually(lambda: datetime.now(UTC) > due + timedelta(seconds=2))
    with server:
        eventually(lambda: receiver.posts)
        [message] = eventually(lambda: [m for m in messages(server, rule) if m["sent"]])
        assert message["subject"] == f"agent {agent}, schedule {made['id']}"
    assert len(receiver.posts) == 1


def test_a_hanging_target_holds_up_neither_runs_nor_others_nor_the_end_of_the_server(
    tmp_path: Path, receiver: HttpReceiver
) -> None:
    with HttpReceiver(hangs=True) as deaf, RunningServer(tmp_path / "data") as server:
        agent = server.agent("Prices", FAILS_WHEN_TOLD)
        tell(server, ["failure"], [f"{deaf.url()}?rto=50"])
        server.run(agent, inputParameters=FAIL)
        eventually(lambda: deaf.asked)
        watched = tell(server, ["failure", "recovery"], [receiver.url()], agentId=agent, quietSeconds=0)
        made = schedule(server, agent)
        eventually(lambda: server.call("GET", f"/agent/{agent}/schedules/{made['id']}/fires"))
        for _ in range(3):
            server.run(agent, inputParameters=FAIL)
        eventually(lambda: len(receiver.posts) == 3)
        assert {m["event"] for m in messages(server, watched)} == {"failure"}
        assert deaf.posts == [], "it hung all the while"
        assert server.stop() == 0
        server.start()
