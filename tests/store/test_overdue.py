"""Due times for which no run had begun in time: which are found, told once, and which are not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from lamplighter import telling
from lamplighter.engine import Engine
from lamplighter.model import NotificationEvent, RunSettings
from lamplighter.store import groups, notifications, overdue, runs, schedules
from lamplighter.store.database import Database
from lamplighter.store.overdue import Overdue
from lamplighter.store.schedules import set_problem
from notification_rows import claimed, make_rule, outbox
from query_plans import plan, queries_of
from store_rows import NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ONLY = (NotificationEvent.DID_NOT_RUN,)
ONE = NOON + HOUR  # when the schedule "0 13 * * *" is due
LATEST = ONE + HOUR  # when a run must have begun


class Watch:
    """An agent with a schedule that is due at one, a rule that watches it, and the real engine."""

    def __init__(
        self,
        db: Database,
        clock: VirtualClock,
        cron: str = "0 13 * * *",
        *,
        is_exclusive: bool = False,
        **timing: Any,
    ) -> None:
        self.db = db
        self.clock = clock
        with db.write() as c:
            self.agent = make_agent(c)
            self.server = make_server(c)
            settings = RunSettings(is_exclusive=is_exclusive)
            self.schedule = make_schedule(c, self.agent, cron, settings=settings, **timing)
            self.rule = make_rule(c, events=ONLY)
        self.engine = Engine(db, clock, lambda: None)

    def fires(self, now: datetime) -> None:
        self.clock.time = now
        self.engine.fire_once(now)

    def begins(self, now: datetime) -> None:
        """The newest set of the agent is taken by a server."""
        with self.db.write() as c:
            newest = runs.of_agent(c, self.agent, 1)[0]
            claimed(c, newest.set_id, self.server, now)

    def missed(self, now: datetime) -> list[Overdue]:
        with self.db.read() as c:
            return overdue.find(c, self.rule, now, self.rule.watched_until)

    def told(self, now: datetime) -> int:
        with self.db.write() as c:
            rule = notifications.rule(c, self.rule.id)
            assert rule is not None
            return telling.watch(c, rule, overdue.find(c, rule, now, rule.watched_until), now, now)

    def reasons(self, now: datetime) -> list[str]:
        self.told(now)
        with self.db.read() as c:
            lines = [line for m in outbox(c, self.rule) for line in m.body.splitlines()]
        return [line.removeprefix("Reason: ") for line in lines if line.startswith("Reason: ")]


def test_a_run_that_began_in_time_is_well(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    watch.begins(LATEST)
    assert watch.missed(LATEST + MINUTE) == []


def test_before_the_time_is_over_nothing_is_found_and_then_once(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    assert watch.told(LATEST - timedelta(milliseconds=1)) == 0
    assert watch.told(LATEST) == 1
    assert watch.told(LATEST) == 0
    assert watch.told(LATEST + MINUTE) == 0


def test_a_run_that_no_server_takes_is_told(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    assert watch.reasons(LATEST) == ["its run is still waiting, and no server has taken it"]


def test_a_run_that_no_server_takes_says_itself_what_it_waits_for(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        [run] = runs.of_agent(c, watch.agent, 10)
        groups.tell(c, [run.id], "waits for a server of the group 'browsers'")
    assert watch.reasons(LATEST) == ["its run waits for a server of the group 'browsers'"]


def test_a_run_that_waits_for_its_busy_agent_is_told(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock, is_exclusive=True)
    with db.write() as c:
        claimed(c, start_set(c, watch.agent), watch.server, NOON)
    watch.fires(ONE)
    assert watch.reasons(LATEST) == [
        "its run waits: another run of the agent is going, and one of them is exclusive"
    ]


def test_a_due_time_that_was_skipped_because_one_still_waits_is_told(
    db: Database, clock: VirtualClock
) -> None:
    watch = Watch(db, clock, cron="0,30 13 * * *", is_exclusive=True)
    with db.write() as c:
        claimed(c, start_set(c, watch.agent), watch.server, NOON)
    watch.fires(ONE)
    watch.fires(ONE + 30 * MINUTE)
    assert watch.told(LATEST) == 1
    assert watch.reasons(LATEST + 30 * MINUTE)[-1] == "skipped: previous run still waiting"


def test_a_run_that_began_too_late_is_told_when_the_server_was_away_meanwhile(
    db: Database, clock: VirtualClock
) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    watch.begins(LATEST + MINUTE)
    assert watch.reasons(LATEST + HOUR) == ["its run began too late"]


def test_a_late_fire_after_an_outage_is_told_with_its_reason(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE + 5 * HOUR)
    watch.begins(ONE + 5 * HOUR)
    [reason] = watch.reasons(ONE + 5 * HOUR)
    assert reason.startswith("fired 5 hours late")


def test_a_long_outage_is_one_message_that_counts_the_due_times(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock, cron="* * * * *")
    watch.fires(NOON + 5 * HOUR)
    watch.begins(NOON + 5 * HOUR)
    assert watch.told(NOON + 5 * HOUR) == 299
    with db.read() as c:
        [message] = outbox(c, watch.rule)
    assert message.more == 298
    assert message.since == NOON + MINUTE


def test_a_due_time_that_the_scheduler_has_not_come_to_is_told_once(
    db: Database, clock: VirtualClock
) -> None:
    watch = Watch(db, clock)
    [reason] = watch.reasons(LATEST + 10 * HOUR)
    assert reason.startswith("the scheduler has not come to it")
    watch.fires(LATEST + 10 * HOUR)
    assert watch.told(LATEST + 11 * HOUR) == 0


def test_a_schedule_that_cannot_be_evaluated_is_told(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    with db.write() as c:
        set_problem(c, watch.schedule.id, "cannot be evaluated: no such zone", LATEST + 5 * MINUTE)
    assert watch.reasons(LATEST) == ["cannot be evaluated: no such zone"]


def test_jitter_is_allowed_for(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock, jitter_seconds=1800)
    assert watch.missed(LATEST + 29 * MINUTE) == []
    assert len(watch.missed(LATEST + 30 * MINUTE)) == 1


def test_an_excluded_date_is_as_it_should_be(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock, excluded_dates=("2026-01-05",))
    watch.fires(ONE)
    assert watch.told(LATEST) == 0


def test_a_run_that_a_person_stopped_before_it_began_is_none(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        assert runs.cancel(c, runs.of_agent(c, watch.agent, 1)[0].id, "stopped", ONE)
    assert watch.missed(LATEST) == []


def test_a_fire_whose_runs_were_removed_is_none(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        runs.delete(c, runs.of_agent(c, watch.agent, 1)[0].id)
    assert watch.missed(LATEST) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE schedules SET is_enabled = false, next_due = NULL, fire_at = NULL",
        "UPDATE agents SET is_archived = true",
        "UPDATE agents SET deleted = 1",
    ],
)
def test_what_a_person_has_switched_off_owes_nothing(db: Database, clock: VirtualClock, change: str) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        c.execute(sa.text(change))
    assert watch.missed(LATEST) == []


def test_a_deleted_schedule_owes_nothing(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        schedules.delete(c, watch.schedule.id, ONE)
    assert watch.missed(LATEST) == []


@pytest.mark.parametrize(("of", "found"), [("agent", 1), ("schedule", 1), ("another", 0)])
def test_a_rule_of_an_agent_or_schedule_watches_only_that(
    db: Database, clock: VirtualClock, of: str, found: int
) -> None:
    watch = Watch(db, clock)
    with db.write() as c:
        other = make_agent(c, "other")
        agent_id = {"agent": watch.agent, "another": other}.get(of)
        schedule_id = watch.schedule.id if of == "schedule" else None
        rule = make_rule(c, events=ONLY, agent_id=agent_id, schedule_id=schedule_id)
    watch.fires(ONE)
    with db.read() as c:
        assert len(overdue.find(c, rule, LATEST, rule.watched_until)) == found


def test_of_two_servers_that_judge_only_one_tells(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    watch.fires(ONE)
    with db.write() as c:
        found = overdue.find(c, watch.rule, LATEST, watch.rule.watched_until)
        assert [telling.watch(c, watch.rule, found, LATEST, LATEST) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_a_look_reads_of_the_ledger_only_what_it_needs(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    queries = queries_of(db.engine, lambda: watch.missed(LATEST))
    with db.read() as c:
        steps = [step for query in queries if query[0].startswith("SELECT") for step in plan(c, query)]
    assert any("SEARCH fires" in step and "due>? AND due<?" in step for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps


def test_of_many_schedules_at_once_there_is_one_message(db: Database, clock: VirtualClock) -> None:
    watch = Watch(db, clock)
    with db.write() as c:
        for _ in range(30):
            make_schedule(c, watch.agent, "0 13 * * *")
    assert watch.told(LATEST) == 31
    with db.read() as c:
        [message] = outbox(c, watch.rule)
    assert message.title == "31 schedules did not run in time"
    assert message.subject == "many schedules"
    assert "… and 11 other schedules" in message.body
