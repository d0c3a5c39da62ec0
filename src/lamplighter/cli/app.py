"""The command ``lamplighter``: its groups of commands, and what an error becomes."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core
from pydantic import ValidationError

import lamplighter
from lamplighter.cli import (
    agents,
    billing,
    fleet,
    groups,
    imports,
    keys,
    notifications,
    proxies,
    retention,
    runs,
    schedules,
    secrets,
    spaces,
    summaries,
    users,
    webhooks,
)
from lamplighter.cli.as_code import apply, export
from lamplighter.cli.audit import audit
from lamplighter.cli.doctor import doctor
from lamplighter.cli.migrate import migrate
from lamplighter.cli.output import fail, say
from lamplighter.cli.problems import lines_about, status_of
from lamplighter.cli.up import up
from lamplighter.cli.worker import worker
from lamplighter.errors import LamplighterError, what_is_wrong

_HELP = """Run web-scraping agents by the clock: on time, exactly once, and be told why.

\b
First steps:
  lamplighter up                           start the server, here and now
  lamplighter agent deploy DIR             save the agent in a folder
  lamplighter run start NAME --follow      run it and see its log
  lamplighter schedule add NAME --cron "0 9 * * *" --timezone Europe/Berlin
  lamplighter schedule why NAME SCHEDULE 9:00

\b
Environment:
  LAMPLIGHTER_URL       address of the server; http://127.0.0.1:8080 when not set
  LAMPLIGHTER_API_KEY   the key to use. When not set and the server is on this
                        machine: the one in admin.key of the data folder
  LAMPLIGHTER_DATA      the data folder; ~/.local/share/lamplighter when not set
  NO_COLOR              any value: no colours

\b
Exit status:
  0  it worked
  1  it did not: a run ended in failure, something is wrong
  2  wrong usage or invalid input
  3  the server cannot be reached
  4  not authenticated, or not allowed
  5  there is no such thing
  6  conflict: the state of the thing forbids it
  7  apply --dry-run: something would be changed
  130  interrupted with Ctrl-C; what runs on the server goes on
"""


class _Commands(typer.core.TyperGroup):
    """The root of all commands, which says what is wrong with an option in the words of this house."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as problem:
            if isinstance(problem.__cause__, ValidationError):
                problem.message = what_is_wrong(problem.__cause__.errors()[0])
            raise


# Plain help and errors: they read the same on a terminal, in a pipe and in a bug report.
app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.command()(up)
app.command()(worker)
app.command()(migrate)
for group, name, text in (
    (agents.app, "agent", "Agents: deploy, list, archive, restore versions."),
    (schedules.app, "schedule", "Schedules: add, preview, edit, and why one did not run."),
    (runs.app, "run", "Runs: start, watch, stop, and get what they extracted."),
    (webhooks.app, "webhook", "Webhooks: let others start an agent by an address of its own."),
    (proxies.app, "proxy", "Pools of proxies: add, change, check, and how they do."),
    (groups.app, "group", "Server groups: which servers take which runs."),
    (fleet.app, "fleet", "The broker of a fleet: its configuration, and who may connect."),
    (groups.servers, "server", "Servers: which there are, and how busy."),
    (summaries.app, "summary", "Sums over what ran: how runs ended, and what they extracted."),
    (billing.app, "billing", "Usage and cost: rates, credits, and what agents and runs cost."),
    (retention.app, "retention", "How long runs, logs and files are kept."),
    (keys.app, "key", "API keys: create, list, revoke."),
    (notifications.app, "notify", "Notifications: who is told of failures and silence."),
    (spaces.app, "space", "Spaces: make, share with members, start all that is in one."),
    (users.app, "user", "Users: add, change, and what you may do yourself."),
    (secrets.app, "secret", "Secrets that inputs refer to: set, list, remove."),
    (imports.app, "import", "Move in: from cron, Scrapyd, or a Sequentum-compatible server."),
):
    app.add_typer(group, name=name, help=text, no_args_is_help=True)
app.command()(apply)
app.command()(export)
app.command()(audit)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"lamplighter {lamplighter.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What all commands have in common."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit status."""
    try:
        app(arguments, prog_name="lamplighter")
    except LamplighterError as problem:
        for line in lines_about(problem):
            fail(line)
        sys.exit(status_of(problem))
    except OSError as problem:
        fail(f"{problem.strerror or problem}" + (f": {problem.filename}" if problem.filename else ""))
        sys.exit(1)


if __name__ == "__main__":
    main()
