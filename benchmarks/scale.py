"""What an installation of many servers would do, simulated with the costs that were measured on one.

A day is gone through second by second. Schedules are due at full minutes, most of them at full hours, as people
write them; what is due is fired by the databases, each at its measured rate, and what is fired is run by the
servers. Where a queue grows first, and how late the last one of it is, is printed. See ``docs/scale.md``::

    python benchmarks/scale.py --schedules 100000000 --servers 1000 --databases 40
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DAY = 86_400
# How often schedules are due, by share: people want full hours, and midnight most of all.
RHYTHMS: Mapping[str, float] = {
    "daily at midnight": 0.1,
    "daily at some hour": 0.5,
    "daily at some minute": 0.4,
}


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured: of one database, and of one server."""

    fires_a_second: float
    runs_a_second: float
    bytes_of_schedule: float
    bytes_of_run: float


@dataclass(slots=True)
class Queue:
    """Work that waits for a part that does so much of it a second."""

    rate: float
    waiting: float = 0.0
    longest: float = 0.0  # seconds until the last one of it is done

    def step(self, arriving: float) -> float:
        """A second passes; how much has been done in it."""
        self.waiting += arriving
        done = min(self.waiting, self.rate)
        self.longest = max(self.longest, self.waiting / self.rate)
        self.waiting -= done
        return done


def arrivals(schedules: int) -> Iterator[float]:
    """How many are due in each second of a day."""
    for second in range(DAY):
        due = 0.0
        if second == 0:
            due += schedules * RHYTHMS["daily at midnight"]
        if second % 3600 == 0:
            due += schedules * RHYTHMS["daily at some hour"] / 24
        if second % 60 == 0:
            due += schedules * RHYTHMS["daily at some minute"] / 1440
        yield due


def simulate(schedules: int, servers: int, databases: int, costs: Costs) -> tuple[Queue, Queue]:
    """The queue before the databases and the one before the servers, after a day."""
    fires, runs = Queue(costs.fires_a_second * databases), Queue(costs.runs_a_second * servers)
    for due in arrivals(schedules):
        runs.step(fires.step(due))
    return fires, runs


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=100_000_000)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=1)
    parser.add_argument("--fires-a-second", type=float, required=True, help="of one database; see RESULTS.md")
    parser.add_argument("--runs-a-second", type=float, required=True, help="of one server; see RESULTS.md")
    parser.add_argument("--bytes-of-schedule", type=float, required=True)
    parser.add_argument("--bytes-of-run", type=float, required=True)
    wanted = parser.parse_args()
    costs = Costs(wanted.fires_a_second, wanted.runs_a_second, wanted.bytes_of_schedule, wanted.bytes_of_run)
    fires, runs = simulate(wanted.schedules, wanted.servers, wanted.databases, costs)
    for name, queue in (("databases", fires), ("servers", runs)):
        left = f"; {queue.waiting:,.0f} are left after the day" if queue.waiting >= 1 else ""
        print(f"{name}: {queue.rate:,.0f} a second; the last one waits {queue.longest:,.0f} s at most{left}")
    print(f"schedules: {wanted.schedules * costs.bytes_of_schedule / 1e9:,.0f} GB in all databases")
    print(f"runs: {wanted.schedules * costs.bytes_of_run / 1e9:,.0f} GB a day")


if __name__ == "__main__":
    main()
