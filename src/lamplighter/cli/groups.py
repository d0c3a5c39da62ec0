"""``lamplighter group …`` and ``lamplighter server …``"""

from typing import Annotated

import typer

from lamplighter.cli.output import as_json, hint, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect, the_group, the_server
from lamplighter.cli.times import shown
from lamplighter.client.server_groups import Queue, Server
from lamplighter.errors import InvalidInput

app = typer.Typer()
servers = typer.Typer()

GroupWord = Annotated[str, typer.Argument(metavar="GROUP", help="Id or name of the group.")]
ServerWord = Annotated[str, typer.Argument(metavar="SERVER", help="Id or name of the server.")]
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


@app.command()
def queues(json: Json = False) -> None:
    """Show what waits for each group and for any server, how long, and who takes it."""
    with connect() as client:
        found = client.server_groups.queues()
    if json:
        as_json(found)
        return
    rows = [
        [
            q["serverGroup"] or "(any server)",
            q["queued"],
            "" if q["oldestQueued"] is None else shown(q["oldestQueued"]),
            q["running"],
            q["places"],
            _who(q),
        ]
        for q in found
    ]
    table(["GROUP", "QUEUED>", "SINCE", "RUNNING>", "PLACES>", "SERVERS"], rows, wraps=["SERVERS"])


def _who(queue: Queue) -> str:
    told = [f"{', '.join(queue['live'])}" if queue["live"] else "nobody"]
    told += [f"draining: {', '.join(queue['draining'])}"] if queue["draining"] else []
    told += [f"gone: {', '.join(queue['lost'])}"] if queue["lost"] else []
    return "; ".join(told)


@servers.command("list")
def list_servers(json: Json = False) -> None:
    """Show the servers: who lives, what each one serves and how many runs it has."""
    with connect() as client:
        found = client.server_groups.servers()
    if json:
        as_json(found)
        return
    rows = [
        [
            s["id"],
            s["name"],
            _state(s),
            f"{s['running']} of {s['concurrency']}",
            ", ".join(s["groups"]),
            ", ".join(f"{name}={value}" for name, value in s["labels"].items()),
        ]
        for s in found
    ]
    table(["ID>", "NAME", "STATE", "RUNS>", "GROUPS", "LABELS"], rows, wraps=["STATE", "GROUPS", "LABELS"])


@servers.command()
def drain(server: ServerWord, json: Json = False) -> None:
    """Let a server finish what it has and take nothing new, until `undrain`."""
    with connect() as client:
        changed = client.server_groups.drain(the_server(client, server)["id"])
    if json:
        as_json(changed)
        return
    has = "1 run" if changed["running"] == 1 else f"{changed['running']} runs"
    say(f"Server {changed['id']} ({changed['name']}) takes nothing new. It has {has}.")


@servers.command()
def undrain(server: ServerWord, json: Json = False) -> None:
    """Let a server take runs again."""
    with connect() as client:
        changed = client.server_groups.undrain(the_server(client, server)["id"])
    if json:
        as_json(changed)
        return
    say(f"Server {changed['id']} ({changed['name']}) takes runs again.")


def _state(server: Server) -> str:
    if server["isLive"]:
        since = server["drainingSince"]
        return "live" if since is None else f"draining since {shown(since, seconds=False)}"
    return f"gone since {shown(server['leaseUntil'], seconds=False)}"
