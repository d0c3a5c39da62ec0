"""``lamplighter agent …``"""

import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lamplighter.cli.output import (
    as_json,
    counted,
    facts,
    hint,
    on_terminal,
    progress,
    say,
    size,
    status_name,
    table,
    title,
)
from lamplighter.cli.pack import Bundle, pack, said_name
from lamplighter.cli.session import (
    AgentWord,
    InSpace,
    Json,
    Yes,
    confirm,
    connect,
    keep_said,
    quoted,
    space_id,
    the_agent,
)
from lamplighter.cli.times import shown
from lamplighter.client import Agent, Client
from lamplighter.errors import InvalidInput

app = typer.Typer()
Comment = Annotated[
    str | None, typer.Option("--comment", "-m", help="Why this version is saved.", show_default=False)
]


@app.command()
def deploy(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The agent's folder.", exists=True, file_okay=False)
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Its name. Default: the one in agent.toml, else the folder's.", show_default=False),
    ] = None,
    space: InSpace = None,
    comment: Comment = None,
    json: Json = False,
) -> None:
    """Save the agent in DIR: a new one, or a new version.

    It is a new version of the agent with the same name, if there is one.

    DIR is a Scrapy project, or any program with an agent.toml that says how to run it. Left out are .git,
    __pycache__, .venv, .scrapy, node_modules and the like, and what the file .lamplighterignore in DIR names, in
    the manner of .gitignore.
    """
    name = name or said_name(folder) or folder.resolve().name
    with pack(folder) as bundle, connect() as client:
        known, fields = _place(client, name, space)
        saved = _send(client, bundle, known, name, fields | keep_said(comments=comment))
    if json:
        as_json(saved)
        return
    what = f"version {saved['version']}" if known else f"new, version {saved['version']}"
    contents = f"{counted(bundle.files, 'file')}, {size(bundle.size)}"
    say(f"Agent {saved['id']} {saved['name']}: {what} ({contents})")
    for link in bundle.left_out:
        hint(f"Left out: {link}, a link to a folder or to nothing")
    if known is None:
        hint(f"`lamplighter run start {quoted(saved['name'])} --follow` runs it.")


def _place(client: Client, name: str, space: str | None) -> tuple[Agent | None, dict[str, str]]:
    """The agent that has the name already, if there is one, and what says where a new one is to be."""
    wanted = keep_said(spaceId=space_id(client, space))
    found = [agent for agent in client.agents(name=name, **wanted) if agent["name"] == name]
    if len(found) > 1:
        where = ", ".join(f"space {agent['spaceId']}" for agent in found)
        raise InvalidInput.of("--space", f"is needed: there is an agent {name} in {where}")
    return (found[0] if found else None), {key: str(value) for key, value in wanted.items()}


def _send(client: Client, bundle: Bundle, known: Agent | None, name: str, fields: Mapping[str, str]) -> Agent:
    with progress(f"Sending {name}", bundle.packed) as bar:
        content = bundle.reader(lambda sent: bar.advance(bar.task_ids[0], sent))
        if known is not None:
            return client.save_agent(known["id"], content, fields)
        return client.create_agent(content, {"name": name, **fields})


@app.command("list")
def list_(space: InSpace = None, json: Json = False) -> None:
    """Show all agents, or those of one space."""
    with connect() as client:
        agents = client.agents(**keep_said(spaceId=space_id(client, space)))
    if json:
        as_json(agents)
        return
    rows = [
        [
            a["id"],
            a["name"],
            a["version"],
            _kind(a),
            _state(a),
            shown(a["lastActivity"], seconds=not on_terminal()),
        ]
        for a in agents
    ]
    table(["ID>", "NAME", "VERSION>", "KIND", "LAST RUN", "LAST ACTIVITY"], rows, wraps=["NAME"])
    if not agents:
        hint("No agents yet. `lamplighter agent deploy DIR` saves the one in a folder.")


def _kind(agent: Agent) -> str:
    return "spider" if agent["configType"] == "Agent" else agent["configType"].lower()


def _state(agent: Agent) -> str:
    return "archived" if agent["isArchived"] else status_name(agent["status"])


@app.command()
def show(agent: AgentWord, json: Json = False) -> None:
    """Show one agent."""
    with connect() as client:
        found = the_agent(client, agent)
    if json:
        as_json(found)
        return
    pairs: list[tuple[str, Any]] = [
        ("Id", found["id"]),
        ("Kind", _kind(found)),
        ("Version", found["version"]),
        ("Description", found["description"]),
        ("Start URL", found["startUrl"]),
        ("Archived", "yes: what its schedules fire is skipped" if found["isArchived"] else None),
        ("Last run", status_name(found["status"])),
        ("Last activity", shown(found["lastActivity"], seconds=True)),
        ("Created", shown(found["created"], seconds=True)),
        ("Changed", shown(found["updated"], seconds=True)),
    ]
    for name, default in found["inputParameters"].items():
        value = name if default is None else f"{name} = {json_text.dumps(default, ensure_ascii=False)}"
        pairs.append(("Input", value))
    title(found["name"])
    facts(pairs)


@app.command()
def versions(agent: AgentWord, json: Json = False) -> None:
    """Show the versions of an agent, newest first."""
    with connect() as client:
        found = client.versions(the_agent(client, agent)["id"])
    if json:
        as_json(found)
        return
    rows = [
        [
            v["version"],
            shown(v["created"], seconds=not on_terminal()),
            v["userName"],
            size(v["fileSize"]),
            v["comments"],
        ]
        for v in found
    ]
    table(["VERSION>", "SAVED", "BY", "SIZE>", "COMMENT"], rows, wraps=["COMMENT"])


@app.command()
def restore(
    agent: AgentWord,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The version to bring back.")],
    comment: Comment = None,
    json: Json = False,
) -> None:
    """Save the content of an old version as a new one."""
    with connect() as client:
        saved = client.restore_version(the_agent(client, agent)["id"], version, comment)
    if json:
        as_json(saved)
        return
    say(
        f"Agent {saved['id']} {saved['name']}: version {saved['version']} has the content of version {version}."
    )


@app.command()
def archive(agent: AgentWord) -> None:
    """Put an agent away: what its schedules fire is skipped."""
    _archive(agent, archived=True)


@app.command()
def unarchive(agent: AgentWord) -> None:
    """Take an archived agent back."""
    _archive(agent, archived=False)


def _archive(agent: str, *, archived: bool) -> None:
    with connect() as client:
        found = the_agent(client, agent)
        client.archive_agent(found["id"], archived=archived)
    state = "archived: what its schedules fire is skipped" if archived else "in use again"
    say(f"Agent {found['id']} {found['name']} is {state}.")


@app.command()
def delete(agent: AgentWord, yes: Yes = False) -> None:
    """Take an agent and its schedules away."""
    with connect() as client:
        found = the_agent(client, agent)
        confirm(f"Delete agent {found['id']} {found['name']} and its schedules?", yes=yes)
        client.delete_agent(found["id"])
    say(f"Agent {found['id']} {found['name']} is deleted.")
