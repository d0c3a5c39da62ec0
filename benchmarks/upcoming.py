"""100,000 schedules: how long does it take to say what fires next?

The measure is a ratio: the time of the whole answer (index, counts of occurrences, JSON) to the time of a bare
SELECT of the same rows through the standard driver. Schedules have many rhythms in several zones; ``--rhythms``
says how many distinct ones. The worst answer is the whole list; pages and expanded fires read only what they need.
Run it with::

    python benchmarks/upcoming.py --schedules 100000 --rounds 5
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from filled_database import prepare
from lamplighter import planner
from lamplighter.http.api.analytics import as_json
from lamplighter.model import Actor, ScheduleType, Timing
from lamplighter.service.analytics import Analytics
from lamplighter.store import upcoming
from lamplighter.store.database import Database
from lamplighter.store.tables import schedules

NOW = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
WEEK = NOW + timedelta(days=7)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney")
EVERYTHING = Actor(1, "admin", is_admin=True)


class StandingClock:
    """It is always the same time."""

    def wait(self, wake: threading.Event, until: datetime) -> None:
        """Nobody waits here."""

    def now(self) -> datetime:
        """That time."""
        return NOW


def rhythm(chance: random.Random) -> dict[str, Any]:
    """The columns of a schedule that say when it is due."""
    cron = f"{chance.randrange(60)} {chance.randrange(24)} * * {chance.choice(['*', '1-5', '0', '3'])}"
    if chance.random() < 0.2:
        cron = f"*/{chance.choice([1, 5, 10, 15, 20])} * * * *"
    timing = Timing(ScheduleType.CRON, timezone=chance.choice(ZONES), cron_expression=cron)
    if chance.random() < 0.2:
        timing = replace(
            timing, schedule_type=ScheduleType.RUN_EVERY, cron_expression=None, run_every_count=7, anchor=NOW
        )
        timing = replace(timing, run_every_period=chance.randrange(1, 4))
    due = planner.next_due(0, timing, NOW)
    assert due is not None
    names = ("schedule_type", "timezone", "cron_expression", "run_every_count", "run_every_period", "anchor")
    values = {name: getattr(timing, name) for name in names}
    return {**values, "next_due": due.time, "fire_at": due.time, "decided_until": NOW}


def fill(db: Database, count: int, rhythms: int) -> None:
    """Insert so many schedules with so many rhythms."""
    chance = random.Random(1)
    known = [rhythm(chance) for _ in range(rhythms)]
    with db.write() as c:
        first = c.execute(sa.select(schedules).limit(1)).mappings().one()
        base = {name: value for name, value in first.items() if name != "id"}
        rows = [{**base, "name": f"schedule {n}", **chance.choice(known)} for n in range(count)]
        for begin in range(0, count, 10_000):
            c.execute(schedules.insert(), rows[begin : begin + 10_000])
        c.execute(schedules.delete().where(schedules.c.id == first["id"]))


def bare_select(db: Database) -> int:
    """Fetch the same rows with the same query, without any of our code."""
    query = str(
        upcoming.query_of(None, None, WEEK).compile(db.engine, compile_kwargs={"literal_binds": True})
    )
    with db.read() as c:
        driver = c.connection.driver_connection
        assert driver is not None
        return len(driver.execute(query).fetchall())


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that it takes, and what comes of it."""
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--rhythms", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = prepare(Path(folder), 1, 0)
        fill(db, wanted.schedules, wanted.rhythms)
        use = Analytics(db, StandingClock())
        answers: dict[str, Callable[[], Any]] = {
            "whole answer": lambda: as_json(use.upcoming(EVERYTHING, None, None), None),
            "page of 50": lambda: as_json(use.upcoming(EVERYTHING, None, None, limit=50), None),
            "1000 fires, expanded": lambda: as_json(use.every_fire(EVERYTHING, None, None, 1000)[0], None),
        }
        bare_select(db)  # the file is in memory from now on
        times: dict[str, list[float]] = {name: [] for name in answers}
        bare = []
        for _ in range(wanted.rounds):
            seconds, count = timed(lambda: bare_select(db))
            assert count == wanted.schedules, f"{count} rows of {wanted.schedules}"
            bare.append(seconds)
            for name, answer in answers.items():
                times[name].append(timed(answer)[0])
        db.close()
    print(f"bare SELECT of {wanted.schedules} rows: median {statistics.median(bare):.3f} s")
    for name, seconds_of in times.items():
        ratios = [ours / base for ours, base in zip(seconds_of, bare, strict=True)]
        print(
            f"{name}: median {statistics.median(seconds_of):.3f} s, ratio {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f}–{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
