"""Next-fire times of our evaluator beside cronsim and croniter, in one run on one machine.

*cold*: a new text is parsed and asked for its first fire. *warm*: a parsed expression is asked for one
fire after another. Prints the median time of one answer and how many times longer the others take.

    python benchmarks/fire_times.py --repeats 7 --fires 200
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # has no types of its own
from cronsim import CronSim

from lamplighter.triggers import CronTrigger, next_after, parse_cron

EXPRESSIONS = (
    "* * * * *",
    "*/15 * * * *",
    "30 2 * * *",
    "0 9 * * 1-5",
    "0 8,12,16 * * *",
    "0 0 1 * *",
    "0 9 1,15 * 5",
    "0 0 L * *",
    "0 0 29 2 *",
)
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")
START = datetime(2026, 1, 15, 10, 7, 30, tzinfo=UTC)

Answers = Callable[[str, str, int], None]


def ours_warm(expression: str, zone: str, fires: int) -> None:
    trigger, moment = CronTrigger(expression, zone), START
    for _ in range(fires):
        found = next_after(trigger, moment)
        assert found is not None
        moment = found


def cronsim_warm(expression: str, zone: str, fires: int) -> None:
    walk = CronSim(expression, START.astimezone(ZoneInfo(zone)))
    for _ in range(fires):
        next(walk)


def croniter_warm(expression: str, zone: str, fires: int) -> None:
    walk = croniter(expression, START.astimezone(ZoneInfo(zone)))
    for _ in range(fires):
        walk.get_next(datetime)


def ours_cold(expression: str, zone: str, fires: int) -> None:
    for _ in range(fires):
        parse_cron.cache_clear()
        next_after(CronTrigger(expression, zone), START)


def cronsim_cold(expression: str, zone: str, fires: int) -> None:
    local = START.astimezone(ZoneInfo(zone))
    for _ in range(fires):
        next(CronSim(expression, local))


def croniter_cold(expression: str, zone: str, fires: int) -> None:
    local = START.astimezone(ZoneInfo(zone))
    for _ in range(fires):
        croniter(expression, local).get_next(datetime)


LIBRARIES: dict[str, dict[str, Answers]] = {
    "cold": {"ours": ours_cold, "cronsim": cronsim_cold, "croniter": croniter_cold},
    "warm": {"ours": ours_warm, "cronsim": cronsim_warm, "croniter": croniter_warm},
}


def microseconds(answers: Answers, expression: str, zone: str, fires: int, repeats: int) -> float:
    """The median over the repeats of the mean time of one fire."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        answers(expression, zone, fires)
        taken.append((time.perf_counter() - start) / fires * 1e6)
    return statistics.median(taken)


def report(kind: str, fires: int, repeats: int) -> None:
    print(f"\n{kind}: microseconds a fire, and the others as multiples of ours")
    print(f"{'expression':18}{'zone':22}{'ours':>9}{'cronsim':>10}{'croniter':>10}{'':>4}ratios")
    ratios: dict[str, list[float]] = {"cronsim": [], "croniter": []}
    for zone in ZONES:
        for expression in EXPRESSIONS:
            # A leap day is years away for the others, which walk there.
            count = max(1, fires // 20) if expression.startswith("0 0 29") else fires
            taken = {
                name: microseconds(answers, expression, zone, count, repeats)
                for name, answers in LIBRARIES[kind].items()
            }
            for name, values in ratios.items():
                values.append(taken[name] / taken["ours"])
            times = f"{taken['ours']:9.2f}{taken['cronsim']:10.2f}{taken['croniter']:10.2f}"
            print(f"{expression:18}{zone:22}{times}{ratios['cronsim'][-1]:9.1f}{ratios['croniter'][-1]:8.1f}")
    for name, values in ratios.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{kind} {name} / ours: median {middle:.1f}, least {low:.1f}, most {high:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each case; the median counts")
    parser.add_argument("--fires", type=int, default=100, help="fires asked for in one measurement")
    arguments = parser.parse_args()
    for kind in LIBRARIES:
        report(kind, arguments.fires, arguments.repeats)


if __name__ == "__main__":
    main()
