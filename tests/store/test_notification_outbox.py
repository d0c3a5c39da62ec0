"""What the end of a run puts into the outbox, in the transaction that ends it."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from lamplighter.model import NotificationEvent, NotificationTarget, RunSettings, RunStatus
from lamplighter.store import notifications, schedules
from lamplighter.store.database import Database
from lamplighter.store.tables import agents as agents_table
from notification_rows import claimed, end, make_rule, outbox
from query_plans import plan, queries_of
from store_rows import NOON, make_agent, make_schedule, make_server, start_set

GOOD, BAD = RunStatus.COMPLETED, RunStatus.FAILURE
MINUTE = timedelta(minutes=1)


class Life:
    """One agent whose runs end one after another."""

    def __init__(self, c: sa.Connection) -> None:
        self.c = c
        self.agent = make_agent(c)
        self.server = make_server(c)

    def ends(
        self,
        status: RunStatus,
        now: datetime = NOON,
        settings: RunSettings | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        set_id = start_set(self.c, self.agent, settings)
        for run in claimed(self.c, set_id, self.server, now):
            end(self.c, run, status, now, warnings=warnings)


def events(c: sa.Connection, rule: object) -> list[str]:
    return [message.event.value for message in outbox(c, rule)]  # type: ignore[arg-type]


def test_a_failure_is_told_once_for_each_target(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, NotificationTarget("a", "1"), NotificationTarget("b", "2"))
        life.ends(BAD)
        messages = outbox(c, rule)
        assert [(m.target, m.event.value, m.subject) for m in messages] == [
            (0, "failure", f"agent {life.agent}"),
            (1, "failure", f"agent {life.agent}"),
        ]
        assert all(m.next_try == m.told_at == NOON and m.tries == 0 for m in messages)


def test_a_rollback_of_the_end_takes_its_message_back(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)

    def fail_and_crash() -> None:
        with db.write() as c:
            life.c = c
            life.ends(BAD)
            assert outbox(c, rule)
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        fail_and_crash()
    with db.read() as c:
        assert outbox(c, rule) == []


def test_a_failure_that_is_tried_again_is_not_told(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        set_id = start_set(c, life.agent, RunSettings(max_retries=1))
        [run] = claimed(c, set_id, life.server, NOON)
        end(c, run, BAD, NOON)
        assert outbox(c, rule) == []
        [run] = claimed(c, set_id, life.server, NOON)
        end(c, run, BAD, NOON)
        assert events(c, rule) == ["failure"]


def test_the_first_good_run_after_a_failure_is_a_recovery_and_no_other(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, events=(NotificationEvent.RECOVERY,), quiet_seconds=0)
        for status in (GOOD, BAD, BAD, GOOD, GOOD):
            life.ends(status)
        [message] = outbox(c, rule)
        assert "It had failed 2 times" in message.body


def test_a_stopped_run_is_neither_a_failure_nor_a_recovery(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, quiet_seconds=0)
        life.ends(BAD)
        set_id = start_set(c, life.agent)
        [run] = claimed(c, set_id, life.server, NOON)
        c.execute(sa.text("UPDATE runs SET status = 5 WHERE id = :id"), {"id": run.id})
        end(c, run, RunStatus.STOPPED, NOON)
        assert events(c, rule) == ["failure"]
        life.ends(GOOD)
        assert events(c, rule) == ["failure", "recovery"]


def test_a_parallel_set_recovers_when_all_its_runs_ended_well(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, events=(NotificationEvent.RECOVERY,), quiet_seconds=0)
        life.ends(BAD)
        for last, told in ((BAD, 0), (GOOD, 1)):
            set_id = start_set(c, life.agent, RunSettings(parallelism=2))
            first, second = claimed(c, set_id, life.server, NOON)
            end(c, first, GOOD, NOON)
            end(c, second, last, NOON)
            assert len(outbox(c, rule)) == told


def test_schedules_and_starts_by_hand_fail_and_recover_apart(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, quiet_seconds=0)
        schedule = make_schedule(c, life.agent)
        life.ends(BAD)
        set_id = start_set(c, life.agent)
        c.execute(
            sa.text("UPDATE parallel_sets SET schedule_id = :s WHERE id = :i"),
            {"s": schedule.id, "i": set_id},
        )
        [run] = claimed(c, set_id, life.server, NOON)
        end(c, run, GOOD, NOON)
        assert events(c, rule) == ["failure"]


def test_a_good_run_with_warnings_is_a_volume_drop(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        life.ends(GOOD, warnings=("3 records, usually 100",))
        assert events(c, rule) == ["volumeDrop"]


def test_a_rule_tells_only_of_its_events_its_agent_and_while_it_is_enabled(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        other = make_agent(c, "other")
        silent = [
            make_rule(c, events=(NotificationEvent.RECOVERY,)),
            make_rule(c, agent_id=other),
            make_rule(c, schedule_id=make_schedule(c, life.agent).id),
            make_rule(c, is_enabled=False),
        ]
        told = make_rule(c, agent_id=life.agent)
        life.ends(BAD)
        assert [len(outbox(c, rule)) for rule in silent] == [0, 0, 0, 0]
        assert len(outbox(c, told)) == 1


def test_within_the_quiet_time_failures_wait_and_go_out_together_at_its_end(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        for minute in (0, 2, 3, 4):
            life.ends(BAD, NOON + minute * MINUTE)
        first, second = outbox(c, rule)
        assert first.next_try == NOON
        assert (second.next_try, second.more, second.since) == (NOON + 10 * MINUTE, 2, NOON + 2 * MINUTE)
        assert "12:04:00 UTC" in second.body, "the newest one is told in full"
        life.ends(BAD, NOON + 11 * MINUTE)
        assert outbox(c, rule)[2].next_try == NOON + 20 * MINUTE


def test_after_the_quiet_time_a_failure_is_told_at_once(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        for minute in (0, 10):
            life.ends(BAD, NOON + minute * MINUTE)
        assert [m.next_try for m in outbox(c, rule)] == [NOON, NOON + 10 * MINUTE]


def test_a_recovery_is_told_although_the_failure_has_just_been(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        life.ends(BAD)
        life.ends(GOOD)
        assert [m.next_try for m in outbox(c, rule)] == [NOON, NOON]


def test_without_a_quiet_time_every_failure_is_told_at_once(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, quiet_seconds=0)
        for _ in range(3):
            life.ends(BAD)
        assert [m.next_try for m in outbox(c, rule)] == [NOON] * 3


def test_a_thousand_failures_are_two_messages(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        for _ in range(1000):
            life.ends(BAD)
        assert [m.more for m in outbox(c, rule)] == [0, 998]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_questions_asked_at_the_end_of_a_run_are_answered_by_indexes(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        make_rule(c)
        life.ends(BAD)
        queries = queries_of(c, lambda: life.ends(BAD)) + queries_of(c, lambda: life.ends(GOOD))
        tables = ("notifications", "notification_rules", "failing")
        ours = [query for query in queries if any(table in query[0] for table in tables)]
        assert ours
        for query in ours:
            if query[0].startswith("INSERT"):
                continue
            steps = plan(c, query)
            assert not any(step.startswith("SCAN") for step in steps), (query, steps)


def test_rules_of_a_deleted_agent_or_schedule_are_gone(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        schedule = make_schedule(c, life.agent)
        of_schedule = make_rule(c, schedule_id=schedule.id)
        of_agent = make_rule(c, agent_id=life.agent)
        of_space = make_rule(c)
        schedules.delete(c, schedule.id, NOON)
        assert {rule.id for rule in notifications.rules(c)} == {of_agent.id, of_space.id}
        assert notifications.rule(c, of_schedule.id) is None
        c.execute(agents_table.update().values(deleted=NOON))
        assert [rule.id for rule in notifications.rules(c)] == [of_space.id]


def test_a_try_that_somebody_else_has_taken_over_writes_nothing(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c)
        life.ends(BAD)
        [lane] = notifications.lanes(c, NOON)
        first = notifications.take(c, lane, NOON, NOON + MINUTE)
        assert first is not None
        assert notifications.take(c, lane, NOON, NOON + MINUTE) is None
        second = notifications.take(c, lane, NOON + MINUTE, NOON + 2 * MINUTE)
        assert second is not None
        assert second.tries == 2
        assert not notifications.settle(c, first, sent=NOON, error=None, next_try=None)
        assert notifications.settle(c, second, sent=NOON, error=None, next_try=None)
        assert outbox(c, rule)[0].sent == NOON


def test_messages_that_are_over_are_forgotten_after_a_while(db: Database) -> None:
    with db.write() as c:
        life = Life(c)
        rule = make_rule(c, quiet_seconds=0)
        life.ends(BAD)
        notifications.give_up(c, rule.id, "off")
        life.ends(BAD)
        assert notifications.forget(c, NOON + MINUTE) == 1
        assert [m.next_try for m in outbox(c, rule)] == [NOON]
