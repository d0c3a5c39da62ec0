"""A fault run: a fleet under load, faults, and what the auditor finds. See docs/reliability.md."""

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.auditor import Finding, History, audit, read_history, recoveries
from faults.fleet import Fleet
from faults.script import play

_TO_END = 300  # seconds for what queues and goes when the load is over


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault run has shown."""

    history: History
    findings: list[Finding]

    def report(self) -> str:
        """In figures, for people."""
        history = self.history
        due = sum(len(kept.expected) for kept in history.schedules)
        statuses = Counter(run.status.name.lower() for run in history.runs)
        attempts = Counter(run.attempt for run in history.runs)
        again = [run for run in history.runs if run.attempt > 1]
        cut_short = [life for life in history.lives if not life.is_whole]
        lines = [
            f"due times  {due}",
            f"runs       {len(history.runs)}: " + ", ".join(f"{n} {name}" for name, n in statuses.items()),
            f"attempts   {sum(attempts.elements())}, of {len(again)} runs more than one",
            f"processes  {len(history.lives)}, of which {len(cut_short)} were cut short",
            f"faults     {len(history.faults)}",
        ]
        by_kind: dict[str, list[float]] = {}
        for one in recoveries(history):
            by_kind.setdefault(one.fault.kind, []).append(one.seconds)
        lines += [
            f"  {kind:22} {sum(fault.kind == kind for fault in history.faults):3} times;"
            + (
                f" {len(found)} runs started again after {statistics.median(found):.1f} s in the median,"
                f" {max(found):.1f} s at most"
                if (found := by_kind.get(kind))
                else " no run was cut short"
            )
            for kind in sorted({fault.kind for fault in history.faults})
        ]
        lines += [f"findings   {len(self.findings)}"]
        lines += [f"  {finding.rule} ({finding.of}): {finding.text}" for finding in self.findings]
        return "\n".join(lines)


def fault_run(folder: Path, *, seed: int, seconds: int, rate: int, tells: bool = False) -> Outcome:
    """A fleet in this folder with so many runs a second and a seeded choice of faults for so long."""
    with ExitStack() as stack:
        fleet = Fleet(folder, stack)
        fleet.load(rate, timedelta(seconds=seconds))
        faults = play(fleet, seed, seconds, print if tells else lambda _: None)
        fleet.wait_until_all_ended(_TO_END)
        with fleet.database() as db:
            history = read_history(db, fleet.files(), fleet.traces, faults)
    return Outcome(history, audit(history))


def main() -> int:
    """From the command line; the exit status is 1 when there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=600, help="how long there are faults")
    parser.add_argument("--rate", type=int, default=10, help="runs a second")
    parser.add_argument("--folder", type=Path, help="a new folder for everything; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        outcome = fault_run(folder, seed=given.seed, seconds=given.seconds, rate=given.rate, tells=True)
    sys.stdout.write(outcome.report() + "\n")
    return bool(outcome.findings)


if __name__ == "__main__":
    raise SystemExit(main())
