"""The words of a schedule in the file, and what they are on the wire.

A schedule's fields are by the words of the file, each with one form of its value, so that two can be compared:
durations are seconds, times are the wire's, an input is JSON with sorted keys, None is "not said".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from lamplighter.cli.times import exactly
from lamplighter.client import Schedule

PERIODS = {1: "minute", 2: "hour", 3: "day", 4: "week", 5: "month"}
_CRON, _EVERY, _ONCE, _BY_HAND = 3, 2, 1, 0
TRIGGERS = ("cron", "every", "at", "manual")

# Words that are one property on the wire, with the value of a schedule that says nothing of them.
_PROPERTIES: Mapping[str, tuple[str, Any]] = {
    "enabled": ("isEnabled", True),
    "timezone": ("timezone", "UTC"),
    "end": ("endTime", None),
    "exclude": ("excludedDates", []),
    "jitter": ("jitterSeconds", 0),
    "catch_up": ("catchUp", "latest"),
    "catch_up_window": ("catchUpWindowSeconds", 86_400),
    "dst_gap": ("dstGap", "after"),
    "dst_overlap": ("dstOverlap", "first"),
    "text": ("localSchedule", None),
    "input": ("inputParameters", None),
    "parallelism": ("parallelism", 1),
    "max_concurrency": ("parallelMaxConcurrency", None),
    "export": ("parallelExport", "Combined"),
    "proxy_pool": ("proxyPoolId", None),
    "server_group": ("serverGroupId", None),
    "log_level": ("logLevel", "Info"),
    "log_mode": ("logMode", "Text"),
    "exclusive": ("isExclusive", False),
    "wait_on_failure": ("isWaitOnFailure", False),
    "max_retries": ("maxRetries", None),
    "retry_delay": ("retryDelaySeconds", None),
    "timeout": ("timeoutSeconds", None),
    "priority": ("priority", 0),
}
DEFAULTS: Mapping[str, Any] = {
    **dict.fromkeys((*TRIGGERS, "start")),
    **{word: default for word, (_, default) in _PROPERTIES.items()},
}
DURATIONS = ("jitter", "catch_up_window", "retry_delay", "timeout")
# Words whose change moves or switches the fires of a schedule.
WHEN = (*TRIGGERS, *("start", "enabled", "timezone", "end", "exclude", "jitter", "dst_gap", "dst_overlap"))
_WORDS = {wire: word for word, (wire, _) in _PROPERTIES.items()}
_WORDS |= {"cronExpression": "cron", "runEveryCount": "every", "runEveryPeriod": "every", "name": "name"}


def word_of(wire: str, fields: Mapping[str, Any]) -> str:
    """The word in the file behind a property on the wire, of a schedule with these fields."""
    if wire == "startTime":
        return "at" if fields.get("at") is not None else "start"
    return _WORDS.get(wire, wire)


def canonical_input(value: Any) -> str | None:
    """An input as text that is the same for the same input; no input and an empty one are the same."""
    if value is None or value == {}:
        return None
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)


def fields_of(
    schedule: Schedule, text: str | None, pools: Mapping[int, str], groups: Mapping[int, str]
) -> dict[str, Any]:
    """The fields of a schedule of the server; ``text`` is its own text for people, when it has one.

    ``pools`` and ``groups`` are names by id.
    """
    wire: Mapping[str, Any] = schedule
    kind, start = schedule["scheduleType"], schedule["startTime"]
    fields = dict(DEFAULTS)
    if kind == _CRON:
        fields["cron"] = schedule["cronExpression"]
    elif kind == _EVERY:
        count, period = schedule["runEveryCount"] or 1, schedule["runEveryPeriod"] or 1
        fields["every"] = every_words(count, period)
    elif kind == _BY_HAND:
        fields["manual"] = True
    fields["at" if kind == _ONCE else "start"] = start
    fields |= {word: wire[name] for word, (name, _) in _PROPERTIES.items()}
    given = schedule["inputParameters"]
    return fields | {
        "text": text,
        "input": None if given is None else canonical_input(json.loads(given)),
        "proxy_pool": _name(pools, schedule["proxyPoolId"]),
        "server_group": _name(groups, schedule["serverGroupId"]),
    }


def every_words(count: int, period: int) -> str:
    """An interval as people write it: ``30 minutes``."""
    return f"{count} {PERIODS[period]}{'' if count == 1 else 's'}"


def _name(names: Mapping[int, str], number: int | None) -> str | None:
    return None if number is None else names.get(number, f"id {number}")


def body_of(fields: Mapping[str, Any], id_of: Callable[[str, str], int | None]) -> dict[str, Any]:
    """All properties of a schedule on the wire; None where it says nothing.

    ``id_of`` gives the id of what a word such as ``proxy_pool`` refers to by name.
    """
    body: dict[str, Any] = {name: fields[word] for word, (name, _) in _PROPERTIES.items()}
    for word in ("proxy_pool", "server_group"):
        name = fields[word]
        body[_PROPERTIES[word][0]] = None if name is None else id_of(word, name)
    return body | _trigger(fields)


def _trigger(fields: Mapping[str, Any]) -> dict[str, Any]:
    trigger = {
        "scheduleType": _BY_HAND,
        "cronExpression": None,
        "runEveryCount": None,
        "runEveryPeriod": None,
    }
    if fields["cron"] is not None:
        trigger |= {"scheduleType": _CRON, "cronExpression": fields["cron"]}
    elif fields["every"] is not None:
        count, word = fields["every"].split()
        period = next(number for number, name in PERIODS.items() if name == word.rstrip("s"))
        trigger |= {"scheduleType": _EVERY, "runEveryCount": int(count), "runEveryPeriod": period}
    elif fields["at"] is not None:
        trigger["scheduleType"] = _ONCE
    return trigger | {"startTime": fields["at"] or fields["start"]}


def update_of(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What to send for a schedule with the body ``old`` to have the body ``new``.

    Null means "not given" on the wire, so what is to be None is reset to that.
    """
    changed = {wire: value for wire, value in new.items() if old[wire] != value}
    # What a trigger does not need is not reset: it has no effect, and not all of it has a default.
    reset = [wire for wire, value in changed.items() if value is None]
    body = {wire: value for wire, value in changed.items() if value is not None}
    return {"name": name, **body, **({"reset": reset} if reset else {})}


def written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a schedule as the file has them: what is as it is without saying is left out."""
    shown: dict[str, Any] = {}
    for word, default in DEFAULTS.items():
        value = fields[word]
        if value == default:
            continue
        if word in DURATIONS:
            value = exactly(value)
        elif word == "input":
            value = json.loads(value)
        shown[word] = value
    return shown
