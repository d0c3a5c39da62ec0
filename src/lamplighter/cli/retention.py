"""``lamplighter retention …``"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lamplighter.cli.output import as_json, hint, table, title
from lamplighter.cli.session import AgentWord, InSpace, Json, connect, keep_said, space_id, the_agent
from lamplighter.errors import InvalidInput

app = typer.Typer()

_WHAT = {"runs": "runs, whole", "logs": "logs", "files": "records and files"}
_ALL = "All agents, unless they have limits of their own"
OfAgent = Annotated[
    str | None, typer.Argument(metavar="AGENT", help="Id or name; the whole space when left out.")
]


def _limit(what: str) -> Any:
    return typer.Option(min=0, help=f"Keep {what}; 0 is for ever.", show_default=False)


@app.command()
def show(agent: OfAgent = None, space: InSpace = None, json: Json = False) -> None:
    """Show how long runs, logs and files are kept: in a space, or those of an agent."""
    _check_one_is_meant(agent, space)
    with connect() as client:
        if agent is None:
            found: Mapping[str, Any] = client.retention.of_space(space_id(client, space))
            name = _ALL
        else:
            owner = the_agent(client, agent)
            found, name = client.retention.of_agent(owner["id"]), owner["name"]
    _show(name, found, json=json)


@app.command("set")
def set_(
    agent: OfAgent = None,
    runs_days: Annotated[int | None, _limit("runs for this many days after their end")] = None,
    runs_count: Annotated[int | None, _limit("so many of the newest runs of an agent")] = None,
    logs_days: Annotated[int | None, _limit("logs for this many days")] = None,
    logs_count: Annotated[int | None, _limit("the logs of so many runs")] = None,
    files_days: Annotated[int | None, _limit("records and files for this many days")] = None,
    files_count: Annotated[int | None, _limit("the records and files of so many runs")] = None,
    space: InSpace = None,
    json: Json = False,
) -> None:
    """Say how long runs, logs and files are kept: what is not said stays as it is.

    What an agent has no limit for is kept as long as the space says. What is beyond a limit is removed for good.
    """
    said = keep_said(
        runsDays=runs_days,
        runsCount=runs_count,
        logsDays=logs_days,
        logsCount=logs_count,
        filesDays=files_days,
        filesCount=files_count,
    )
    if not said:
        raise InvalidInput.of("", "say what to change, such as --runs-days 30 or --files-count 100")
    _check_one_is_meant(agent, space)
    with connect() as client:
        if agent is None:
            place = space_id(client, space)
            before: Mapping[str, Any] = client.retention.of_space(place)
            found: Mapping[str, Any] = client.retention.set_of_space(_changed(before, said), place)
            name = _ALL
        else:
            owner = the_agent(client, agent)
            before = client.retention.of_agent(owner["id"])
            found = client.retention.set_of_agent(owner["id"], _changed(before, said))
            name = owner["name"]
    _show(name, found, json=json)


@app.command()
def clear(agent: AgentWord) -> None:
    """Take the limits of an agent away: those of the space hold."""
    with connect() as client:
        owner = the_agent(client, agent)
        client.retention.clear_of_agent(owner["id"])
        found = client.retention.of_agent(owner["id"])
    _show(owner["name"], found, json=False)


def _check_one_is_meant(agent: str | None, space: str | None) -> None:
    if agent is not None and space is not None:
        raise InvalidInput.of("--space", "is for the limits of a space; leave AGENT out")


def _changed(before: Mapping[str, Any], said: Mapping[str, int]) -> dict[str, int | None]:
    names = [f"{what}{limit}" for what in _WHAT for limit in ("Days", "Count")]
    return {name: said.get(name, before[name]) or None for name in names}


def _show(name: str, found: Mapping[str, Any], *, json: bool) -> None:
    if json:
        as_json(found)
        return
    holds = found.get("effective", found)
    title(name)
    rows = [
        [text, _days(holds[f"{what}Days"]), _newest(holds[f"{what}Count"]), _whose(found, what)]
        for what, text in _WHAT.items()
    ]
    columns = ["WHAT", "DAYS", "NEWEST", "SAID BY"]
    width = len(columns) if "effective" in found else len(columns) - 1
    table(columns[:width], [row[:width] for row in rows])
    if all(holds[f"{what}{limit}"] is None for what in _WHAT for limit in ("Days", "Count")):
        hint(
            "Everything is kept for ever. `lamplighter retention set --runs-days 30` keeps runs for 30 days."
        )


def _days(number: int | None) -> str:
    return "for ever" if number is None else str(number)


def _newest(number: int | None) -> str:
    return "all" if number is None else str(number)


def _whose(found: Mapping[str, Any], what: str) -> str:
    """Who says how long: the agent or its space, for days and number."""
    names = [f"{what}{limit}" for limit in ("Days", "Count")]
    holds = found.get("effective", found)
    by = ["agent" if found[name] is not None else "space" for name in names if holds[name] is not None]
    return ", ".join(dict.fromkeys(by))
