"""What an installation of many servers would do, simulated with the costs that were measured on one.

A day is gone through second by second. Schedules are due at full minutes, most of them at full hours, as people
write them; what is due is fired by the databases, each at its measured rate, and what is fired is run by the
servers, whose runs end in the databases again, in the time that firing leaves them. How long the last one waits,
and what the runs wait for, is printed. See ``docs/scale.md``::

    python benchmarks/scale.py --schedules 100000000 --servers 1000 --databases 40
"""

import argparse
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
    endings_a_second: float
    runs_a_second: float
    bytes_of_schedule: float
    bytes_of_run: float


@dataclass(slots=True)
class Queue:
    """Work that waits for a part, first come, first served."""

    arrived: float = 0.0
    done: float = 0.0
    longest: float = 0.0  # seconds that anything of it has waited
    _came: deque[tuple[int, float]] = field(default_factory=deque)  # second, and what had arrived by then

    @property
    def waiting(self) -> float:
        """How much waits now."""
        return self.arrived - self.done

    def step(self, second: int, arriving: float, most: float) -> float:
        """A second passes, in which at most so much can be done; how much has been."""
        if arriving:
            self.arrived += arriving
            self._came.append((second, self.arrived))
        now = min(self.waiting, most)
        self.done += now
        while self._came and self._came[0][1] <= self.done + 0.5:  # half a run is none
            self.longest = max(self.longest, second + 1 - self._came.popleft()[0])
        return now


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


def simulate(schedules: int, servers: int, databases: int, costs: Costs) -> tuple[Queue, Queue, int, int]:
    """The queues of fires and runs after a day, and in how many seconds runs waited for databases and servers."""
    fires, runs = Queue(), Queue()
    for_databases = for_servers = 0
    most_fires, most_runs = costs.fires_a_second * databases, costs.runs_a_second * servers
    for second, due in enumerate(arrivals(schedules)):
        fired = fires.step(second, due, most_fires)
        endings = costs.endings_a_second * databases * (1 - fired / most_fires)
        runs.step(second, fired, min(most_runs, endings))
        if runs.waiting >= 1:
            for_databases += endings < most_runs
            for_servers += endings >= most_runs
    return fires, runs, for_databases, for_servers


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=100_000_000)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=1)
    parser.add_argument("--fires-a-second", type=float, required=True, help="of one database; see RESULTS.md")
    parser.add_argument(
        "--endings-a-second", type=float, required=True, help="of one database; see RESULTS.md"
    )
    parser.add_argument("--runs-a-second", type=float, required=True, help="of one server; see RESULTS.md")
    parser.add_argument("--bytes-of-schedule", type=float, required=True)
    parser.add_argument("--bytes-of-run", type=float, required=True)
    wanted = parser.parse_args()
    costs = Costs(
        wanted.fires_a_second,
        wanted.endings_a_second,
        wanted.runs_a_second,
        wanted.bytes_of_schedule,
        wanted.bytes_of_run,
    )
    fires, runs, for_databases, for_servers = simulate(
        wanted.schedules, wanted.servers, wanted.databases, costs
    )
    for name, queue in (("fires", fires), ("runs", runs)):
        left = f"; {queue.waiting:,.0f} wait when the day is over" if queue.waiting >= 1 else ""
        print(f"{name}: what was done has waited {queue.longest:,.0f} s at most{left}")
    print(f"runs waited for databases in {for_databases:,} seconds, for servers in {for_servers:,}")
    print(f"schedules: {wanted.schedules * costs.bytes_of_schedule / 1e9:,.0f} GB in all databases")
    print(f"runs: {wanted.schedules * costs.bytes_of_run / 1e9:,.0f} GB a day")


if __name__ == "__main__":
    main()
