"""The loop that tells people: watches for due times without a run, and sends what is in the outbox.

Each target has a lane of its own, and each sending a process of its own with a time-out: a target that hangs or
fails delays neither runs nor fires nor other targets. A message counts as sent only when the service has taken it,
so after a crash it may arrive twice, with the same id in it, and never not at all.
"""

import threading
from datetime import datetime, timedelta

import structlog

from lamplighter import telling
from lamplighter.clock import Clock
from lamplighter.loop import Loop
from lamplighter.messenger import SECONDS, Messenger
from lamplighter.model import NotificationMessage, NotificationRule
from lamplighter.planner import notifying
from lamplighter.service.targets import Targets
from lamplighter.store import notifications, overdue
from lamplighter.store.database import Database
from lamplighter.store.notifications import Lane
from lamplighter.store.overdue import Overdue
from lamplighter.vault import Vault

log = structlog.get_logger()

LANES = 8
# For so long a message that is being sent is nobody else's; longer than any sending takes.
_TAKEN_FOR = timedelta(seconds=SECONDS + 15)
_LONGEST_SLEEP = timedelta(seconds=1)
# After a start the scheduler first decides what was missed.
_SETTLING = timedelta(seconds=3)
_KEPT = timedelta(days=30)
_FORGET_EVERY = timedelta(hours=1)
# Looking after due times takes at most a twentieth of the time, however many there are.
_LOOK_SHARE = 20
_NOTE_WATCH_EVERY = timedelta(minutes=5)
_MOST_ROWS = 10_000
_SHORTEST_LOOK = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


class Notifier(Loop):
    """The sender of notifications. ``stop`` ends ``run`` within a few seconds."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, messenger: Messenger) -> None:
        super().__init__("notifier", clock, self.pass_once)
        self._db = db
        self._targets = Targets(vault, messenger)
        self._messenger = messenger
        self._lock = threading.Lock()
        self._busy: dict[Lane, threading.Thread] = {}
        self._watched: dict[int, datetime] = {}
        self._look_at = clock.now() + _SETTLING
        self._forget_at = clock.now()

    def stop(self) -> None:
        """End ``run``, and what is being sent: the next start sends it again."""
        super().stop()
        self._messenger.close()

    def run(self) -> None:
        """Tell people until ``stop``."""
        super().run()
        self.settle()

    def pass_once(self, now: datetime) -> None:
        """Do all that is to be done at ``now``, and begin to send."""
        if now >= self._look_at:
            self.watch_once(now)
            took = self._clock.now() - now
            self._look_at = now + max(took * _LOOK_SHARE, _LONGEST_SLEEP)
        self.send_once(now)
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY
            with self._db.write() as c:
                notifications.forget(c, now - _KEPT)

    def watch_once(self, now: datetime) -> int:
        """Find the due times whose time to begin is over, and tell of those without a run; returns how many."""
        with self._db.read() as c:
            rules = [rule for rule in notifications.rules(c) if rule.watches]
        return sum(self._watch(rule, now) for rule in rules)

    def _watch(self, rule: NotificationRule, now: datetime) -> int:
        since = max(rule.watched_until, self._watched.get(rule.id, rule.watched_until))
        if since >= now:
            return 0
        until, found = self._look(rule, now, since)
        told = 0
        # To have judged what is well needs no write with every look: judging it again finds it well again.
        if found or now - rule.watched_until >= _NOTE_WATCH_EVERY:
            with self._db.write() as c:
                told = telling.watch(c, rule, found, until, now)
        self._watched[rule.id] = until
        return told

    def _look(self, rule: NotificationRule, now: datetime, since: datetime) -> tuple[datetime, list[Overdue]]:
        """What is overdue, and until when that is all: after a long outage only a part of the time is looked at."""
        until = now
        with self._db.read() as c:
            while until - since > _SHORTEST_LOOK:
                found = overdue.find(c, rule, until, since, _MOST_ROWS)
                if len(found) < _MOST_ROWS:
                    return until, found
                until = since + (until - since) // 2 // _MILLISECOND * _MILLISECOND
            return until, overdue.find(c, rule, until, since)

    def send_once(self, now: datetime) -> int:
        """Begin to send what is due, one message for each target that is not busy; returns how many."""
        with self._db.read() as c:
            waiting = notifications.lanes(c, now)
        begun = 0
        for lane in waiting:
            with self._lock:
                if lane in self._busy or len(self._busy) >= LANES:
                    continue
                thread = threading.Thread(target=self._send_lane, args=(lane, now), name="notification")
                self._busy[lane] = thread
            try:
                thread.start()
            except RuntimeError:  # the machine has no thread left: another pass tries again
                with self._lock:
                    del self._busy[lane]
                raise
            begun += 1
        return begun

    def settle(self) -> None:
        """Return when nothing is being sent any more."""
        while True:
            with self._lock:
                threads = list(self._busy.values())
            if not threads:
                return
            for thread in threads:
                thread.join()

    def _send_lane(self, lane: Lane, now: datetime) -> None:
        try:
            with self._db.write() as c:
                rule = notifications.rule(c, lane.rule_id)
                message = notifications.take(c, lane, now, now + _TAKEN_FOR)
            if message is not None:
                self._send(rule, message)
        except Exception:
            # The message stays taken for a while and is tried again then.
            log.exception("a notification could not be sent", rule=lane.rule_id)
        finally:
            with self._lock:
                del self._busy[lane]
            self.wake()

    def _send(self, rule: NotificationRule | None, message: NotificationMessage) -> None:
        if rule is None or message.target >= len(rule.targets):
            with self._db.write() as c:
                why = "nobody to send it to: the rule, its agent or its schedule was deleted"
                notifications.settle(c, message, sent=None, error=why, next_try=None)
            return
        letter = notifying.letter_of(message, rule.name)
        error = self._targets.send(rule.targets[message.target], letter, self._clock.now())
        now = self._clock.now()
        following = None if error is None else notifying.next_try(message.tries, message.told_at, now)
        with self._db.write() as c:
            notifications.settle(
                c, message, sent=now if error is None else None, error=error, next_try=following
            )
        if error is not None:
            end = "given up" if following is None else "trying again"
            log.warning(
                f"a notification was not delivered; {end}",
                rule=message.rule_id,
                message=message.id,
                tries=message.tries,
                error=error,
            )
