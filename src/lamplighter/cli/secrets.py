"""``lamplighter secret …``"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lamplighter.cli.output import as_json, on_terminal, say, table
from lamplighter.cli.session import InSpace, Json, Yes, confirm, connect, space_id
from lamplighter.cli.times import shown
from lamplighter.client.secrets import Secret
from lamplighter.errors import InvalidInput, NotFound

app = typer.Typer()

SecretName = Annotated[
    str, typer.Argument(metavar="NAME", help="Letters, digits, _ . and -; not a digit first.")
]


@app.command("set")
def set_(
    name: SecretName,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Read the value from a file, or from standard input: -.",
            show_default=False,
        ),
    ] = None,
    space: InSpace = None,
    json: Json = False,
) -> None:
    """Set a secret. Its value is asked for, or read; it is never an argument, which others could see."""
    value = secret_value(name, source)
    with connect() as client:
        secret = client.secrets.put(name, value, space_id(client, space))
    if json:
        as_json(secret)
        return
    say(f"Secret {name} is set. Write ${{secret:{name}}} in the input where its value is needed.")


def secret_value(name: str, source: str | None) -> str:
    """What was typed or read, without the end of its last line."""
    if source is None:
        if not os.isatty(0):
            raise InvalidInput.of("--from", "is needed where nobody can be asked: a file, or - to read it")
        return str(typer.prompt(f"Value of {name}", hide_input=True, err=True))
    text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8")
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise InvalidInput.of("--from", "the value is empty")
    return value


@app.command("list")
def list_(space: InSpace = None, json: Json = False) -> None:
    """Show all secrets and what refers to them, without their values."""
    with connect() as client:
        secrets = client.secrets.every(space_id(client, space))
    if json:
        as_json(secrets)
        return
    rows = [
        [
            secret["name"],
            shown(secret["created"], seconds=not on_terminal()),
            shown(secret["updated"], seconds=not on_terminal()),
            _users(secret),
        ]
        for secret in secrets
    ]
    table(["NAME", "CREATED", "UPDATED", "USED BY"], rows, wraps=["USED BY"])


def _users(secret: Secret) -> str:
    return ", ".join(
        use["agentName"] if use["scheduleName"] is None else f"{use['agentName']} › {use['scheduleName']}"
        for use in secret["usedBy"]
    )


@app.command()
def remove(name: SecretName, space: InSpace = None, yes: Yes = False) -> None:
    """Forget a secret; not while an enabled schedule refers to it."""
    with connect() as client:
        place = space_id(client, space)
        known = [secret["name"] for secret in client.secrets.every(place)]
        if name not in known:
            raise NotFound(f"there is no secret {name!r}; `lamplighter secret list` shows what there is")
        confirm(f"Remove the secret {name}?", yes=yes)
        client.secrets.remove(name, place)
    say(f"The secret {name} is removed.")
