"""``lamplighter import …``: moving in from cron, Scrapyd or a server with the Sequentum API."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lamplighter.cli.compare import TheirKey
from lamplighter.cli.move_in.carrying import Carrier, Row
from lamplighter.cli.move_in.crontab import read_crontab
from lamplighter.cli.move_in.scrapy_project import read_project
from lamplighter.cli.move_in.sequentum import read_server
from lamplighter.cli.move_in.wanted import Found, Note
from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, counted, hint, say, table
from lamplighter.cli.session import InSpace, Json, connect, keep_said, quoted, space_id
from lamplighter.cli.times import local_zone, shown, zone_of
from lamplighter.client import Client
from lamplighter.clock import SystemClock

app = typer.Typer()
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Shadow = Annotated[
    bool,
    typer.Option("--shadow", help="New schedules only note their due times in the ledger; nothing runs."),
]


@app.command()
def crontab(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The crontab; - reads it, as from `crontab -l`.")
    ],
    users: Annotated[
        bool | None,
        option("--users/--no-users", help="Lines name a user. Default: so in /etc/crontab and /etc/cron.d."),
    ] = None,
    timezone: Annotated[
        str | None,
        option("--timezone", "--tz", help="The zone of the machine with cron. Default: that of this one."),
    ] = None,
    space: InSpace = None,
    shadow: Shadow = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make an agent of each command of a crontab, and a schedule of each line.

    Importing again brings what has changed and doubles nothing. A schedule that is here stays enabled or not, and
    in shadow or not, as it is.
    """
    source = "crontab" if file == "-" else f"crontab {Path(file).name}"
    has_users = Path(file).resolve().parent.name == "cron.d" or Path(file).resolve() == Path("/etc/crontab")
    content = sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
    here = local_zone()
    found = read_crontab(
        content.decode("utf-8", "surrogateescape"),
        source=source,
        timezone=timezone or here,
        has_users=has_users if users is None else users,
    )
    if timezone is None and found.agents:
        found.look_at("times", f"are read in the zone of this machine, {here}: --timezone says another one")
    with connect() as client:
        if timezone is not None:  # a mistake in it is told once, before anything is made
            client.preview({"cronExpression": "0 0 * * *", "timezone": timezone})
        _bring(client, found, space, shadow=shadow, dry_run=dry_run, json=json)


@app.command()
def scrapyd(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder with scrapy.cfg.", exists=True, file_okay=False)
    ],
    spider: Annotated[
        list[str] | None, option("--spider", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    python: Annotated[
        Path | None,
        option("--python", metavar="FILE", help="A Python with what the project needs, to list its spiders."),
    ] = None,
    cron: Annotated[
        str | None,
        option("--cron", metavar="TEXT", help="Give every spider this schedule, such as '0 9 * * *'."),
    ] = None,
    timezone: Annotated[
        str | None, option("--timezone", "--tz", help="The zone of --cron. Default: UTC.")
    ] = None,
    space: InSpace = None,
    shadow: Shadow = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make an agent of each spider of a Scrapy project.

    Importing again saves new versions where files have changed, and doubles nothing.
    """
    when = keep_said(cronExpression=cron, timezone=timezone) if cron else None
    found = read_project(folder, spiders=spider or (), python=python, when=when)
    with connect() as client:
        if when is not None:  # a mistake in it is told before anything is made
            client.preview(when)
        _bring(client, found, space, shadow=shadow, dry_run=dry_run, json=json)


@app.command()
def sequentum(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of the server.")],
    key: TheirKey = None,
    agent: Annotated[
        list[str] | None, option("--agent", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    space: InSpace = None,
    shadow: Shadow = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring the agents of a Sequentum-compatible server, with their schedules.

    It does not hand out programs. The schedules of an agent that is here under the same name are given to that; for
    any other a stand-in is made, whose schedules are in shadow until a program is deployed.
    """
    with Client(url, key) as other:
        found = read_server(other, agent or (), SystemClock().now())
    with connect() as client:
        _bring(client, found, space, shadow=shadow, dry_run=dry_run, json=json)


def _bring(
    client: Client, found: Found, space: str | None, *, shadow: bool, dry_run: bool, json: bool
) -> None:
    rows = Carrier(client, found, space_id(client, space), shadow, dry_run).carry()
    lost = [note for note in found.notes if note.is_lost]
    look = [note for note in found.notes if not note.is_lost]
    if json:
        as_json(
            {
                "dryRun": dry_run,
                "carriedOver": [_camel(row) for row in rows],
                "notCarriedOver": [{"where": note.where, "what": note.what} for note in lost],
                "lookAt": [{"where": note.where, "what": note.what} for note in look],
            }
        )
        return
    cells = [[row.agent, row.schedule or "", row.outcome, _next(row)] for row in rows]
    table(["AGENT", "SCHEDULE", "WHAT", "NEXT FIRE"], cells, wraps=["AGENT", "SCHEDULE", "NEXT FIRE"])
    _tell("Not carried over:", lost)
    _tell("Carried over, with a difference:", look)
    _sum_up(rows, dry_run=dry_run)


def _camel(row: Row) -> dict[str, object]:
    names = {
        "agent_id": "agentId",
        "schedule_id": "scheduleId",
        "next": "nextRunTime",
        "is_shadow": "isShadow",
    }
    return {names.get(name, name): value for name, value in asdict(row).items()}


def _next(row: Row) -> str:
    if row.schedule is None:
        return ""
    if row.next is None:
        return "none"
    return shown(row.next, zone_of(row.timezone or "UTC")) + (" (in shadow)" if row.is_shadow else "")


def _tell(heading: str, notes: list[Note]) -> None:
    if notes:
        say()
        say(heading)
    for note in notes:
        say(f"  {note.where}: {note.what}")


def _sum_up(rows: list[Row], *, dry_run: bool) -> None:
    agents, schedules = (
        [row for row in rows if (row.schedule is None) is is_agent] for is_agent in (True, False)
    )
    say()
    many = f"{counted(len(agents), 'agent')} and {counted(len(schedules), 'schedule')}"
    say(f"{many}. Nothing was done: this was a rehearsal." if dry_run else f"{many}.")
    shadowed = next((row for row in schedules if row.is_shadow), None)
    if shadowed is not None and not dry_run:
        names = f"{quoted(shadowed.agent)} {shadowed.schedule_id}"
        hint(f"`lamplighter schedule compare {names} --times FILE` compares it with the old times;")
        hint(f"`lamplighter schedule edit {names} --no-shadow` lets it run.")
