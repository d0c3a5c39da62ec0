"""``lamplighter run …``"""

import sys
from typing import Annotated, Any

import typer

from lamplighter.cli.diagnose import diagnose
from lamplighter.cli.download import download
from lamplighter.cli.evidence import evidence
from lamplighter.cli.follow import follow, wait_for
from lamplighter.cli.options import RunOptions, takes
from lamplighter.cli.output import (
    as_json,
    clean,
    counted,
    facts,
    hint,
    on_terminal,
    say,
    size,
    status_name,
    table,
    terminal_width,
    title,
    warn,
)
from lamplighter.cli.records import records
from lamplighter.cli.session import (
    AgentWord,
    Json,
    RunNumber,
    Yes,
    confirm,
    connect,
    quoted,
    the_agent,
    the_run,
)
from lamplighter.cli.settings import settings_of, state_of
from lamplighter.cli.times import clock_time, shown
from lamplighter.client import ENDED, SUCCEEDED, Agent, Client, Run

app = typer.Typer()
app.command()(records)
app.command()(download)
app.command()(evidence)
app.command()(diagnose)
_FAILURE = 6


@app.command()
@takes(RunOptions)
def start(
    agent: AgentWord,
    options: RunOptions,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Wait for the end; status 1 if it is not good.")
    ] = False,
    follow_log: Annotated[bool, typer.Option("--follow", "-f", help="Show the log, and wait.")] = False,
    json: Json = False,
) -> None:
    """Start an agent now.

    With --wait or --follow the exit status is 0 only when every run of the start ended as Success or Completed.
    """
    with connect() as client:
        owner = the_agent(client, agent)
        first = client.start(owner["id"], options.settings(client))
        runs = _whole_set(client, owner, first)
        if not (wait or follow_log):
            _tell_started(client, owner, runs, json=json)
            return
        for run in runs:
            wait_for(client, owner, run, show=follow_log)
        runs = [client.run(owner["id"], run["id"]) for run in runs]
        if json:
            as_json(runs[0] if len(runs) == 1 else runs)
        else:
            for run in runs:
                _tell_end(owner, run)
    if any(run["status"] not in SUCCEEDED for run in runs):
        raise typer.Exit(1)


def _whole_set(client: Client, owner: Agent, first: Run) -> list[Run]:
    if first["parallelism"] == 1:
        return [first]
    newest = client.runs(owner["id"], 1000)
    return sorted(
        (r for r in newest if r["parallelSet"] == first["parallelSet"]), key=lambda r: r["sequence"]
    )


def _tell_started(client: Client, owner: Agent, runs: list[Run], *, json: bool) -> None:
    if json:
        as_json(runs[0])
        return
    for run in runs:
        say(f"Run {run['id']} of {owner['name']}: {state_of(client, run)}")
    hint(f"`lamplighter run logs {quoted(owner['name'])} {runs[0]['id']} --follow` shows its log")


def _tell_end(owner: Agent, run: Run) -> None:
    message = f": {run['message']}" if run["message"] else ""
    say(f"Run {run['id']} of {owner['name']} ended as {status_name(run['status'])}{message}")
    for warning in run["warnings"]:
        warn(warning)
    name = quoted(owner["name"])
    records = max(run["dataCount"], run["exportCount"])  # its own, or with those of the rest of its set
    if run["status"] in SUCCEEDED and records:
        hint(f"`lamplighter run records {name} {run['id']}` shows {counted(records, 'record')}")
    elif run["status"] not in SUCCEEDED:
        _hint_at_reason(run)


def _hint_at_reason(run: Run) -> None:
    """Where to look for why a run did not end well."""
    name = quoted(run["configName"])
    if run["status"] == _FAILURE:
        hint(f"`lamplighter run diagnose {name} {run['id']}` says why, and what to do about it")
    else:
        hint(f"`lamplighter run logs {name} {run['id']}` shows its log")


@app.command("list")
def list_(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="Id or name; all agents when left out.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, newest first.")
    ] = 20,
    json: Json = False,
) -> None:
    """Show the runs of an agent, or of all, newest first."""
    with connect() as client:
        owners = client.agents() if agent is None else [the_agent(client, agent)]
        ran = [owner for owner in owners if owner["status"] is not None]
        found = [run for owner in ran for run in client.runs(owner["id"], limit)]
    runs = sorted(found, key=lambda run: run["id"], reverse=True)[:limit]
    if json:
        as_json(runs)
        return
    columns = ["RUN>", "STATUS", "STARTED", "TOOK>", "RECORDS>", "ERRORS>", "MESSAGE"]
    rows = [_row(run) for run in runs]
    if on_terminal() and terminal_width() < 100:  # the message says more than the number of errors
        columns.remove("ERRORS>")
        rows = [[*row[:5], row[6]] for row in rows]
    if agent is None:
        columns.insert(1, "AGENT")
        rows = [[row[0], run["configName"], *row[1:]] for run, row in zip(runs, rows, strict=True)]
    table(columns, rows, wraps=["AGENT", "MESSAGE"])
    name = quoted(owners[0]["name"]) if agent else "AGENT"
    if any(run["warnings"] for run in runs):
        hint(f"! It ended well, but with a warning: `lamplighter run status {name} RUN` tells it.")
    if not runs:
        hint(f"No runs yet. `lamplighter run start {name} --follow` starts one.")


