"""Which parts of a parallel set are merged, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import RunStatus
from lamplighter.planner import Combination, Part, combination

STATUSES = st.sampled_from([s for s in RunStatus if s is not RunStatus.INVALID])


def parts(*statuses: RunStatus) -> list[Part]:
    return [Part(n, 100 + n, 1, status) for n, status in enumerate(statuses, 1)]


def made(*statuses: RunStatus) -> Combination:
    found = combination(parts(*statuses), len(statuses))
    assert found is not None
    return found


def test_parts_that_ended_well_are_merged_in_their_sequence() -> None:
    found = combination(list(reversed(parts(RunStatus.COMPLETED, RunStatus.SUCCESS))), 2)
    assert found == Combination(((1, 101, 1), (2, 102, 1)))
    assert found.is_complete


def test_parts_that_did_not_are_named_with_what_became_of_them() -> None:
    found = made(RunStatus.COMPLETED, RunStatus.FAILURE, RunStatus.STOPPED)
    assert found.merged == ((1, 101, 1),)
    assert found.missing == {2: "Failure", 3: "Stopped"}
    assert found.describe() == (
        "combined export of 1 of 3 parts: 0 records; parts 2 (Failure), 3 (Stopped) are missing"
    )


def test_nothing_is_merged_when_nothing_succeeded() -> None:
    assert combination(parts(RunStatus.FAILURE, RunStatus.STOPPED), 2) is None


@given(st.lists(STATUSES, min_size=1, max_size=50))
def test_nothing_is_merged_while_a_part_goes_and_no_part_is_forgotten(statuses: list[RunStatus]) -> None:
    found = combination(parts(*statuses), len(statuses))
    if not all(status.is_terminal for status in statuses):
        assert found is None
    if found is not None:
        told = sorted([sequence for sequence, _, _ in found.merged] + list(found.missing))
        assert told == list(range(1, len(statuses) + 1))
        assert Combination.from_text(found.to_text()) == found


def test_another_attempt_of_a_part_makes_another_combination() -> None:
    before = made(RunStatus.COMPLETED, RunStatus.COMPLETED)
    after = combination([Part(1, 101, 1, RunStatus.COMPLETED), Part(2, 102, 2, RunStatus.COMPLETED)], 2)
    assert after is not None
    assert not after.is_of(before)
    assert after.is_of(Combination(after.merged, folder="elsewhere", records=7))


@pytest.mark.parametrize(
    ("removed", "text"),
    [
        ((), "combined export of all 2 parts: 1,234 records"),
        ((2,), "combined export of 1 of 2 parts: 1,234 records; part 2 (its files were removed) is missing"),
    ],
)
def test_what_is_said_of_it(removed: tuple[int, ...], text: str) -> None:
    found = Combination(((1, 101, 1), (2, 102, 1)), records=1234, removed=removed)
    assert found.describe() == text


def test_a_part_that_was_removed_is_missing() -> None:
    found = combination(parts(RunStatus.COMPLETED), 2)
    assert found is not None
    assert not found.is_complete
    assert found.describe().endswith("part 2 (removed) is missing")
