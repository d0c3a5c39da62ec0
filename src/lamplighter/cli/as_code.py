"""``lamplighter apply`` and ``lamplighter export``: an installation as a file."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lamplighter.cli.output import counted, hint, say, styled, waiting
from lamplighter.cli.session import InSpace, Yes, confirm, connect, the_space
from lamplighter.errors import InvalidInput, LamplighterError

# What is read and checked here needs more than most commands do, so it is imported when it is needed.

TO_CHANGE = 7  # the exit status of --dry-run when there is something to be changed
_MOST_LEFT = 10


def apply(
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="The file, YAML or JSON; - is standard input.")
    ],
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Take away what the file is responsible for and does not name."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; exit status 7 when something would be changed.")
    ] = False,
    comment: Annotated[
        str | None,
        typer.Option("--comment", "-m", help="Why versions of agents are saved.", show_default=False),
    ] = None,
    yes: Yes = False,
) -> None:
    """Make spaces, agents and schedules be as a file says.

    Proxy pools and server groups, too.

    What would be changed is shown first, for schedules with their next fires before and after. Where there is no
    terminal to ask on, changes are made at once; what --prune takes away needs --yes then.

    With --prune, of the places that the file is responsible for, schedules, members, proxy pools and server groups
    that it does not name are deleted, and agents archived. docs/config-as-code.md describes the file.
    """
    from lamplighter.cli.blueprint.applying import Preparation, carry_out

    name = "standard input" if file == "-" else file
    content = sys.stdin.read() if file == "-" else _read(Path(file))
    preparation = Preparation(content, name, Path.cwd() if file == "-" else Path(file).parent)
    with connect() as client:
        with waiting("Comparing …"):
            looked = preparation.look(client, prune=prune)
        changes = looked.plan.changes
        for text, style in preparation.lines(looked):
            styled(text, style)
        _tell_what_is_left(preparation.titles(looked.plan.left))
        if not changes:
            say(f"Nothing to do: {client.url} is as {name} says.")
            return
        say(f"{client.url}: {preparation.summary(looked)}.")
        if dry_run:
            raise typer.Exit(TO_CHANGE)
        losses = preparation.losses(looked)
        if losses or os.isatty(0):
            confirm(
                f"Make {counted(len(changes), 'change')}{f', {losses} of them losses' if losses else ''}?",
                yes=yes,
            )
        carry_out(client, looked, comment or f"applied from {Path(name).name}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InvalidInput.of(str(path), f"is not UTF-8: {problem}") from problem


def _tell_what_is_left(titles: list[str]) -> None:
    if titles:
        more = f" and {len(titles) - _MOST_LEFT} more" if len(titles) > _MOST_LEFT else ""
        hint(f"Not in the file, and left alone without --prune: {', '.join(titles[:_MOST_LEFT])}{more}")


def export(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write lamplighter.yaml and the agents' files into this folder, which is new or empty.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    space: InSpace = None,
) -> None:
    """Write what there is as a file for `lamplighter apply`.

    Without -o everything is one file on standard output. Secrets are not in it, and credentials of proxies are
    variables of the environment, such as ${PROXY_POOL_1}.
    """
    from lamplighter.cli.blueprint.exporting import exported

    if output is not None and output.exists() and any(output.iterdir()):
        raise InvalidInput.of("--output", f"{output} is not empty: name a new folder")
    with connect() as client:
        only = None if space is None else the_space(client, space)
        with waiting("Reading …"):
            text = exported(client, only, output)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "lamplighter.yaml").write_text(text, encoding="utf-8")
    except OSError as problem:
        raise LamplighterError(f"{output} cannot be written: {problem}") from problem
    say(f"{output / 'lamplighter.yaml'} is written.")
