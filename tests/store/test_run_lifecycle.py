"""Runs through their lives, as a state machine: random calls in random order keep every rule.

The machine calls what servers and people call, often too late or twice, and afterwards compares each status
change that happened with the drawn diagram.
"""

import random
import tempfile
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lamplighter import lifecycle
from lamplighter.model import (
    ACTIVE,
    ON_SERVER,
    TRANSITIONS,
    Claim,
    Counters,
    Run,
    RunSettings,
    RunStatus,
    SetState,
    Verdict,
)
from lamplighter.store import runs, sets
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate
from lamplighter.store.tables import parallel_sets
from store_rows import NOON, make_agent, make_server, start_set

ENDS = [RunStatus.COMPLETED, RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.STOPPED]


class RunLives(RuleBasedStateMachine):
    """Two agents, one server, and whatever Hypothesis thinks of."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database.embedded(Path(self.folder.name) / "test.db")
        sa.event.listen(self.db.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous = OFF"))
        migrate(self.db)
        with self.db.write() as c:
            self.agents = [make_agent(c, "one"), make_agent(c, "two")]
            self.server = make_server(c)
        self.now = NOON
        self.claims: list[Claim] = []
        self.seen: dict[int, RunStatus] = {}
        self.chance = random.Random(0)

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    def every_run(self) -> list[Run]:
        with self.db.read() as c:
            return [run for agent in self.agents for run in runs.of_agent(c, agent, 10_000)]

    @rule(
        agent=st.integers(0, 1),
        exclusive=st.booleans(),
        parallelism=st.integers(1, 4),
        at_once=st.none() | st.integers(1, 3),
        retries=st.integers(0, 2),
        waits=st.booleans(),
    )
    def start(
        self,
        agent: int,
        exclusive: bool,
        parallelism: int,
        at_once: int | None,
        retries: int,
        waits: bool,
    ) -> None:
        wanted = RunSettings(
            parallelism=parallelism,
            parallel_max_concurrency=at_once,
            is_exclusive=exclusive,
            max_retries=retries,
            is_wait_on_failure=waits,
        )
        with self.db.write() as c:
            start_set(c, self.agents[agent], wanted)

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        with self.db.write() as c:
            self.claims += runs.claim(c, self.server, limit, self.now)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        with self.db.write() as c:
            runs.begin(c, data.draw(st.sampled_from(self.claims)), self.now)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def export(self, data: st.DataObject) -> None:
        with self.db.write() as c:
            runs.export(c, data.draw(st.sampled_from(self.claims)))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), status=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, status: RunStatus) -> None:
        """A server ends an attempt, perhaps one that is no longer the current one."""
        claim = data.draw(st.sampled_from(self.claims))
        with self.db.write() as c:
            before = runs.get(c, claim.run_id)
            assert before is not None
            changed = False
            if before.attempt == claim.attempt and before.status in ON_SERVER:
                changed = lifecycle.conclude(c, before, Verdict(status, "said"), Counters(), self.now)
            else:
                changed = runs.finish(c, claim, status, "said too late", Counters(), self.now)
                assert not changed, "a write of an old attempt changed something"
            after = runs.get(c, claim.run_id)
            assert changed or after == before

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        with self.db.write() as c:
            runs.put_back(c, data.draw(st.sampled_from(self.claims)), "never began", NOON)

    @precondition(lambda self: self.every_run())
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.every_run()))
        with self.db.write() as c:
            if not lifecycle.cancel(c, run, "stopped", self.now):
                runs.ask_stop(c, run.id, "stop asked", self.now)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def time_out(self, data: st.DataObject) -> None:
        with self.db.write() as c:
            runs.time_out(c, data.draw(st.sampled_from(self.claims)), "too long", self.now)

    @precondition(lambda self: self.every_run())
    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.every_run()))
        with self.db.write() as c:
            assert lifecycle.restart(c, run, "again", self.now) is (run.status is RunStatus.FAILURE)

    @rule(minutes=st.integers(1, 90))
    def time_goes_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        with self.db.write() as c:
            for set_id, _ in sets.with_due_retries(c, self.now, 100):
                sets.promote(c, set_id, self.now)

    @invariant()
    def every_change_is_in_the_diagram(self) -> None:
        for run in self.every_run():
            old = self.seen.get(run.id)
            assert run.status is old or _reachable(old, run.status), f"{old!r} → {run.status!r}"
            self.seen[run.id] = run.status

    @invariant()
    def an_exclusive_set_is_alone(self) -> None:
        with self.db.read() as c:
            for agent in self.agents:
                query = sa.select(parallel_sets.c.is_exclusive).where(
                    parallel_sets.c.agent_id == agent, parallel_sets.c.state == SetState.ACTIVE.value
                )
                active = list(c.execute(query).scalars())
                assert len(active) < 2 or not any(active)

    @invariant()
    def a_set_is_over_exactly_when_its_runs_are_and_a_held_one_has_not_begun(self) -> None:
        with self.db.read() as c:
            query = sa.select(parallel_sets.c.id, parallel_sets.c.state)
            states = {set_id: state for set_id, state in c.execute(query)}  # noqa: C416 - rows, not pairs
        by_set: dict[int, list[Run]] = {}
        for run in self.every_run():
            by_set.setdefault(run.set_id, []).append(run)
        for set_id, members in by_set.items():
            going = [run for run in members if run.status in ACTIVE]
            assert (states[set_id] == "ended") is (not going)
            if states[set_id] == "waiting":
                assert all(run.status is RunStatus.WAITING for run in going)
            at_once = members[0].settings.parallel_max_concurrency
            past_waiting = [run for run in going if run.status is not RunStatus.WAITING]
            assert at_once is None or len(past_waiting) <= at_once

    @invariant()
    def somebody_who_waits_waits_for_somebody(self) -> None:
        """No set is held, and no run of an active set waits without a retry, when nothing else goes on."""
        with self.db.read() as c:
            for agent in self.agents:
                found = sets.in_the_way(c, [agent])
                assert not found or any(s.state is SetState.ACTIVE for s in found)
        for run in self.every_run():
            if run.status is RunStatus.WAITING:
                assert run.message


def _reachable(old: RunStatus | None, new: RunStatus) -> bool:
    """Whether the diagram leads from ``old`` to ``new``; one call may make two steps (held, then let go)."""
    steps = TRANSITIONS.get(old, frozenset())
    return new in steps or any(new in TRANSITIONS.get(step, frozenset()) for step in steps)


RunLives.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestRunLives = RunLives.TestCase
