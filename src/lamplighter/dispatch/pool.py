"""The hand-over of runs in one process: a pool that claims what queues and carries it out in threads.

The states are those of the fleet: a lease a server, an attempt number a claim, compare-and-set on every change.
Only the hand-over differs: here a commit wakes the pool directly.
"""

import threading
import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from lamplighter.model import Run
from lamplighter.planner import LEASE
from lamplighter.runner.execution import Execution, Workshop
from lamplighter.store import runs, servers
from lamplighter.store.runs import Claim

log = structlog.get_logger()

_HEARTBEAT = LEASE / 5
_END_OWN_RUNS_AFTER = LEASE * 0.8
_LOOK_EVERY = timedelta(seconds=1)


class Pool:
    """Carries out at most ``concurrency`` runs at a time on this machine, under the server name ``name``."""

    def __init__(self, shop: Workshop, name: str, concurrency: int) -> None:
        self._shop = shop
        self._name = name
        self._concurrency = concurrency
        self._incarnation = uuid.uuid4().hex
        self._server_id = 0
        self._lease_renewed = shop.clock.now()
        self._going: dict[Claim, Execution] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Look again now: runs queue, or one is to be stopped."""
        self._wake.set()

    def stop(self) -> None:
        """End ``run``. The processes of the runs go on, and the next start adopts them."""
        self._stopping.set()
        self._wake.set()

    @property
    def going(self) -> int:
        """How many runs are being carried out."""
        with self._lock:
            return len(self._going)

    def start(self) -> int:
        """Register this server and adopt the runs that its former process left; returns how many."""
        now = self._shop.clock.now()
        with self._shop.db.write() as c:
            self._server_id = servers.register(
                c, self._name, self._incarnation, self._concurrency, now, now + LEASE
            )
        self._lease_renewed = now
        self._resume_left_behind()
        return self.going

    def run(self) -> None:
        """Claim and control runs until ``stop``."""
        while not self._stopping.is_set():
            now = self._shop.clock.now()
            try:
                self.pass_once(now)
            except sa.exc.OperationalError:
                log.exception("the database is not available; trying again in a second")
                self._end_own_runs_before_the_lease(now)
            self._shop.clock.wait(self._wake, now + _LOOK_EVERY)

    def pass_once(self, now: datetime) -> None:
        """Renew the lease, tell the going runs what is asked of them, and take new ones."""
        if now - self._lease_renewed >= _HEARTBEAT:
            self._renew(now)
        self._control()
        self._take(now)

    def _renew(self, now: datetime) -> None:
        with self._shop.db.write() as c:
            if not servers.renew(c, self._server_id, self._incarnation, now + LEASE):
                log.error("another process has taken this server's name", server=self._name)
                self._fence(self._claims())
                return
        self._lease_renewed = now
        self._resume_left_behind()

    def _resume_left_behind(self) -> None:
        """Take up runs of this server that no thread carries out: its former process began them, or it failed."""
        with self._shop.db.read() as c:
            held = runs.on_server(c, self._server_id)
        going = self._claims()
        for run in held:
            if Claim(run.id, run.attempt) not in going:
                self._carry_out(run, resume=True)

    def _end_own_runs_before_the_lease(self, now: datetime) -> None:
        if now - self._lease_renewed >= _END_OWN_RUNS_AFTER:
            self._fence(self._claims())

    def _control(self) -> None:
        claims = self._claims()
        if not claims:
            return
        with self._shop.db.read() as c:
            current = runs.current(c, claims)
        for claim, execution in claims.items():
            execution.control(current.get(claim))

    def _fence(self, executions: dict[Claim, Execution]) -> None:
        for execution in executions.values():
            execution.control(None)

    def _take(self, now: datetime) -> None:
        free = self._concurrency - self.going
        if free <= 0:
            return
        with self._shop.db.read() as c:
            if not runs.anything_queues(c):
                return
        with self._shop.db.write() as c:
            claims = runs.claim(c, self._server_id, free, now)
            taken = list(runs.current(c, claims).values())
        for run in taken:
            self._carry_out(run, resume=False)

    def _carry_out(self, run: Run, *, resume: bool) -> None:
        execution = Execution(self._shop, run)
        with self._lock:
            self._going[execution.claim] = execution
        # Daemon threads: when the server ends, runs are left going for the next start to adopt.
        threading.Thread(
            target=self._work, args=(execution, resume), name=f"run-{run.id}", daemon=True
        ).start()

    def _work(self, execution: Execution, resume: bool) -> None:
        try:
            if resume:
                execution.resume()
            else:
                execution.perform()
        finally:
            with self._lock:
                self._going.pop(execution.claim, None)
            self._wake.set()

    def _claims(self) -> dict[Claim, Execution]:
        with self._lock:
            return dict(self._going)
