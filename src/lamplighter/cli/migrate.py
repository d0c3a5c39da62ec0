"""``lamplighter migrate``"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lamplighter.cli.output import fail, hint, say
from lamplighter.cli.session import default_data
from lamplighter.config import Settings


def migrate(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The PostgreSQL database, which must be empty. Default: LAMPLIGHTER_DATABASE_URL.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The data folder. Default: LAMPLIGHTER_DATA.", show_default=False)
    ] = None,
) -> None:
    """Move the database of a data folder to PostgreSQL, and its files to LAMPLIGHTER_FILES_URL if that is set.

    The server must have ended, and no run may be going. Nothing in the folder is lost: it stays as it was, and a
    note keeps a server from using the database in it.
    """
    if find_spec("psycopg") is None:
        fail("moving to PostgreSQL needs a client of it: pip install 'lamplighter[postgresql]'")
        raise typer.Exit(1)
    from lamplighter.moving import move

    url = to or os.environ.get("LAMPLIGHTER_DATABASE_URL") or ""
    settings = Settings.read(
        {**os.environ, "LAMPLIGHTER_DATABASE_URL": url or "none"}, data=data or default_data()
    )
    moved = move(settings.data, url, settings.files_url, settings.files_endpoint, hint)
    say(f"Moved: {sum(moved.rows.values())} rows, the files of {moved.runs} runs, {moved.bundles} bundles.")
    say("From now on start servers with LAMPLIGHTER_DATABASE_URL, on this folder or with its vault.key.")
