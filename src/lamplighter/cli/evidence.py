"""``lamplighter run evidence``: why a run failed, on one screen."""

from typing import Annotated, Any

import typer

from lamplighter.cli.output import as_json, counted, facts, hint, say, size, table, title
from lamplighter.cli.session import AgentWord, Json, RunNumber, connect, quoted, the_agent, the_run
from lamplighter.client import Agent, ApiError, Client
from lamplighter.client.evidence import Change, Evidence, Frame, RaisedException
from lamplighter.errors import NotFound

_FAILURE = 6
_LAST_LINES = 10
_MOST_EXCEPTIONS = 3
_MOST_FRAMES = 3
_MOST_CHANGES = 8


def evidence(
    agent: AgentWord,
    run: RunNumber = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Which attempt; the newest when not said.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show what explains why a run failed.

    Without RUN it is the newest failed run that has evidence. --json gives all of it: whole tracebacks, the
    last 100 lines.
    """
    with connect() as client:
        owner = the_agent(client, agent)
        if run is None:
            kept = _of_newest_failure(client, owner, attempt)
        else:
            kept = client.evidence(owner["id"], the_run(client, owner, run)["id"], attempt)
    if json:
        as_json(kept)
        return
    title(f"{kept['agentName']} › run {kept['runId']}, attempt {kept['attempt']}")
    facts(_facts(kept))
    for raised in kept["exceptions"][:_MOST_EXCEPTIONS]:
        _tell_exception(raised)
    _tell_difference(kept)
    say("\nLast lines of the log:")
    for line in kept["lastLines"][-_LAST_LINES:]:
        say(f"  {line}")
    if kept["page"]:
        command = f"lamplighter run download {quoted(kept['agentName'])} {kept['runId']}"
        hint(f"\n`{command} --file {quoted('evidence/' + kept['page'])}` gets the page")


def evidence_of(client: Client, agent: int, run: int, attempt: int | None = None) -> Evidence | None:
    """The evidence of a run; None when there is none."""
    try:
        return client.evidence(agent, run, attempt)
    except ApiError as problem:
        if problem.status == 404:
            return None
        raise


def _of_newest_failure(client: Client, agent: Agent, attempt: int | None) -> Evidence:
    failed = [run for run in client.runs(agent["id"], 1000) if run["status"] == _FAILURE]
    for run in failed:
        kept = evidence_of(client, agent["id"], run["id"], attempt)
        if kept is not None:
            return kept
    if failed:
        log = f"`lamplighter run logs {quoted(agent['name'])} {failed[0]['id']}` shows the log of the newest"
        raise NotFound(f"no failed run of the agent has evidence; {log}")
    raise NotFound("the agent has no run in Failure; name the run, and --attempt, for one that was retried")


def _facts(kept: Evidence) -> list[tuple[str, Any]]:
    end, good = kept["exit"], kept["lastGood"]
    memory = None if end["peakMemory"] is None else size(end["peakMemory"])
    if end["outOfMemory"]:
        memory = f"{memory}: it had not enough" if memory else "it had not enough"
    before = "" if good is None else f"; the last good run, {good['runId']}, had {good['agentVersion']}"
    return [
        ("Message", kept["message"]),
        ("Process", end["text"]),
        ("Memory", memory),
        ("Agent version", f"{kept['agentVersion']}{before}"),
        ("HTTP status", _counts(kept["statusCodes"])),
        ("Exceptions", _counts(kept["exceptionTypes"])),
        ("Page", kept["page"]),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _tell_exception(raised: RaisedException) -> None:
    times = f" ({counted(raised['count'], 'time')})" if raised["count"] > 1 else ""
    say(f"\n{raised['type']}: {raised['message']}{times}")
    if raised["url"]:
        say(f"  at {raised['url']}")
    for number, frame in enumerate(raised["traceback"][:_MOST_FRAMES]):
        _tell_frame(frame, with_source=number == 0)


def _tell_frame(frame: Frame, *, with_source: bool) -> None:
    function = f", in {frame['function']}" if frame["function"] else ""
    say(f"  {frame['file']}, line {frame['line']}{function}")
    for line in frame["source"] if with_source else ():
        mark = ">" if line["line"] == frame["line"] else " "
        say(f"  {mark} {line['line']:5} {line['text']}")


def _tell_difference(kept: Evidence) -> None:
    difference, good = kept["difference"], kept["lastGood"]
    if difference is None or good is None:
        return
    say(f"\nCompared with run {good['runId']}, the last good one:")
    records = difference["records"]
    rows = [["records", f"{records['then']:,}", f"{records['now']:,}"]]
    rows += [
        [f"filled: {field['name']}", f"{field['then']:.0%}", f"{field['now']:.0%}"]
        for field in difference["fields"][:_MOST_CHANGES]
    ]
    rows += [_row(change) for change in difference["stats"][:_MOST_CHANGES]]
    table(["", "THEN>", "NOW>"], rows, wraps=[""])


def _row(change: Change) -> list[str]:
    return [change["name"], f"{change['then']:,.10g}", f"{change['now']:,.10g}"]
