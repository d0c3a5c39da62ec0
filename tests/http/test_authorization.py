"""Every route of the OpenAPI document, asked by everybody: who may, who may not, and who must not even know."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from http_helpers import problem_of

from running_server import RunningServer

# What each operation needs: no credentials ("nobody"), any ("anyone"), a role in the space where its thing is,
# or an administrator. A new operation needs its line here.
NEEDS = {
    "live": "nobody",
    "ready": "nobody",
    "metrics": "admin",
    "serveFile": "nobody",
    "listAgents": "anyone",
    "searchAgents": "anyone",
    "createAgent": "editor",
    "readAgent": "viewer",
    "saveAgent": "editor",
    "deleteAgent": "editor",
    "archiveAgent": "editor",
    "unarchiveAgent": "editor",
    "listVersions": "viewer",
    "downloadBundle": "viewer",
    "restoreVersion": "editor",
    "listSchedules": "viewer",
    "createSchedule": "editor",
    "readSchedule": "viewer",
    "updateSchedule": "editor",
    "deleteSchedule": "editor",
    "enableSchedule": "editor",
    "disableSchedule": "editor",
    "runScheduleNow": "editor",
    "listFires": "viewer",
    "compareSchedule": "viewer",
    "previewSchedule": "anyone",
    "previewSchedules": "anyone",
    "listAllSchedules": "anyone",
    "startAgent": "editor",
    "listWebhooks": "viewer",
    "createWebhook": "editor",
    "readWebhook": "viewer",
    "updateWebhook": "editor",
    "deleteWebhook": "editor",
    "rotateWebhook": "editor",
    "deliverWebhook": "nobody",
    "listRuns": "viewer",
    "readRun": "viewer",
    "stopRun": "editor",
    "killRun": "editor",
    "restartRun": "editor",
    "deleteRun": "editor",
    "listFiles": "viewer",
    "downloadFile": "viewer",
    "listRecords": "viewer",
    "readLog": "viewer",
    "readEvidence": "viewer",
    "readDiagnostics": "viewer",
    "readLatestFailure": "viewer",
    "listProxyPools": "anyone",
    "createProxyPool": "admin",
    "readProxyPool": "anyone",
    "updateProxyPool": "admin",
    "deleteProxyPool": "admin",
    "checkProxyPool": "admin",
    "listGroups": "anyone",
    "createGroup": "admin",
    "readGroup": "anyone",
    "updateGroup": "admin",
    "deleteGroup": "admin",
    "listServers": "anyone",
    "listQueues": "anyone",
    "drainServer": "admin",
    "undrainServer": "admin",
    "readRetention": "viewer",
    "updateRetention": "owner",
    "readAgentRetention": "viewer",
    "updateAgentRetention": "editor",
    "deleteAgentRetention": "editor",
    "listNotifications": "anyone",
    "createNotification": "editor",
    "readNotification": "viewer",
    "updateNotification": "editor",
    "deleteNotification": "editor",
    "rotateNotificationSecret": "editor",
    "testNotification": "editor",
    "listNotificationMessages": "viewer",
    "listSecrets": "viewer",
    "setSecret": "editor",
    "removeSecret": "editor",
    "listKeys": "anyone",
    "createKey": "anyone",
    "readKey": "anyone",
    "revokeKey": "anyone",
    "listUsers": "owner",
    "readMe": "anyone",
    "createUser": "admin",
    "readUser": "anyone",
    "updateUser": "admin",
    "deleteUser": "admin",
    "setPassword": "admin",
    "signOut": "admin",
    "createToken": "nobody",
    "listSpaces": "anyone",
    "searchSpace": "anyone",
    "createSpace": "admin",
    "readSpace": "viewer",
    "updateSpace": "owner",
    "deleteSpace": "admin",
    "listSpaceAgents": "viewer",
    "runAll": "editor",
    "listMembers": "viewer",
    "setMember": "owner",
    "removeMember": "owner",
    "listAuditLog": "admin",
    "listUpcoming": "anyone",
    "summariseRuns": "anyone",
    "summariseRecords": "anyone",
    "readCredits": "admin",
    "addCredits": "admin",
    "readSpending": "anyone",
    "listTransactions": "admin",
    "listAgentCosts": "anyone",
    "readAgentCosts": "viewer",
    "listRunCosts": "viewer",
    "readRates": "anyone",
    "updateRates": "admin",
}
# They change nothing, whatever their method is.
ONLY_READ = {"compareSchedule", "previewSchedule", "previewSchedules"}
# What makes the body of each valid enough to come to the question who may.
BODIES: Mapping[str, Any] = {
    "createAgent": {"name": "a", "files": {"agent.toml": '[agent]\nrun = ["true"]\n'}},
    "createSchedule": {"name": "s", "cronExpression": "0 9 * * *"},
    "updateSchedule": {"name": "s"},
    "compareSchedule": {"times": []},
    "previewSchedule": {"cronExpression": "0 9 * * *"},
    "previewSchedules": {"schedules": [{"cronExpression": "0 9 * * *"}]},
    "createProxyPool": {"name": "p", "proxies": ["http://127.0.0.1:9"]},
    "createGroup": {"name": "g"},
    "updateGroup": {"name": "g"},
    "createNotification": {"name": "n", "events": ["failure"], "targets": ["json://127.0.0.1:9/x"]},
    "createWebhook": {"name": "w"},
    "setSecret": {"value": "v"},
    "createUser": {"name": "u"},
    "createSpace": {"name": "s"},
    "setMember": {"role": "viewer"},
    "setPassword": {"password": "long enough"},
    "addCredits": {"amount": 1},
    "updateRates": {"rates": []},
}
QUERIES = {"searchAgents": "query=x", "searchSpace": "name=nowhere", "serveFile": "expires=1&signature=x"}
# The space is said in the query, or in the body.
IN_SPACE = {"createAgent", "createNotification", "listSecrets", "setSecret", "removeSecret", "readRetention"}
IN_SPACE |= {"updateRetention"}
RANKS = ("viewer", "editor", "owner", "admin")
# 1 is there, and nobody minds what becomes of it; 999999 is not there.
MISSING = "999999"


class Cast:
    """A space with an agent, and a client for each role in it."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self.space = server.call("POST", "/spaces", {"name": "team"}, expect=201)["id"]
        self.agent = self._agent()
        self.clients = {"admin": server.http, "nobody": httpx.Client(base_url=server.http.base_url)}
        for role in ("viewer", "editor", "owner", "outsider"):
            user = server.call("POST", "/users", {"name": role}, expect=201)["id"]
            if role != "outsider":
                server.call("PUT", f"/spaces/{self.space}/members/{user}", {"role": role})
            self.clients[role] = self._client({"userId": user})
        self.clients["reading admin"] = self._client({"isReadOnly": True})
        self.clients["admin of another space"] = self._client({"spaceId": 1})
        self._rule = self._new_rule()

    def close(self) -> None:
        for role, client in self.clients.items():
            if role != "admin":
                client.close()

    def _client(self, key: Mapping[str, Any]) -> httpx.Client:
        made = self._server.call("POST", "/api-keys", key, expect=201)["key"]
        return httpx.Client(
            base_url=self._server.http.base_url, headers={"Authorization": f"ApiKey {made}"}, timeout=60
        )

    def _agent(self) -> int:
        body = BODIES["createAgent"] | {"name": "theirs", "spaceId": self.space}
        return int(self._server.call("POST", "/agent", body, expect=201)["id"])

    def _new_rule(self) -> int:
        body = BODIES["createNotification"] | {"name": "theirs", "spaceId": self.space}
        return int(self._server.call("POST", "/notifications", body, expect=201)["id"])

    def ask(self, role: str, operation: str, method: str, path: str) -> httpx.Response:
        """The answer to one operation on things of the space."""
        there = {
            "agentId": self.agent,
            "spaceId": self.space,
            "notificationId": self._rule,
            "secretName": "S",
        }
        address = re.sub(r"\{(\w+)\}", lambda found: str(there.get(found[1], MISSING)), path)
        body = BODIES.get(operation, {})
        query = QUERIES.get(operation, "")
        if operation in IN_SPACE:
            query += f"&spaceId={self.space}"
            body = {**body, "spaceId": self.space, "name": f"of {role}"} if "name" in body else body
        if method == "post" and "name" in body:
            body = {**body, "name": f"{operation} of {role}"}
        client = self.clients[role]
        answer = client.request(
            method, f"{self._server.url}{address}?{query}", json=None if method == "get" else body
        )
        self._mend(operation, answer)
        return answer

    def _mend(self, operation: str, answer: httpx.Response) -> None:
        """What was deleted is there again for the next one, and what was created is gone."""
        if operation == "createAgent" and answer.status_code == 201:
            self.clients["admin"].delete(f"/agent/{answer.json()['id']}").raise_for_status()
        if answer.status_code != 204:
            return
        if operation == "deleteAgent":
            self.agent = self._agent()
        if operation == "deleteNotification":
            self._rule = self._new_rule()


