"""``lamplighter summary …``"""

from typing import Annotated

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, facts, hint, status_name, table, title
from lamplighter.cli.ranges import Since, Until, dates, shown_range
from lamplighter.cli.session import Json, connect, keep_said, the_agent
from lamplighter.cli.times import shown

app = typer.Typer()
_SHOWN = 20


@app.command()
def runs(
    since: Since = None,
    until: Until = None,
    status: Annotated[
        str | None,
        option(
            "--status",
            help="Only runs of this kind: Completed, CompletedWithErrors, Failed, Running, Queued, Stopped or"
            " Skipped, or any other status.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show how many runs ended how, and the newest that failed; of today (UTC) when no range is said."""
    with connect() as client:
        found = client.analytics.runs_summary(**dates(since, until), **keep_said(status=status))
    if json:
        as_json(found)
        return
    facts(
        [
            ("Created", shown_range(found["startDate"], found["endDate"])),
            ("Runs", found["totalRuns"]),
            ("Completed", found["completedRuns"]),
            ("With errors", found["completedWithErrorsRuns"]),
            ("Failed", found["failedRuns"]),
            ("Running", found["runningRuns"]),
            ("Queued", found["queuedRuns"]),
            ("Stopped", found["stoppedRuns"]),
            ("Skipped", found["skippedRuns"]),
        ]
    )
    failed = found["failedRunDetails"] or []
    if not failed:
        return
    title("\nFailed")
    rows = [
        [
            run["runId"],
            run["agentName"],
            status_name(run["status"]),
            shown(run["endTime"]),
            run["errorMessage"],
        ]
        for run in failed[:_SHOWN]
    ]
    table(["RUN>", "AGENT", "STATUS", "ENDED", "WHY"], rows, wraps=["AGENT", "WHY"])
    if len(failed) > _SHOWN:
        hint(f"These are the newest {_SHOWN} that failed; --json has more of them.")


@app.command()
def records(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="Id or name; all agents when left out.")
    ] = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Show how much was extracted and exported; by the runs of today (UTC) when no range is said."""
    with connect() as client:
        owner = None if agent is None else the_agent(client, agent)
        asked = dates(since, until) | keep_said(agentId=None if owner is None else owner["id"])
        found = client.analytics.records_summary(**asked)
    if json:
        as_json(found)
        return
    facts(
        [
            ("Agent", None if owner is None else owner["name"]),
            ("Created", shown_range(found["startDate"], found["endDate"])),
            ("Runs", found["runCount"]),
            ("Extracted", found["totalRecordsExtracted"]),
            ("Exported", found["totalRecordsExported"]),
            ("Errors", found["totalErrors"]),
            ("Pages", found["totalPageLoads"]),
        ]
    )
