"""``lamplighter key …``"""

from datetime import UTC, timedelta
from typing import Annotated

import typer

from lamplighter.cli.output import as_json, hint, on_terminal, say, table
from lamplighter.cli.session import Json, Yes, confirm, connect
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
    json: Json = False,
) -> None:
    """Make an API key. It is shown once."""
    with connect() as client:
        made = client.api_keys.create(description, None if expires is None else _expiry(expires))
    if json:
        as_json(made)
        return
    say(made["key"])
    hint(f"Key {made['id']} is good until {shown(made['expires'], seconds=False)}.")
    hint("Keep it now: it is not shown again.")


def _expiry(text: str) -> str:
    now = SystemClock().now()
    try:
        return iso(now + timedelta(seconds=parse_seconds(text, "--expires")))
    except (InvalidInput, OverflowError):
        return parse_moment(text, UTC, now, "--expires")


@app.command("list")
def list_(json: Json = False) -> None:
    """Show all API keys, without the keys themselves."""
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
        ]
        for k in keys
    ]
    table(["ID>", "KEY", "USER", "DESCRIPTION", "GOOD UNTIL", "LAST USED"], rows, wraps=["DESCRIPTION"])


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