def _row(run: Run) -> list[Any]:
    took = clock_time(run["runTimeSec"]) if run["startTime"] else ""
    began = shown(run["startTime"], seconds=not on_terminal()) or "–"
    name = status_name(run["status"], warns=bool(run["warnings"]))
    return [run["id"], name, began, took, run["dataCount"], run["errorCount"], run["message"] or ""]


@app.command()
def status(agent: AgentWord, run: RunNumber = None, json: Json = False) -> None:
    """Show how a run is or was."""
    with connect() as client:
        found = the_run(client, the_agent(client, agent), run)
        if json:
            as_json(found)
            return
        title(f"{found['configName']} › run {found['id']}")
        facts(_facts(found) + settings_of(client, found))
        if found["status"] == _FAILURE:
            _hint_at_reason(found)


def _facts(run: Run) -> list[tuple[str, Any]]:
    part = f"{run['sequence']} of {run['parallelism']}" if run["parallelism"] > 1 else None
    return [
        ("Status", status_name(run["status"], warns=bool(run["warnings"]))),
        ("Message", run["message"]),
        *(("Warning", warning) for warning in run["warnings"]),
        ("Started by", run["startedBy"]),
        ("Schedule", run["scheduleId"]),
        ("Due", shown(run["scheduledTime"])),
        ("Created", shown(run["created"], seconds=True)),
        ("Started", shown(run["startTime"], seconds=True)),
        ("Ended", shown(run["endTime"], seconds=True)),
        ("Took", clock_time(run["runTimeSec"]) if run["startTime"] else None),
        ("Attempt", run["attempt"] if run["attempt"] > 1 else None),
        ("Retries", run["retries"] or None),
        ("Part", part),
        ("Agent version", run["configVersion"]),
        ("Server", run["serverName"]),
        ("Records", f"{run['dataCount']}, exported {run['exportCount']}"),
        ("Errors", run["errorCount"]),
        ("Pages", run["pageCount"]),
        ("Requests", run["requestCount"]),
        ("Traffic", size(run["traffic"])),
    ]


@app.command()
def logs(
    agent: AgentWord,
    run: RunNumber = None,
    follow_log: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Which attempt; the newest when not said.", show_default=False)
    ] = None,
) -> None:
    """Print the log of a run.

    With --follow, Ctrl-C ends the watching only: the run goes on.
    """
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        if follow_log and attempt is None:
            follow(client, owner, found)
            return
        steered = on_terminal()
        for piece in client.log(owner["id"], found["id"], attempt):
            sys.stdout.write(clean(piece) if steered else piece)
    if found["status"] not in ENDED:
        hint(f"Run {found['id']} goes on; --follow shows more.")


@app.command()
def stop(agent: AgentWord, run: RunNumber = None) -> None:
    """Ask a run to end gracefully."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        client.stop_run(owner["id"], found["id"])
        now = client.run(owner["id"], found["id"])
    say(f"Run {found['id']} of {owner['name']} is asked to stop: {status_name(now['status'])}")


@app.command()
def kill(agent: AgentWord, run: RunNumber = None) -> None:
    """Stop a run; a second time, end it at once."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        client.kill_run(owner["id"], found["id"])
        now = client.run(owner["id"], found["id"])
    say(f"Run {found['id']} of {owner['name']} is being ended: {status_name(now['status'])}")


@app.command()
def restart(agent: AgentWord, run: RunNumber = None, json: Json = False) -> None:
    """Try a run in Failure again, in place, with the same input."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        again = client.restart_run(owner["id"], found["id"])
    if json:
        as_json(again)
        return
    say(f"Run {again['id']} of {owner['name']} is tried again: {status_name(again['status'])}")


@app.command()
def delete(agent: AgentWord, run: RunNumber = None, yes: Yes = False) -> None:
    """Remove an ended run with its log, records and files."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        confirm(f"Remove run {found['id']} of {owner['name']} with all its files?", yes=yes)
        client.delete_run(owner["id"], found["id"])
    say(f"Run {found['id']} of {owner['name']} is removed.")


@app.command()
def files(agent: AgentWord, run: RunNumber = None, json: Json = False) -> None:
    """List the files that a run left."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        left = client.files(owner["id"], found["id"])
    if json:
        as_json(left)
        return
    rows = [[f["id"], f["name"], f["fileType"], size(f["fileSize"]), shown(f["created"])] for f in left]
    table(["ID>", "NAME", "TYPE", "SIZE>", "CREATED"], rows)
    if not left:
        hint(f"Run {found['id']} ({status_name(found['status'])}) has no files.")
