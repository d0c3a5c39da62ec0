"""The whole product at work on real input, in one terminal: ``python -m lamplighter.demo``.

A book shop is served on loopback, a server is started on an empty folder, a plain Scrapy project is deployed and
gets three schedules over the HTTP API. Then it shows what is due, fires, runs and is extracted, until Ctrl-C,
which leaves nothing behind.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lamplighter.cli.pack import pack
from lamplighter.client import ENDED, STATUS_NAMES, SUCCEEDED, Client, Run, Schedule
from lamplighter.clock import SystemClock
from lamplighter.demo.site import BookShop
from lamplighter.errors import LamplighterError

PROJECT = Path(__file__).with_name("bookshop")
_LOOK_EVERY = 0.4
_STOP_PATIENCE = 40


def main() -> None:
    """Run the demonstration until Ctrl-C, or for ``--seconds``."""
    parser = argparse.ArgumentParser(
        prog="python -m lamplighter.demo", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, help="end by itself after so many seconds")
    wanted = parser.parse_args()
    enough = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: enough.set())
    if wanted.seconds is not None:
        timer = threading.Timer(wanted.seconds, enough.set)
        timer.daemon = True
        timer.start()
    console = Console(highlight=False)
    try:
        _demonstrate(console, enough)
    except LamplighterError as problem:
        console.print(f"The demonstration failed: {problem}", style="red")
        sys.exit(1)


def _demonstrate(console: Console, enough: threading.Event) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lamplighter-demo-")))
        console.rule("[bold]Lamplighter[/bold] · a demonstration on real input")
        shop = stack.enter_context(BookShop())
        console.print(f"A book shop is open at [bold]{shop.url}[/bold]")
        key = f"sk-{secrets.token_urlsafe(24)}"
        address = stack.enter_context(_server(folder, key))
        console.print(f"Lamplighter is ready at [bold]{address}[/bold]  (its API: {address}/docs)")
        client = stack.enter_context(Client(address, key))
        agent = _deploy(console, client)
        stack.callback(_leave_nothing_running, console, client, agent)
        _add_schedules(console, client, agent, shop.url)
        console.print("Look at it yourself, in a browser:")
        console.print(f"  {address}/sign-in#{key}", soft_wrap=True)
        console.print("or in another terminal:")
        console.print(f"  export LAMPLIGHTER_URL={address} LAMPLIGHTER_API_KEY={key}", soft_wrap=True)
        for command in ("schedule list", "run logs bookshop", "run records bookshop"):
            console.print(f"  lamplighter {command}")
        console.rule("what happens · Ctrl-C ends it")
        watch = _Watch(console, client, agent)
        while not enough.wait(_LOOK_EVERY):
            watch.look()
        console.print()
        console.rule("the end")
    console.print(
        "Everything is stopped, and the folder is removed. Next: see README.md, or `lamplighter --help`."
    )


@contextmanager
def _server(folder: Path, key: str) -> Iterator[str]:
    """``lamplighter up`` on ``folder``; yields its address."""
    log = folder / "server.log"
    with log.open("w") as errors:
        # In a session of its own: Ctrl-C is for this program, which ends the server in good order.
        process = subprocess.Popen(  # noqa: S603 - our own command
            [
                sys.executable,
                "-m",
                "lamplighter.cli.app",
                "up",
                "--data",
                str(folder / "data"),
                "--port",
                "0",
            ],
            # It looks more often than a stranger may.
            env={**os.environ, "LAMPLIGHTER_BOOTSTRAP_KEY": key, "LAMPLIGHTER_RATE_LIMIT": "0"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    if process.stdout is None:
        raise AssertionError("the server's output was asked for")
    try:
        for line in process.stdout:
            if "http://" in line:
                yield line[line.index("http://") :].split()[0]
                break
        else:
            raise LamplighterError(f"the server did not start: {log.read_text()}")
    finally:
        process.terminate()
        process.wait(_STOP_PATIENCE)
        process.stdout.close()


def _deploy(console: Console, client: Client) -> int:
    with pack(PROJECT) as bundle:
        agent = client.create_agent(bundle.reader(lambda _: None), {"name": "bookshop"})
    console.print(f"A plain Scrapy project is deployed as agent {agent['id']}, [bold]{agent['name']}[/bold]")
    return agent["id"]


def _add_schedules(console: Console, client: Client, agent: int, shop: str) -> None:
    """The three documented kinds of requests; only the times are moved into the future."""
    now = SystemClock().now().replace(microsecond=0)
    inputs = json.dumps({"start_url": shop})
    mystery = json.dumps({"start_url": shop, "category": "Mystery"})
    bodies: list[dict[str, Any]] = [
        {
            "name": "every minute",
            "scheduleType": 3,
            "cronExpression": "* * * * *",
            "timezone": "America/New_York",
            "inputParameters": inputs,
        },
        {
            "name": "mysteries",
            "scheduleType": 2,
            "runEveryCount": 2,
            "runEveryPeriod": 0,
            "startTime": (now + timedelta(seconds=8)).isoformat().replace("+00:00", "Z"),
            "inputParameters": mystery,
        },
        {
            "name": "just once",
            "scheduleType": 1,
            "startTime": (now + timedelta(seconds=75)).isoformat().replace("+00:00", "Z"),
            "inputParameters": inputs,
        },
    ]
    for body in bodies:
        schedule = client.create_schedule(agent, body)
        shown = {k: v for k, v in body.items() if k != "inputParameters"}
        console.print(f"\nPOST /api/v1/agent/{agent}/schedules", style="dim")
        console.print(json.dumps(shown), style="cyan")
        console.print(f"  → schedule {schedule['id']}: {schedule['localSchedule']}")
        console.print(f"    next: {_clock(schedule['nextRunTime'])}")
    console.print()


def _leave_nothing_running(console: Console, client: Client, agent: int) -> None:
    """Disable the schedules and end the runs, so that no process goes on without the server."""
    for schedule in client.schedules(agent):
        client.switch_schedule(agent, schedule["id"], on=False)
    going = [run for run in client.runs(agent) if run["status"] not in ENDED]
    if going:
        console.print(f"Stopping {len(going)} run(s) …")
    for run in going:
        client.kill_run(agent, run["id"])
    while any(run["status"] not in ENDED for run in client.runs(agent)):
        threading.Event().wait(_LOOK_EVERY)


class _Watch:
    """Prints each thing once: what comes, what fired, what ran, and some of what was extracted."""

    def __init__(self, console: Console, client: Client, agent: int) -> None:
        self._console = console
        self._client = client
        self._agent = agent
        self._fires: set[int] = set()
        self._ended: set[int] = set()
        self._announced: set[tuple[int, str]] = set()

    def look(self) -> None:
        """Print what has changed since the last look."""
        for schedule in self._client.schedules(self._agent):
            self._tell_fires(schedule)
            self._tell_next(schedule)
        for run in reversed(self._client.runs(self._agent)):
            if run["status"] in ENDED and run["id"] not in self._ended:
                self._ended.add(run["id"])
                self._tell_end(run)

    def _tell_next(self, schedule: Schedule) -> None:
        due = schedule["nextRunTime"]
        if due is not None and (schedule["id"], due) not in self._announced:
            self._announced.add((schedule["id"], due))
            self._say("due", schedule["name"], f"at {_clock(due)}", style="dim")

    def _tell_fires(self, schedule: Schedule) -> None:
        for fire in reversed(self._client.fires(self._agent, schedule["id"])):
            if fire["id"] in self._fires:
                continue
            self._fires.add(fire["id"])
            delay = _moment(fire["decided"]) - _moment(fire["dueTime"])
            runs = ", ".join(f"run {run}" for run in fire["runIds"]) or "no run"
            later = f"{fire['outcome']} {delay.total_seconds() * 1000:.0f} ms later"
            self._say(
                "fire", schedule["name"], f"due {_clock(fire['dueTime'])}, {later} → {runs}", style="yellow"
            )

    def _tell_end(self, run: Run) -> None:
        name = STATUS_NAMES[run["status"]]
        style = "green" if run["status"] in SUCCEEDED else "red"
        self._say("run", f"{run['id']} {name}", f"{run['message']} ({run['runTimeSec']} s)", style=style)
        for record in islice(self._client.records(self._agent, run["id"]), 3):
            shown = " · ".join(str(value) for value in list(record.values())[:4])
            self._console.print(
                Text(f"          {'':5}{'':18}{shown}"), style="dim", no_wrap=True, overflow="ellipsis"
            )

    def _say(self, kind: str, name: str, what: str, *, style: str) -> None:
        now = SystemClock().now().strftime("%H:%M:%S")
        self._console.print(Text(f"{now}  {kind:<5}{name:<18}{what}"), style=style)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _clock(text: str | None) -> str:
    return "never" if text is None else _moment(text).strftime("%H:%M:%S UTC")


if __name__ == "__main__":
    main()
