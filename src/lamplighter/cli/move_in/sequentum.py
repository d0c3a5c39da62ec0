"""A server that speaks the Sequentum API: its agents with their schedules, without their programs, which it keeps.

Other servers leave out properties and have more of them, so everything is read with care.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from lamplighter.cli.move_in.wanted import Found, WantedAgent, WantedSchedule, agent_toml
from lamplighter.cli.times import iso, read
from lamplighter.client import Client
from lamplighter.errors import InvalidInput, NotFound
from lamplighter.triggers import zone

_NONE, _RUN_ONCE, _RUN_EVERY, _CRON = range(4)
# What a schedule has and means the same here.
_SETTINGS = (
    *("parallelism", "parallelMaxConcurrency", "parallelExport", "logLevel", "logMode"),
    *("isExclusive", "isWaitOnFailure"),
    # Additions of ours, when the other one is a Lamplighter.
    *("endTime", "jitterSeconds", "catchUp", "catchUpWindowSeconds", "maxRetries", "retryDelaySeconds"),
    *("timeoutSeconds", "priority", "dstGap", "dstOverlap", "excludedDates"),
)
_MOST_RUNS = 1000
Thing = Mapping[str, Any]


def read_server(client: Client, names: Sequence[str], now: datetime) -> Found:
    """The agents of another server, or those that are named, with their schedules; NotFound for a name."""
    found = Found(client.url)
    agents = _items(client.agents(), "agents")
    for name in names:
        if not any(agent.get("name") == name for agent in agents):
            raise NotFound(f"{client.url} has no agent named {name!r}")
    wanted = [agent for agent in agents if not names or agent.get("name") in names]
    for agent in wanted:
        if isinstance(agent.get("id"), int) and agent.get("name"):
            found.agents.append(_agent(client, agent, now, found))
        else:
            found.lost("an agent", f"has no id or no name: {str(dict(agent))[:200]}")
    _tell_of_doubles(found)
    spaces = {agent.get("spaceId") for agent in wanted} - {None}
    if len(spaces) > 1:
        found.look_at(
            "spaces", f"the agents come from {len(spaces)} spaces and go into one: see --agent and --space"
        )
    return found


def run_times(client: Client, agent_name: str, schedule_name: str) -> list[str]:
    """When another server ran a schedule, as ISO times: the newest runs that it tells of."""
    agents = [agent for agent in _items(client.agents(), "agents") if agent.get("name") == agent_name]
    if not agents:
        raise NotFound(f"{client.url} has no agent named {agent_name!r}; say its name with --their-agent")
    agent_id = agents[0]["id"]
    runs = _items(client.runs(agent_id, _MOST_RUNS))
    if any(run.get("scheduleId") is not None for run in runs):
        schedules = _items(client.schedules(agent_id))
        ids = [one.get("id") for one in schedules if one.get("name") == schedule_name]
        if not ids:
            there = ", ".join(str(one.get("name")) for one in schedules) or "none"
            what = f"{client.url} has no schedule {schedule_name!r} of {agent_name}; it has: {there}"
            raise NotFound(f"{what}; say its name with --their-schedule")
        runs = [run for run in runs if run.get("scheduleId") in ids]
    # A part of a parallel set begins when it can; the first one stands for all.
    firsts = [run for run in runs if run.get("sequence") in (None, 0, 1)]
    times = [run.get("scheduledTime") or run.get("startTime") or run.get("created") for run in firsts]
    return [time for time in times if time]


def _items(answer: Any, name: str = "items") -> list[Thing]:
    """A list as the contract has it, or as a page."""
    if isinstance(answer, Mapping):
        answer = answer.get("items") or answer.get(name) or []
    return cast(list[Thing], answer)


def _agent(client: Client, agent: Thing, now: datetime, found: Found) -> WantedAgent:
    name = str(agent["name"])
    wanted = WantedAgent(
        name=name,
        files=_stand_in(name),
        description=agent.get("description"),
        start_url=agent.get("startUrl"),
        is_stand_in=True,
    )
    found.lost(name, "its program, which the server does not hand out: `lamplighter agent deploy` brings one")
    inputs = agent.get("inputParameters")
    if inputs:
        told = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else str(inputs)
        found.lost(name, f"its inputs and their defaults ({told}): write them into [inputs] of agent.toml")
    for schedule in _items(client.schedules(agent["id"])):
        where = f"{name} › {schedule.get('name') or schedule.get('id')}"
        body = _timing(schedule, where, now, found)
        if body is not None:
            body |= _settings(schedule, where, found)
            wanted.schedules.append(WantedSchedule(str(schedule.get("name") or schedule.get("id")), body))
    return wanted


def _stand_in(name: str) -> dict[str, bytes]:
    """The files of an agent whose program is missing: it fails, and says why."""
    text = (
        f"The program of {name} was not carried over. Save it with: lamplighter agent deploy DIR --name ..."
    )
    program = f"import sys\n\nsys.exit({text!r})\n"
    return {"agent.toml": agent_toml(run=["python", "main.py"]), "main.py": program.encode(errors="replace")}


def _timing(schedule: Thing, where: str, now: datetime, found: Found) -> dict[str, Any] | None:
    """What the API takes for the schedule's times; None, and a note, when it will never fire again."""
    cron = schedule.get("cronExpression") or schedule.get("schedule")
    kind = schedule.get("scheduleType")
    if kind is None:
        kind = _CRON if cron else _RUN_EVERY if schedule.get("runEveryCount") else _RUN_ONCE
    body: dict[str, Any] = {"scheduleType": kind, "timezone": _zone(schedule)}
    start, coming = _moment(schedule, "startTime"), _moment(schedule, "nextRunTime")
    if kind == _CRON:
        body["cronExpression"] = cron
        if start is not None and start > now:
            body["startTime"] = iso(start)
    elif kind == _RUN_EVERY:
        # The contract's 0 is minutes.
        body |= {"runEveryCount": schedule.get("runEveryCount")}
        body |= {"runEveryPeriod": schedule.get("runEveryPeriod") or 1}
        beat = coming or start
        if beat is not None and beat > now:
            body["startTime"] = iso(beat)
        else:
            found.look_at(where, "has no due time that is known: its interval counts from now on")
    elif kind == _RUN_ONCE:
        moment = start or coming
        if moment is None or moment <= now:
            found.lost(where, "ran once, and that is over")
            return None
        body["startTime"] = iso(moment)
    return body


