"""``lamplighter schedule upcoming``"""

from typing import Annotated

import typer

from lamplighter.cli.output import as_json, hint, table
from lamplighter.cli.ranges import Since, Until, dates
from lamplighter.cli.session import Json, connect
from lamplighter.cli.times import shown, zone_of

_MOST = 9999  # one more is asked for, to know whether there is more


def upcoming(
    since: Since = None,
    until: Until = None,
    each: Annotated[
        bool, typer.Option("--each", help="A line for each fire, not for each schedule.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_MOST, help="How many, the earliest first.")
    ] = 20,
    json: Json = False,
) -> None:
    """Show what fires next, over all agents.

    In the next 7 days when nothing else is said. A schedule is there when its next fire lies in the range, with
    the number of its fires in it.
    """
    with connect() as client:
        asked = dates(since, until) | ({"expand": True} if each else {})
        found = client.analytics.upcoming(**asked, maxRecords=limit + 1)
    there_is_more = len(found) > limit
    found = found[:limit]
    if json:
        as_json(found)
        return
    columns = ["NEXT FIRE", "AGENT", "ID>", "SCHEDULE"] + ([] if each else ["FIRES>"])
    rows = [
        [
            shown(one["nextRunTime"], zone_of(one["timezone"])),
            one["agentName"],
            one["scheduleId"],
            one["scheduleName"],
            one["occurrenceCount"],
        ][: len(columns)]
        for one in found
    ]
    table(columns, rows, wraps=["AGENT", "SCHEDULE"])
    if there_is_more:
        hint(f"These are the first {limit}. --limit shows more, --until narrows it.")
    if not found:
        hint("Nothing fires in this time. `lamplighter schedule list` shows what there is.")
