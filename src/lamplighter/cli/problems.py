"""What a failed command says, and the exit status it ends with."""

from lamplighter.cli.session import find_key, server_url
from lamplighter.client import ApiError, CannotConnect
from lamplighter.errors import FieldError, InvalidInput, LamplighterError

_STATUS = {400: 2, 401: 4, 403: 4, 404: 5, 409: 6, 413: 2, 415: 2, 422: 2}

# What the API calls a field, and what it is called here.
_OPTIONS = {
    "url": "LAMPLIGHTER_URL",
    "name": "--name",
    "comments": "--comment",
    "cronExpression": "--cron",
    "runEveryCount": "--every",
    "runEveryPeriod": "--every",
    "timezone": "--timezone",
    "endTime": "--end",
    "inputParameters": "--input",
    "parallelism": "--parallelism",
    "parallelMaxConcurrency": "--max-concurrency",
    "parallelExport": "--export",
    "proxyPoolId": "--proxy-pool",
    "serverGroupId": "--server-group",
    "logLevel": "--log-level",
    "logMode": "--log-mode",
    "maxRetries": "--max-retries",
    "retryDelaySeconds": "--retry-delay",
    "timeoutSeconds": "--timeout",
    "priority": "--priority",
    "jitterSeconds": "--jitter",
    "catchUp": "--catch-up",
    "catchUpWindowSeconds": "--catch-up-window",
    "dstGap": "--dst-gap",
    "dstOverlap": "--dst-overlap",
    "excludedDates": "--exclude",
    "startTime": "--at or --start",
    "count": "--count",
    "after": "--after",
    "maxRecords": "--limit",
    "expires": "--expires",
    "description": "--description",
    "runsDays": "--runs-days",
    "runsCount": "--runs-count",
    "logsDays": "--logs-days",
    "logsCount": "--logs-count",
    "filesDays": "--files-days",
    "filesCount": "--files-count",
    "events": "--on",
    "targets": "--to or --from",
    "agentId": "--agent",
    "scheduleId": "--schedule",
    "withinSeconds": "--within",
    "quietSeconds": "--quiet",
    "rotation": "--rotation",
    "proxies": "--proxy or --from",
    "attempt": "--attempt",
    "secretName": "NAME",
    "value": "the value",
    "spaceId": "--space",
    "userId": "--user",
    "email": "--email",
    "password": "the password",
    "currentPassword": "the password now",
    "startDate": "--since",
    "endDate": "--until",
}


def status_of(problem: LamplighterError) -> int:
    """The exit status for an error, as `lamplighter --help` lists them."""
    return 3 if isinstance(problem, CannotConnect) else _STATUS.get(problem.status, 1)


def lines_about(problem: LamplighterError) -> list[str]:
    """What went wrong and what to do, a sentence a line."""
    fields = problem.fields if isinstance(problem, ApiError) else ()
    if isinstance(problem, InvalidInput):
        fields = problem.errors
    if fields:
        return list(dict.fromkeys(map(_line, fields)))  # one wrong option may stand behind two fields
    if isinstance(problem, ApiError) and problem.status == 401:
        return _about_the_key(problem)
    return [str(problem)]


def _about_the_key(problem: ApiError) -> list[str]:
    found = find_key(server_url())
    if found.key is not None:
        return [f"{problem} (it came from {found.source})"]
    where = (
        "The first start of `lamplighter up` keeps the administrator's key in admin.key of its data folder."
    )
    return [f"no API key: {found.source}. {where}"]


def _line(error: FieldError) -> str:
    noun, _, number = error.field.partition(".")  # one of a list: `events.0`
    option = _OPTIONS.get(noun if number.isdigit() else error.field, error.field)
    return f"{option}: {error.message}" if option else error.message
