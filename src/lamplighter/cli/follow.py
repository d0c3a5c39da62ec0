"""Watching a run until it ends. Ctrl-C ends the watching, never the run."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from lamplighter.cli.output import clean, hint, on_terminal, status_name, waiting
from lamplighter.cli.session import quoted
from lamplighter.client import WAITS, Agent, ApiError, CannotConnect, Client, Run

_INTERRUPTED = 130
_LOOK_EVERY = 0.2  # seconds between looks at a run that waits
_PATIENCE = 30  # seconds for which a server that is being restarted is asked again


def follow(client: Client, agent: Agent, run: Run) -> None:
    """Print the log as it is written, until the run has ended."""
    with _run_goes_on(agent, run):
        _print_log(client, agent, run)


def wait_for(client: Client, agent: Agent, run: Run, *, show: bool) -> None:
    """Return when the run has ended; show its log meanwhile if wanted."""
    with _run_goes_on(agent, run):
        _until_it_goes(client, agent, run)
        hint(f"Run {run['id']} of {agent['name']} is started.")
        if show:
            _print_log(client, agent, run)
            return
        # The followed log tells of the end at once, so nothing has to be asked again and again.
        with waiting(f"Waiting for run {run['id']} of {agent['name']} …"):
            for _ in client.follow_log(agent["id"], run["id"]):
                pass


def _until_it_goes(client: Client, agent: Agent, run: Run) -> None:
    """Return when a server has taken the run or it has ended; tell meanwhile why it waits, whenever that changes."""
    told, in_vain = None, 0
    with waiting(f"Waiting for run {run['id']} of {agent['name']} to begin …"):
        while run["status"] in WAITS:
            if run["message"] and run["message"] != told:
                told = run["message"]
                hint(f"Run {run['id']} of {agent['name']}: {status_name(run['status'])}: {told}")
            time.sleep(_LOOK_EVERY)  # nothing tells when a run is taken
            try:
                run, in_vain = client.run(agent["id"], run["id"]), 0
            except (CannotConnect, ApiError) as problem:
                in_vain += 1
                if problem.status not in (502, 503, 504) or in_vain * _LOOK_EVERY > _PATIENCE:
                    raise


def _print_log(client: Client, agent: Agent, run: Run) -> None:
    steered = on_terminal()
    for line in client.follow_log(agent["id"], run["id"]):
        sys.stdout.write((clean(line) if steered else line) + "\n")
        sys.stdout.flush()


@contextmanager
def _run_goes_on(agent: Agent, run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as problem:
        name = quoted(agent["name"])
        hint(f"\nRun {run['id']} goes on. `lamplighter run logs {name} {run['id']} --follow` shows it again,")
        hint(f"`lamplighter run stop {name} {run['id']}` stops it.")
        raise typer.Exit(_INTERRUPTED) from problem
