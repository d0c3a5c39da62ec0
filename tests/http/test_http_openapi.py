"""The OpenAPI document tells the truth."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from http_helpers import FAILS, emits, unique

from running_server import RunningServer

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def document(server: RunningServer) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def matches(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, at: str = "answer"
) -> list[str]:
    """Where a value is not as its schema says: enough of JSON Schema for what the document uses."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return matches(document, document["components"]["schemas"][name], value, at)
    if "anyOf" in schema:
        tries = [matches(document, one, value, at) for one in schema["anyOf"]]
        return min(tries, key=len)
    wrong = [] if "enum" not in schema or value in schema["enum"] else [f"{at}: {value!r} is no choice"]
    kinds: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    kind = schema.get("type")
    if kind is not None and (
        not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        return [*wrong, f"{at}: {value!r} is no {kind}"]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        wrong += [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in properties:
                wrong += matches(document, properties[name], inner, f"{at}.{name}")
            elif properties and not schema.get("additionalProperties"):
                wrong.append(f"{at}.{name} is not documented")
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            wrong += matches(document, schema["items"], inner, f"{at}[{number}]")
    return wrong


# --- what is listed ---


def test_no_other_method_exists_where_the_document_lists_none(
    server: RunningServer, document: dict[str, Any]
) -> None:
    for path, methods in document["paths"].items():
        address = re.sub(r"\{\w+\}", "999999", path)
        for method in set(METHODS) - set(methods):
            answer = server.http.request(method, server.url + address)
            reached = answer.status_code != 405
            # /agent/all also looks like the agent with the id "all".
            shadowed = path.endswith(("/all", "/search", "/me")) and answer.status_code in (400, 415)
            assert not reached or shadowed, f"{method} {path}: {answer.status_code}"


def test_every_listed_operation_exists(server: RunningServer, document: dict[str, Any]) -> None:
    for method, path, _ in operations(document):
        address = re.sub(r"\{\w+\}", "999999", path)

        answer = server.http.request(method, server.url + address, json={})

        assert answer.status_code != 405
        assert "there is nothing at this address" not in answer.text


def test_the_documentation_page_is_served(server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/docs").status_code == 200


def test_operation_ids_are_unique_and_readable(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(ids)) == len(ids)
    for word in ids:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", word), word
    assert {"createSchedule", "listAgents", "startAgent", "readRun"} <= set(ids)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"].endswith("."), (method, path)
        assert operation["tags"], (method, path)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))

    assert names <= document["components"]["schemas"].keys()
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_examples_are_as_their_schemas_say(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    examples = [(name, one) for name, schema in schemas.items() for one in schema.get("examples", [])]

    assert examples
    for name, one in examples:
        assert matches(document, schemas[name], one, name) == []


# --- statuses ---


def test_422_is_only_for_a_key_that_was_used_so_it_is_documented_with_the_key(
    document: dict[str, Any],
) -> None:
    for method, path, operation in operations(document):
        takes_key = "Idempotency-Key" in [one["name"] for one in operation.get("parameters", [])]
        # Getting a token changes nothing, and a webhook knows its deliveries.
        has_none = path == "/oauth/token" or path.startswith("/api/v1/webhook/")
        assert takes_key == (method == "post" and not has_none), (method, path)
        assert takes_key == ("422" in operation["responses"]), (method, path)


def test_429_is_documented_for_whatever_is_counted(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        is_counted = "security" in operation or path == "/oauth/token"  # where failures are counted
        assert is_counted == ("429" in operation["responses"]), (method, path)


def test_errors_are_documented_as_problem_documents_only(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and (path, status) not in {
                ("/oauth/token", "400"),
                ("/oauth/token", "401"),
            }:
                assert answer["content"].keys() == {"application/problem+json"}, (method, path, status)
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def test_what_needs_credentials_says_so(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        is_open = path.startswith(("/health/", "/api/v1/download/", "/api/v1/webhook/", "/oauth/"))
        assert ("401" in operation["responses"]) is not is_open or path == "/oauth/token", (method, path)
        assert ("security" in operation) is not is_open, (method, path)
    assert document["components"]["securitySchemes"]["ApiKey"]["name"] == "Authorization"


def test_what_has_parameters_or_a_body_may_be_invalid(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if operation.get("parameters") or operation.get("requestBody"):
            assert "400" in operation["responses"], (method, path)
        if operation.get("requestBody"):
            # At the address of a webhook a body may be of any kind.
            needed = {"413"} if path.startswith("/api/v1/webhook/") else {"413", "415"}
            assert needed <= operation["responses"].keys(), (method, path)
        if "{" in path:
            assert "404" in operation["responses"], (method, path)


def documented(document: Mapping[str, Any], method: str, template: str, answer: httpx.Response) -> list[str]:
    """What is wrong with a real answer, by the document."""
    responses = document["paths"][template][method]["responses"]
    if str(answer.status_code) not in responses:
        return [f"{answer.status_code} is not documented"]
    if not answer.content:
        return []
    content = responses[str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    if kind not in content:
        return [f"{kind} is not documented"]
    schema = content[kind].get("schema", {})
    return matches(document, schema, answer.json()) if "json" in kind else []


@pytest.fixture(scope="module")
def ids(server: RunningServer) -> dict[str, Any]:
    """One of everything."""
    agent = server.agent("documented", emits({"n": 1}))
    schedule = {"name": "s", "startTime": "2190-01-01T00:00:00Z"}
    run = server.run(agent)
    own = f"/agent/{agent}/run/{run['id']}"
    hook = server.call("POST", f"/agent/{agent}/webhooks", {"name": "documented"}, expect=201)
    return {
        "agentId": agent,
        "webhookId": hook["id"],
        "signature": hook["url"].rpartition("/")[2],
        "version": 1,
        "runId": run["id"],
        "scheduleId": server.call("POST", f"/agent/{agent}/schedules", schedule, expect=201)["id"],
        "fileId": server.call("GET", f"{own}/files")[0]["id"],
        "proxyPoolId": server.call("POST", "/proxy-pools", POOL, expect=201)["id"],
        "groupId": server.call("POST", "/server-groups", {"name": "documented"}, expect=201)["id"],
        "notificationId": server.call("POST", "/notifications", TELLING, expect=201)["id"],
        "secretName": "DOCUMENTED",
        "userId": server.call("POST", "/users", {"name": "documented"}, expect=201)["id"],
        "spaceId": server.call("POST", "/spaces", {"name": "documented"}, expect=201)["id"],
        "keyId": server.call("POST", "/api-keys", {}, expect=201)["id"],
    }


CRON = {"name": "n", "cronExpression": "0 9 * * *"}
AGENT = {"files": {"agent.toml": '[agent]\nrun = ["python", "main.py"]\n', "main.py": ""}}
POOL = {"name": "documented", "proxies": ["http://ada:pw@127.0.0.1:9", {"url": "socks5://host:1"}]}
POOLS = "/api/v1/proxy-pools"
GROUPS = "/api/v1/server-groups"
TELLING = {"name": "documented", "events": ["volumeDrop"], "targets": ["json://127.0.0.1:9/x"]}
TELLINGS = "/api/v1/notifications"
SPACES = "/api/v1/spaces"
ANALYTICS = "/api/v1/analytics"
BILLING = "/api/v1/billing"
SCHEDULE = "/api/v1/agent/{agentId}/schedules"
HOOKS = "/api/v1/agent/{agentId}/webhooks"
ADDRESS = "/api/v1/webhook/{webhookId}/{signature}"
RUN = "/api/v1/agent/{agentId}/run/{runId}"


@pytest.mark.parametrize(
    ("method", "template", "query", "body"),
    [
        ("get", "/api/v1/agent/all", "", None),
        ("get", "/api/v1/agent/all", "?pageIndex=1", None),
        ("get", "/api/v1/agent/all", "?sortColumn=x", None),
        ("get", "/api/v1/agent/search", "?query=doc", None),
        ("get", "/api/v1/agent/{agentId}", "", None),
        ("post", "/api/v1/agent", "", {**AGENT, "name": "made for the document"}),
        ("post", "/api/v1/agent", "", {**AGENT, "name": "documented"}),
        ("put", "/api/v1/agent/{agentId}", "", {"comments": "again"}),
        ("get", "/api/v1/agent/{agentId}/versions", "", None),
        ("get", "/api/v1/agent/{agentId}/version/{version}/bundle", "", None),
        ("post", "/api/v1/agent/{agentId}/version/{version}/restore", "", {"content": "why"}),
        ("post", "/api/v1/agent/{agentId}/archive", "", None),
        ("post", "/api/v1/agent/{agentId}/start", "", {}),
        ("post", "/api/v1/agent/{agentId}/unarchive", "", None),
        ("post", "/api/v1/agent/{agentId}/start", "", {"logLevel": "Error"}),
        ("post", "/api/v1/agent/{agentId}/start", "", {"isRunSynchronously": True}),
        ("post", SCHEDULE, "", CRON),
        ("post", SCHEDULE, "", {"parallelism": 0}),
        ("get", SCHEDULE, "", None),
        ("get", SCHEDULE + "/{scheduleId}", "", None),
        ("put", SCHEDULE + "/{scheduleId}", "", CRON),
        ("post", SCHEDULE + "/{scheduleId}/disable", "", None),
        ("post", SCHEDULE + "/{scheduleId}/run", "", None),
        ("get", SCHEDULE + "/{scheduleId}/fires", "", None),
        ("post", SCHEDULE + "/{scheduleId}/compare", "", {"times": ["2026-03-01T09:00:00Z"]}),
        ("post", SCHEDULE + "/{scheduleId}/compare", "", {"times": ["nine"]}),
        ("post", "/api/v1/schedules/preview", "", CRON),
        ("post", "/api/v1/schedules/previews", "", {"schedules": [CRON, {"parallelism": 0}]}),
        ("post", "/api/v1/schedules/previews", "", {"schedules": 1}),
        ("get", "/api/v1/schedules", "", None),
        ("get", "/api/v1/schedules", "?pageIndex=1&spaceId=1", None),
        ("get", "/api/v1/agent/{agentId}/runs", "", None),
        ("get", RUN + "/status", "", None),
        ("post", RUN + "/stop", "", None),
        ("post", RUN + "/restart", "", None),
        ("get", RUN + "/files", "", None),
        ("get", RUN + "/records", "", None),
        ("get", RUN + "/records", "?pageIndex=1", None),
        ("get", RUN + "/log", "", None),
        ("get", RUN + "/log", "?follow=true", None),
        ("get", RUN + "/file/{fileId}/download", "", None),
        ("get", "/api/v1/download/{fileId}", "?expires=1&signature=x", None),
        ("get", POOLS, "", None),
        ("get", POOLS, "?pageIndex=1", None),
        ("post", POOLS, "", {**POOL, "name": "made for the document"}),
        ("post", POOLS, "", POOL),
        ("get", POOLS + "/{proxyPoolId}", "", None),
        ("post", POOLS + "/{proxyPoolId}/check", "", None),
        ("put", POOLS + "/{proxyPoolId}", "", {"rotation": "Random"}),
        ("put", POOLS + "/{proxyPoolId}", "", {"proxies": ["x"]}),
        ("delete", POOLS + "/{proxyPoolId}", "", None),
        ("get", GROUPS, "", None),
        ("get", GROUPS, "?pageIndex=1", None),
        ("post", GROUPS, "", {"name": "made for the document"}),
        ("post", GROUPS, "", {"name": "documented"}),
        ("get", GROUPS + "/{groupId}", "", None),
        ("put", GROUPS + "/{groupId}", "", {"name": "documented", "description": "d"}),
        ("delete", GROUPS + "/{groupId}", "", None),
        ("get", "/api/v1/servers", "", None),
        ("get", "/api/v1/servers", "?pageIndex=1", None),
        ("get", "/api/v1/retention", "", None),
        ("put", "/api/v1/retention", "", {"runsDays": 1000}),
        ("put", "/api/v1/retention", "?spaceId=99", {}),
        ("get", "/api/v1/agent/{agentId}/retention", "", None),
        ("put", "/api/v1/agent/{agentId}/retention", "", {"runsCount": 1000}),
        ("put", "/api/v1/agent/{agentId}/retention", "", {"runsCount": 0}),
        ("delete", "/api/v1/agent/{agentId}/retention", "", None),
        ("get", TELLINGS, "", None),
        ("get", TELLINGS, "?pageIndex=1", None),
        ("post", TELLINGS, "", TELLING),
        ("post", TELLINGS, "", {**TELLING, "targets": ["x"]}),
        ("get", TELLINGS + "/{notificationId}", "", None),
        ("put", TELLINGS + "/{notificationId}", "", {"events": ["recovery"]}),
        ("post", TELLINGS + "/{notificationId}/rotate", "", None),
        ("put", TELLINGS + "/{notificationId}", "", {"targets": ["webhook+http://127.0.0.1:9"]}),
        ("post", TELLINGS + "/{notificationId}/rotate", "", {"overlapSeconds": 0}),
        ("post", TELLINGS + "/{notificationId}/test", "", None),
        ("get", TELLINGS + "/{notificationId}/messages", "", None),
        ("get", TELLINGS + "/{notificationId}/messages", "?pageIndex=1", None),
        ("delete", TELLINGS + "/{notificationId}", "", None),
        ("delete", TELLINGS + "/{notificationId}", "?again=yes", None),
        ("get", HOOKS, "", None),
        ("get", HOOKS, "?pageIndex=1", None),
        ("post", HOOKS, "", {"name": "made for the document", "expires": "2190-01-01T00:00:00Z"}),
        ("post", HOOKS, "", {"name": "documented"}),
        ("post", HOOKS, "", {}),
        ("get", HOOKS + "/{webhookId}", "", None),
        ("post", ADDRESS, "", {}),
        ("get", HOOKS + "/{webhookId}", "?again=yes", None),
        ("put", HOOKS + "/{webhookId}", "", {"isEnabled": False}),
        ("post", ADDRESS, "?again=yes", {}),
        ("post", HOOKS + "/{webhookId}/rotate", "", None),
        ("delete", HOOKS + "/{webhookId}", "", None),
        ("delete", HOOKS + "/{webhookId}", "?again=yes", None),
        ("get", "/api/v1/secrets", "", None),
        ("get", "/api/v1/secrets", "?pageIndex=1", None),
        ("put", "/api/v1/secrets/{secretName}", "", {"value": "v"}),
        ("put", "/api/v1/secrets/{secretName}", "", {"value": "w"}),
        ("put", "/api/v1/secrets/{secretName}", "", {"value": ""}),
        ("delete", "/api/v1/secrets/{secretName}", "", None),
        ("delete", "/api/v1/secrets/{secretName}", "?again=yes", None),
        ("get", "/api/v1/api-keys", "", None),
        ("get", "/api/v1/api-keys/{keyId}", "", None),
        ("post", "/api/v1/api-keys", "", {"description": "d"}),
        ("delete", "/api/v1/api-keys/{keyId}", "", None),
        ("get", "/api/v1/users", "", None),
        ("get", "/api/v1/users/me", "", None),
        ("post", "/api/v1/users", "", {"name": "made for the document"}),
        ("post", "/api/v1/users", "", {"name": "documented"}),
        ("get", "/api/v1/users/{userId}", "", None),
        ("get", SPACES, "", None),
        ("get", SPACES, "?pageIndex=1", None),
        ("get", SPACES + "/search", "?name=DEFAULT", None),
        ("get", SPACES + "/search", "?name=nowhere", None),
        ("post", SPACES, "", {"name": "made for the document"}),
        ("get", SPACES + "/{spaceId}", "", None),
        ("get", SPACES + "/{spaceId}/agents", "", None),
        ("post", SPACES + "/{spaceId}/run-all", "", None),
        ("post", SPACES + "/{spaceId}/run-all", "", {"inputParameters": "["}),
        ("put", SPACES + "/{spaceId}", "", {"description": "d"}),
        ("put", SPACES + "/{spaceId}/members/{userId}", "", {"role": "Editor"}),
        ("put", SPACES + "/{spaceId}/members/{userId}", "", {"role": "king"}),
        ("get", SPACES + "/{spaceId}/members", "", None),
        ("delete", SPACES + "/{spaceId}/members/{userId}", "", None),
        ("delete", SPACES + "/{spaceId}/members/{userId}", "?again=yes", None),
        ("delete", SPACES + "/{spaceId}", "", None),
        ("put", "/api/v1/users/{userId}", "", {"email": "a@example.com"}),
        ("delete", "/api/v1/users/{userId}", "", None),
        ("get", "/api/v1/audit-log", "", None),
        ("get", "/api/v1/audit-log", "?pageIndex=1&action=user", None),
        ("get", ANALYTICS + "/schedules/upcoming", "?endDate=2199-01-01", None),
        ("get", ANALYTICS + "/schedules/upcoming", "?endDate=2199-01-01&pageIndex=1", None),
        ("get", ANALYTICS + "/schedules/upcoming", "?endDate=2199-01-01&expand=true", None),
        ("get", ANALYTICS + "/schedules/upcoming", "?endDate=1999-01-01", None),
        ("get", ANALYTICS + "/runs/summary", "", None),
        ("get", ANALYTICS + "/runs/summary", "?includeDetails=false", None),
        ("get", ANALYTICS + "/runs/summary", "?status=x", None),
        ("get", ANALYTICS + "/records/summary", "", None),
        ("get", ANALYTICS + "/agents/{agentId}/latest-failure", "", None),
        ("get", ANALYTICS + "/agents/{agentId}/runs/{runId}/diagnostics", "", None),
        ("get", BILLING + "/credits", "", None),
        ("post", BILLING + "/credits", "", {"amount": 2.5, "message": "m"}),
        ("post", BILLING + "/credits", "", {"amount": 0}),
        ("get", BILLING + "/spending", "", None),
        ("get", BILLING + "/history", "", None),
        ("get", BILLING + "/agents", "", None),
        ("get", BILLING + "/agents", "?usageTypes=x", None),
        ("get", BILLING + "/agents/{agentId}", "", None),
        ("get", BILLING + "/agents/{agentId}/runs", "", None),
        ("get", BILLING + "/rates", "", None),
        ("put", BILLING + "/rates", "", {"rates": [{"type": "Export GB", "rate": 0}]}),
        ("put", BILLING + "/rates", "", {"rates": [{"type": "x", "rate": 0}]}),
        ("get", "/health/live", "", None),
        ("get", "/health/ready", "", None),
    ],
)
def test_a_real_answer_is_as_the_document_says(
    server: RunningServer,
    document: dict[str, Any],
    ids: dict[str, Any],
    method: str,
    template: str,
    query: str,
    body: Any,
) -> None:
    address = server.url + template.format(**ids) + query

    answer = server.http.request(method, address, json=body)

    assert documented(document, method, template, answer) == []


def test_a_failed_synchronous_run_is_answered_as_documented(
    server: RunningServer, document: dict[str, Any]
) -> None:
    agent = server.agent(unique("failing"), FAILS)

    answer = server.http.post(f"/agent/{agent}/start", json={"isRunSynchronously": True})

    assert answer.status_code == 500
    assert documented(document, "post", "/api/v1/agent/{agentId}/start", answer) == []


def test_what_is_kept_and_said_of_a_failure_is_as_documented(
    server: RunningServer, document: dict[str, Any]
) -> None:
    ids = {"agentId": server.agent(unique("failing"), FAILS)}
    ids["runId"] = server.run(ids["agentId"])["id"]
    of_run = ANALYTICS + "/agents/{agentId}/runs/{runId}/diagnostics"
    for template in (RUN + "/evidence", of_run, ANALYTICS + "/agents/{agentId}/latest-failure"):
        answer = server.http.get(server.url + template.format(**ids))

        assert answer.status_code == 200
        assert documented(document, "get", template, answer) == []


def test_a_new_thing_has_its_location_documented(document: dict[str, Any]) -> None:
    created = [
        (path, o["responses"]["201"]) for _, path, o in operations(document) if "201" in o["responses"]
    ]

    assert len(created) >= 3
    for path, answer in created:
        assert "Location" in answer.get("headers", {}), path


# --- examples ---


def shown(content: Mapping[str, Any], document: Mapping[str, Any]) -> list[Any]:
    """The examples of a body or an answer: its own, or those of its schema."""
    if "example" in content:
        return [content["example"]]
    schema = content["schema"]
    for one in (schema, *schema.get("anyOf", ())):
        named = one.get("$ref") or one.get("items", {}).get("$ref")
        if named is not None:
            found = document["components"]["schemas"][named.rpartition("/")[2]].get("examples")
            if found:
                return list(found) if "$ref" in one else [found]
    return []


def test_every_answer_in_json_has_an_example_that_is_as_its_schema_says(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content is None or int(status) >= 300:
                continue
            examples = shown(content, document)
            assert examples, f"{operation['operationId']} {status}: make examples"
            for one in examples:
                assert matches(document, content["schema"], one) == [], operation["operationId"]


def test_every_body_in_json_has_an_example_that_is_as_its_schema_says(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            assert shown(content, document), f"{operation['operationId']}: make examples"


# --- bodies ---


def body_schema(document: Mapping[str, Any], method: str, path: str) -> dict[str, Any]:
    schema: dict[str, Any] = document["paths"][path][method]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    for one in schema.get("anyOf", [schema]):
        if "$ref" in one:
            found: dict[str, Any] = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
            return found
    return schema


def type_of(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    for one in schema.get("anyOf", [schema]):
        if "$ref" in one:
            return str(document["components"]["schemas"][one["$ref"].rpartition("/")[2]]["type"])
        if one.get("type") != "null":
            return str(one["type"])
    raise AssertionError(schema)


SETTINGS = {
    "inputParameters": "string",
    "parallelism": "integer",
    "parallelMaxConcurrency": "integer",
    "parallelExport": "string",
    "proxyPoolId": "integer",
    "serverGroupId": "integer",
    "logLevel": "string",
    "logMode": "string",
    "isExclusive": "boolean",
    "isWaitOnFailure": "boolean",
    "maxRetries": "integer",
    "retryDelaySeconds": "integer",
    "timeoutSeconds": "integer",
    "priority": "integer",
}
SCHEDULE_BODY = SETTINGS | {
    "name": "string",
    "scheduleType": "integer",
    "cronExpression": "string",
    "localSchedule": "string",
    "timezone": "string",
    "startTime": "string",
    "endTime": "string",
    "isEnabled": "boolean",
    "isShadow": "boolean",
    "runEveryCount": "integer",
    "runEveryPeriod": "integer",
    "jitterSeconds": "integer",
    "catchUp": "string",
    "catchUpWindowSeconds": "integer",
    "dstGap": "string",
    "dstOverlap": "string",
    "excludedDates": "array",
    "reset": "array",
}


@pytest.mark.parametrize(
    ("method", "path", "properties"),
    [
        ("post", SCHEDULE, SCHEDULE_BODY),
        ("put", SCHEDULE + "/{scheduleId}", SCHEDULE_BODY),
        ("post", "/api/v1/schedules/preview", SCHEDULE_BODY | {"after": "string", "count": "integer"}),
        (
            "post",
            "/api/v1/agent/{agentId}/start",
            SETTINGS | {"isRunSynchronously": "boolean", "timeout": "integer"},
        ),
    ],
)
def test_the_properties_of_a_body_are_documented_with_their_types(
    document: dict[str, Any], method: str, path: str, properties: dict[str, str]
) -> None:
    schema = body_schema(document, method, path)

    assert {name: type_of(one, document) for name, one in schema["properties"].items()} == properties


def test_limits_and_choices_of_a_schedule_are_documented(document: dict[str, Any]) -> None:
    schema = body_schema(document, "post", SCHEDULE)["properties"]

    def told(name: str) -> dict[str, Any]:
        one = schema[name]["anyOf"][0]
        found: dict[str, Any] = (
            document["components"]["schemas"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        )
        return found

    assert (told("parallelism")["minimum"], told("parallelism")["maximum"]) == (1, 50)
    assert (told("name")["minLength"], told("name")["maxLength"]) == (1, 200)
    assert told("scheduleType")["enum"] == [0, 1, 2, 3]
    assert told("runEveryPeriod")["enum"] == [0, 1, 2, 3, 4, 5]
    assert told("runEveryCount")["minimum"] == 1
    assert told("startTime")["format"] == "date-time"
    assert told("logLevel")["enum"] == ["Fatal", "Error", "Warning", "Info"]
    assert told("dstGap")["enum"] == ["after", "skip"]


def test_an_agent_may_be_sent_as_json_or_as_a_form(document: dict[str, Any]) -> None:
    for method, path in (("post", "/api/v1/agent"), ("put", "/api/v1/agent/{agentId}")):
        content = document["paths"][path][method]["requestBody"]["content"]
        assert content.keys() == {"application/json", "multipart/form-data"}
