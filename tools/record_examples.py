"""Write the examples of the OpenAPI document: what a real server answered to the requests below.

``make examples`` runs this. A new operation needs its line here; a test says which have no example.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "http")]

from http_helpers import emits  # noqa: E402 - found by the line above

from journey import Journey  # noqa: E402
from running_server import RunningServer  # noqa: E402

EXAMPLES = ROOT / "src/lamplighter/http/examples.json"
MOST_ITEMS = 2  # of a list
# Who reads an example shall not take a key for one that works.
_SECRETS = (
    (re.compile(r"(sk|whsec)[-_][\w+/=-]{8,}"), r"\1-…"),
    (re.compile(r"eyJ[\w.-]+"), "eyJ…"),
    (re.compile(r"(/webhook/\d+/)[\w-]+"), r"\1…"),
    (re.compile(r"http://127\.0\.0\.1:\d+/api"), "http://127.0.0.1:8080/api"),
)
_TOML = '[agent]\nrun = ["python3", "main.py"]\n'
_RECORDS = ({"title": "A Light in the Attic", "price": 51.77}, {"title": "Soumission", "price": 50.1})
PRICES = {"agent.toml": _TOML, "main.py": emits(*_RECORDS)}
FAILS = {"agent.toml": _TOML, "main.py": "raise SystemExit('the shop is closed')\n"}
SLEEPS = {"agent.toml": _TOML, "main.py": "import time\ntime.sleep(600)\n"}


class Recorder(Journey):
    """Keeps the body and the answer of each operation."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(server)
        self.kept: dict[str, dict[str, Any]] = {}

    def do(self, operation: str, body: Any = None, query: str = "", **ids: Any) -> Any:
        """Carry out one operation and keep it; returns the answer."""
        answer = self.ask(operation, body, query, **ids)
        made = (
            answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None
        )
        kept = self.kept.setdefault(operation, {})
        if body is not None:
            kept.setdefault("request", body)
        if made is not None:
            kept.setdefault("answers", {}).setdefault(str(answer.status_code), tidy(made))
        return made


