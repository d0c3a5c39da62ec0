"""Schedules in shadow: everything is decided and written down, nothing is run; and what is compared with it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lamplighter.engine import Engine
from lamplighter.errors import InvalidInput, NotFound
from lamplighter.model import Actor, Fire, NotificationEvent, Role, Schedule
from lamplighter.service.comparisons import Compared, CompareRequest, Comparisons
from lamplighter.service.requests import ScheduleRequest
from lamplighter.service.schedules import Schedules
from lamplighter.store import fires, overdue, runs
from lamplighter.store.database import Database
from notification_rows import make_rule
from store_rows import NOON, make_agent
from virtual_clock import VirtualClock

ADMIN = Actor(1, "admin", is_admin=True)


class Scene:
    """An agent, and a scheduler whose clock the test moves."""

    def __init__(self, db: Database, clock: VirtualClock) -> None:
        self.db, self.clock = db, clock
        self.engine = Engine(db, clock, lambda: None)
        self.schedules = Schedules(db, clock, lambda: None)
        self.comparisons = Comparisons(db, clock)
        with db.write() as c:
            self.agent = make_agent(c)

    def schedule(self, **body: Any) -> Schedule:
        """A schedule of every minute, in shadow."""
        given = {"name": "s", "cronExpression": "* * * * *", "isShadow": True, **body}
        return self.schedules.create(ADMIN, self.agent, ScheduleRequest.model_validate(given))

    def change(self, schedule: Schedule, **body: Any) -> Schedule:
        request = ScheduleRequest.model_validate({"name": "s", **body})
        return self.schedules.update(ADMIN, self.agent, schedule.id, request)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.engine.pass_once(self.clock.advance(minutes=1))

    def ledger(self, schedule: Schedule) -> list[Fire]:
        with self.db.read() as c:
            return fires.of_schedule(c, schedule.id, limit=1000)[::-1]

    def run_count(self) -> int:
        with self.db.read() as c:
            return len(runs.of_agent(c, self.agent, 1000))

    def compare(self, schedule: Schedule, times: list[datetime], **more: Any) -> Compared:
        request = CompareRequest.model_validate({"times": times, **more})
        return self.comparisons.compare(ADMIN, self.agent, schedule.id, request)


@pytest.fixture
def scene(db: Database, clock: VirtualClock) -> Scene:
    return Scene(db, clock)


def at(minute: int, second: int = 0) -> datetime:
    return NOON + timedelta(minutes=minute, seconds=second)


def test_due_times_in_shadow_are_in_the_ledger_and_nothing_runs(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.minutes(3)
    rows = scene.ledger(schedule)
    assert [(row.due, row.outcome.value) for row in rows] == [(at(n), "shadow") for n in (1, 2, 3)]
    assert {row.reason for row in rows} == {"in shadow: nothing was started; it would have fired on time"}
    assert scene.run_count() == 0


def test_out_of_shadow_the_schedule_runs_and_no_due_time_is_lost_or_run_twice(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.minutes(2)
    scene.change(schedule, isShadow=False)
    scene.minutes(2)
    scene.change(schedule, isShadow=True)
    scene.minutes(1)
    outcomes = [(row.due, row.outcome.value) for row in scene.ledger(schedule)]
    assert [due for due, _ in outcomes] == [at(n) for n in range(1, 6)]
    assert [outcome for _, outcome in outcomes] == ["shadow", "shadow", "fired", "fired", "shadow"]
    assert scene.run_count() == 2


def test_an_edit_that_says_nothing_of_the_shadow_leaves_it_as_it_is(scene: Scene) -> None:
    schedule = scene.schedule()
    assert scene.change(schedule, cronExpression="*/5 * * * *").is_shadow
    assert not scene.schedule(name="another", isShadow=None).is_shadow


def test_in_shadow_a_start_by_hand_runs(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.schedules.run_now(ADMIN, scene.agent, schedule.id)
    assert scene.run_count() == 1


def test_missed_due_times_in_shadow_are_told_as_for_any_schedule(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.engine.pass_once(scene.clock.advance(minutes=10, seconds=30))
    rows = [(row.outcome.value, row.count, row.reason.split(":")[0]) for row in scene.ledger(schedule)]
    assert rows == [("merged", 9, "in shadow"), ("shadow", 1, "in shadow")]


def test_nobody_is_told_that_a_schedule_in_shadow_did_not_run(scene: Scene) -> None:
    with scene.db.write() as c:
        rule = make_rule(c, events=(NotificationEvent.DID_NOT_RUN,), within_seconds=60)
    shadow = scene.schedule()
    real = scene.schedule(isShadow=False)
    scene.engine.pass_once(scene.clock.advance(minutes=10, seconds=30))
    with scene.db.read() as c:
        found = overdue.find(c, rule, scene.clock.advance(minutes=5), NOON)
    assert {one.schedule_id for one in found} == {real.id} != {shadow.id}


# --- comparing ---


def test_what_would_have_run_is_compared_with_the_times_of_another_system(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.minutes(5)
    found = scene.compare(schedule, [at(1, 1), at(2, 1), at(4, 1), at(4, 40), at(5, 1)], toleranceSeconds=10)
    assert [(pair.ours, pair.theirs) for pair in found.found.both] == [
        (at(n), at(n, 1)) for n in (1, 2, 4, 5)
    ]
    assert found.found.only_ours == (at(3),)
    assert found.found.only_theirs == (at(4, 40),)
    assert found.why_not(at(4, 40)) is None


def test_without_a_period_it_is_that_of_their_times_as_far_as_the_schedule_goes_back(scene: Scene) -> None:
    scene.clock.advance(minutes=10)
    schedule = scene.schedule()
    scene.minutes(10)
    found = scene.compare(schedule, [at(1), at(12), at(13)])
    assert (found.begin, found.end, found.outside) == (at(10), at(13), 1)
    assert found.found.only_ours == (at(11),)


def test_a_time_just_outside_of_the_period_may_be_the_same_as_one_inside(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.minutes(10)
    found = scene.compare(schedule, [at(3, 1), at(9, 1)], startDate=at(3), endDate=at(9), toleranceSeconds=5)
    assert found.found.only_ours == tuple(at(n) for n in range(4, 9))
    assert len(found.found.both) == 2
    found = scene.compare(
        schedule, [at(3, 1), at(9, 1)], startDate=at(3, 1), endDate=at(9, 1), toleranceSeconds=5
    )
    assert len(found.found.both) == 2


def test_a_period_may_be_said(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.minutes(10)
    found = scene.compare(schedule, [at(4)], startDate=at(3), endDate=at(5))
    assert found.found.only_ours == (at(3), at(5))
    assert scene.compare(schedule, [], startDate=at(9)).found.only_ours == (at(9), at(10))
    with pytest.raises(InvalidInput, match="must not lie before startDate"):
        scene.compare(schedule, [at(4)], startDate=at(6), endDate=at(5))


def test_a_due_time_that_was_missed_is_the_reason_for_a_time_of_theirs(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.engine.pass_once(scene.clock.advance(minutes=10, seconds=30))
    found = scene.compare(schedule, [at(n) for n in range(1, 11)], toleranceSeconds=5)
    assert [pair.ours for pair in found.found.both] == [at(10)]
    assert all(
        (found.why_not(time) or "").startswith("merged: in shadow") for time in found.found.only_theirs
    )


def test_a_ledger_of_too_many_rows_wants_a_period(scene: Scene) -> None:
    schedule = scene.schedule()
    scene.clock.advance(minutes=10_002)
    decided = {"outcome": "shadow", "reason": "in shadow", "decided": NOON, "count": 1, "is_shadow": True}
    rows = [
        {"schedule_id": schedule.id, "due": at(n), "last_due": at(n), **decided} for n in range(1, 10_002)
    ]
    with scene.db.write() as c:
        fires.insert(c, rows)
    with pytest.raises(
        InvalidInput, match=r"more than 10,000 rows from 2026-01-05T12:00:00Z to .*: say a shorter"
    ):
        scene.compare(schedule, [])
    assert len(scene.compare(schedule, [], startDate=at(10_000)).found.only_ours) == 2


def test_a_viewer_may_compare_and_a_stranger_may_not(scene: Scene) -> None:
    schedule = scene.schedule()
    request = CompareRequest(times=[])
    viewer = Actor(2, "viewer", is_admin=False, roles={1: Role.VIEWER})
    assert scene.comparisons.compare(viewer, scene.agent, schedule.id, request).outside == 0
    with pytest.raises(NotFound):
        scene.comparisons.compare(Actor(3, "stranger", is_admin=False), scene.agent, schedule.id, request)
