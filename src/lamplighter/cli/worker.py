"""``lamplighter worker``: a server of a fleet."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lamplighter.cli.output import counted, fail, say
from lamplighter.cli.session import default_data
from lamplighter.config import WorkerSettings


def worker(
    name: Annotated[
        str | None,
        typer.Option(help="The name of this server. Default: that of the machine when it was first started."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what it works on; made when it is missing."
            " Default: LAMPLIGHTER_DATA, else ~/.local/share/lamplighter.",
            file_okay=False,
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Most runs at a time. Default: twice the processors, at least 4."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[,NAME]",
            help="Take runs of this server group too; may be repeated. A group that is new is made.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Shown with the server, as in zone=eu-1; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start a worker: a server of a fleet that takes runs, and reaches its installation over the broker.

    LAMPLIGHTER_NATS_URL says where the broker is, LAMPLIGHTER_FILES_URL where the files are. It works until Ctrl-C
    or SIGTERM. Runs that are going then go on, and the next start of this worker adopts them.
    """
    settings = WorkerSettings.read(
        os.environ,
        data=data or default_data(),
        name=name,
        concurrency=concurrency,
        groups=group or (),
        labels=label or (),
    )
    try:
        from lamplighter.worker import serve
    except ModuleNotFoundError as problem:
        if problem.name not in ("nats", "obstore"):
            raise
        fail("a worker needs clients of NATS and of object stores: pip install 'lamplighter[fleet]'")
        raise typer.Exit(1) from problem
    say("Looking for the installation ...")
    serve(settings, lambda known_as, adopted: _announce(settings, known_as, adopted))


def _announce(settings: WorkerSettings, name: str, adopted: int) -> None:
    if adopted:
        say(f"Adopted from its last process: {counted(adopted, 'run')}.")
    noun = "group" if len(settings.groups) == 1 else "groups"
    groups = f"runs of the server {noun} {', '.join(settings.groups)}, and those without a group"
    what = groups if settings.groups else "runs without a server group"
    say(f"The worker {name} takes {what}: up to {settings.concurrency} at a time.")
    sys.stdout.flush()
