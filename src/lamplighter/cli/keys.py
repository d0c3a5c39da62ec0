"""``lamplighter key …``"""

from datetime import UTC, timedelta
from typing import Annotated

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, hint, on_terminal, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect, space_id, the_user
from lamplighter.cli.times import iso, parse_moment, parse_seconds, read, shown
from lamplighter.client import Key
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput, NotFound

app = typer.Typer()


@app.command()
def create(
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="What it is for.", show_default=False)
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="A date, or a duration such as '90 days'. Default: a year.",
            show_default=False,
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may only read.")] = False,
    space: Annotated[
        str | None, option("--space", metavar="SPACE", help="It is good for this space only.")
    ] = None,
    user: Annotated[
        str | None, option("--user", metavar="USER", help="Whose it is to be; yours when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an API key. It is shown once. It may do what its user may, or less."""
    with connect() as client:
        made = client.api_keys.create(
            description,
            None if expires is None else _expiry(expires),
            is_read_only=read_only,
            space_id=space_id(client, space),
            user_id=None if user is None else the_user(client, user)["id"],
        )
    if json:
        as_json(made)
        return
    say(made["key"])
    limits = _limits(made)
    hint(f"Key {made['id']} of {made['userName']} is good until {shown(made['expires'], seconds=False)}.")
    if limits:
        hint(f"It is limited: {limits}.")
    hint("Keep it now: it is not shown again.")


def _expiry(text: str) -> str:
    now = SystemClock().now()
    try:
        return iso(now + timedelta(seconds=parse_seconds(text, "--expires")))
    except (InvalidInput, OverflowError):
        return parse_moment(text, UTC, now, "--expires")


@app.command("list")
def list_(json: Json = False) -> None:
    """Show your API keys (an administrator: all), never their text."""
    with connect() as client:
        keys = client.api_keys.every()
    if json:
        as_json(keys)
        return
    rows = [
        [
            k["id"],
            k["prefix"] + "…",
            k["userName"],
            k["description"],
            _state(k),
            shown(k["lastUsed"], seconds=not on_terminal()),
            _limits(k),
        ]
        for k in keys
    ]
    table(
        ["ID>", "KEY", "USER", "DESCRIPTION", "GOOD UNTIL", "LAST USED", "LIMITS"],
        rows,
        wraps=["DESCRIPTION", "LIMITS"],
    )


def _limits(key: Key) -> str:
    space = None if key["spaceId"] is None else f"space {key['spaceId']} only"
    return ", ".join(part for part in ("reads only" if key["isReadOnly"] else None, space) if part)


def _state(key: Key) -> str:
    if key["revoked"] is not None:
        return "revoked"
    expired = read(key["expires"]) <= SystemClock().now()
    return "expired" if expired else read(key["expires"]).astimezone().strftime("%Y-%m-%d")


@app.command()
def revoke(
    key: Annotated[int, typer.Argument(metavar="ID", help="Id of the key, as `key list` shows it.")],
    yes: Yes = False,
) -> None:
    """Revoke an API key; it ends at once."""
    with connect() as client:
        known = next((one for one in client.api_keys.every() if one["id"] == key), None)
        if known is None:
            raise NotFound(f"there is no API key {key}; `lamplighter key list` shows what there is")
        name = f"key {key} ({known['prefix']}…, {known['description'] or 'no description'})"
        confirm(f"Revoke {name}?", yes=yes)
        client.api_keys.revoke(key)
    say(f"{name[0].upper()}{name[1:]} is revoked.")
