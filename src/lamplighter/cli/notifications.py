"""``lamplighter notify …``"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, facts, fail, hint, say, table
from lamplighter.cli.secrets import secret_value
from lamplighter.cli.session import (
    Json,
    Yes,
    confirm,
    connect,
    keep_said,
    the_agent,
    the_schedule,
)
from lamplighter.cli.times import lasting, parse_seconds, shown
from lamplighter.client import Client
from lamplighter.client.notifications import Notification, NotificationMessage
from lamplighter.errors import InvalidInput, NotFound

app = typer.Typer()

NotificationWord = Annotated[
    str, typer.Argument(metavar="NOTIFICATION", help="Id or name, as `notify list` shows it.")
]
_EVENTS = "failure, recovery, didNotRun or volumeDrop"


On = Annotated[list[str] | None, option("--on", metavar="EVENT", help=f"{_EVENTS}; may be repeated.")]
To = Annotated[
    list[str] | None,
    option(
        "--to", metavar="URL", help="Where to: webhook+https://… or an address of Apprise; may be repeated."
    ),
]
From = Annotated[
    str | None,
    option("--from", metavar="FILE", help="Read the addresses from a file, one a line, or from -."),
]
OfAgent = Annotated[str | None, option("--agent", metavar="AGENT", help="Only of this agent.")]
OfSchedule = Annotated[
    str | None, option("--schedule", metavar="SCHEDULE", help="Only of this schedule of the agent.")
]
Within = Annotated[
    str | None,
    option("--within", metavar="TIME", help="didNotRun: begun so long after the due time. Default: 1h."),
]
Quiet = Annotated[
    str | None,
    option(
        "--quiet", metavar="TIME", help="One message about the same in this time; 0 for all. Default: 10m."
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    on: On = None,
    to: To = None,
    source: From = None,
    agent: OfAgent = None,
    schedule: OfSchedule = None,
    within: Within = None,
    quiet: Quiet = None,
    json: Json = False,
) -> None:
    """Tell somebody: of one schedule, of one agent, or of all of them.

    \b
    failure     a run failed for good: no retry follows
    recovery    the first good run after that
    didNotRun   no run had begun in time after a due time
    volumeDrop  a run ended well, but with far less than usual
    """
    to = _addresses(to, source)
    if not on or not to:
        raise InvalidInput.of("--to" if on else "--on", f"is needed: {'an address' if on else _EVENTS}")
    with connect() as client:
        made = client.notifications.create(
            {"name": name, **_body(client, on, to, agent, schedule, within, quiet)}
        )
    _tell(made, json=json)
    if not json:
        hint(f"`lamplighter notify test {made['id']}` sends a test message.")


@app.command()
def edit(
    notification: NotificationWord,
    name: Annotated[str | None, option("--name", help="Its new name.")] = None,
    on: On = None,
    to: To = None,
    source: From = None,
    agent: OfAgent = None,
    schedule: OfSchedule = None,
    within: Within = None,
    quiet: Quiet = None,
    enabled: Annotated[bool | None, option("--enable/--disable", help="Switch it on or off.")] = None,
    json: Json = False,
) -> None:
    """Change a notification; what is not given stays. --on and --to replace all that there were."""
    with connect() as client:
        found = _named(client, notification)
        body = _body(client, on, _addresses(to, source), agent, schedule, within, quiet)
        changed = client.notifications.update(
            found["id"], {**body, **keep_said(name=name, isEnabled=enabled)}
        )
    _tell(changed, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the notifications."""
    with connect() as client:
        found = client.notifications.every()
    if json:
        as_json(found)
        return
    rows = [
        [n["id"], n["name"], ", ".join(n["events"]), _about(n), ", ".join(n["targets"]), _state(n)]
        for n in found
    ]
    table(["ID>", "NAME", "ON", "OF", "TO", "STATE"], rows, wraps=["NAME", "ON", "OF", "TO"])
    if not found:
        hint("Nobody is told of anything yet. `lamplighter notify add --help` says how.")


@app.command()
def show(notification: NotificationWord, json: Json = False) -> None:
    """Show a notification and its newest messages."""
    with connect() as client:
        found = _named(client, notification)
        messages = client.notifications.messages(found["id"], 20)
    if json:
        as_json({**found, "messages": messages})
        return
    facts(
        [
            ("Id", found["id"]),
            ("Name", found["name"]),
            ("On", ", ".join(found["events"])),
            ("Of", _about(found)),
            ("To", ", ".join(found["targets"])),
            ("State", _state(found)),
            *([("Did not run within", lasting(found["withinSeconds"]))] if _watches(found) else []),
            ("Quiet for", lasting(found["quietSeconds"]) if found["quietSeconds"] else "never"),
            ("Created", shown(found["created"])),
            ("Changed", shown(found["updated"])),
        ]
    )
    _show_messages(messages)


