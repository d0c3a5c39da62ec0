"""``lamplighter up``: the server."""

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamplighter.cli.output import counted, say
from lamplighter.cli.session import DEFAULT_URL, default_data, quoted
from lamplighter.config import ROLES, Settings

if TYPE_CHECKING:
    from lamplighter.main import House


def up(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder for everything that is kept; made when it is missing."
            " Default: LAMPLIGHTER_DATA, else ~/.local/share/lamplighter.",
            file_okay=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8080,
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
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE[,ROLE]",
            help="What this process is: api, scheduler, runner. All of them when not said; fewer need PostgreSQL.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start the server: API, scheduler and runner in one process.

    It serves until Ctrl-C or SIGTERM. Runs that are going then go on, and the next start adopts them. The first
    start makes an administrator: with the key in LAMPLIGHTER_BOOTSTRAP_KEY, or with one that is shown once and kept
    in admin.key of the data folder.
    """
    # Agents are told of files in it, and they run in another folder.
    data = (data or default_data()).absolute()
    settings = Settings.read(
        os.environ,
        data=data,
        host=host,
        port=port,
        concurrency=concurrency,
        groups=group or (),
        roles=role or (),
    )
    # After its graceful end uvicorn raises the signal again, for whoever was to handle it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Everything a server consists of is loaded here only: other commands shall answer at once.
    from lamplighter.main import serve

    try:
        serve(settings, _announce)
    except KeyboardInterrupt:
        sys.exit(0)


def _announce(address: str, house: "House", adopted: int) -> None:
    data = house.settings.data
    say(f"Lamplighter is ready at {address}")
    if house.settings.roles != ROLES:
        say(f"Its roles: {', '.join(house.settings.roles)}.")
    groups = house.settings.groups
    if groups:
        noun = "group" if len(groups) == 1 else "groups"
        say(f"It takes runs of the server {noun} {', '.join(groups)}, and those without a group.")

    if adopted:
        say(f"{counted(adopted, 'run')} went on while the server was away, and {_is(adopted)} watched again.")
    if house.new_admin_key is not None:
        say()
        say("This is the first start. The administrator's API key, shown this once:")
        say(f"  {house.new_admin_key}")
        say(f"It is kept in {data / 'admin.key'}, readable by you only.")
        say()
        if "api" in house.settings.roles:
            say("Next, in a browser, signed in by this address:")
            # What is behind the # stays in the browser: no log of a server or proxy has it.
            say(f"  {address}/sign-in#{house.new_admin_key}")
        say("Or in another terminal:")
        _tell_how_to_reach(address, data)
        say("  lamplighter agent deploy DIR           save the agent in a folder")
        say("  lamplighter run start NAME --follow    run it and see its log")
        say("  lamplighter --help")
    sys.stdout.flush()


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _tell_how_to_reach(address: str, data: Path) -> None:
    """What the other commands must be told, if they would not find this server and its key by themselves."""
    if address != DEFAULT_URL:
        say(f"  export LAMPLIGHTER_URL={address}")
    if data != default_data().absolute():
        say(f'  export LAMPLIGHTER_API_KEY="$(cat {quoted(str(data / "admin.key"))})"')
