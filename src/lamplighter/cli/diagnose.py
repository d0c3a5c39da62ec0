"""``lamplighter run diagnose``: what may have made a run fail, and what to do about it."""

from typing import Annotated

import typer

from lamplighter.cli.evidence import evidence_of
from lamplighter.cli.output import as_json, counted, facts, hint, say, title
from lamplighter.cli.session import AgentWord, Json, RunNumber, connect, quoted, the_agent
from lamplighter.client.diagnostics import Diagnosis, Finding


def diagnose(
    agent: AgentWord,
    run: RunNumber = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Which attempt; the newest when not said.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show why a run failed, most likely, and what to do about it.

    Without RUN it is the run that failed last.
    """
    with connect() as client:
        owner = the_agent(client, agent)["id"]
        number = client.analytics.latest_failure(owner)["runId"] if run is None else run
        found = client.analytics.diagnostics(owner, number, attempt)
        kept = None if json else evidence_of(client, owner, number, attempt)
    if json:
        as_json(found)
        return
    title(f"{found['agentName']} › run {found['runId']}, attempt {found['attempt']}")
    facts([("Message", found["errorMessage"]), ("Did", _did(found))])
    for place, finding in enumerate(found["findings"], 1):
        _tell(place, finding)
    word = "logs" if kept is None else "evidence"
    of_attempt = "" if attempt is None else f" --attempt {attempt}"
    command = f"lamplighter run {word} {quoted(found['agentName'])} {found['runId']}{of_attempt}"
    hint(f"\n`{command}` shows {'its log' if kept is None else 'what was kept of it'}")


def _did(found: Diagnosis) -> str:
    stats = found["stats"]
    done = [
        counted(stats["dataCount"], "record"),
        counted(stats["pageCount"], "page"),
        counted(stats["errorCount"], "error"),
    ]
    return f"{', '.join(done)} in {counted(found['runtimeSeconds'], 'second')}"


def _tell(place: int, finding: Finding) -> None:
    say(f"\n{place}. {finding['cause']} ({finding['confidence']})")
    for action in finding["actions"]:
        say(f"   → {action}")
    for fact in finding["evidence"]:
        say(f"   · {fact}")
