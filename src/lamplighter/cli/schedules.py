"""``lamplighter schedule …``"""

from datetime import datetime
from typing import Annotated, Any

import typer

from lamplighter.cli.compare import compare
from lamplighter.cli.options import ScheduleOptions, option, takes
from lamplighter.cli.output import as_json, facts, hint, say, table, title
from lamplighter.cli.session import (
    AgentWord,
    Json,
    ScheduleWord,
    Yes,
    confirm,
    connect,
    keep_said,
    quoted,
    the_agent,
    the_schedule,
)
from lamplighter.cli.settings import settings_of, state_of
from lamplighter.cli.times import distance, exactly, parse_moment, read, shown, zone_of
from lamplighter.cli.upcoming import upcoming
from lamplighter.cli.why import why
from lamplighter.client import PlannedFire, Preview, Schedule
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput

app = typer.Typer()
_NO_TRIGGER = 0
_NEEDS_TRIGGER = "say when: --cron '0 9 * * 1-5', --every '30 minutes', --at 'tomorrow 9:00' or --manual"


@app.command()
@takes(ScheduleOptions)
def add(
    agent: AgentWord,
    options: ScheduleOptions,
    name: Annotated[
        str | None, typer.Option(help="Its name; when it fires, if not said.", show_default=False)
    ] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not let it fire yet.")] = False,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Note its due times in the ledger, but run nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Give an agent a schedule: --cron, --every, --at or --manual."""
    if not options.trigger_given():
        raise InvalidInput.of("", _NEEDS_TRIGGER)
    with connect() as client:
        owner = the_agent(client, agent)
        body = options.body(client)
        if name is None:
            name = options.words()
        body = {"name": name, "isEnabled": not disabled, "isShadow": shadow, **body}
        made = client.create_schedule(owner["id"], body)
    if json:
        as_json(made)
        return
    say(f"Schedule {made['id']} of {owner['name']}: {made['localSchedule']}")
    say(f"Next fire: {_next(made)}")
    _warn(made)
    hint(
        f"`lamplighter schedule why {quoted(owner['name'])} {made['id']}` tells what became of its due times"
    )


@app.command()
@takes(ScheduleOptions)
def edit(
    agent: AgentWord,
    schedule: ScheduleWord,
    options: ScheduleOptions,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    shadow: Annotated[
        bool | None,
        option("--shadow/--no-shadow", help="Only note its due times, or run what is due again."),
    ] = None,
    json: Json = False,
) -> None:
    """Change a schedule: what is not said keeps its value. The past is never fired."""
    with connect() as client:
        owner = the_agent(client, agent)
        old = the_schedule(client, owner, schedule)
        said = options.body(client, old["timezone"]) | keep_said(isShadow=shadow)
        if name is None and not said:
            raise InvalidInput.of("", "say what to change, such as --cron '0 9 * * 1-5' or --max-retries 2")
        body = {"name": name or old["name"], **said}
        changed = client.update_schedule(owner["id"], old["id"], body)
    if json:
        as_json(changed)
        return
    say(f"Schedule {changed['id']} of {owner['name']}: {changed['localSchedule']}")
    say(f"Next fire: {_next(changed)}")
    _warn(changed)


@app.command("list")
def list_(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="Id or name; all agents when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the schedules of an agent, or of all."""
    with connect() as client:
        owners = client.agents() if agent is None else [the_agent(client, agent)]
        names = {owner["id"]: owner["name"] for owner in owners}
        found = client.all_schedules() if agent is None else client.schedules(owners[0]["id"])
    places = {owner["id"]: place for place, owner in enumerate(owners)}
    found = sorted(
        (one for one in found if one["configId"] in places), key=lambda one: places[one["configId"]]
    )
    if json:
        as_json(found)
        return
    columns = ["ID>", "NAME", "WHEN", "NEXT FIRE"] if agent else ["AGENT", "ID>", "NAME", "WHEN", "NEXT FIRE"]
    rows = [[s["id"], s["name"], s["localSchedule"], _next(s, brief=True)] for s in found]
    if agent is None:
        rows = [[names[s["configId"]], *row] for s, row in zip(found, rows, strict=True)]
    table(columns, rows, wraps=["AGENT", "NAME", "WHEN"])
    for schedule in found:
        _warn(schedule, f"Schedule {schedule['id']} of {names[schedule['configId']]}: ")
    if not found:
        whose = quoted(owners[0]["name"]) if agent else "AGENT"
        hint(f"No schedules yet. `lamplighter schedule add {whose} --cron '0 9 * * 1-5'` makes one.")


@app.command()
def show(agent: AgentWord, schedule: ScheduleWord, json: Json = False) -> None:
    """Show all settings of a schedule."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        if json:
            as_json(found)
            return
        title(f"{owner['name']} › {found['name']}")
        facts(_timing(found) + settings_of(client, found) + _dates(found))
    _warn(found)


@app.command()
@takes(ScheduleOptions)
def preview(
    options: ScheduleOptions,
    count: Annotated[int, typer.Option("--count", "-n", help="How many fires.")] = 5,
    after: Annotated[
        str | None, typer.Option(metavar="TIME", help="From when on; now when not said.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show when a schedule with these options would fire. Nothing is stored."""
    if not options.trigger_given():
        raise InvalidInput.of("", _NEEDS_TRIGGER)
    body: dict[str, Any] = {**options.timing(), "count": count}
    if after is not None:
        body["after"] = parse_moment(
            after, zone_of(options.timezone or "UTC"), SystemClock().now(), "--after"
        )
    with connect() as client:
        planned = client.preview(body)
    if json:
        as_json(planned)
        return
    _show_preview(planned)


def _show_preview(planned: Preview) -> None:
    title(planned["localSchedule"])
    noted = any(fire["note"] for fire in planned["fires"])
    columns = ["LOCAL TIME", "OFFSET", "UTC", *(["NOTE"] if noted else [])]
    table(columns, [_planned(fire)[: len(columns)] for fire in planned["fires"]], wraps=["NOTE"])
    if not planned["fires"]:
        hint("It would never fire.")


def _planned(fire: PlannedFire) -> list[str]:
    local = datetime.fromisoformat(fire["localTime"])
    moment = read(fire["time"])
    utc = moment.strftime("%Y-%m-%d %H:%M" + (":%S" if moment.second else ""))
    shape = "%a %Y-%m-%d %H:%M" + (":%S" if local.second else "")
    return [local.strftime(shape), fire["utcOffset"], utc, fire["note"] or ""]


@app.command()
def enable(agent: AgentWord, schedule: ScheduleWord) -> None:
    """Let a schedule fire again, from now on."""
    _switch(agent, schedule, on=True)


@app.command()
def disable(agent: AgentWord, schedule: ScheduleWord) -> None:
    """Keep a schedule from firing."""
    _switch(agent, schedule, on=False)


def _switch(agent: str, schedule: str, *, on: bool) -> None:
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        client.switch_schedule(owner["id"], found["id"], on=on)
        found = client.schedule(owner["id"], found["id"])
    say(f"Schedule {found['id']} of {owner['name']} ({found['name']}) is {'enabled' if on else 'disabled'}.")
    if on:
        say(f"Next fire: {_next(found)}")


@app.command()
def delete(agent: AgentWord, schedule: ScheduleWord, yes: Yes = False) -> None:
    """Take a schedule away; its runs stay."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        confirm(f"Delete schedule {found['id']} of {owner['name']} ({found['name']})?", yes=yes)
        client.delete_schedule(owner["id"], found["id"])
    say(f"Schedule {found['id']} of {owner['name']} ({found['name']}) is deleted.")


@app.command()
def run(agent: AgentWord, schedule: ScheduleWord, json: Json = False) -> None:
    """Start the agent now, with the schedule's settings.

    The due times of the schedule stay as they are.
    """
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        started = client.run_schedule(owner["id"], found["id"])
        state = state_of(client, started)
    if json:
        as_json(started)
        return
    say(f"Run {started['id']} of {owner['name']} with the settings of {found['name']}: {state}")
    hint(f"`lamplighter run logs {quoted(owner['name'])} {started['id']} --follow` shows its log")


app.command()(why)
app.command()(compare)
app.command()(upcoming)


def _warn(s: Schedule, before: str = "") -> None:
    """Say what will keep the schedule's runs from starting."""
    for warning in s["warnings"]:
        hint(f"Warning: {before}{warning}")


def _next(s: Schedule, *, brief: bool = False) -> str:
    """When it fires next, or why it does not."""
    if s["problem"]:
        return f"cannot be evaluated: {s['problem']}"
    if not s["isEnabled"]:
        return "disabled"
    if s["nextRunTime"] is None:
        return "by hand only" if s["scheduleType"] == _NO_TRIGGER else "finished"
    moment = read(s["nextRunTime"])
    text = shown(s["nextRunTime"], zone_of(s["timezone"])) + (" (in shadow)" if s["isShadow"] else "")
    return text if brief else f"{text}, {distance(moment, SystemClock().now())}"


def _timing(s: Schedule) -> list[tuple[str, Any]]:
    zone = zone_of(s["timezone"])
    return [
        ("Id", s["id"]),
        ("When", s["localSchedule"]),
        ("Cron", s["cronExpression"]),
        ("Timezone", s["timezone"]),
        ("Next fire", _next(s)),
        ("Start", shown(s["startTime"], zone)),
        ("End", shown(s["endTime"], zone)),
        ("Excluded days", ", ".join(s["excludedDates"])),
        ("Jitter", exactly(s["jitterSeconds"]) if s["jitterSeconds"] else None),
        ("Missed fires", f"{s['catchUp']}, within {exactly(s['catchUpWindowSeconds'])}"),
        ("Clock changes", f"gap {s['dstGap']}, overlap {s['dstOverlap']}"),
    ]


def _dates(s: Schedule) -> list[tuple[str, Any]]:
    zone = zone_of(s["timezone"])
    return [("Created", shown(s["created"], zone)), ("Changed", shown(s["updated"], zone))]
