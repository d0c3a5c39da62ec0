"""Every operation that is no GET is carried out, and looked up in the audit log."""

from typing import Any

import pytest

from journey import Journey
from running_server import RunningServer

# What no entry is made for, and why.
CHANGES_NOTHING = {
    "compareSchedule": "only calculates",
    "previewSchedule": "only calculates",
    "previewSchedules": "only calculates",
    "createToken": "tokens are not kept",
    "testNotification": "sends a message and keeps nothing",
    "checkProxyPool": "looks at proxies; their state is no setting",
    "deliverWebhook": "who knows the address is nobody in particular; run and webhook say of each other",
}
TOML = '[agent]\nrun = ["python3", "main.py"]\n'
SLEEPS = {"agent.toml": TOML, "main.py": "import time\ntime.sleep(600)\n"}
FAILS = {"agent.toml": TOML, "main.py": "raise SystemExit(3)\n"}
TELLING = {"name": "n", "events": ["failure"], "targets": ["webhook+http://127.0.0.1:9/x"]}


class AuditedJourney(Journey):
    """Keeps what the audit log has about each operation."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(server)
        self.entries: dict[str, list[dict[str, Any]]] = {}

    def do(self, operation: str, body: Any = None, **ids: Any) -> dict[str, Any]:
        """Carry out one operation; returns its answer."""
        before = self._newest()
        answer = self.ask(operation, body, **ids)
        log = self.server.call("GET", "/audit-log?maxRecords=20")
        self.entries[operation] = [entry for entry in log if entry["id"] > before]
        made: dict[str, Any] = answer.json() if answer.content else {}
        return made

    def _newest(self) -> int:
        log = self.server.call("GET", "/audit-log?maxRecords=1")
        return int(log[0]["id"]) if log else 0


def agents(go: AuditedJourney, server: RunningServer) -> None:
    agent = go.do("createAgent", {"name": "a", "files": SLEEPS})["id"]
    go.do("saveAgent", {"description": "d"}, agentId=agent)
    go.do("restoreVersion", {"content": "as it was"})
    go.do("updateAgentRetention", {"runs": 5})
    go.do("deleteAgentRetention")
    go.do("archiveAgent")
    go.do("unarchiveAgent")
    schedules(go)
    run = go.do("startAgent")["runId"]
    go.do("stopRun", runId=run)
    server.ended(agent, run)
    go.do("deleteRun")
    # A run of its own: the one that was stopped may have ended by now.
    go.do("killRun", runId=go.ask("startAgent").json()["runId"])
    hook = go.do("createWebhook", {"name": "w"})
    go.do("updateWebhook", {"name": "w2"}, webhookId=hook["id"])
    url = go.do("rotateWebhook")["url"]
    go.do("deliverWebhook", signature=url.rpartition("/")[2])
    go.do("deleteWebhook")
    failing = server.call("POST", "/agent", {"name": "f", "files": FAILS}, expect=201)["id"]
    go.do("restartRun", agentId=failing, runId=server.run(failing)["id"])
    go.do(
        "deleteAgent",
        agentId=server.call("POST", "/agent", {"name": "gone", "files": FAILS}, expect=201)["id"],
    )
    for left in server.call("GET", f"/agent/{agent}/runs"):
        server.http.post(f"/agent/{agent}/run/{left['id']}/kill")


def schedules(go: AuditedJourney) -> None:
    schedule = go.do("createSchedule", {"name": "s", "cronExpression": "0 9 1 1 *"})["id"]
    go.do("updateSchedule", {"name": "s2"}, scheduleId=schedule)
    go.do("disableSchedule")
    go.do("enableSchedule")
    go.do("runScheduleNow")
    go.do("deleteSchedule")


def settings(go: AuditedJourney) -> None:
    pool = go.do("createProxyPool", {"name": "p", "proxies": ["http://127.0.0.1:9"]})["id"]
    go.do("updateProxyPool", {"name": "p2"}, proxyPoolId=pool)
    go.do("deleteProxyPool")
    group = go.do("createGroup", {"name": "g"})["id"]
    go.do("updateGroup", {"name": "g2"}, groupId=group)
    go.do("deleteGroup")
    go.do("drainServer", serverId=1)
    go.do("undrainServer")
    go.do("updateRetention", {"runs": 50})
    rule = go.do("createNotification", TELLING)["id"]
    go.do("updateNotification", {"name": "n2"}, notificationId=rule)
    go.do("rotateNotificationSecret", {})
    go.do("deleteNotification")
    go.do("setSecret", {"value": "v"})
    go.do("removeSecret")
    go.do("updateRates", {"rates": [{"type": "Export GB", "rate": 1}]})
    go.do("addCredits", {"amount": 5})


def people(go: AuditedJourney) -> None:
    user = go.do("createUser", {"name": "u"})["id"]
    go.do("updateUser", {"email": "u@example.com"}, userId=user)
    go.do("setPassword", {"password": "correct horse battery"})
    space = go.do("createSpace", {"name": "team"})["id"]
    go.do("updateSpace", {"description": "d"}, spaceId=space)
    go.do("setMember", {"role": "editor"})
    go.do("removeMember")
    go.do("runAll", {}, spaceId=1)
    go.do("deleteSpace", spaceId=space)
    go.do("signOut")
    go.do("deleteUser")
    key = go.do("createKey", {})["id"]
    go.do("revokeKey", keyId=key)


@pytest.fixture(scope="module")
def journey(server: RunningServer) -> AuditedJourney:
    go = AuditedJourney(server)
    settings(go)
    agents(go, server)
    people(go)
    return go


def test_every_operation_that_is_no_get_is_carried_out_here(journey: AuditedJourney) -> None:
    changing = {name for name, (method, _) in journey.operations.items() if method != "get"}

    assert journey.entries.keys() | CHANGES_NOTHING.keys() == changing


def test_every_change_is_in_the_log_with_who_made_it_and_of_what(journey: AuditedJourney) -> None:
    for operation, found in journey.entries.items():
        assert bool(found) is (operation not in CHANGES_NOTHING), operation
        for entry in found:
            assert (entry["userName"], entry["apiKeyId"]) == ("admin", 1), operation
            assert entry["subjectId"], operation