def tidy(value: Any) -> Any:
    """An answer without what works, and without what is repeated."""
    if isinstance(value, dict):
        return {name: tidy(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [tidy(inner) for inner in value[:MOST_ITEMS]]
    if isinstance(value, str):
        for pattern, instead in _SECRETS:
            value = pattern.sub(instead, value)
    return value


def people(go: Recorder) -> None:
    space = go.do("createSpace", {"name": "Prices", "description": "Prices of shops"})["id"]
    user = go.do("createUser", {"name": "ada", "email": "ada@example.com"})["id"]
    go.do("updateSpace", {"description": "Prices of book shops"}, spaceId=space)
    go.do("setMember", {"role": "editor"}, userId=user)
    go.do("setPassword", {"password": "correct horse battery"})
    key = go.do("createKey", {"description": "dashboard", "isReadOnly": True, "spaceId": space})["id"]
    go.do("readKey", keyId=key)
    go.do("updateUser", {"email": "ada@shop.example"})
    for operation in (
        "listSpaces",
        "readSpace",
        "listMembers",
        "listUsers",
        "readUser",
        "readMe",
        "listKeys",
    ):
        go.do(operation)
    go.do("searchSpace", query="?name=prices")
    go.do("listAuditLog")


def agents(go: Recorder) -> int:
    agent = int(go.do("createAgent", {"name": "prices", "spaceId": 2, "files": PRICES})["id"])
    go.do("saveAgent", {"description": "Prices of two books", "comments": "says what it does"}, agentId=agent)
    go.do("restoreVersion", {"content": "the first one was right"})
    for operation in ("readAgent", "listAgents", "listVersions", "listSpaceAgents"):
        go.do(operation)
    go.do("searchAgents", query="?query=price")
    go.do("updateAgentRetention", {"runs": 20, "fileDays": 30})
    go.do("readAgentRetention")
    return agent


def schedules(go: Recorder) -> None:
    weekdays = {"name": "Weekdays at nine", "cronExpression": "0 9 * * 1-5", "timezone": "Europe/Berlin"}
    go.do("previewSchedule", weekdays | {"count": 2})
    go.do("previewSchedules", {"schedules": [weekdays | {"count": 1}, {"cronExpression": "99 * * * *"}]})
    schedule = go.do("createSchedule", weekdays)["id"]
    go.do(
        "updateSchedule", {"name": "Weekdays at ten", "cronExpression": "0 10 * * 1-5"}, scheduleId=schedule
    )
    run = go.do("runScheduleNow")
    go.server.ended(run["configId"], run["id"])
    for operation in ("readSchedule", "listSchedules", "listAllSchedules", "listFires"):
        go.do(operation)


def runs(go: Recorder, agent: int) -> None:
    run = go.do("startAgent", {"inputParameters": '{"pages": 2}', "logLevel": "Info"})["runId"]
    go.server.ended(agent, run)
    for operation in ("readRun", "listRuns", "listFiles", "listRecords"):
        go.do(operation, runId=run)
    go.do("startAgent", {"isRunSynchronously": True})
    go.do("runAll", {"inputParameters": '{"pages": 2}'}, spaceId=2)
    failing = go.server.call("POST", "/agent", {"name": "closed shop", "files": FAILS}, expect=201)["id"]
    failed = go.server.run(failing)["id"]
    go.do("readEvidence", agentId=failing, runId=failed)
    go.do("restartRun")


def settings(go: Recorder) -> None:
    proxies = ["http://ada:secret@proxy.example:8080", "socks5://127.0.0.1:1080"]
    pool = go.do("createProxyPool", {"name": "home", "proxies": proxies})["id"]
    go.do("updateProxyPool", {"name": "home", "proxies": proxies[1:]}, proxyPoolId=pool)
    go.do("checkProxyPool", {"url": "http://127.0.0.1:9/"})
    group = go.do("createGroup", {"name": "berlin", "description": "In the cellar"})["id"]
    go.do("updateGroup", {"name": "berlin", "description": "Under the roof"}, groupId=group)
    go.do("drainServer", serverId=1)
    go.do("undrainServer", serverId=1)
    go.do("updateRetention", {"runs": 500, "fileDays": 90})
    telling = {"name": "failures", "events": ["failure"], "targets": ["webhook+https://example.com/hook"]}
    rule = go.do("createNotification", telling)["id"]
    go.do("updateNotification", {"events": ["failure", "volumeDrop"]}, notificationId=rule)
    go.do("rotateNotificationSecret", {})
    go.do("setSecret", {"value": "correct horse"})
    go.do("setSecret", {"value": "battery staple"})
    go.do("addCredits", {"amount": 25})
    for operation in (
        *(
            "listProxyPools",
            "readProxyPool",
            "listGroups",
            "readGroup",
            "listServers",
            "listQueues",
            "readRetention",
        ),
        *(
            "listNotifications",
            "readNotification",
            "testNotification",
            "listNotificationMessages",
            "listSecrets",
        ),
        *("live", "ready", "metrics"),
    ):
        go.do(operation)


def billing(go: Recorder, agent: int) -> None:
    go.do("listTransactions")
    go.do("listRunCosts", agentId=agent)


def webhooks(go: Recorder, agent: int) -> None:
    made = go.do("createWebhook", {"name": "shop changed", "acceptsInput": True}, agentId=agent)
    go.do("updateWebhook", {"name": "shop has changed"}, webhookId=made["id"])
    url = go.do("rotateWebhook")["url"]
    go.do("deliverWebhook", {"pages": 5}, signature=url.rpartition("/")[2])
    go.do("readWebhook")
    go.do("listWebhooks")


def main() -> None:
    """Record and write."""
    with tempfile.TemporaryDirectory() as folder, RunningServer(Path(folder) / "data") as server:
        go = Recorder(server)
        people(go)
        agent = agents(go)
        schedules(go)
        runs(go, agent)
        settings(go)
        billing(go, agent)
        webhooks(go, agent)
        token = server.http.post(
            f"{server.url}/oauth/token",
            data={"grant_type": "password", "username": "ada", "password": "correct horse battery"},
        )
        go.kept["createToken"] = {"answers": {"200": tidy(token.raise_for_status().json())}}
    EXAMPLES.write_text(json.dumps(dict(sorted(go.kept.items())), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