@pytest.fixture(scope="module")
def people(server: RunningServer) -> Iterator[Cast]:
    made = Cast(server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def operations(server: RunningServer) -> dict[str, tuple[str, str]]:
    """Method and path of each operation."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    return {
        operation["operationId"]: (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def may(need: str, role: str) -> bool:
    if need in ("nobody", "anyone"):
        return True
    return role in RANKS and RANKS.index(role) >= RANKS.index(need)


def let_in(answer: httpx.Response) -> bool:
    """Whether the answer is about the matter, not about who asks."""
    hidden = re.search(r"there is no (agent|space|notification)( with the id)? \d", answer.text)
    return answer.status_code not in (401, 403) and not (answer.status_code in (400, 404) and hidden)


def test_every_operation_says_here_what_it_needs(operations: dict[str, tuple[str, str]]) -> None:
    assert operations.keys() == NEEDS.keys()


@pytest.mark.parametrize("operation", [name for name in NEEDS if name != "deleteSpace"])
def test_who_may_is_let_in_and_nobody_else_is(
    people: Cast, operations: dict[str, tuple[str, str]], operation: str
) -> None:
    method, path = operations[operation]
    need = NEEDS[operation]
    for role in ("outsider", "viewer", "editor", "owner", "admin"):
        answer = people.ask(role, operation, method, path)

        if operation == "serveFile":  # the signature of its address decides
            problem_of(answer, 403)
            continue
        assert let_in(answer) is may(need, role), f"{role}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("operation", [name for name, need in NEEDS.items() if need in RANKS[:3]])
def test_an_outsider_does_not_learn_what_there_is(
    people: Cast, operations: dict[str, tuple[str, str]], operation: str
) -> None:
    if operation == "listUsers":
        assert people.ask("outsider", operation, *operations[operation]).status_code == 403
        return
    for role in ("outsider", "admin of another space"):
        answer = people.ask(role, operation, *operations[operation])

        # 400 where the space is named in a query or body; never the 403 that would say that it is there.
        assert answer.status_code in (400, 404), f"{role}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("operation", [name for name, need in NEEDS.items() if need != "nobody"])
def test_without_credentials_nothing_is_answered(
    people: Cast, operations: dict[str, tuple[str, str]], operation: str
) -> None:
    problem_of(people.ask("nobody", operation, *operations[operation]), 401)


@pytest.mark.parametrize("operation", [name for name, need in NEEDS.items() if need != "nobody"])
def test_a_key_that_may_only_read_changes_nothing(
    people: Cast, operations: dict[str, tuple[str, str]], operation: str
) -> None:
    method, path = operations[operation]

    answer = people.ask("reading admin", operation, method, path)

    if method == "get" or operation in ONLY_READ:
        assert let_in(answer), answer.text
    else:
        problem_of(answer, 403)


def test_a_space_is_deleted_by_an_administrator_only(people: Cast) -> None:
    for role in ("viewer", "editor", "owner"):
        problem_of(people.clients[role].delete(f"/spaces/{people.space}"), 403)
    problem_of(people.clients["outsider"].delete(f"/spaces/{people.space}"), 403)
    answer = people.clients["admin"].delete(f"/spaces/{people.space}")
    assert "the space has agents" in problem_of(answer, 409)["detail"]


@pytest.mark.parametrize(
    "path", ["/agent/all?", "/agent/all?name=the&sortColumn=status&", "/agent/search?query=the&"]
)
def test_lists_of_agents_and_their_totals_are_of_the_spaces_that_one_sees(people: Cast, path: str) -> None:
    other = people.clients["admin"].get("/agent/all?spaceId=1").json()
    for role, seen in (("viewer", ["theirs"]), ("outsider", []), ("admin of another space", [])):
        ours = [one for one in people.clients[role].get(path).json() if one["spaceId"] != 1]

        assert [one["name"] for one in ours] == seen, role
    page = people.clients["outsider"].get("/agent/all?pageIndex=1").json()
    assert (page["items"], page["totalRecordCount"]) == ([], 0)
    page = people.clients["admin of another space"].get("/agent/all?pageIndex=1").json()
    assert page["totalRecordCount"] == len(other)


def test_a_filter_by_a_space_that_one_does_not_see_finds_nothing(people: Cast) -> None:
    asked = f"/agent/all?spaceId={people.space}"
    assert [one["name"] for one in people.clients["viewer"].get(asked).json()] == ["theirs"]
    for role in ("outsider", "admin of another space"):
        assert people.clients[role].get(asked).json() == []


def test_spaces_are_listed_and_found_by_who_sees_them(people: Cast) -> None:
    for role, names in (("viewer", ["team"]), ("outsider", []), ("admin of another space", ["Default"])):
        assert [one["name"] for one in people.clients[role].get("/spaces").json()] == names
    assert people.clients["viewer"].get("/spaces/search?name=TEAM").status_code == 200
    problem_of(people.clients["outsider"].get("/spaces/search?name=team"), 404)


def test_sums_and_costs_and_what_fires_next_are_of_the_spaces_that_one_sees(people: Cast) -> None:
    admin, own = people.clients["admin"], f"/agent/{people.agent}"
    made = admin.post(f"{own}/schedules", json={"name": "s", "cronExpression": "0 9 * * *"}).json()["id"]
    admin.post(f"{own}/start", json={"isRunSynchronously": True}).raise_for_status()

    def seen(role: str) -> list[bool]:
        """Whether the schedule, the run and the agent are there for this role."""
        client = people.clients[role]
        upcoming = client.get("/analytics/schedules/upcoming").json()
        fires = client.get("/analytics/schedules/upcoming?expand=true").json()
        page = client.get("/analytics/schedules/upcoming?pageIndex=1").json()
        assert page["totalRecordCount"] == len(upcoming)
        costs = client.get("/billing/agents").json()
        assert costs["totalRecordCount"] == len(costs["agents"])
        return [
            any(one["scheduleId"] == made for one in upcoming),
            any(one["scheduleId"] == made for one in fires),
            client.get("/analytics/runs/summary").json()["totalRuns"] > 0,
            client.get("/analytics/records/summary").json()["runCount"] > 0,
            any(one["agentId"] == people.agent for one in costs["agents"]),
        ]

    assert seen("viewer") == [True] * 5
    assert seen("outsider") == [False] * 5
    alone = seen("admin of another space")
    assert [alone[0], alone[1], alone[4]] == [False] * 3
    asked = f"/analytics/records/summary?agentId={people.agent}"
    assert people.clients["viewer"].get(asked).json()["runCount"] > 0
    problem_of(people.clients["outsider"].get(asked), 404)
