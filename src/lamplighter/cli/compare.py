"""``lamplighter schedule compare``: a schedule's ledger beside the times at which another system ran the job."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lamplighter.cli.move_in.old_times import read_times
from lamplighter.cli.move_in.sequentum import run_times
from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, counted, hint, say, table, title
from lamplighter.cli.session import AgentWord, Json, ScheduleWord, connect, keep_said, the_agent, the_schedule
from lamplighter.cli.times import iso, parse, parse_seconds, read, shown_moment, zone_of
from lamplighter.client import Client, Schedule
from lamplighter.client.schedules import Comparison
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput

_MOST_TIMES = 10_000
TheirKey = Annotated[
    str | None,
    option("--key", envvar="SEQUENTUM_API_KEY", show_envvar=True, help="An API key of the other server."),
]


def compare(
    agent: AgentWord,
    schedule: ScheduleWord,
    times: Annotated[
        str | None,
        option("--times", metavar="FILE", help="Times, one a line, or a log with lines of cron; - reads it."),
    ] = None,
    command: Annotated[
        str | None,
        option("--command", metavar="TEXT", help="Which lines of cron: those with this in the command."),
    ] = None,
    timezone: Annotated[
        str | None, option("--timezone", "--tz", help="Of times without an offset. Default: the schedule's.")
    ] = None,
    server: Annotated[
        str | None, option("--server", metavar="URL", help="The runs of a Sequentum-compatible server.")
    ] = None,
    key: TheirKey = None,
    their_agent: Annotated[
        str | None, option("--their-agent", metavar="NAME", help="Its name there. Default: as here.")
    ] = None,
    their_schedule: Annotated[
        str | None, option("--their-schedule", metavar="NAME", help="Its name there. Default: as here.")
    ] = None,
    tolerance: Annotated[
        str,
        typer.Option("--tolerance", metavar="TIME", help="How far apart the same times may be, at most 1h."),
    ] = "60s",
    since: Annotated[
        str | None, option("--since", metavar="TIME", help="From when on. Default: their first time.")
    ] = None,
    until: Annotated[
        str | None, option("--until", metavar="TIME", help="Until when. Default: their last time.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare what was due with what another system ran.

    Their times come from a FILE or from a server. Of ours count the due times that ran and, in shadow, those that
    would have run, as far as the schedule goes back. The exit status is 1 when they are not the same.
    """
    if (times is None) == (server is None):
        raise InvalidInput.of("", "say where their times are: --times FILE or --server URL")
    now = SystemClock().now()
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_schedule(client, owner, schedule)
        zone = zone_of(timezone or found["timezone"])
        if server is not None:
            with Client(server, key) as other:
                theirs = run_times(other, their_agent or owner["name"], their_schedule or found["name"])
        else:
            theirs = read_times(_text(times or ""), zone, now, command)
        if len(theirs) > _MOST_TIMES:
            hint(f"Of {len(theirs)} times the last {_MOST_TIMES} are compared.")
        body: dict[str, Any] = {
            "times": theirs[-_MOST_TIMES:],
            "toleranceSeconds": parse_seconds(tolerance, "--tolerance"),
        } | keep_said(
            startDate=None if since is None else iso(parse(since, zone, now, "--since")[0].begin),
            endDate=None if until is None else iso(parse(until, zone, now, "--until")[-1].end),
        )
        compared = client.compare_schedule(owner["id"], found["id"], body)
    if json:
        as_json(compared)
    else:
        title(f"{owner['name']} › {found['name']}: {found['localSchedule']}")
        _show(compared, found)
    if not compared["isSame"]:
        raise typer.Exit(1)


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    return Path(name).expanduser().read_text(encoding="utf-8", errors="replace")


def _show(compared: Comparison, s: Schedule) -> None:
    zone = zone_of(s["timezone"])

    def at(text: str) -> str:
        return shown_moment(read(text), zone, seconds=True)

    same, ours, theirs = compared["both"], compared["onlyOurs"], compared["onlyTheirs"]
    rows = sorted(
        [
            *((one["dueTime"], "only ours", one["reason"]) for one in ours),
            *((one["theirTime"], "only theirs", one["reason"] or "no due time of ours") for one in theirs),
        ],
        key=lambda row: read(row[0]),
    )
    if rows:
        cells = [[at(time), whose, reason] for time, whose, reason in rows]
        table(["TIME", "WHOSE", "REASON"], cells, wraps=["REASON"])
    period = f"from {at(compared['startDate'])} to {at(compared['endDate'])}"
    both = f"{counted(len(same), 'time')} the same{_apart(compared)}"
    say(f"{both}, {len(ours)} only ours, {len(theirs)} only theirs, {period}")
    if compared["outside"]:
        many = counted(compared["outside"], "time")
        hint(f"{many} of theirs lie outside of what the ledger has of this period, and do not count.")
    if not same and not rows:
        hint("There was nothing to compare: neither has a time in this period.")


def _apart(compared: Comparison) -> str:
    """How far apart the times are that are the same."""
    seconds = [round(one["differenceSeconds"], 1) for one in compared["both"]]
    if not seconds:
        return ""
    return f" (theirs {min(seconds):+g} to {max(seconds):+g} seconds)"
