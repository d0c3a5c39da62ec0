"""Asks one library for fire times and says how long it took: run with the Python in which the library is.

Reads a JSON object from standard input: ``library``, ``cases`` (expression, zone, how many fires), and writes one
with the microseconds of one fire ``warm`` (a parsed expression is asked for one fire after another) and ``cold`` (a
text is parsed and asked for its first fire), of ``parse`` alone, and the ``bytes`` that one expression keeps.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

START = datetime(2026, 1, 15, 10, 7, 30, tzinfo=UTC)
KEPT = 5000
Make = Callable[[str, str], Any]
Walk = Callable[[Any], Iterator[object]]


def ours() -> tuple[Make, Walk]:
    """Lamplighter's own evaluator."""
    triggers = importlib.import_module("lamplighter.triggers")

    def make(expression: str, zone: str) -> Any:
        triggers.parse_cron.cache_clear()
        return triggers.CronTrigger(expression, zone)

    def walk(trigger: Any) -> Iterator[object]:
        moment = START
        while (found := triggers.next_after(trigger, moment)) is not None:
            yield found
            moment = found

    return make, walk


def cronsim() -> tuple[Make, Walk]:
    """cronsim, which Healthchecks uses."""
    kind = importlib.import_module("cronsim").CronSim
    return lambda expression, zone: kind(expression, START.astimezone(ZoneInfo(zone))), iter


def croniter(module: str = "croniter") -> tuple[Make, Walk]:
    """croniter, the one that most use; or its copy in Rust, which has the same face."""
    kind = importlib.import_module(module).croniter

    def walk(made: Any) -> Iterator[object]:
        while True:
            yield made.get_next(datetime)

    return lambda expression, zone: kind(expression, START.astimezone(ZoneInfo(zone))), walk


def apscheduler() -> tuple[Make, Walk]:
    """The trigger of APScheduler 3."""
    kind = importlib.import_module("apscheduler.triggers.cron").CronTrigger

    def walk(trigger: Any) -> Iterator[object]:
        moment = previous = None
        now = START.astimezone(trigger.timezone)
        while (moment := trigger.get_next_fire_time(previous, now)) is not None:
            yield moment
            previous = now = moment

    return lambda expression, zone: kind.from_crontab(expression, timezone=zone), walk


LIBRARIES = {
    "lamplighter": ours,
    "cronsim": cronsim,
    "croniter": croniter,
    "croniter-rs": lambda: croniter("croniter_rs"),
    "apscheduler": apscheduler,
}


def answer(library: str, expression: str, zone: str, fires: int) -> dict[str, float | str]:
    """The measures of one case."""
    make, walk = LIBRARIES[library]()
    try:
        next(walk(make(expression, zone)))
    except StopIteration:
        pass
    except Exception as problem:  # noqa: BLE001 - whatever a library says of it: it is told in the table
        begun = time.perf_counter()
        refused = False
        try:
            next(walk(make(expression, zone)), None)
        except Exception:  # noqa: BLE001 - as above
            refused = True
        took = (time.perf_counter() - begun) * 1e6
        return {"refused": f"{type(problem).__name__}"} | ({"cold": took} if refused else {})
    return {
        "warm": _warm(make, walk, expression, zone, fires),
        "cold": _each(lambda: next(walk(make(expression, zone)), None), fires),
        "parse": _each(lambda: make(expression, zone), fires),
        "bytes": _bytes(make, expression, zone),
    }


def _warm(make: Make, walk: Walk, expression: str, zone: str, fires: int) -> float:
    fires_of_it = walk(make(expression, zone))
    begun, seen = time.perf_counter(), 0
    for _ in range(fires):
        if next(fires_of_it, None) is None:
            break
        seen += 1
    return (time.perf_counter() - begun) / max(seen, 1) * 1e6


def _each(work: Callable[[], object], times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times * 1e6


def _bytes(make: Make, expression: str, zone: str) -> float:
    """How much the memory of the process grows for each expression that is kept."""
    gc.collect()
    before = _resident()
    kept = [make(expression, zone) for _ in range(KEPT)]
    grown = _resident() - before
    del kept
    return max(grown, 0) / KEPT


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def main() -> None:
    """Read what is asked for, and answer."""
    asked = json.load(sys.stdin)
    found = [answer(asked["library"], *case) for case in asked["cases"]]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
