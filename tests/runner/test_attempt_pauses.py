"""A pause of an attempt lasts as long as it should, whatever nudges come meanwhile."""

import threading
import time
from dataclasses import replace
from pathlib import Path

from lamplighter.model import RunStatus
from lamplighter.runner.attempt import Attempt
from lamplighter.store import runs
from lamplighter.store.database import Database
from real_workshop import make_workshop
from store_rows import make_agent, start_set
from virtual_clock import VirtualClock


def attempt(db: Database, folder: Path, clock: VirtualClock) -> Attempt:
    with db.write() as c:
        agent = make_agent(c)
        start_set(c, agent)
        [run] = runs.of_agent(c, agent, 1)
    return Attempt(make_workshop(db, folder, clock), run)


def test_a_nudge_that_brings_nothing_new_does_not_shorten_a_pause(
    db: Database, tmp_path: Path, clock: VirtualClock
) -> None:
    paused = attempt(db, tmp_path, clock)
    over = threading.Event()

    def nudge() -> None:
        while not over.wait(0.01):
            paused.nudge.set()

    thread = threading.Thread(target=nudge)
    thread.start()
    began = time.monotonic()
    paused.pause(0.3)
    lasted = time.monotonic() - began
    over.set()
    thread.join()
    assert lasted >= 0.3


def test_a_pause_ends_when_something_is_asked_of_the_run(
    db: Database, tmp_path: Path, clock: VirtualClock
) -> None:
    paused = attempt(db, tmp_path, clock)

    def stop() -> None:
        paused.run = replace(paused.run, status=RunStatus.STOPPING)
        paused.nudge.set()

    thread = threading.Timer(0.05, stop)
    thread.start()
    paused.pause(3600)
    thread.join()
    assert paused.run.status is RunStatus.STOPPING
