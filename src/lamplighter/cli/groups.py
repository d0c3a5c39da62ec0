"""``lamplighter group …`` and ``lamplighter server …``"""

from typing import Annotated

import typer

from lamplighter.cli.output import as_json, hint, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect, the_group
from lamplighter.cli.times import shown
from lamplighter.client.server_groups import Server
from lamplighter.errors import InvalidInput

app = typer.Typer()
servers = typer.Typer()

GroupWord = Annotated[str, typer.Argument(metavar="GROUP", help="Id or name of the group.")]
Description = Annotated[
    str | None, typer.Option("--description", "-d", help="What it is for.", show_default=False)
]


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the server groups and who serves them."""
    with connect() as client:
        found = client.server_groups.every()
    if json:
        as_json(found)
        return
    rows = [[g["id"], g["name"], ", ".join(g["servers"]) or "nobody", g["description"]] for g in found]
    table(["ID>", "NAME", "SERVED BY", "DESCRIPTION"], rows, wraps=["SERVED BY", "DESCRIPTION"])
    if not found:
        hint(
            "No server groups yet. `lamplighter up --group NAME` makes one, or `lamplighter group add NAME`."
        )


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the group.")],
    description: Description = None,
    json: Json = False,
) -> None:
    """Make a server group. Servers serve it that are started with its name."""
    with connect() as client:
        made = client.server_groups.create(name, description)
    if json:
        as_json(made)
        return
    say(f"Server group {made['id']}: {made['name']}")


@app.command()
def edit(
    group: GroupWord,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    description: Description = None,
    json: Json = False,
) -> None:
    """Change a server group: what is not said keeps its value."""
    if name is None and description is None:
        raise InvalidInput.of("", "say what to change: --name or --description")
    with connect() as client:
        old = the_group(client, group)
        text = old["description"] if description is None else description
        changed = client.server_groups.update(old["id"], name or old["name"], text)
    if json:
        as_json(changed)
        return
    say(f"Server group {changed['id']}: {changed['name']}")


@app.command()
def remove(group: GroupWord, yes: Yes = False) -> None:
    """Take a server group away that no schedule, run or live server uses."""
    with connect() as client:
        found = the_group(client, group)
        confirm(f"Remove server group {found['id']} ({found['name']})?", yes=yes)
        client.server_groups.delete(found["id"])
    say(f"Server group {found['id']} ({found['name']}) is removed.")


@servers.command("list")
def list_servers(json: Json = False) -> None:
    """Show the servers: who lives, what each one serves and how many runs it has."""
    with connect() as client:
        found = client.server_groups.servers()
    if json:
        as_json(found)
        return
    rows = [
        [s["id"], s["name"], _state(s), f"{s['running']} of {s['concurrency']}", ", ".join(s["groups"])]
        for s in found
    ]
    table(["ID>", "NAME", "STATE", "RUNS>", "GROUPS"], rows, wraps=["STATE", "GROUPS"])


def _state(server: Server) -> str:
    if server["isLive"]:
        return "live"
    return f"gone since {shown(server['leaseUntil'], seconds=False)}"
