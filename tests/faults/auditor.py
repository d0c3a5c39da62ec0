"""Reads what a fault run has left behind and says what was lost, doubled or counted wrongly.

What happened is known from two sides: the database says what became of due times and runs, and each process of an
agent has written itself when it was alive (``traced_agent``). The auditor trusts neither alone.
"""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from lamplighter.files import Files
from lamplighter.model import Run, RunStatus
from lamplighter.planner import due_times
from lamplighter.store import runs as run_store
from lamplighter.store import schedules as schedule_store
from lamplighter.store.database import Database
from lamplighter.store.tables import agents, fires, parallel_sets, runs, schedules

SECOND = 1_000_000_000
_MOST_DUE_TIMES = 1_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to the installation, from when to when, in nanoseconds of the machine's monotonic clock."""

    kind: str
    at: int
    until: int


@dataclass(frozen=True, slots=True)
class Life:
    """A process of a run, as it told it: when it started, when it was alive last, and whether it ended well."""

    run: int
    attempt: int
    start: int
    last: int
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of the ledger: due times from ``due`` to ``last_due``, and how many runs it has."""

    due: datetime
    last_due: datetime
    count: int
    outcome: str
    runs: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A schedule, all its due times, and what its ledger says."""

    id: int
    expected: tuple[datetime, ...]
    ledger: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A run as the database tells it; ``records`` are the attempts that its exported records name."""

    id: int
    agent: int
    is_exclusive: bool
    status: RunStatus
    message: str
    attempt: int
    counted_attempt: int | None = None
    count: int = 0
    records: tuple[int, ...] = ()
    ever_started: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """All that a fault run has left behind."""

    schedules: Sequence[Kept] = ()
    runs: Sequence[Told] = ()
    lives: Sequence[Life] = ()
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What must not be: by the rule, of a run or schedule."""

    rule: str
    of: int
    text: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after a fault began a run that it had cut short was started again."""

    fault: Fault
    run: int
    seconds: float


GOOD = frozenset({RunStatus.SUCCESS, RunStatus.COMPLETED})


def audit(history: History) -> list[Finding]:
    """All findings; none when nothing was lost or doubled."""
    return [
        *due_times_once(history),
        *all_ended(history),
        *one_process_a_run(history),
        *exclusive_alone(history),
        *right_results(history),
    ]


def due_times_once(history: History) -> Iterator[Finding]:
    """Every due time is in the ledger once, and what fired has its runs."""
    for kept in history.schedules:
        yield from _decided_once(kept)
        for one in kept.ledger:
            if one.outcome in ("fired", "late") and not one.runs:
                yield Finding("fired without a run", kept.id, f"{one.due} is {one.outcome} and has no run")


def _decided_once(kept: Kept) -> Iterator[Finding]:
    times = list(kept.expected)
    ledger = sorted(kept.ledger, key=lambda one: one.due)
    for before, after in pairwise(ledger):
        if after.due <= before.last_due:
            yield Finding(
                "due time twice", kept.id, f"{after.due} was decided before, until {before.last_due}"
            )
    decided = [False] * len(times)
    for one in ledger:
        first, behind = bisect_left(times, one.due), bisect_right(times, one.last_due)
        if first == len(times) or times[first] != one.due or times[behind - 1] != one.last_due:
            yield Finding("not due", kept.id, f"the ledger has {one.due} to {one.last_due}, which is not due")
        elif behind - first != one.count:
            yield Finding("miscounted", kept.id, f"{one.due} counts {one.count}, not {behind - first}")
        decided[first:behind] = [True] * (behind - first)
    for due, is_decided in zip(times, decided, strict=True):
        if not is_decided:
            yield Finding("due time lost", kept.id, f"{due} is not in the ledger")


def all_ended(history: History) -> Iterator[Finding]:
    """Every run has ended and says how; one that no process worked on says why."""
    worked_on = {life.run for life in history.lives}
    for run in history.runs:
        if not run.status.is_terminal:
            yield Finding("not ended", run.id, f"is {run.status.name} in attempt {run.attempt}")
        elif not run.message and run.status not in GOOD:
            yield Finding("no reason", run.id, f"is {run.status.name} and nothing says why")
        elif run.status in GOOD and run.id not in worked_on:
            yield Finding("no process", run.id, f"is {run.status.name}, and no process of it ever started")


def one_process_a_run(history: History) -> Iterator[Finding]:
    """No two processes of one run were alive at the same moment, and no attempt had two of them."""
    for run_id, lives in _by(history.lives, lambda life: life.run).items():
        for before, after in _together(lives):
            yield Finding("two processes", run_id, f"{_shown(before)} and {_shown(after)} together")
        attempts = [life.attempt for life in lives]
        for attempt in sorted({one for one in attempts if attempts.count(one) > 1}):
            yield Finding(
                "attempt twice", run_id, f"attempt {attempt} had {attempts.count(attempt)} processes"
            )


def exclusive_alone(history: History) -> Iterator[Finding]:
    """No two runs of an exclusive agent were alive at the same moment."""
    agent_of = {run.id: run.agent for run in history.runs if run.is_exclusive}
    lives = [life for life in history.lives if life.run in agent_of]
    for agent_id, of_agent in _by(lives, lambda life: agent_of[life.run]).items():
        for before, after in _together(of_agent):
            if before.run != after.run:
                text = f"runs {before.run} ({_shown(before)}) and {after.run} ({_shown(after)}) together"
                yield Finding("exclusive runs together", agent_id, text)


def right_results(history: History) -> Iterator[Finding]:
    """What counts is what the last attempt did, and nothing that an attempt did which was taken over."""
    lives = {(life.run, life.attempt): life for life in history.lives}
    for run in history.runs:
        if run.status not in GOOD:
            continue
        counted = run.counted_attempt or run.attempt
        if counted != run.attempt:
            yield Finding(
                "fenced result", run.id, f"attempt {counted} counts, and {run.attempt} was the last"
            )
        life = lives.get((run.id, run.attempt))
        if life is None or not life.is_whole:
            yield Finding("wrong verdict", run.id, f"attempt {run.attempt} never ended, and counts as good")
        foreign = sorted({attempt for attempt in run.records if attempt != run.attempt})
        if foreign:
            yield Finding("fenced records", run.id, f"has records of {foreign}; {run.attempt} was the last")
        wanted = 1 + run.attempt % 2
        if not foreign and (run.count, len(run.records)) != (wanted, wanted):
            text = f"counts {run.count} records, exports {len(run.records)}; its attempt made {wanted}"
            yield Finding("wrong records", run.id, text)


def recoveries(history: History) -> list[Recovery]:
    """For each process that ended before its time, how long it took until its run was started again.

    It is put down to the last fault that had begun by then, and counted from the beginning of that, or from the end
    of the process when that came first.
    """
    found = []
    faults = sorted(history.faults, key=lambda fault: fault.at)
    begins = [fault.at for fault in faults]
    for run_id, lives in _by(history.lives, lambda life: life.run).items():
        for broken, following in pairwise(sorted(lives, key=lambda life: life.start)):
            place = bisect_right(begins, broken.last + SECOND) - 1
            if not broken.is_whole and place >= 0:
                since = min(faults[place].at, broken.last)
                found.append(Recovery(faults[place], run_id, (following.start - since) / SECOND))
    return found


def _together(lives: Iterable[Life]) -> Iterator[tuple[Life, Life]]:
    """Pairs of processes that were surely alive at the same moment, whatever others did in between."""
    latest: Life | None = None
    for life in sorted(lives, key=lambda life: life.start):
        if latest is not None and life.start < latest.last:
            yield latest, life
        if latest is None or life.last > latest.last:
            latest = life


def _by(lives: Iterable[Life], key: Callable[[Life], int]) -> dict[int, list[Life]]:
    found: dict[int, list[Life]] = defaultdict(list)
    for life in lives:
        found[key(life)].append(life)
    return found


def _shown(life: Life) -> str:
    return f"attempt {life.attempt} from {life.start / SECOND:.3f} to {life.last / SECOND:.3f}"


# --- reading ---


def read_lives(folder: Path) -> list[Life]:
    """The processes that left a trace in the folder; a line that was not written to its end is passed over."""
    lives = []
    for file in sorted(folder.glob("*.jsonl")):
        events = [
            json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]
        if events:
            first, last = events[0], events[-1]
            lives.append(
                Life(first["run"], first["attempt"], first["at"], last["at"], last["event"] == "end")
            )
    return lives


def read_history(db: Database, files: Files, traces: Path, faults: Sequence[Fault] = ()) -> History:
    """What is in the database, the files and the traces; all schedules have an end, which has passed."""
    with db.read() as c:
        kept = [_kept(c, row.agent_id, row.id) for row in c.execute(sa.select(schedules))]
        told = [_told(run, files) for run in _all_runs(c)]
    return History(kept, told, read_lives(traces), faults)


def _kept(c: sa.Connection, agent_id: int, schedule_id: int) -> Kept:
    schedule = schedule_store.get(c, agent_id, schedule_id)
    assert schedule is not None
    expected = due_times(schedule.timing, schedule.created, _MOST_DUE_TIMES)
    has = (
        sa.select(sa.func.count())
        .select_from(runs.join(parallel_sets, runs.c.set_id == parallel_sets.c.id))
        .where(parallel_sets.c.fire_id == fires.c.id)
        .scalar_subquery()
    )
    query = sa.select(fires, fires.c.count.label("times"), has.label("run_count")).where(
        fires.c.schedule_id == schedule_id
    )
    ledger = [
        Decision(row.due, row.last_due, row.times, row.outcome, row.run_count) for row in c.execute(query)
    ]
    return Kept(schedule_id, tuple(expected), tuple(ledger))


def _all_runs(c: sa.Connection) -> Iterator[Run]:
    for agent_id in c.execute(sa.select(agents.c.id)).scalars().all():
        for run_id in run_store.ids_of_agent(c, agent_id):
            run = run_store.get(c, run_id)
            assert run is not None
            yield run


def _told(run: Run, files: Files) -> Told:
    file = files.open_of_run(
        files.export_folder(run.id, run.records_attempt or run.attempt) / "records.jsonl"
    )
    records: tuple[int, ...] = ()
    if file is not None:
        with file:
            records = tuple(json.loads(line)["attempt"] for line in file.read().splitlines())
    return Told(
        id=run.id,
        agent=run.agent_id,
        is_exclusive=run.settings.is_exclusive,
        status=run.status,
        message=run.message or "",
        attempt=run.attempt,
        counted_attempt=run.records_attempt,
        count=run.counters.data_count,
        records=records,
    )
