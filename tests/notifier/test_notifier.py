"""The loop that sends: one lane a target, retries, nothing lost and nobody held up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lamplighter.messenger import Messenger
from lamplighter.model import NotificationMessage, NotificationRule, RunStatus
from lamplighter.notifier import Notifier
from lamplighter.service.targets import Targets
from lamplighter.store import fires, notifications
from lamplighter.store.database import Database
from lamplighter.vault import Vault
from notification_rows import claimed, end, make_rule, outbox
from receivers import HttpReceiver
from running_server import eventually
from store_rows import NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


class Office:
    """A notifier over a real database, and failures to tell of."""

    def __init__(self, db: Database, clock: VirtualClock, folder: Path) -> None:
        self.db = db
        self.clock = clock
        self.vault = Vault.in_folder(folder)
        self.messenger = Messenger()
        self.notifier = Notifier(db, clock, self.vault, self.messenger)
        with db.write() as c:
            self.agent = make_agent(c)
            self.server = make_server(c)

    def rule(self, *addresses: str, quiet_seconds: int = 0, **more: object) -> NotificationRule:
        targets, _ = Targets(self.vault, self.messenger).made(addresses, ())
        with self.db.write() as c:
            return make_rule(c, *targets, quiet_seconds=quiet_seconds, **more)  # type: ignore[arg-type]

    def failure(self, message: str = "exit status 1") -> None:
        with self.db.write() as c:
            set_id = start_set(c, self.agent)
            [run] = claimed(c, set_id, self.server, self.clock.time)
            end(c, run, RunStatus.FAILURE, self.clock.time, message)

    def send(self) -> None:
        """One pass, and the end of what it began."""
        self.notifier.send_once(self.clock.time)
        self.notifier.settle()

    def messages(self, rule: NotificationRule) -> list[NotificationMessage]:
        with self.db.read() as c:
            return outbox(c, rule)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def office(db: Database, clock: VirtualClock, tmp_path: Path) -> Office:
    return Office(db, clock, tmp_path)


def test_a_failure_is_delivered_and_noted(office: Office, receiver: HttpReceiver) -> None:
    rule = office.rule(receiver.url())
    office.failure("no luck")
    office.send()
    assert receiver.titles() == ["agent (agent) failed: no luck"]
    assert receiver.posts[0]["type"] == "failure"
    [message] = office.messages(rule)
    assert (message.sent, message.next_try, message.tries, message.error) == (NOON, None, 1, None)
    assert f"Message {message.id} of the notification tell me" in receiver.posts[0]["message"]
    office.send()
    assert len(receiver.posts) == 1


def test_each_target_of_a_rule_is_tried_again_by_itself(office: Office, receiver: HttpReceiver) -> None:
    with HttpReceiver() as ill:
        ill.statuses = [500, 500]
        rule = office.rule(ill.url(), receiver.url())
        office.failure()
        waits = []
        for _ in range(3):
            office.send()
            first, second = office.messages(rule)
            waits.append(
                None if first.next_try is None else (first.next_try - office.clock.time).total_seconds()
            )
            office.clock.time = first.next_try or office.clock.time
        assert waits == [1, 2, None]
        assert (first.tries, second.tries) == (3, 1)
        assert len(ill.posts) == len(receiver.posts) == 1


def test_what_is_sent_again_has_the_same_id_in_it(office: Office, receiver: HttpReceiver) -> None:
    rule = office.rule(receiver.url())
    office.failure()
    office.send()
    with office.db.write() as c:  # as if the server had ended before it could note that
        c.execute(sa.text("UPDATE notifications SET sent = NULL, next_try = created"))
    office.send()
    first, second = receiver.posts
    assert first["message"] == second["message"]
    assert f"Message {office.messages(rule)[0].id} " in first["message"]


def test_after_a_day_in_vain_it_is_given_up_and_the_error_kept(
    office: Office, receiver: HttpReceiver
) -> None:
    rule = office.rule(receiver.url())
    office.failure()
    receiver.statuses = [500] * 3
    office.send()
    office.clock.time = NOON + DAY - SECOND
    office.send()
    [message] = office.messages(rule)
    assert message.next_try == NOON + DAY
    office.clock.time = NOON + DAY
    office.send()
    [message] = office.messages(rule)
    assert (message.next_try, message.sent, message.tries) == (None, None, 3)
    assert message.error is not None
    assert "error=500" in message.error


def test_a_target_that_hangs_holds_up_no_other(office: Office, receiver: HttpReceiver) -> None:
    with HttpReceiver(hangs=True) as deaf:
        hanging = office.rule(f"{deaf.url()}?rto=50")
        rule = office.rule(receiver.url())
        for _ in range(3):
            office.failure()

        def all_sent() -> bool:
            """Pass after pass, as the loop does."""
            office.notifier.send_once(office.clock.time)
            return all(m.sent for m in office.messages(rule))

        eventually(all_sent)
        assert len(receiver.posts) == 3
        assert [(m.tries, m.sent) for m in office.messages(hanging)] == [(1, None), (0, None), (0, None)]
        office.messenger.close()
        office.notifier.settle()
        assert deaf.posts == [], "it hung all the while"
    assert office.messages(hanging)[0].error == "the server is stopping"


def test_a_message_that_is_being_sent_is_nobody_elses_for_a_while(
    office: Office, receiver: HttpReceiver
) -> None:
    rule = office.rule(receiver.url())
    office.failure()
    with office.db.write() as c:  # another server has taken it, and vanished
        [lane] = notifications.lanes(c, NOON)
        notifications.take(c, lane, NOON, NOON + 45 * SECOND)
    office.send()
    assert receiver.posts == []
    office.clock.advance(seconds=45)
    office.send()
    assert len(receiver.posts) == 1
    assert office.messages(rule)[0].tries == 2


def test_what_waited_for_the_end_of_the_quiet_time_is_one_message(
    office: Office, receiver: HttpReceiver
) -> None:
    office.rule(receiver.url(), quiet_seconds=600)
    for number in range(5):
        office.failure(f"number {number}")
        office.clock.advance(seconds=1)
    office.send()
    office.clock.advance(seconds=600)
    office.send()
    assert receiver.titles() == ["agent (agent) failed: number 0", "agent (agent) failed: number 4"]
    assert "… and 3 more since 2026-01-05 12:00:01 UTC" in receiver.posts[1]["message"]


def test_a_deleted_schedules_rule_has_nobody_to_tell_and_stops_trying(
    office: Office, receiver: HttpReceiver
) -> None:
    rule = office.rule(receiver.url(), agent_id=office.agent)
    office.failure()
    with office.db.write() as c:
        c.execute(sa.text("UPDATE agents SET deleted = 1"))
    office.send()
    assert receiver.posts == []
    [message] = office.messages(rule)
    assert message.next_try is None
    assert message.error is not None
    assert "deleted" in message.error


def test_targets_that_another_key_sealed_are_told_as_such(
    office: Office, receiver: HttpReceiver, tmp_path: Path
) -> None:
    rule = office.rule(receiver.url())
    office.failure()
    (tmp_path / "vault.key").unlink()
    other = Notifier(office.db, office.clock, Vault.in_folder(tmp_path), Messenger())
    other.send_once(NOON)
    other.settle()
    [message] = office.messages(rule)
    assert message.error is not None
    assert "vault.key" in message.error
    assert message.next_try == NOON + SECOND


def test_the_watch_tells_of_a_due_time_without_a_run(office: Office, receiver: HttpReceiver) -> None:
    office.rule(receiver.url(), within_seconds=60)
    with office.db.write() as c:
        make_schedule(c, office.agent, "1 12 * * *")
    office.clock.advance(seconds=119)
    assert office.notifier.watch_once(office.clock.time) == 0
    office.clock.advance(seconds=1)
    assert office.notifier.watch_once(office.clock.time) == 1
    assert office.notifier.watch_once(office.clock.time) == 0
    office.send()
    assert receiver.titles() == ["cron 1 12 * * * of agent (agent) did not run by 2026-01-05 12:02"]


def test_a_very_long_outage_is_looked_at_part_by_part(
    office: Office, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamplighter.notifier._MOST_ROWS", 5)
    rule = office.rule(receiver.url(), within_seconds=60, quiet_seconds=600)
    with office.db.write() as c:
        schedule = make_schedule(c, office.agent, "0 0 1 1 *")
        rows = [
            {"due": due, "last_due": due, "count": 1, "outcome": "skipped", "reason": "no", "decided": NOON}
            for due in (NOON + minute * 60 * SECOND for minute in range(1, 41))
        ]
        fires.insert(c, [{"schedule_id": schedule.id, **row} for row in rows])
    office.clock.advance(hours=1)
    told = [office.notifier.watch_once(office.clock.time) for _ in range(20)]
    assert sum(told) == 40
    assert max(told) < 5
    first, second = office.messages(rule)
    assert first.more + second.more == 38


def test_what_was_judged_before_a_restart_is_not_told_again(office: Office, receiver: HttpReceiver) -> None:
    office.rule(receiver.url(), within_seconds=60)
    with office.db.write() as c:
        make_schedule(c, office.agent, "1 12 * * *")
    office.clock.advance(minutes=10)
    assert office.notifier.watch_once(office.clock.time) == 1
    again = Notifier(office.db, office.clock, office.vault, office.messenger)
    office.clock.advance(minutes=10)
    assert again.watch_once(office.clock.time) == 0


def test_old_messages_are_forgotten(office: Office, receiver: HttpReceiver) -> None:
    rule = office.rule(receiver.url())
    office.failure()
    office.send()
    office.notifier.pass_once(NOON + 29 * DAY)
    assert len(office.messages(rule)) == 1
    office.notifier.pass_once(NOON + 31 * DAY)
    office.notifier.settle()
    assert office.messages(rule) == []
