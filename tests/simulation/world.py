"""A simulated year: schedules of every kind, people who change them, outages, and crashes of the scheduler.

Everything is real but time and the running of processes: the database, the engine, the use cases. A crash is an
exception that no code of ours catches, raised at a random statement, before a commit or right after one; then a
new engine goes on with what the database holds.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lamplighter import lifecycle
from lamplighter.engine import Engine
from lamplighter.errors import InvalidInput
from lamplighter.model import Claim, Counters, RunStatus, Schedule, Timing, Verdict
from lamplighter.service.requests import ScheduleRequest
from lamplighter.service.schedules import Schedules
from lamplighter.store import agents, runs, schedules, servers
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from store_rows import ADMIN, make_agent
from virtual_clock import VirtualClock

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
)
SECOND = timedelta(seconds=1)


class SimulatedCrash(BaseException):
    """The process is gone. Not an Exception: nothing may catch it and go on."""


@dataclass(slots=True)
class Epoch:
    """From ``begin`` until ``end`` (None: to the last) a schedule had this timing, enabled, in shadow or not."""

    timing: Timing
    is_shadow: bool
    begin: datetime
    end: datetime | None = None


@dataclass(slots=True)
class History:
    """What the simulation did, as the auditor needs it."""

    epochs: dict[int, list[Epoch]] = field(default_factory=dict)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    changes: dict[tuple[int, datetime], str] = field(default_factory=dict)
    archived: dict[int, list[tuple[datetime, bool]]] = field(default_factory=dict)
    crashes: int = 0
    passes: int = 0


class World:
    """One simulated installation. The same seed gives the same year."""

    def __init__(self, folder: Path, seed: int, schedule_count: int, agent_count: int = 40) -> None:
        self.chance = random.Random(seed)
        self.clock = VirtualClock(BEGIN)
        self.db = Database.embedded(folder / "simulation.db")
        # Crashes here are exceptions, not power cuts: waiting for the disk would prove nothing.
        sa.event.listen(self.db.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous = OFF"))
        migrate(self.db)
        self.history = History()
        self.engine = Engine(self.db, self.clock, self._after_commit)
        self.people = Schedules(self.db, self.clock, lambda: None)
        self._crash_in: int | None = None
        self._crash_after_commit = False
        self._agents = self._make_agents(agent_count)
        self._server = self._register()
        for _ in range(schedule_count):
            self._create()
        sa.event.listen(self.db.engine, "before_cursor_execute", self._maybe_crash)
        sa.event.listen(self.db.engine, "commit", self._maybe_crash)

    # --- a year ---

    def live(self, days: float) -> None:
        """Let ``days`` go by."""
        end = self.clock.time + timedelta(days=days)
        act_at = self._next_action()
        while self.clock.time < end:
            due = self._next_due()
            upcoming = min(end, act_at, end if due is None else due)
            self.clock.time = max(self.clock.time, upcoming)
            if self.clock.time >= act_at:
                self._act()
                act_at = self._next_action()
            self._scheduler_works()
        self._scheduler_works()

    def _next_due(self) -> datetime | None:
        with self.db.read() as c:
            return schedules.next_fire_at(c, after=self.clock.time)

    def _next_action(self) -> datetime:
        return self.clock.time + timedelta(seconds=int(self.chance.expovariate(1 / 20_000)) + 1)

    def _scheduler_works(self) -> None:
        """Let the engine do all there is to do, second by second, and the runner end what was started."""
        while self._anything_due():
            self.history.passes += 1
            with self._perhaps_crashing():
                while self.engine.fire_once(self.clock.time):
                    pass
            self._runner_works()
            if self._anything_due():
                self.clock.time += SECOND

    def _anything_due(self) -> bool:
        with self.db.read() as c:
            return schedules.anything_due(c, after=None, until=self.clock.time)

    # --- crashes ---

    @contextmanager
    def _perhaps_crashing(self) -> Iterator[None]:
        if self.chance.random() < 0.05:
            self._crash_in = self.chance.randint(1, 15)
        elif self.chance.random() < 0.02:
            self._crash_after_commit = True
        try:
            yield
        except SimulatedCrash:
            self.history.crashes += 1
            self.engine = Engine(self.db, self.clock, self._after_commit)
        finally:
            self._crash_in, self._crash_after_commit = None, False

    def _maybe_crash(self, *_event: object) -> None:
        if self._crash_in is None:
            return
        self._crash_in -= 1
        if self._crash_in == 0:
            self._crash_in = None
            raise SimulatedCrash

    def _after_commit(self) -> None:
        if self._crash_after_commit:
            self._crash_after_commit = False
            raise SimulatedCrash

    # --- the fake runner ---

    def _runner_works(self) -> None:
        """End every run that queues; some take long, so that exclusive ones have to wait."""
        now = self.clock.time
        with self.db.write() as c:
            for claim in runs.claim(c, self._server, 1000, now):
                runs.begin(c, claim, now)
            for run in runs.on_server(c, self._server):
                if self.chance.random() < 0.7:
                    runs.export(c, Claim(run.id, run.attempt))
                    verdict = Verdict(RunStatus.COMPLETED, "simulated")
                    lifecycle.conclude(c, run, verdict, Counters(), now)

    # --- people ---

    def _act(self) -> None:
        action = self.chance.choices(
            [
                self._edit,
                self._disable,
                self._enable,
                self._delete,
                self._create,
                self._archive,
                self._outage,
                self._move_in_or_out_of_shadow,
            ],
            weights=[20, 12, 14, 2, 3, 6, 10, 8],
        )[0]
        action()

    def _create(self) -> None:
        now = self.clock.time
        request = self._request()
        schedule = self.people.create(ADMIN, self.chance.choice(self._agents), request)
        self.history.epochs[schedule.id] = []
        if schedule.is_enabled:
            self.history.epochs[schedule.id].append(Epoch(schedule.timing, schedule.is_shadow, now))

    def _edit(self) -> None:
        old = self._pick()
        if old is None:
            return
        request = self._request()
        try:
            new = self.people.update(ADMIN, old.agent_id, old.id, request)
        except InvalidInput:
            return  # a new start beyond the old end: refused, and nothing changes
        self._note_change(old, new, "edited" if new.is_enabled else "disabled")

    def _disable(self) -> None:
        self._switch(on=False, what="disabled")

    def _enable(self) -> None:
        self._switch(on=True, what="enabled")

    def _switch(self, *, on: bool, what: str) -> None:
        old = self._pick()
        if old is not None and old.is_enabled is not on:
            self.people.switch(ADMIN, old.agent_id, old.id, on=on)
            self._note_change(old, self.people.get(ADMIN, old.agent_id, old.id), what)

    def _move_in_or_out_of_shadow(self) -> None:
        old = self._pick()
        if old is not None:
            request = ScheduleRequest.model_validate({"name": old.name, "isShadow": not old.is_shadow})
            new = self.people.update(ADMIN, old.agent_id, old.id, request)
            self._note_change(old, new, "edited" if new.is_enabled else "disabled")

    def _delete(self) -> None:
        old = self._pick()
        if old is not None:
            self.people.delete(ADMIN, old.agent_id, old.id)
            self._end_epoch(old.id)
            self.history.changes[old.id, self.clock.time] = "deleted"

    def _archive(self) -> None:
        agent_id = self.chance.choice(self._agents)
        states = self.history.archived.setdefault(agent_id, [(BEGIN, False)])
        archived = not states[-1][1] and self.chance.random() < 0.3
        with self.db.write() as c:
            agents.update(c, agent_id, {"is_archived": archived})
        states.append((self.clock.time, archived))

    def _outage(self) -> None:
        """The server is off: nothing fires, and nobody can change anything."""
        begin = self.clock.time
        hours = self.chance.choice([0.005, 0.02, 0.5, 3, 30, 80])
        self.clock.time += timedelta(seconds=int(self.chance.uniform(0.5, 1.5) * hours * 3600))
        self.history.outages.append((begin, self.clock.time))
        self.engine = Engine(self.db, self.clock, self._after_commit)
        if self.chance.random() < 0.5:
            # Somebody changes a schedule before the scheduler has caught up.
            changes = [self._edit, self._disable, self._delete, self._move_in_or_out_of_shadow]
            self.chance.choice(changes)()

    def _note_change(self, old: Schedule, new: Schedule, what: str) -> None:
        if (old.timing, old.is_enabled, old.is_shadow) == (new.timing, new.is_enabled, new.is_shadow):
            return
        self._end_epoch(old.id)
        if new.is_enabled:
            self.history.epochs[old.id].append(Epoch(new.timing, new.is_shadow, self.clock.time))
        self.history.changes[old.id, self.clock.time] = what

    def _end_epoch(self, schedule_id: int) -> None:
        epochs = self.history.epochs[schedule_id]
        if epochs and epochs[-1].end is None:
            epochs[-1].end = self.clock.time

    def _pick(self) -> Schedule | None:
        with self.db.read() as c:
            found = schedules.of_agent(c, self.chance.choice(self._agents))
        return self.chance.choice(found) if found else None

    # --- what people ask for ---

    def _request(self) -> ScheduleRequest:
        chance = self.chance
        kinds = [self._cron, self._interval, self._once, self._never]
        body = chance.choices(kinds, weights=[70, 18, 10, 2])[0]()
        body |= {
            "name": "simulated",
            "timezone": chance.choice(ZONES),
            "isEnabled": chance.random() < 0.95,
            "isShadow": chance.random() < 0.1,
            "catchUp": chance.choices(["latest", "all", "none"], weights=[6, 2, 2])[0],
            "catchUpWindowSeconds": chance.choice([3_600, 86_400, 864_000]),
            "isExclusive": chance.random() < 0.1,
            "jitterSeconds": chance.choices([0, 20, 900], weights=[90, 5, 5])[0],
            "dstGap": chance.choice(["after", "after", "skip"]),
            "dstOverlap": chance.choice(["first", "first", "second", "both"]),
        }
        if "cronExpression" in body and chance.random() < 0.05:
            end = self.clock.time + timedelta(days=chance.uniform(40, 400))
            body["endTime"] = end.isoformat()
        if chance.random() < 0.05:
            body["excludedDates"] = ["2026-03-08", "2026-07-04", "2026-12-25"]
        return ScheduleRequest.model_validate(body)

    def _cron(self) -> dict[str, Any]:
        chance = self.chance
        minute, hour = chance.choice([0, 30]), chance.randint(0, 23)
        expression = chance.choices(
            [
                f"{minute} {hour} * * *",
                f"{minute} {hour} * * {chance.randint(0, 6)}",
                f"{minute} {hour} {chance.choice(['L', '1', '15W', '1,15', '31'])} * *",
                f"{minute} {chance.choice([1, 2])} * * 0",
                f"{minute} {hour} * * {chance.randint(1, 5)}#{chance.randint(1, 5)}",
                "0 * * * *",
                f"{minute} 0-6/2 * * 1",
            ],
            weights=[6, 30, 28, 14, 12, 0.1, 3],
        )[0]
        return {"cronExpression": expression}

    def _interval(self) -> dict[str, Any]:
        chance = self.chance
        period, count = chance.choice([(2, 36), (2, 100), (3, 1), (3, 3), (4, 1), (4, 2), (5, 1), (5, 3)])
        body: dict[str, Any] = {"runEveryCount": count, "runEveryPeriod": period}
        if chance.random() < 0.5:
            start = self.clock.time + timedelta(minutes=30 * chance.randint(1, 2000))
            body["startTime"] = start.replace(minute=start.minute // 30 * 30, second=0).isoformat()
        return body

    def _once(self) -> dict[str, Any]:
        start = self.clock.time + timedelta(minutes=30 * self.chance.randint(2, 12_000))
        return {"scheduleType": 1, "startTime": start.replace(second=0).isoformat()}

    def _never(self) -> dict[str, Any]:
        return {"scheduleType": 0}

    def _make_agents(self, count: int) -> list[int]:
        with self.db.write() as c:
            return [make_agent(c, f"agent {number}", BEGIN) for number in range(count)]

    def _register(self) -> int:
        with self.db.write() as c:
            far = BEGIN + timedelta(days=3650)
            return servers.register(c, "simulated", "1", 1, BEGIN, far)
