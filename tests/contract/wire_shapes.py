"""The objects of the contract: each property's type, and whether it may be null. One table for all tests."""

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")

# Types of properties: int, str, bool, object, array, number, time; with ? null is possible.
AGENT = {
    "id": "int",
    "name": "str",
    "description": "str?",
    "documentation": "str?",
    "icon": "str?",
    "image": "str?",
    "inputParameters": "object",
    "configType": "str",
    "proxyPoolId": "int?",
    "spaceId": "int",
    "startUrl": "str?",
    "status": "int?",
    "userId": "int",
    "validationStatus": "str",
    "version": "int",
    "created": "time",
    "updated": "time",
    "lastActivity": "time?",
    "agentTemplates": "str?",
}
VERSION = {"version": "int", "userName": "str", "created": "time", "comments": "str?", "fileSize": "int"}
RUN = {
    "id": "int",
    "runId": "int",
    "configId": "int",
    "configName": "str",
    "spaceId": "int",
    "organizationId": "int",
    "organizationName": "str",
    "sequence": "int",
    "parallelism": "int",
    "parallelMaxConcurrency": "int?",
    "parallelExport": "str",
    "parallelSet": "int",
    "startTime": "time?",
    "endTime": "time?",
    "created": "time",
    "status": "int",
    "message": "str?",
    "configVersion": "int",
    "actionCount": "int",
    "pageCount": "int",
    "dynamicPageCount": "int",
    "requestCount": "int",
    "dataCount": "int",
    "inputCount": "int",
    "errorCount": "int",
    "exportCount": "int",
    "traffic": "int",
    "runTimeSec": "int",
    "serverName": "str?",
    "tableType": "str",
    "errorMessage": "str?",
    "recordsExtracted": "int",
    "recordsExported": "int",
    "startedBy": "str",
    "logLevel": "str",
    "logMode": "str",
    "scheduleId": "int?",
    "scheduledTime": "time?",
    "tag": "str?",
}
FILE = {
    "id": "int",
    "name": "str",
    "fileType": "str",
    "fileSize": "int",
    "created": "time",
    "regionId": "int",
}
SCHEDULE = {
    "id": "int",
    "configId": "int",
    "name": "str",
    "schedule": "str?",
    "localSchedule": "str",
    "timezone": "str",
    "nextRunTime": "time?",
    "startTime": "time?",
    "scheduleType": "int",
    "isEnabled": "bool",
    "runEveryCount": "int?",
    "runEveryPeriod": "int?",
    "inputParameters": "str?",
    "parallelism": "int",
    "parallelMaxConcurrency": "int?",
    "parallelExport": "str",
    "proxyPoolId": "int?",
    "serverGroupId": "int?",
    "logLevel": "str",
    "logMode": "str",
    "isExclusive": "bool",
    "isWaitOnFailure": "bool",
    "created": "time",
    "updated": "time",
    "tag": "str?",
}
SPACE = {
    "id": "int",
    "name": "str",
    "description": "str?",
    "organizationId": "int",
    "created": "time",
    "updated": "time",
    "isDefaultAccess": "bool",
}
SPACE_AGENT = {
    "id": "int",
    "name": "str",
    "description": "str?",
    "configType": "str",
    "status": "int?",
    "validationStatus": "str",
    "lastActivity": "time?",
}
RUN_ALL = {
    "spaceId": "int",
    "spaceName": "str",
    "totalAgents": "int",
    "agentsStarted": "int",
    "agentsFailed": "int",
    "results": "array",
}
RUN_ALL_RESULT = {
    "agentId": "int",
    "agentName": "str",
    "success": "bool",
    "runId": "int?",
    "errorMessage": "str?",
}
# What this server adds of its own; everything else that is not in the tables above is a mistake.
OURS = {
    "agent": {"isArchived": "bool", "contentHash": "str?"},
    "version": {"contentHash": "str?"},
    "schedule": {
        "cronExpression": "str?",
        "endTime": "time?",
        "jitterSeconds": "int",
        "catchUp": "str",
        "catchUpWindowSeconds": "int",
        "maxRetries": "int?",
        "retryDelaySeconds": "int?",
        "timeoutSeconds": "int?",
        "priority": "int",
        "dstGap": "str",
        "dstOverlap": "str",
        "excludedDates": "array",
        "isShadow": "bool",
        "problem": "str?",
        "warnings": "array",
    },
    "run": {
        "attempt": "int",
        "retries": "int",
        "warnings": "array",
        "inputParameters": "str?",
        "proxyPoolId": "int?",
        "serverGroupId": "int?",
        "isExclusive": "bool",
        "isWaitOnFailure": "bool",
        "maxRetries": "int?",
        "retryDelaySeconds": "int?",
        "timeoutSeconds": "int?",
        "priority": "int",
    },
}
_SHAPES: dict[str, dict[str, str]] = {
    "agent": AGENT,
    "version": VERSION,
    "run": RUN,
    "file": FILE,
    "schedule": SCHEDULE,
    "space": SPACE,
    "space agent": SPACE_AGENT,
    "run-all": RUN_ALL,
    "run-all result": RUN_ALL_RESULT,
}


def check_shape(kind: str, value: Any) -> None:
    """Fail unless ``value`` has exactly the properties of its kind, each with its type."""
    expected = _SHAPES[kind] | OURS.get(kind, {})
    assert isinstance(value, dict), f"{kind}: {value!r} is no object"
    assert value.keys() == expected.keys(), f"{kind}: {value.keys() ^ expected.keys()} too many or too few"
    for name, wanted in expected.items():
        assert _fits(value[name], wanted), f"{kind}.{name}: {value[name]!r} is not {wanted}"


def _fits(value: Any, wanted: str) -> bool:
    if value is None:
        return wanted.endswith("?")
    match wanted.removesuffix("?"):
        case "time":
            return isinstance(value, str) and _TIME.fullmatch(value) is not None
        case "int":
            return type(value) is int
        case "number":
            return type(value) in (int, float)
        case other:
            kinds: dict[str, type] = {"str": str, "bool": bool, "object": dict, "array": list}
            return isinstance(value, kinds[other])
