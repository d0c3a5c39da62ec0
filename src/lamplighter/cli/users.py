"""``lamplighter user …``"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, facts, hint, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect, keep_said, quoted, the_user
from lamplighter.cli.times import shown
from lamplighter.client import Client
from lamplighter.client.users import Me, User
from lamplighter.errors import InvalidInput

app = typer.Typer()

UserWord = Annotated[
    str, typer.Argument(metavar="USER", help="Id, name, or the beginning of a name that fits only one.")
]
UserOrMe = Annotated[
    str | None, typer.Argument(metavar="USER", help="Id or name; yourself when left out.", show_default=False)
]
Email = Annotated[str | None, option("--email", help="The address of the user's mailbox.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """Show all users: for administrators, and for owners of spaces, who choose members among them."""
    with connect() as client:
        users = client.users.every()
    if json:
        as_json(users)
        return
    rows = [[one["id"], one["name"], one["email"], _rights(one), _state(one)] for one in users]
    table(["ID>", "NAME", "EMAIL", "RIGHTS", "STATE"], rows, wraps=["NAME", "EMAIL"])


@app.command()
def show(user: UserOrMe = None, json: Json = False) -> None:
    """Show a user: yourself with your roles, or another."""
    with connect() as client:
        me = client.users.me()
        found = me if user is None else the_user(client, user)
        if json:
            as_json(found)
            return
        facts(_facts(found) + (_my_facts(client, me) if found["id"] == me["id"] else []))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the user, to sign in with.")],
    email: Email = None,
    admin: Annotated[bool, typer.Option("--admin", help="An administrator, who may do everything.")] = False,
    json: Json = False,
) -> None:
    """Add a user, who has no rights until made a member of a space."""
    with connect() as client:
        made = client.users.create(keep_said(name=name, email=email, isAdmin=admin or None))
    _tell(made, json=json)
    if not json:
        word = quoted(made["name"])
        hint(f"`lamplighter space grant SPACE {word} editor` gives rights, `key create --user {word}` a key.")


@app.command()
def edit(
    user: UserWord,
    name: Annotated[str | None, option("--name", help="The new name.")] = None,
    email: Email = None,
    admin: Annotated[bool | None, option("--admin/--no-admin", help="Whether an administrator.")] = None,
    active: Annotated[
        bool | None, option("--active/--inactive", help="Whether keys and tokens of the user are taken.")
    ] = None,
    json: Json = False,
) -> None:
    """Change a user: what is not said stays as it is."""
    said = keep_said(name=name, email=email, isAdmin=admin, isActive=active)
    if not said:
        raise InvalidInput.of("", "say what to change: --name, --email, --admin or --inactive, for example")
    with connect() as client:
        changed = client.users.update(the_user(client, user)["id"], said)
    _tell(changed, json=json)


@app.command()
def password(
    user: UserOrMe = None,
    source: Annotated[
        str | None,
        option(
            "--from",
            metavar="FILE",
            help="Read it from the first line of a file, or of -; yours now from the second.",
        ),
    ] = None,
) -> None:
    """Set a password for getting tokens. It is asked for, or read; all tokens of the user end."""
    with connect() as client:
        me = client.users.me()
        found = me if user is None else the_user(client, user)
        new, current = _passwords(source, is_own=found["id"] == me["id"])
        client.users.set_password(found["id"], new, current)
    say(f"The password of {found['name']} is set.")


@app.command("sign-out")
def sign_out(user: UserOrMe = None) -> None:
    """End all tokens of a user; API keys stay."""
    with connect() as client:
        found = client.users.me() if user is None else the_user(client, user)
        client.users.sign_out(found["id"])
    say(f"All tokens of {found['name']} have ended.")


@app.command()
def remove(user: UserWord, yes: Yes = False) -> None:
    """Take a user away, with the memberships and keys; what the user made stays."""
    with connect() as client:
        found = the_user(client, user)
        confirm(f"Remove user {found['id']} ({found['name']})?", yes=yes)
        client.users.delete(found["id"])
    say(f"User {found['id']} ({found['name']}) is removed.")


def _tell(user: User, *, json: bool) -> None:
    if json:
        as_json(user)
        return
    said = ", ".join(word for word in (_rights(user), _state(user)) if word)
    say(f"User {user['id']} {user['name']}: {said}")


def _rights(user: User) -> str:
    return "administrator" if user["isAdmin"] else ""


def _state(user: User) -> str:
    return "active" if user["isActive"] else "disabled"


def _facts(user: User) -> list[tuple[str, Any]]:
    return [
        ("User", f"{user['id']} {user['name']}"),
        ("Email", user["email"]),
        ("Rights", _rights(user)),
        ("State", _state(user)),
        ("Created", shown(user["created"], seconds=False)),
    ]


def _my_facts(client: Client, me: Me) -> list[tuple[str, Any]]:
    names = {space["id"]: space["name"] for space in client.spaces.every()}
    roles = [f"{one['role']} in {names.get(one['spaceId'], one['spaceId'])}" for one in me["roles"]]
    only = me["onlySpaceId"]
    return [
        ("Roles", ", ".join(roles)),
        ("This key", "may only read" if me["isReadOnly"] else None),
        ("Limited to", None if only is None else names.get(only, only)),
    ]


def _passwords(source: str | None, *, is_own: bool) -> tuple[str, str | None]:
    """The new password and, of oneself, the one before, as typed or read."""
    if source is not None:
        text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8")
        lines = text.splitlines()
        return (lines[0] if lines else ""), (lines[1] if len(lines) > 1 else None)
    if not os.isatty(0):
        raise InvalidInput.of("--from", "is needed where nobody can be asked: a file, or - to read it")
    current = (
        typer.prompt("Password now, if there is one", "", hide_input=True, show_default=False, err=True)
        if is_own
        else ""
    )
    new = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return str(new), str(current) or None
