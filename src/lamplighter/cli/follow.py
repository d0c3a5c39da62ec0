"""Watching a run until it ends. Ctrl-C ends the watching, never the run."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat

import typer

from lamplighter.cli.output import clean, hint, on_terminal, status_name, waiting
from lamplighter.cli.session import quoted
from lamplighter.client import ENDED, WAITS, Agent, ApiError, CannotConnect, Client, Run

_INTERRUPTED = 130
# Seconds between looks at a run that is waited for: most are short, and a long one is not worth a whole rate limit.
_FIRST_PAUSES, _LOOK_EVERY = (0.2,) * 15, 1.0
_PATIENCE = (
    60  # seconds for which a server is asked again that is being restarted, or has been asked too often
)


def follow(client: Client, agent: Agent, run: Run) -> None:
    """Print the log as it is written, until the run has ended."""
    with _run_goes_on(agent, run):
        _print_log(client, agent, run)


def wait_for(client: Client, agent: Agent, run: Run, *, show: bool) -> None:
    """Return when the run has ended; show its log meanwhile if wanted."""
    with _run_goes_on(agent, run):
        _watch(client, agent, run, to_end=not show)
        if show:
            _print_log(client, agent, run)


def _watch(client: Client, agent: Agent, run: Run, *, to_end: bool) -> None:
    """Return when a server has taken the run, or it has ended; tell why it waits, whenever that changes."""
    name, told, is_begun = f"Run {run['id']} of {agent['name']}", None, False
    pauses = chain(_FIRST_PAUSES, repeat(_LOOK_EVERY))
    with waiting(f"Waiting for run {run['id']} of {agent['name']} …"):
        while True:
            now = _patiently(client, agent, run)
            if not is_begun and (now["startTime"] or now["status"] not in WAITS | ENDED):
                is_begun = True
                hint(f"{name} is started.")
            if now["status"] in WAITS and now["message"] not in (None, told):
                told = now["message"]
                hint(f"{name}: {status_name(now['status'])}: {told}")
            if now["status"] in ENDED or (is_begun and not to_end):
                return
            time.sleep(next(pauses))  # nothing tells why a run waits, or that it waits no longer


def _patiently(client: Client, agent: Agent, run: Run) -> Run:
    """The run as it is now; a server that is being restarted, or refuses for now, is asked again."""
    for _ in range(_PATIENCE):
        try:
            return client.run(agent["id"], run["id"])
        except (CannotConnect, ApiError) as problem:
            if problem.status not in (429, 502, 503, 504):
                raise
        time.sleep(1)
    return client.run(agent["id"], run["id"])


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
