"""A run for a group waits until a server is started that serves it; a real server, started again and again."""

from functools import partial
from pathlib import Path
from typing import Any

from running_server import RunningServer, eventually

EMITS = "from lamplighter import agent\nagent.emit({'n': 1})\n"


def test_a_run_waits_for_a_server_of_its_group_says_so_and_then_goes(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("far away", EMITS)
        group = server.call("POST", "/server-groups", {"name": "eu"}, expect=201)["id"]
        schedule = _schedule(server, agent, group)
        started = server.call("POST", f"/agent/{agent}/start", {"serverGroupId": group}, expect=202)
        by_schedule = server.call("POST", f"/agent/{agent}/schedules/{schedule}/run", expect=202)
        both = [started["id"], by_schedule["id"]]
        for run_id in both:
            waits = eventually(partial(_with_message, server, agent, run_id))
            assert waits["status"] == 4
            assert waits["message"] == (
                "waits for a server of the group 'eu': no live server serves it"
                " (start one with lamplighter up --group eu)"
            )
        assert server.run(agent)["status"] == 9, "a run without a group passes them"
        assert "no live server serves it" in _warnings(server, agent, schedule)[0]

        server.stop()
        server.groups = ("us,eu",)
        server.start()
        for run_id in both:
            ended = server.ended(agent, run_id)
            assert (ended["status"], ended["dataCount"]) == (9, 1)
            assert "waits for" not in ended["message"]
        assert _warnings(server, agent, schedule) == []
        [one] = server.call("GET", "/servers")
        assert one["groups"] == ["eu", "us"]
        in_use = server.http.delete(f"/server-groups/{group}")
        assert in_use.status_code == 409
        assert one["name"] in in_use.text

        server.kill()
        server.groups = ()
        server.start()
        again = server.call("POST", f"/agent/{agent}/start", {"serverGroupId": group}, expect=202)
        eventually(lambda: _with_message(server, agent, again["id"]))
        assert server.status(agent, again["id"])["status"] == 4
        server.call("POST", f"/agent/{agent}/run/{again['id']}/stop", expect=204)


def _schedule(server: RunningServer, agent: int, group: int) -> int:
    body = {"name": "nightly", "cronExpression": "0 3 * * *", "serverGroupId": group}
    return int(server.call("POST", f"/agent/{agent}/schedules", body, expect=201)["id"])


def _with_message(server: RunningServer, agent: int, run_id: int) -> dict[str, Any] | None:
    run = server.status(agent, run_id)
    return run if run["message"] else None


def _warnings(server: RunningServer, agent: int, schedule: int) -> list[str]:
    found: list[str] = server.call("GET", f"/agent/{agent}/schedules/{schedule}")["warnings"]
    return found
