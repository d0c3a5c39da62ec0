"""How the settings of runs and schedules, and the state of a run that was just started, are shown."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from lamplighter.cli.output import counted, status_name
from lamplighter.cli.session import quoted
from lamplighter.cli.times import exactly
from lamplighter.client import WAITS, ApiError, Client, Run, Schedule
from lamplighter.client.webhooks import Webhook

_LONGEST_INPUT = 2000  # signs; --json gives all of it


def settings_of(client: Client, of: Run | Schedule | Webhook) -> list[tuple[str, Any]]:
    """The settings that are not those of a start without any; pools and groups by their names."""
    s: Mapping[str, Any] = of
    together = s["parallelism"] > 1
    return [
        ("Input", _input(s["inputParameters"])),
        ("Parallel runs", f"{s['parallelism']}, export {s['parallelExport'].lower()}" if together else None),
        ("At the same time", s["parallelMaxConcurrency"]),
        ("Exclusive", "yes" if s["isExclusive"] else None),
        ("Tried again", _retries(s)),
        ("Retry delay", None if s["retryDelaySeconds"] is None else exactly(s["retryDelaySeconds"])),
        ("Time-out", exactly(s["timeoutSeconds"]) if s["timeoutSeconds"] else None),
        ("Proxy pool", _named(s["proxyPoolId"], lambda number: client.proxy_pools.get(number)["name"])),
        ("Server group", _named(s["serverGroupId"], lambda number: client.server_groups.get(number)["name"])),
        ("Priority", s["priority"] or None),
        ("Log", _log(s)),
    ]


def state_of(client: Client, run: Run) -> str:
    """The status of a run, and why it waits."""
    status = status_name(run["status"])
    if run["status"] not in WAITS:
        return status
    why = run["message"] or _nobody_serves(client, run["serverGroupId"])
    return f"{status}: {why}" if why else status


def _nobody_serves(client: Client, group_id: int | None) -> str | None:
    """What the scheduler will say of the run in a moment, if no live server serves its group."""
    if group_id is None:
        return None
    group = client.server_groups.get(group_id)
    if group["servers"]:
        return None
    start = f"start one with lamplighter up --group {quoted(group['name'])}"
    return f"waits for a server of the group '{group['name']}': no live server serves it ({start})"


def _input(text: str | None) -> str | None:
    if text is None or json.loads(text) == {}:
        return None
    return text if len(text) <= _LONGEST_INPUT else f"{text[:_LONGEST_INPUT]} … (--json shows all of it)"


def _retries(s: Mapping[str, Any]) -> str | None:
    if s["maxRetries"] is None and not s["isWaitOnFailure"]:
        return None
    number = 3 if s["maxRetries"] is None else s["maxRetries"]
    waits = s["isWaitOnFailure"] or s["retryDelaySeconds"]
    return counted(number, "time") + (", after a wait" if waits else ", at once")


def _log(s: Mapping[str, Any]) -> str | None:
    return None if (s["logLevel"], s["logMode"]) == ("Info", "Text") else f"{s['logLevel']}, {s['logMode']}"


def _named(number: int | None, name_of: Callable[[int], str]) -> str | None:
    if number is None:
        return None
    try:
        return f"{name_of(number)} (id {number})"
    except ApiError as problem:
        if problem.status != 404:
            raise
        return f"{number}, which was removed"
