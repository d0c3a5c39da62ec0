"""Who may start, how the input is shared out, when a failed run comes back."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import Run, RunSettings, RunStatus, SetState
from lamplighter.planner import Admission, Occupancy, admit, may_retry, retry_at, split_input

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def occupied(*sets: tuple[SetState, bool, int | None]) -> Occupancy:
    occupancy = Occupancy()
    for state, exclusive, schedule_id in sets:
        occupancy.add(state, is_exclusive=exclusive, schedule_id=schedule_id)
    return occupancy


def test_on_a_free_agent_every_set_starts() -> None:
    for exclusive in (True, False):
        assert admit(Occupancy(), is_exclusive=exclusive, schedule_id=1) is Admission.START


def test_sets_that_are_not_exclusive_run_beside_each_other() -> None:
    busy = occupied((SetState.ACTIVE, False, 1))
    assert admit(busy, is_exclusive=False, schedule_id=1) is Admission.START


def test_an_exclusive_set_waits_for_any_other_and_any_other_for_it() -> None:
    assert admit(occupied((SetState.ACTIVE, False, 1)), is_exclusive=True, schedule_id=2) is Admission.HOLD
    assert admit(occupied((SetState.ACTIVE, True, 1)), is_exclusive=False, schedule_id=2) is Admission.HOLD


def test_of_one_schedule_only_one_set_waits() -> None:
    busy = occupied((SetState.ACTIVE, True, 1), (SetState.WAITING, True, 1))
    assert admit(busy, is_exclusive=True, schedule_id=1) is Admission.SKIP
    assert admit(busy, is_exclusive=True, schedule_id=2) is Admission.HOLD


def test_a_start_by_hand_always_gets_its_place() -> None:
    busy = occupied((SetState.ACTIVE, True, None), (SetState.WAITING, True, None))
    assert admit(busy, is_exclusive=True, schedule_id=None) is Admission.HOLD


def test_nobody_overtakes_a_set_that_waits() -> None:
    busy = occupied((SetState.ACTIVE, False, 1), (SetState.WAITING, True, 2))
    assert admit(busy, is_exclusive=False, schedule_id=3) is Admission.HOLD


@given(
    rows=st.lists(st.fixed_dictionaries({"n": st.integers()}), max_size=80),
    parallelism=st.integers(min_value=1, max_value=50),
)
def test_rows_are_shared_out_in_order_and_nearly_evenly(rows: list[dict[str, int]], parallelism: int) -> None:
    parts = [json.loads(part) for part in split_input(json.dumps(rows), parallelism)]
    assert [row for part in parts for row in part] == rows
    assert len(parts) == max(1, min(parallelism, len(rows)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_an_object_is_given_to_every_run() -> None:
    assert split_input('{"a": 1}', 3) == ['{"a": 1}'] * 3
    assert split_input(None, 2) == ["{}"] * 2


def run(settings: RunSettings, retries: int) -> Run:
    return Run(
        id=1,
        agent_id=1,
        agent_name="a",
        agent_version=1,
        space_id=1,
        set_id=1,
        sequence=1,
        set_size=1,
        settings=settings,
        schedule_id=None,
        fire_id=None,
        scheduled_time=None,
        started_by="test",
        status=RunStatus.RUNNING,
        message=None,
        attempt=retries + 1,
        retries=retries,
        stop_cause=None,
        stop_asked=None,
        kill_asked=False,
        server_id=1,
        server_name="s",
        input_json="{}",
        created=NOW,
        start_time=NOW,
        end_time=None,
    )


@pytest.mark.parametrize(
    ("settings", "retries"),
    [
        (RunSettings(), 0),
        (RunSettings(is_wait_on_failure=True), 3),
        (RunSettings(max_retries=2), 2),
        (RunSettings(is_wait_on_failure=True, max_retries=0), 0),
    ],
)
def test_a_failed_run_is_tried_again_as_often_as_its_settings_say(
    settings: RunSettings, retries: int
) -> None:
    assert [may_retry(run(settings, n)) for n in range(retries + 1)] == [True] * retries + [False]


def test_without_waiting_a_retry_comes_at_once() -> None:
    assert retry_at(run(RunSettings(max_retries=2), 0), NOW, random.Random(1)) is None


def test_the_wait_for_a_retry_doubles_and_is_at_most_an_hour() -> None:
    settings = RunSettings(is_wait_on_failure=True, max_retries=30)
    for retries in range(30):
        moment = retry_at(run(settings, retries), NOW, random.Random(retries))
        assert moment is not None
        full = min(3600, 60 * 2**retries)
        assert timedelta(seconds=0.9 * full) <= moment - NOW <= timedelta(seconds=full)
