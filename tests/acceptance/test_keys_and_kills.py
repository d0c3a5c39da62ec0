"""The real server is killed while requests with Idempotency-Keys are under way; they are sent until answered."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from running_server import KEY, RunningServer, eventually

ROUNDS = 12
AT_ONCE = 6
SEED = 20261125


def test_what_is_sent_again_after_a_kill_is_done_once_and_answered_as_the_first_time(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("once", "")
        got: dict[str, set[str]] = {}
        lost = 0
        for number in range(ROUNDS):
            lost += _round(server, agent, number, chance, got)

        assert lost, "a kill must have cut off some answers"
        assert {len(answers) for answers in got.values()} == {1}, "one request, one answer"
        names = [one["name"] for one in server.call("GET", f"/agent/{agent}/schedules")]
        assert sorted(names) == sorted(key for key in got if key.startswith("schedule"))
        found = server.call("GET", f"/agent/{agent}/runs?maxRecords=1000")
        assert len(found) == sum(key.startswith("start") for key in got)
        for run in found:
            server.ended(agent, run["id"])


def _round(
    server: RunningServer, agent: int, number: int, chance: random.Random, got: dict[str, set[str]]
) -> int:
    """Send some requests, kill the server meanwhile, send them again; returns how many were cut off."""
    keys = [
        f"{what} {number}.{index}".replace(" ", "-")
        for index in range(AT_ONCE // 2)
        for what in ("schedule", "start")
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        first = [threads.submit(_send, server.url, agent, key) for key in keys]
        moment = datetime.now(UTC) + timedelta(seconds=chance.uniform(0.005, 0.12))
        eventually(lambda: datetime.now(UTC) >= moment, pause=0.001)
        server.kill()
        answers = [one.result() for one in first]
    server.start()
    for key, before in zip(keys, answers, strict=True):
        again = _send(server.url, agent, key)
        assert again is not None
        got.setdefault(key, set()).update(text for text in (before, again) if text is not None)
        if before is not None:
            assert _send(server.url, agent, key) == before
    return answers.count(None)


def _send(url: str, agent: int, key: str) -> str | None:
    """The text of the answer to a POST; None when the connection broke before it was there."""
    body: dict[str, Any] = {"logLevel": "Error"}
    path = f"/agent/{agent}/start"
    if key.startswith("schedule"):
        body, path = {"name": key, "cronExpression": "0 9 * * *"}, f"/agent/{agent}/schedules"
    headers = {"Authorization": f"ApiKey {KEY}", "Idempotency-Key": key}
    try:
        answer = httpx.post(f"{url}/api/v1{path}", json=body, headers=headers, timeout=60)
    except httpx.TransportError:
        return None
    assert answer.status_code in (201, 202), answer.text
    return answer.text
