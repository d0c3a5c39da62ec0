"""``lamplighter space …``"""

from enum import StrEnum
from typing import Annotated

import typer

from lamplighter.cli.options import option, read_input
from lamplighter.cli.output import as_json, counted, facts, hint, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect, keep_said, quoted, the_space, the_user
from lamplighter.cli.times import shown
from lamplighter.client.spaces import RunAll, Space
from lamplighter.errors import InvalidInput, NotFound

app = typer.Typer()


class RoleWord(StrEnum):
    """What a member may do; each may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


SpaceWord = Annotated[
    str, typer.Argument(metavar="SPACE", help="Id, name, or the beginning of a name that fits only one.")
]
UserWord = Annotated[str, typer.Argument(metavar="USER", help="Id or name of the user.")]
Description = Annotated[str | None, option("--description", "-d", help="What it is for.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the spaces that you may see."""
    with connect() as client:
        spaces = client.spaces.every()
    if json:
        as_json(spaces)
        return
    rows = [[one["id"], one["name"], _open(one), one["description"]] for one in spaces]
    table(["ID>", "NAME", "OPEN", "DESCRIPTION"], rows, wraps=["NAME", "DESCRIPTION"])
    if not spaces:
        hint(
            "You are a member of no space. An owner or administrator changes that: `lamplighter space grant`."
        )


@app.command()
def show(space: SpaceWord, json: Json = False) -> None:
    """Show a space, its members and how many agents it has."""
    with connect() as client:
        found = the_space(client, space)
        if json:
            as_json(found)
            return
        members = [f"{one['userName']} ({one['role']})" for one in client.spaces.members(found["id"])]
        agents = client.spaces.agents(found["id"])
    facts(
        [
            ("Space", f"{found['id']} {found['name']}"),
            ("Description", found["description"]),
            ("Default access", "everybody may look into it" if found["isDefaultAccess"] else None),
            ("Members", ", ".join(members) or "none"),
            ("Agents", counted(len(agents), "agent")),
            ("Created", shown(found["created"], seconds=False)),
        ]
    )


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the space.")],
    description: Description = None,
    default_access: Annotated[
        bool, typer.Option("--default-access", help="Every user may look into it.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a space."""
    body = keep_said(name=name, description=description, isDefaultAccess=default_access or None)
    with connect() as client:
        made = client.spaces.create(body)
    _tell(made, json=json)
    if not json:
        word = quoted(made["name"])
        hint(
            f"`lamplighter space grant {word} USER editor` adds a member, `agent deploy --space {word}` an agent."
        )


@app.command()
def edit(
    space: SpaceWord,
    name: Annotated[str | None, option("--name", help="Its new name.")] = None,
    description: Description = None,
    default_access: Annotated[
        bool | None, option("--default-access/--no-default-access", help="Every user may look into it.")
    ] = None,
    json: Json = False,
) -> None:
    """Change a space: what is not said stays as it is."""
    said = keep_said(name=name, description=description, isDefaultAccess=default_access)
    if not said:
        raise InvalidInput.of("", "say what to change: --name, --description or --default-access")
    with connect() as client:
        changed = client.spaces.update(the_space(client, space)["id"], said)
    _tell(changed, json=json)


@app.command()
def remove(space: SpaceWord, yes: Yes = False) -> None:
    """Take a space away that has no agents, with its members and secrets."""
    with connect() as client:
        found = the_space(client, space)
        confirm(f"Remove space {found['id']} ({found['name']})?", yes=yes)
        client.spaces.delete(found["id"])
    say(f"Space {found['id']} ({found['name']}) is removed.")


@app.command()
def members(space: SpaceWord, json: Json = False) -> None:
    """Show the members of a space and their roles."""
    with connect() as client:
        found = client.spaces.members(the_space(client, space)["id"])
    if json:
        as_json(found)
        return
    rows = [[m["userId"], m["userName"], m["role"], shown(m["created"], seconds=False)] for m in found]
    table(["ID>", "USER", "ROLE", "SINCE"], rows, wraps=["USER"])


@app.command()
def grant(
    space: SpaceWord,
    user: UserWord,
    role: Annotated[
        RoleWord, typer.Argument(metavar="ROLE", help="viewer, editor or owner.", case_sensitive=False)
    ],
    json: Json = False,
) -> None:
    """Make a user a member of a space, or change the role.

    \b
    viewer  sees agents, schedules, runs and what they extracted
    editor  also starts and stops runs, and changes agents, schedules and secrets
    owner   also changes the space and its members
    """
    with connect() as client:
        found, member = the_space(client, space), the_user(client, user)
        made = client.spaces.put_member(found["id"], member["id"], role)
    if json:
        as_json(made)
        return
    say(f"{made['userName']} is {made['role']} in {found['name']}.")


@app.command()
def revoke(space: SpaceWord, user: UserWord, yes: Yes = False) -> None:
    """End the membership of a user in a space."""
    with connect() as client:
        found = the_space(client, space)
        known = client.spaces.members(found["id"])
        member = next((one for one in known if user in (str(one["userId"]), one["userName"])), None)
        if member is None:
            where = f"`lamplighter space members {quoted(found['name'])}` shows who is"
            raise NotFound(f"{user!r} is no member of {found['name']}; {where}")
        name = member["userName"]
        confirm(f"End the membership of {name} in {found['name']}?", yes=yes)
        client.spaces.remove_member(found["id"], member["userId"])
    say(f"{name} is no member of {found['name']} any more.")


@app.command("run-all")
def run_all(
    space: SpaceWord,
    input_: Annotated[
        str | None,
        option(
            "--input", "-i", metavar="JSON", help="Input for each: a JSON object or array, or @FILE, or -."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start all agents of a space; exit status 1 when one could not be started. The others are all the same."""
    text = read_input(input_)
    with connect() as client:
        told = client.spaces.run_all(the_space(client, space)["id"], text)
    if json:
        as_json(told)
    else:
        _show_starts(told)
    if told["agentsFailed"]:
        raise typer.Exit(1)


def _show_starts(told: RunAll) -> None:
    rows = [
        [
            one["agentId"],
            one["agentName"],
            one["runId"],
            "ok" if one["success"] else "wrong",
            one["errorMessage"],
        ]
        for one in told["results"]
    ]
    table(["ID>", "AGENT", "RUN>", "STATE", "ERROR"], rows, wraps=["AGENT", "ERROR"])
    hint(f"{told['agentsStarted']} of {counted(told['totalAgents'], 'agent')} started.")


def _tell(space: Space, *, json: bool) -> None:
    if json:
        as_json(space)
        return
    say(f"Space {space['id']}: {space['name']}")


def _open(space: Space) -> str:
    return "to look" if space["isDefaultAccess"] else ""
