"""The hand-over of runs in one process: a pool that claims what queues and carries it out in threads.

The states are those of the fleet: a lease a server, an attempt number a claim, compare-and-set on every change.
Only the hand-over differs: here a commit wakes the pool directly.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from lamplighter.loop import Loop
from lamplighter.model import Claim, Run
from lamplighter.planner import LEASE
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.execution import Execution

log = structlog.get_logger()

_HEARTBEAT = LEASE / 5
_END_OWN_RUNS_AFTER = LEASE * 0.8
_MOST_RESUMES = 5  # of one claim, before the run is given up


class Pool(Loop):
    """Carries out at most ``concurrency`` runs at a time on this machine, as the server whose ``control`` it has.

    It takes runs without a group and those of the ``server_groups`` of these names. When it ends, the processes of
    its runs go on, and the next start adopts them.
    """

    def __init__(self, shop: Workshop, concurrency: int, server_groups: Sequence[str] = ()) -> None:
        super().__init__("runner", shop.clock, self.pass_once, self._end_own_runs_before_the_lease)
        self._shop = shop
        self._concurrency = concurrency
        self._groups = tuple(server_groups)
        self._incarnation = uuid.uuid4().hex
        self._lease_renewed = shop.clock.now()
        self._going: dict[Claim, Execution] = {}
        self._resumes: dict[Claim, int] = {}
        self._deposed = False
        self._lock = threading.Lock()

    @property
    def going(self) -> int:
        """How many runs are being carried out."""
        with self._lock:
            return len(self._going)

    def start(self) -> int:
        """Register this server and adopt the runs that its former process left; returns how many."""
        now = self._shop.clock.now()
        self._shop.control.register(self._incarnation, self._concurrency, self._groups)
        self._lease_renewed = now
        self._resume_left_behind()
        return self.going

    def pass_once(self, now: datetime) -> None:
        """Renew the lease, tell the going runs what is asked of them, and take new ones."""
        if self._deposed:
            return
        if abs(now - self._lease_renewed) >= _HEARTBEAT:
            self._renew(now)
        self._control()
        if not self._deposed:
            self._take()

    def _renew(self, now: datetime) -> None:
        if not self._shop.control.renew(self._incarnation):
            log.error("another process has taken this server's name")
            self._deposed = True
            self._fence(self._claims().values())
            return
        self._lease_renewed = now
        self._resume_left_behind()

    def _resume_left_behind(self) -> None:
        """Take up runs of this server that no thread carries out: its former process began them, or it failed."""
        going = self._claims()  # before it is asked what is held: what ends in between is not held any more
        held = self._shop.control.held()
        left = {claim: run for run in held if (claim := Claim(run.id, run.attempt)) not in going}
        self._resumes = {claim: self._resumes.get(claim, 0) + 1 for claim in left}
        for claim, run in left.items():
            self._carry_out(run, resume=True, is_last_try=self._resumes[claim] > _MOST_RESUMES)

    def _end_own_runs_before_the_lease(self, now: datetime) -> None:
        if now - self._lease_renewed >= _END_OWN_RUNS_AFTER:
            self._fence(self._claims().values())

    def _control(self) -> None:
        claims = self._claims()
        if not claims:
            return
        current = {Claim(run.id, run.attempt): run for run in self._shop.control.current(claims)}
        for claim, execution in claims.items():
            execution.control(current.get(claim))

    def _fence(self, executions: Iterable[Execution]) -> None:
        for execution in executions:
            execution.control(None)

    def _take(self) -> None:
        free = self._concurrency - self.going
        if free > 0:
            for run in self._shop.control.claim(self._incarnation, free):
                self._carry_out(run, resume=False)

    def _carry_out(self, run: Run, *, resume: bool, is_last_try: bool = False) -> None:
        execution = Execution(self._shop, run)
        work = execution.resume if resume else execution.perform
        if is_last_try:
            work = execution.give_up_for_good
        with self._lock:
            self._going[execution.claim] = execution
        # Daemon threads: when the server ends, runs are left going for the next start to adopt.
        thread = threading.Thread(
            target=self._work, args=(execution, work), name=f"run-{run.id}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left: the next heartbeat takes the run up
            with self._lock:
                self._going.pop(execution.claim, None)
            raise

    def _work(self, execution: Execution, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._going.pop(execution.claim, None)
            self._wake.set()

    def _claims(self) -> dict[Claim, Execution]:
        with self._lock:
            return dict(self._going)
