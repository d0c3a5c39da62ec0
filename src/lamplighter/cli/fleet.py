"""``lamplighter fleet …``: who may connect to the broker"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from lamplighter.cli.output import fail, hint, say, table
from lamplighter.errors import InvalidInput

app = typer.Typer()
Parameters = ParamSpec("Parameters")

Folder = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FOLDER", help="The folder with the configuration and the seeds.", show_default=False
    ),
]


def _needs_nkeys(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    @wraps(command)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ModuleNotFoundError as problem:
            if problem.name not in ("nats", "nkeys"):
                raise
            fail("this needs a client of NATS: pip install 'lamplighter[fleet]'")
            raise typer.Exit(1) from problem

    return guarded


@app.command("nats-config")
@_needs_nkeys
def nats_config(
    out: Folder,
    listen: Annotated[str, typer.Option(help="Address and port of the broker.")] = "0.0.0.0:4222",
    store: Annotated[Path, typer.Option(help="Where the broker keeps what waits, on its machine.")] = Path(
        "/var/lib/nats"
    ),
    tls_cert: Annotated[
        Path | None, typer.Option(help="The broker's certificate, on its machine.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="The key of the certificate.", show_default=False)
    ] = None,
) -> None:
    """Write the configuration of nats-server, and the seed of the control plane."""
    from lamplighter.control import access

    if (tls_cert is None) is not (tls_key is None):
        raise InvalidInput.of("--tls-cert", "goes with --tls-key: name both or none")
    file = access.write_configuration(out, listen=listen, store=store, certificate=tls_cert, key=tls_key)
    say(f"The broker:  nats-server -c {file}")
    say(f"Servers:     LAMPLIGHTER_NATS_CREDENTIALS={out / 'control.nk'}")
    if tls_cert is None:
        hint("Without --tls-cert and --tls-key everybody on the network can read what is sent.")


@app.command()
@_needs_nkeys
def worker(
    name: Annotated[str, typer.Argument(help="Name of the worker, as in `lamplighter worker --name`.")],
    out: Folder,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A server group that it may serve; may be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Let a worker connect, for its own runs and those of its groups only."""
    from lamplighter.control import access

    if name == access.CONTROL:
        raise InvalidInput.of("NAME", "'control' is the control plane; give the worker another name")
    file = access.add(out, name, group or [])
    say(f"Worker {name}:  LAMPLIGHTER_NATS_CREDENTIALS={file}")
    hint(
        "Bring this file to the worker, and let the broker read its configuration: nats-server --signal reload"
    )


@app.command()
@_needs_nkeys
def remove(name: Annotated[str, typer.Argument(help="Name of the worker.")], out: Folder) -> None:
    """Let a worker connect no more."""
    from lamplighter.control import access

    access.remove(out, name)
    say(f"Worker {name} may connect no more, as soon as the broker has read its configuration:")
    say("nats-server --signal reload")


@app.command("list")
@_needs_nkeys
def list_(out: Folder) -> None:
    """Show who may connect."""
    from lamplighter.control import access

    rows = [
        [one.name, "everything" if one.groups is None else ", ".join(one.groups) or "no group"]
        for one in access.members(out)
    ]
    table(["NAME", "GROUPS"], rows)
    if not rows:
        hint("Nobody may connect yet: `lamplighter fleet nats-config --out FOLDER` begins.")
