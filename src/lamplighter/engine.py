"""The loops that keep the clock: fire what is due, wake what waited, find lost servers, tell who waits for one.

Each pass is one method ``…_once(now)``: fetch, decide (``planner``), write, in one transaction. ``run`` is the
thread around them. Any number of engines may work on one database.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from lamplighter import launch, lifecycle, metrics, planner
from lamplighter.clock import Clock
from lamplighter.loop import Loop
from lamplighter.model import Run
from lamplighter.planner import LATE_AFTER, LEASE, WAITS_FOR_GROUP, Plan, waits_for_group
from lamplighter.store import agents, groups, runs, schedules, servers, sets
from lamplighter.store.database import Database
from lamplighter.store.schedules import DueSchedule
from lamplighter.triggers import TZDATA_VERSION

log = structlog.get_logger()

BATCH = 1000
# What an outage left behind is fired at most this fast, so that it never floods the servers.
BACKLOG_PER_SECOND = 200
_LOST = "server lost: it has not been heard of for its whole lease"
# Due times are known beforehand; whatever else there is to do is looked for so often.
_LOOK_EVERY = timedelta(seconds=1)
_TRY_BROKEN_AGAIN = timedelta(minutes=5)
_LOOK_AT_GROUPS_EVERY = timedelta(seconds=2)
# Looking at the queue of a group takes the longer the more runs wait in it: it gets this part of the time.
_SHARE_OF_GROUPS = 0.02


class Engine(Loop):
    """The scheduler. ``on_runs_ready`` is called after a commit that may have made runs queue.

    ``may_rescue`` says whether servers of which nothing is heard are lost, and not only out of reach from here.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        on_runs_ready: Callable[[], None],
        may_rescue: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        super().__init__("scheduler", clock, self.pass_once, self._rescue_later)
        self._db = db
        self._on_runs_ready = on_runs_ready
        self._may_rescue = may_rescue
        self._last_backlog: datetime | None = None
        self._last_pass: datetime | None = None
        self._rescue_not_before: datetime | None = None
        self._groups_seen: datetime | None = None
        self._groups_next = clock.now()
        self._looked: datetime | None = None

    def pass_once(self, now: datetime) -> datetime:
        """Fire what is due at ``now`` and, once a second, look for all else; returns when the next one begins."""
        more = self.fire_once(now)
        if self._looked is None or not self._looked <= now < self._looked + _LOOK_EVERY:
            self._look_around(now)
            self._looked = now
        if more:
            return now
        with self._db.read() as c:
            following = schedules.next_fire_at(c, after=now)
        next_look = self._looked + _LOOK_EVERY
        return next_look if following is None else min(following, next_look)

    def _look_around(self, now: datetime) -> None:
        """Do what is not known beforehand: retries, servers that are lost, groups that nobody serves."""
        if self.retry_once(now):
            self._on_runs_ready()
        if self._had_time_to_look(now):
            self.rescue_once(now)
        self._look_at_groups(now)

    def recompute_once(self) -> int:
        """Bring due times up to date that were computed with another time-zone database; returns how many."""
        with self._db.write() as c:
            stale = schedules.computed_with_other_tzdata(c, TZDATA_VERSION, BATCH)
            for one in stale:
                try:
                    due = planner.next_due(one.id, one.timing, one.decided_until)
                except Exception as problem:  # noqa: BLE001 - one bad schedule must not stop the others
                    self._put_aside(c, one.id, problem, self._clock.now())
                    due = one.next
                schedules.set_next(c, [(one.id, one.decided_until, due)], TZDATA_VERSION)
        return len(stale)

    def fire_once(self, now: datetime) -> bool:
        """Fire a batch of what is due now and, at a bounded rate, of what was missed.

        Returns whether more is due now. What is due now never waits for what was missed.
        """
        on_time = self._fire_batch(now, after=now - LATE_AFTER, until=now, limit=BATCH)
        last = self._last_backlog
        if last is None or not last <= now < last + timedelta(seconds=1):
            self._fire_backlog(now)
            self._last_backlog = now
        return on_time == BATCH

    def _fire_backlog(self, now: datetime) -> None:
        """At most half for schedules that catch up with every due time: each of them stays the oldest for long."""
        until = now - LATE_AFTER
        fired = self._fire_batch(now, after=None, until=until, limit=BACKLOG_PER_SECOND // 2, fires_each=True)
        self._fire_batch(now, after=None, until=until, limit=BACKLOG_PER_SECOND - fired, fires_each=False)

    def _fire_batch(
        self,
        now: datetime,
        *,
        after: datetime | None,
        until: datetime,
        limit: int,
        fires_each: bool | None = None,
    ) -> int:
        with self._db.read() as c:
            if not schedules.anything_due(c, after=after, until=until):
                return 0
        try:
            with self._db.write_shared() as c:
                batch = schedules.due(c, after=after, until=until, limit=limit, fires_each=fires_each)
                self._fire(c, batch, now)
        except sa.exc.OperationalError:
            raise
        except Exception:
            log.exception("a batch could not be fired; firing its schedules one by one")
            return self._fire_one_by_one(now, after=after, until=until, limit=limit)
        if batch:
            self._on_runs_ready()
        return len(batch)

    def _fire_one_by_one(self, now: datetime, *, after: datetime | None, until: datetime, limit: int) -> int:
        with self._db.write_shared() as c:
            ids = [due.schedule.id for due in schedules.due(c, after=after, until=until, limit=limit)]
        for schedule_id in ids:
            try:
                with self._db.write_shared() as c:
                    self._fire(c, schedules.due(c, after=None, until=until, limit=1, only=schedule_id), now)
            except sa.exc.OperationalError:
                raise
            except Exception as problem:  # noqa: BLE001 - one bad schedule must not stop the others
                with self._db.write_shared() as c:
                    self._put_aside(c, schedule_id, problem, now)
        self._on_runs_ready()
        return len(ids)

    def _fire(self, c: sa.Connection, batch: Sequence[DueSchedule], now: datetime) -> None:
        planned: list[tuple[DueSchedule, Plan]] = []
        for due in batch:
            try:
                plan = planner.plan_due(due.schedule, now, agent_is_archived=due.agent_is_archived)
            except Exception as problem:  # noqa: BLE001 - one bad schedule must not stop the others
                self._put_aside(c, due.schedule.id, problem, now)
            else:
                planned.append((due, plan))
        launch.carry_out(c, planned, now)

    def _put_aside(self, c: sa.Connection, schedule_id: int, problem: Exception, now: datetime) -> None:
        log.error("a schedule could not be evaluated", schedule=schedule_id, exc_info=problem)
        reason = f"cannot be evaluated, and its due times wait: {problem}"
        schedules.set_problem(c, schedule_id, reason, now + _TRY_BROKEN_AGAIN)

    def retry_once(self, now: datetime) -> int:
        """Let the runs queue whose retry is due; returns how many sets had one."""
        with self._db.read() as c:
            if not sets.with_due_retries(c, now, 1):
                return 0
        with self._db.write_shared() as c:
            ready = sets.with_due_retries(c, now, BATCH)
            agents.take_turn(c, {agent_id for _, agent_id in ready})
            for set_id, _ in ready:
                sets.promote(c, set_id, now)
        return len(ready)

    def _look_at_groups(self, now: datetime) -> None:
        """``groups_once`` now and then; a clock that was set back makes it no rarer."""
        if self._groups_seen is not None and self._groups_seen <= now < self._groups_next:
            return
        is_all_told = self.groups_once(now) < BATCH
        self._groups_seen = now
        took = self._clock.now() - now
        pause = max(_LOOK_AT_GROUPS_EVERY, took / _SHARE_OF_GROUPS) if is_all_told else took
        self._groups_next = now + pause

    def groups_once(self, now: datetime) -> int:
        """Let runs say that no live server serves their group, or no longer say so; returns how many changed.

        Only what they say changes, and only while they queue; at most a batch of each group.
        """
        with self._db.read() as c:
            waited_for = groups.with_queues(c)
            unserved = groups.unserved(c, waited_for, now) if waited_for else {}
            changes: list[tuple[list[int], str | None]] = []
            for group_id in waited_for:
                if group_id in unserved:
                    message = waits_for_group(group_id, unserved[group_id])
                    changes.append((groups.to_be_told(c, group_id, message, BATCH), message))
                else:
                    changes.append((groups.to_be_silenced(c, group_id, WAITS_FOR_GROUP, BATCH), None))
        if not any(run_ids for run_ids, _ in changes):
            return 0
        with self._db.write_shared() as c:
            return sum(groups.tell(c, run_ids, message) for run_ids, message in changes if run_ids)

    def _had_time_to_look(self, now: datetime) -> bool:
        """Not within a lease of having been away: whoever slept as well needs time to renew its own lease."""
        if self._last_pass is None or now - self._last_pass > LEASE / 3:
            self._rescue_later(now)
        self._last_pass = now
        return self._rescue_not_before is None or now >= self._rescue_not_before

    def _rescue_later(self, now: datetime) -> None:
        """What kept this one from working may keep servers from renewing their leases."""
        self._rescue_not_before = now + LEASE

    def rescue_once(self, now: datetime) -> int:
        """Take their runs from servers whose lease has run out; returns how many runs."""
        with self._db.read() as c:
            owned = [(server, run) for server in servers.lost(c, now) for run in runs.on_server(c, server.id)]
        if owned and not self._may_rescue(now):
            return 0
        rescued = sum(self._rescue(server.id, run, now) for server, run in owned)
        metrics.rescued(rescued)
        if rescued:
            self._on_runs_ready()
        return rescued

    def _rescue(self, server_id: int, run: Run, now: datetime) -> bool:
        with self._db.write_shared() as c:
            # It may have come back in the last moment; from here on it cannot.
            if not servers.is_still_lost(c, server_id, now):
                return False
            return lifecycle.conclude(c, run, lifecycle.lost(run, _LOST), run.counters, now)