@app.command()
def rotate(
    notification: NotificationWord,
    target: Annotated[
        int | None, option("--target", help="Its number among the targets, from 1, if several are signed.")
    ] = None,
    overlap: Annotated[
        str | None,
        option("--overlap", metavar="TIME", help="So long the old secret signs too; or 0. Default: 24h."),
    ] = None,
    source: Annotated[
        str | None, option("--from", metavar="FILE", help="Take the secret from a file, or from -.")
    ] = None,
    json: Json = False,
) -> None:
    """Give the receiver at a webhook+https target another secret, and print it."""
    seconds = None if overlap is None else _seconds_or_0(overlap, "--overlap")
    secret = None if source is None else secret_value("secret", source)
    with connect() as client:
        found = _named(client, notification)
        said = keep_said(target=target, overlapSeconds=seconds, secret=secret)
        changed = client.notifications.rotate(found["id"], said)
    _tell(changed, json=json)


@app.command("test")
def try_(notification: NotificationWord, json: Json = False) -> None:
    """Send a test message to each target now; status 1 if one could not be reached."""
    with connect() as client:
        found = _named(client, notification)
        result = client.notifications.test(found["id"])
    if json:
        as_json(result)
    elif result["delivered"]:
        say("The test message was delivered.")
    else:
        fail(f"not delivered: {result['error']}")
    if not result["delivered"]:
        raise typer.Exit(1)


@app.command()
def remove(notification: NotificationWord, yes: Yes = False) -> None:
    """Take a notification away, with what it has not sent yet."""
    with connect() as client:
        found = _named(client, notification)
        confirm(f"Remove notification {found['id']} ({found['name']})?", yes=yes)
        client.notifications.delete(found["id"])
    say(f"Notification {found['id']} ({found['name']}) is removed.")


def _show_messages(messages: list[NotificationMessage]) -> None:
    if not messages:
        return
    rows = [
        [
            m["id"],
            shown(m["created"]),
            m["event"],
            m["target"],
            shown(m["sent"]),
            m["tries"],
            m["title"],
            m["error"],
        ]
        for m in messages
    ]
    say()
    columns = ["ID>", "CREATED", "EVENT", "TO", "SENT", "TRIES>", "TITLE", "ERROR"]
    table(columns, rows, wraps=["TITLE", "ERROR"])


def _body(
    client: Client,
    on: list[str] | None,
    to: list[str] | None,
    agent: str | None,
    schedule: str | None,
    within: str | None,
    quiet: str | None,
) -> dict[str, Any]:
    """What was given, as the API names it."""
    if schedule is not None and agent is None:
        raise InvalidInput.of("--agent", "is needed with --schedule: it says whose schedule")
    owner = None if agent is None else the_agent(client, agent)
    found = None if owner is None or schedule is None else the_schedule(client, owner, schedule)
    return keep_said(
        events=on or None,
        targets=to or None,
        agentId=owner and owner["id"],
        scheduleId=found and found["id"],
        withinSeconds=None if within is None else parse_seconds(within, "--within"),
        quietSeconds=None if quiet is None else _seconds_or_0(quiet, "--quiet"),
    )


def _addresses(to: list[str] | None, source: str | None) -> list[str]:
    """What was given and what was read; an address with a password in it is better not an argument."""
    if source is None:
        return to or []
    text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8")
    return [*(to or []), *(line.strip() for line in text.splitlines() if line.strip())]


def _seconds_or_0(text: str, field: str) -> int:
    return 0 if text.strip() == "0" else parse_seconds(text, field)


def _named(client: Client, word: str) -> Notification:
    found = [n for n in client.notifications.every() if word in (str(n["id"]), n["name"])]
    if not found:
        raise NotFound(f"there is no notification {word!r}; `lamplighter notify list` shows what there is")
    if len(found) > 1:
        ids = ", ".join(str(n["id"]) for n in found)
        raise InvalidInput.of("", f"{word!r} may be any of {ids}: write the id")
    return found[0]


def _tell(notification: Notification, *, json: bool) -> None:
    if json:
        as_json(notification)
        return
    say(
        f"Notification {notification['id']} ({notification['name']}): {', '.join(notification['events'])}"
        f" of {_about(notification)} to {', '.join(notification['targets'])}"
    )
    for new in notification["newSecrets"]:
        say(f"Secret of target {new['target']} ({new['shown']}), not shown again: {new['secret']}")


def _about(notification: Notification) -> str:
    if notification["agentId"] is None:
        return "all agents"
    agent = f"{notification['agentName']} (agent {notification['agentId']})"
    if notification["scheduleId"] is None:
        return agent
    return f"{notification['scheduleName']} (schedule {notification['scheduleId']}) of {agent}"


def _watches(notification: Notification) -> bool:
    return "didNotRun" in notification["events"]


def _state(notification: Notification) -> str:
    return "enabled" if notification["isEnabled"] else "disabled"
