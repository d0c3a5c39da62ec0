"""Several schedulers and servers on one PostgreSQL: nobody is elected, and nothing is done twice or forgotten."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from lamplighter import lifecycle
from lamplighter.engine import Engine
from lamplighter.model import Claim, Run, RunSettings, RunStatus, SetState, Verdict
from lamplighter.store import runs
from lamplighter.store.database import Database
from lamplighter.store.tables import fires, parallel_sets
from lamplighter.store.tables import runs as runs_table
from store_rows import NOON, make_agent, make_schedule, make_server
from virtual_clock import VirtualClock

MINUTES = 8
EXCLUSIVE = RunSettings(is_exclusive=True)
TWO_OF_FOUR = RunSettings(parallelism=4, parallel_max_concurrency=2)
INPUT = '[{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]'


class Watch:
    """How many runs go at this moment, by agent and by set, and what was wrong at any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []

    def begins(self, run: Run) -> None:
        with self._lock:
            self._going[("agent", run.agent_id)] += 1
            self._going[("set", run.set_id)] += 1
            if run.settings.is_exclusive and self._going[("agent", run.agent_id)] > 1:
                self.wrong.append(f"run {run.id} of an exclusive agent begins beside another")
            if self._going[("set", run.set_id)] > (run.settings.parallel_max_concurrency or 1):
                self.wrong.append(f"run {run.id} is one too many of its set")

    def ends(self, run: Run) -> None:
        with self._lock:
            self._going[("agent", run.agent_id)] -= 1
            self._going[("set", run.set_id)] -= 1


def serve(db: Database, server: int, watch: Watch, is_over: Callable[[], bool], seed: int) -> int:
    """Take runs and end them, well or not, until there is nothing left to come; returns how many attempts."""
    chance, attempts = random.Random(seed), 0
    while True:
        over = is_over()  # before it is looked: what came before is seen
        now = datetime.now(NOON.tzinfo)
        with db.write_shared() as c:
            claims = runs.claim(c, server, chance.randint(1, 6), now)
            taken = list(runs.current(c, claims).values())
        for run in taken:
            watch.begins(run)
            with db.write_shared() as c:
                assert runs.begin(c, Claim(run.id, run.attempt), now)
            status = chance.choice([RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.FAILURE])
            if status is not RunStatus.FAILURE:
                with db.write_shared() as c:
                    assert runs.export(c, Claim(run.id, run.attempt))
            watch.ends(run)
            with db.write_shared() as c:
                current = runs.current(c, [Claim(run.id, run.attempt)])
                [now_run] = current.values()
                assert lifecycle.conclude(c, now_run, Verdict(status, "over"), run.counters, now)
        attempts += len(taken)
        if not taken and over:
            with db.read() as c:
                if not runs.status_counts(c):
                    return attempts


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_four_schedulers_and_three_servers_do_everything_once(db: Database, seed: int) -> None:
    with db.write() as c:
        made = []
        for number in range(12):
            settings = (EXCLUSIVE, TWO_OF_FOUR, RunSettings(max_retries=1, retry_delay_seconds=0))[number % 3]
            agent = make_agent(c, f"agent {number}")
            made += [make_schedule(c, agent, settings=settings) for _ in range(4)]
            c.execute(sa.text("UPDATE schedules SET input_parameters = :text"), {"text": INPUT})
        servers = [make_server(c, f"server {number}") for number in range(3)]
    url = db.engine.url.render_as_string(hide_password=False)
    watch, over, barrier = Watch(), threading.Event(), threading.Barrier(4)

    def schedule(own: Database) -> None:
        engine = Engine(own, VirtualClock(), lambda: None)
        for minute in range(1, MINUTES + 1):
            barrier.wait()
            while engine.pass_once(NOON + timedelta(minutes=minute)) <= NOON + timedelta(minutes=minute):
                pass

    with ExitStack() as stack:
        dbs = [stack.enter_context(closing(Database(url))) for _ in range(7)]
        with ThreadPoolExecutor(7) as threads:
            serving = [
                threads.submit(serve, dbs[n], servers[n], watch, over.is_set, 10 * seed + n) for n in range(3)
            ]
            for scheduling in [threads.submit(schedule, one) for one in dbs[3:]]:
                scheduling.result()
            over.set()
            attempts = sum(one.result() for one in serving)

    assert watch.wrong == []
    with db.read() as c:
        dues = Counter(
            {
                (schedule_id, due): count
                for schedule_id, due, count in c.execute(
                    sa.select(fires.c.schedule_id, fires.c.due, fires.c.count)
                )
            }
        )
        states = set(c.execute(sa.select(parallel_sets.c.state)).scalars())
        statuses = set(c.execute(sa.select(runs_table.c.status)).scalars())
        told = c.execute(sa.select(sa.func.sum(runs_table.c.attempt))).scalar_one()
    expected = {(s.id, NOON + timedelta(minutes=m)): 1 for s in made for m in range(1, MINUTES + 1)}
    assert dues == expected
    assert states == {SetState.ENDED.value}
    assert statuses <= {RunStatus.COMPLETED, RunStatus.FAILURE}
    assert told == attempts