def _settings(schedule: Thing, where: str, found: Found) -> dict[str, Any]:
    body = {name: schedule[name] for name in _SETTINGS if schedule.get(name) is not None}
    given = schedule.get("inputParameters")
    if given:
        body["inputParameters"] = given
    body["isEnabled"] = schedule.get("isEnabled") is not False
    for name, kind in (("proxyPoolId", "proxy pool"), ("serverGroupId", "server group")):
        if schedule.get(name):
            option = kind.replace(" ", "-")
            what = f"its {kind} {schedule[name]}, which is known there only: `lamplighter schedule edit --{option}`"
            found.lost(where, what)
    return body


def _zone(schedule: Thing) -> str:
    """The name of the zone as it is written here; one that is not known is for the server to refuse."""
    name = str(schedule.get("timezone") or "UTC")
    with suppress(InvalidInput):
        return zone(name).key
    return name


def _moment(schedule: Thing, name: str) -> datetime | None:
    """An instant; without an offset it is UTC, as the contract has it."""
    text = schedule.get(name)
    if not isinstance(text, str):
        return None
    try:
        moment = read(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=zone("UTC")) if moment.tzinfo is None else moment


def _tell_of_doubles(found: Found) -> None:
    """Of several agents with one name only the first can be carried over; of schedules of one agent, too."""
    names: set[str] = set()
    for agent in list(found.agents):
        if agent.name in names:
            found.lost(
                agent.name,
                "another agent of this name, whose schedules would be mixed with those of the first",
            )
            found.agents.remove(agent)
            continue
        names.add(agent.name)
        seen: set[str] = set()
        for schedule in list(agent.schedules):
            if schedule.name in seen:
                found.lost(
                    f"{agent.name} › {schedule.name}", "another schedule of this name: give it its own there"
                )
                agent.schedules.remove(schedule)
            seen.add(schedule.name)
