"""Notifications to plain webhooks: signed, the same id with every try, and what they tell programs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from lamplighter.errors import InvalidInput
from lamplighter.messenger import Messenger
from lamplighter.model import NotificationRule, NotificationTarget, RunStatus
from lamplighter.notifier import Notifier
from lamplighter.planner import notifying
from lamplighter.service.targets import Targets
from lamplighter.signing import new_secret, why_not_signed
from lamplighter.store import notifications
from lamplighter.store.database import Database
from lamplighter.vault import Vault
from notification_rows import claimed, end, make_rule, outbox
from receivers import HttpReceiver
from store_rows import NOON, make_agent, make_server, start_set
from virtual_clock import VirtualClock

DAY = timedelta(days=1)
SECRET = new_secret()


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


class Office:
    """A notifier over a real database, a rule with one target, and failures to tell of."""

    def __init__(self, db: Database, clock: VirtualClock, folder: Path) -> None:
        self.db, self.clock = db, clock
        self.vault = Vault.in_folder(folder)
        self.targets = Targets(self.vault, Messenger())
        self.notifier = Notifier(db, clock, self.vault, Messenger())
        with db.write() as c:
            self.agent, self.server = make_agent(c), make_server(c)

    def rule(self, address: str) -> NotificationRule:
        targets, _ = self.targets.made([address], ())
        with self.db.write() as c:
            return make_rule(c, *targets, quiet_seconds=0)

    def fail(self, message: str = "no luck") -> int:
        """A run that fails; returns its id."""
        with self.db.write() as c:
            [run] = claimed(c, start_set(c, self.agent), self.server, self.clock.time)
            end(c, run, RunStatus.FAILURE, self.clock.time, message)
        return run.id

    def send(self) -> None:
        self.notifier.send_once(self.clock.time)
        self.notifier.settle()

    def error(self, rule: NotificationRule) -> str | None:
        with self.db.read() as c:
            return outbox(c, rule)[-1].error


@pytest.fixture
def office(db: Database, clock: VirtualClock, tmp_path: Path) -> Office:
    return Office(db, clock, tmp_path)


def is_signed(receiver: HttpReceiver, secret: str, office: Office, post: int = -1) -> bool:
    return why_not_signed(secret, receiver.headers[post], receiver.bodies[post], office.clock.time) is None


def test_a_failure_is_posted_signed_with_what_programs_need(office: Office, receiver: HttpReceiver) -> None:
    rule = office.rule(f"{receiver.plain_url('my/hook?a=b')}#{SECRET}")
    run = office.fail("no lück @everyone")
    office.send()
    assert is_signed(receiver, SECRET, office)
    assert not is_signed(receiver, new_secret(), office)
    [headers], [post] = receiver.headers, receiver.posts
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    signature = Webhook(SECRET).sign(headers["webhook-id"], NOON, receiver.bodies[0].decode())
    assert headers["webhook-signature"] == signature
    with office.db.read() as c:
        [message] = outbox(c, rule)
    assert message.sent == NOON
    body = post.pop("body")
    assert body.startswith("Agent: agent (id 1)\n")
    assert post == {
        "path": "/my/hook?a=b",
        "type": "notification.failure",
        "timestamp": "2026-01-05T12:00:00Z",
        "event": "failure",
        "title": "agent (agent) failed: no lück @\u200beveryone",
        "agentId": office.agent,
        "agentName": "agent",
        "scheduleId": None,
        "scheduleName": None,
        "runId": run,
        "attempt": 1,
        "startedBy": "test",
        "scheduledTime": None,
        "deadline": None,
        "endTime": "2026-01-05T12:00:00Z",
        "message": "no lück @everyone",
        "warnings": [],
        "more": 0,
        "since": "2026-01-05T12:00:00Z",
        "messageId": message.id,
        "notificationId": rule.id,
        "notificationName": "tell me",
    }


def test_every_try_has_the_same_id_and_body_and_a_signature_of_its_time(
    office: Office, receiver: HttpReceiver
) -> None:
    rule = office.rule(f"{receiver.plain_url()}#{SECRET}")
    receiver.statuses = [503]
    office.fail()
    office.send()
    assert office.error(rule) == "it answered 503 Service Unavailable"
    office.clock.advance(seconds=600)
    office.send()
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert receiver.bodies[0] == receiver.bodies[1]
    assert is_signed(receiver, SECRET, office)
    assert not is_signed(receiver, SECRET, office, post=0), "that was ten minutes ago"
    office.fail()
    office.send()
    assert receiver.headers[2]["webhook-id"] != receiver.headers[1]["webhook-id"]
    assert "." not in receiver.headers[2]["webhook-id"]


def test_a_redirect_is_a_refusal_and_is_not_followed(office: Office, receiver: HttpReceiver) -> None:
    rule = office.rule(f"{receiver.plain_url()}#{SECRET}")
    receiver.statuses = [307]
    office.fail()
    office.send()
    assert receiver.asked == 1
    assert str(office.error(rule)).startswith(
        "it answered 307 Temporary Redirect: redirects are not followed"
    )


def test_nobody_there_is_told_without_the_path(office: Office) -> None:
    with HttpReceiver() as gone:
        address = gone.plain_url("T0KEN")
    rule = office.rule(f"{address}#{SECRET}")
    office.fail()
    office.send()
    assert "refused" in str(office.error(rule))
    assert "T0KEN" not in str(office.error(rule))


def test_after_a_rotation_both_secrets_sign_until_the_overlap_is_over(
    office: Office, receiver: HttpReceiver
) -> None:
    rule = office.rule(f"{receiver.plain_url()}#{SECRET}")
    target, new = office.targets.rotated(rule.targets[0], None, DAY, NOON)
    with office.db.write() as c:
        notifications.update_rule(c, replace(rule, targets=(target,)))
    office.fail()
    office.send()
    assert is_signed(receiver, SECRET, office)
    assert is_signed(receiver, new, office)
    office.clock.advance(seconds=DAY.total_seconds())
    office.fail()
    office.send()
    assert not is_signed(receiver, SECRET, office)
    assert is_signed(receiver, new, office)


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(office: Office) -> None:
    rule = office.rule(f"webhook+https://example.com#{SECRET}")
    mine = new_secret()
    target, given = office.targets.rotated(rule.targets[0], mine, timedelta(0), NOON)
    assert given == mine
    assert (target.sealed_old_secret, target.old_until) == (None, None)


def test_what_is_sealed_with_another_key_is_told_as_such(office: Office, tmp_path: Path) -> None:
    office.rule(f"webhook+https://example.com#{SECRET}")
    with office.db.read() as c:
        [rule] = notifications.rules(c)
    (tmp_path / "vault.key").unlink()
    others = Targets(Vault.in_folder(tmp_path), Messenger())
    letter = notifying.letter_of_test(rule.id, rule.name, "test_1", NOON)
    assert "vault.key" in str(others.send(rule.targets[0], letter, NOON))


def test_a_plain_webhook_is_shown_as_scheme_and_host_and_gets_a_secret(office: Office) -> None:
    addresses = ["WebHook+HTTPS://user:pw@Example.com:8443/T0KEN?x=y", f"webhook+http://[::1]/#{SECRET}"]
    targets, secrets = office.targets.made(addresses, ())
    assert [target.shown for target in targets] == ["webhook+https://example.com:8443", "webhook+http://::1"]
    [made] = secrets
    assert (made.target, made.shown) == (1, "webhook+https://example.com:8443")
    assert made.secret.startswith("whsec_")
    kept, none = office.targets.made([targets[1].shown, targets[0].shown], targets)
    assert kept == (targets[1], targets[0])
    assert none == ()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("webhook+https://", "it has no host"),
        ("webhook+https:///path", "it has no host"),
        ("webhook+https://host:port/", "Invalid port"),
        ("webhook+https://example.com/#hunter22", "after # there must be a secret: whsec_"),
        ("webhook+https://example.com/\x01", "non-printable"),
        ("webhook+ftp://example.com", "number 2 is no target"),
    ],
)
def test_what_is_no_plain_webhook_is_told_why(office: Office, address: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        office.targets.made(["webhook+https://example.com", address], ())
    [error] = refused.value.errors
    assert error.field == "targets"
    assert why in error.message
    assert "number 2" in error.message
    assert "hunter22" not in error.message


def test_plain_webhooks_need_no_apprise(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamplighter.messenger.find_spec", lambda _: None)
    targets, _ = office.targets.made(["webhook+https://example.com"], ())
    assert len(targets) == 1


def test_nothing_is_signed_for_a_target_of_apprise(office: Office) -> None:
    targets, secrets = office.targets.made(["json://example.com"], ())
    assert secrets == ()
    with pytest.raises(InvalidInput, match="is no webhook"):
        office.targets.rotated(targets[0], None, DAY, NOON)
    assert targets[0] == NotificationTarget("json://example.com", targets[0].sealed)


def test_what_was_told_before_programs_were_told_anything_is_sent_all_the_same(
    office: Office, receiver: HttpReceiver
) -> None:
    office.rule(f"{receiver.plain_url()}#{SECRET}")
    office.fail()
    with office.db.write() as c:  # as the release before has written it
        c.exec_driver_sql("UPDATE notifications SET facts = '{}'")
    office.send()
    post = json.loads(receiver.bodies[0])
    assert (post["title"], post["runId"]) == ("agent (agent) failed: no luck", None)
