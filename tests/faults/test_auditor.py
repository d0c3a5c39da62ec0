"""The auditor of the fault runs finds what was planted, and nothing in a history that is as it should be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.auditor import (
    SECOND,
    Decision,
    Fault,
    History,
    Kept,
    Life,
    Told,
    audit,
    read_lives,
    recoveries,
)
from lamplighter.model import RunStatus

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
TIMES = tuple(NOON + timedelta(seconds=number) for number in range(6))
AFTER = TIMES[-1] + timedelta(seconds=1)


def decided(first: int, last: int | None = None, count: int | None = None, **changes: object) -> Decision:
    """The decision of the due times with these numbers."""
    last = first if last is None else last
    made = Decision(TIMES[first], TIMES[last], last - first + 1 if count is None else count, "fired", 1)
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test plants


def life(run: int, attempt: int, start: float, last: float, *, is_whole: bool = True) -> Life:
    """A process that lived for these seconds."""
    return Life(run, attempt, int(start * SECOND), int(last * SECOND), is_whole)


def told(run: int, attempt: int = 1, *, agent: int = 1, **changes: object) -> Told:
    """A run of an exclusive agent that ended well with the records of its attempt."""
    made = Told(
        id=run,
        agent=agent,
        is_exclusive=True,
        status=RunStatus.COMPLETED,
        message="",
        attempt=attempt,
        count=1 + attempt % 2,
        records=(attempt,) * (1 + attempt % 2),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test plants


LEDGER = (decided(0), decided(1, 3, outcome="late"), decided(4, outcome="skipped", runs=0), decided(5))
# Run 1 was taken over: its first process was killed. Run 2 began the moment at which it had ended.
GOOD = History(
    [Kept(7, TIMES, LEDGER)],
    [told(1, 2), told(2)],
    [life(1, 1, 0, 5, is_whole=False), life(1, 2, 5, 9), life(2, 1, 9, 10)],
    [Fault("kill", 4 * SECOND, 6 * SECOND)],
)


def rules(history: History) -> list[str]:
    """The rules that the auditor found to be broken."""
    return [finding.rule for finding in audit(history)]


def test_a_good_history_has_no_findings() -> None:
    assert audit(GOOD) == []


@pytest.mark.parametrize(
    ("ledger", "found"),
    [
        (LEDGER[1:], ["due time lost"]),
        (LEDGER[:-1], ["due time lost"]),
        ((*LEDGER[:2], *LEDGER[3:]), ["due time lost"]),
        ((*LEDGER, decided(2)), ["due time twice"]),
        ((*LEDGER, decided(5)), ["due time twice"]),
        ((*LEDGER[:3], decided(5, runs=0)), ["fired without a run"]),
        ((LEDGER[0], decided(1, 3, count=2), *LEDGER[2:]), ["miscounted"]),
        ((*LEDGER, replace(decided(5), due=AFTER, last_due=AFTER)), ["not due"]),
        ((), ["due time lost"] * 6),
    ],
)
def test_what_is_wrong_with_a_ledger_is_found(ledger: tuple[Decision, ...], found: list[str]) -> None:
    assert rules(History([Kept(7, TIMES, ledger)])) == found


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([told(1, 2, status=RunStatus.RUNNING), told(2)], ["not ended"]),
        ([told(1, 2, status=RunStatus.WAITING), told(2)], ["not ended"]),
        ([told(1, 2, status=RunStatus.FAILURE), told(2)], ["no reason"]),
        ([told(1, 2, status=RunStatus.FAILURE, message="vanished"), told(2)], []),
        ([told(1, 2), told(2), told(3, 0, status=RunStatus.STOPPED)], ["no reason"]),
        ([told(1, 2), told(2), told(3, 0, status=RunStatus.STOPPED, message="stopped by me")], []),
        ([told(1, 2), told(2), told(3)], ["no process", "wrong verdict"]),
        ([told(1, 2, counted_attempt=1), told(2)], ["fenced result"]),
        ([told(1, 2, counted_attempt=2), told(2)], []),
        ([told(1, 2, records=(1, 1), count=2), told(2)], ["fenced records"]),
        ([told(1, 2, records=(2, 2), count=2), told(2)], ["wrong records"]),
        ([told(1, 2, count=2), told(2)], ["wrong records"]),
        ([told(1, 2, records=(), count=0), told(2)], ["wrong records"]),
        ([told(1, 1), told(2)], ["wrong verdict"]),
        ([told(1, 3), told(2)], ["wrong verdict"]),
    ],
)
def test_what_is_wrong_with_a_run_is_found(runs: list[Told], found: list[str]) -> None:
    assert rules(replace(GOOD, runs=runs)) == found


@pytest.mark.parametrize(
    ("lives", "found"),
    [
        ([life(1, 1, 0, 5.1, is_whole=False), life(1, 2, 5, 9), life(2, 1, 9, 10)], ["two processes"]),
        (
            [life(1, 1, 0, 5, is_whole=False), life(1, 2, 5, 9.1), life(2, 1, 9, 10)],
            ["exclusive runs together"],
        ),
        # One that was stopped and went on was there in between; the run between the two saw none of both.
        (
            [life(1, 1, 0, 20, is_whole=False), life(1, 2, 5, 6), life(2, 1, 9, 10)],
            ["two processes", "exclusive runs together"],
        ),
        (
            [life(1, 2, 0, 5, is_whole=False), life(1, 2, 5, 9), life(2, 1, 9, 10)],
            ["attempt twice"],
        ),
    ],
)
def test_processes_that_should_not_have_been_are_found(lives: list[Life], found: list[str]) -> None:
    assert rules(replace(GOOD, lives=lives)) == found


def test_runs_of_an_agent_that_is_not_exclusive_may_go_together() -> None:
    runs = [replace(run, is_exclusive=False) for run in GOOD.runs]
    lives = [life(1, 2, 0, 9), life(2, 1, 0, 9)]
    assert rules(replace(GOOD, runs=runs, lives=lives)) == []


def test_recovery_is_from_the_fault_to_the_next_start() -> None:
    lives = [
        life(1, 1, 0, 5, is_whole=False),
        life(1, 2, 12, 13, is_whole=False),
        life(1, 3, 15.5, 16),
        life(2, 1, 0, 3),
        life(2, 2, 4, 5),
    ]
    faults = [Fault("kill", 4 * SECOND, 4 * SECOND), Fault("partition", 12 * SECOND, 14 * SECOND)]
    found = recoveries(History(lives=lives, faults=faults))
    assert [(one.fault.kind, one.run, one.seconds) for one in found] == [
        ("kill", 1, 8),
        ("partition", 1, 3.5),
    ]


def test_a_trace_is_read_as_far_as_it_was_written(tmp_path: Path) -> None:
    start, beat = '{"event": "start", "at": 1, "run": 7, "attempt": 2}\n', '{"event": "beat", "at": 5}\n'
    (tmp_path / "a.jsonl").write_text(start + beat + '{"event": "en')
    (tmp_path / "b.jsonl").write_text(start + beat + '{"event": "end", "at": 9}\n')
    (tmp_path / "c.jsonl").write_text('{"event"')
    assert read_lives(tmp_path) == [Life(7, 2, 1, 5, is_whole=False), Life(7, 2, 1, 9)]
