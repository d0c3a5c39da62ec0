"""A pool that claims runs that queue and carries them out in threads: one lease a server, one attempt a claim.

Beside the database it is woken by the commit, and looks once a second. Far from it the broker announces what
queues.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from lamplighter.control.face import NobodyRules
from lamplighter.errors import Unavailable
from lamplighter.loop import Loop
from lamplighter.model import Claim, Run
from lamplighter.planner import ABSENCE, LEASE
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.execution import Execution
from lamplighter.runner.process import DeadMansSwitch

if TYPE_CHECKING:
    from lamplighter.bus.puller import Puller

log = structlog.get_logger()

_HEARTBEAT = LEASE / 5
# The keepers of runs have the rest of a lease to end them when the server is silent, before others may take them.
SILENCE = LEASE * 0.8
_PLANNED_SILENCE = ABSENCE * 0.9
_MOST_RESUMES = 5  # of one claim, before the run is given up


class Pool(Loop):
    """Carries out at most ``concurrency`` runs at a time on this machine, as the server whose ``control`` it has.

    It takes runs without a group and those of the ``server_groups`` of these names; its ``labels`` are shown to
    people. When it ends, the processes of its runs go on, and the next start adopts them.
    """

    def __init__(
        self,
        shop: Workshop,
        concurrency: int,
        server_groups: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("runner", shop.clock, self.pass_once)
        self._shop = shop
        self._concurrency = concurrency
        self._groups = tuple(server_groups)
        self._labels = dict(labels or {})
        self._incarnation = uuid.uuid4().hex
        self._is_registered = False
        self._lease_renewed = shop.clock.now()
        self._puller: Puller | None = None
        self._told = threading.Event()  # that something is asked of the runs
        self._is_full = False
        self._going: dict[Claim, Execution] = {}
        self._resumes: dict[Claim, int] = {}
        self.is_deposed = False  # another process has taken this server's name
        self._lock = threading.Lock()

    @property
    def going(self) -> int:
        """How many runs are being carried out."""
        with self._lock:
            return len(self._going)

    def hear(self, puller: "Puller") -> None:
        """From now on this says what queues, and ``look`` is called when something is asked of a run.

        Without it each pass looks by itself.
        """
        self._puller = puller

    def start(self) -> int:
        """Register this server and adopt the runs that its former process left; returns how many. Unavailable."""
        try:
            self._shop.fork_servers.warm_up()
        except OSError as problem:  # the run that needs it will say so
            log.warning("what starts programs could not be started beforehand", exc_info=problem)
        now = self._shop.clock.now()
        with self._contact():
            self._shop.control.register(self._incarnation, self._concurrency, self._groups, self._labels)
        self._is_registered, self._lease_renewed = True, now
        self._resume_left_behind(is_first=True)
        return self.going

    def leave(self) -> None:
        """Say that this process ends as planned and its runs go on, so that the next one finds them."""
        if self.is_deposed:
            return
        try:
            with self._contact(_PLANNED_SILENCE):
                self._shop.control.leave(self._incarnation)
        except Unavailable as problem:
            log.warning("nobody could be told that this server ends as planned", exc_info=problem)

    def pass_once(self, now: datetime) -> None:
        """Renew the lease, tell the going runs what is asked of them, and take new ones."""
        if self.is_deposed:
            return
        if not self._is_registered:
            self.start()
        is_heartbeat = abs(now - self._lease_renewed) >= _HEARTBEAT
        if is_heartbeat:
            self._renew(now)
        looks = is_heartbeat or self._puller is None
        if looks or self._told.is_set():
            self._told.clear()
            self._control()
        if not self.is_deposed:
            self._take(looks=looks)

    def look(self) -> None:
        """Begin a pass now, to see what is asked of the runs."""
        self._told.set()
        self.wake()

    def _renew(self, now: datetime) -> None:
        with self._contact():
            is_ours = self._shop.control.renew(self._incarnation)
        if not is_ours:
            log.error("another process has taken this server's name")
            self.is_deposed = True
            self._fence(self._claims().values())
            return
        self._lease_renewed = now
        self._resume_left_behind()

    @contextmanager
    def _contact(self, silence: timedelta = SILENCE) -> Iterator[None]:
        """From the moment in which this was asked, the server may be silent for so long."""
        moment = DeadMansSwitch.moment()
        try:
            yield
        except NobodyRules:
            self._hold_off(moment, SILENCE)
            raise
        self._hold_off(moment, silence)

    def _hold_off(self, moment: int, silence: timedelta) -> None:
        if self._shop.switch is not None:
            self._shop.switch.hold_off(moment, silence)

    def _resume_left_behind(self, *, is_first: bool = False) -> None:
        """Take up runs of this server that no thread carries out: its former process began them, or it failed."""
        going = self._claims()  # before it is asked what is held: what ends in between is not held any more
        held = self._shop.control.held()
        if is_first:
            self._shop.files.let_go_of_all_but({run.id for run in held})
        left = {claim: run for run in held if (claim := Claim(run.id, run.attempt)) not in going}
        self._resumes = {claim: self._resumes.get(claim, 0) + 1 for claim in left}
        for claim, run in left.items():
            self._carry_out(run, resume=True, is_last_try=self._resumes[claim] > _MOST_RESUMES)

    def _control(self) -> None:
        claims = self._claims()
        if not claims:
            return
        current = {Claim(run.id, run.attempt): run for run in self._shop.control.current(list(claims))}
        for claim, execution in claims.items():
            execution.control(current.get(claim))

    def _fence(self, executions: Iterable[Execution]) -> None:
        for execution in executions:
            execution.control(None)

    def _take(self, *, looks: bool) -> None:
        """Take runs: as many as there are places when it ``looks`` by itself, else as many as were announced."""
        free = self._concurrency - self.going if self._has_room() else 0
        announced = [] if self._puller is None else self._puller.take(max(free, 0))
        wanted = free if looks else len(announced)
        if wanted <= 0:
            return
        try:
            taken = self._shop.control.claim(self._incarnation, wanted)
        except BaseException:
            for announcement in announced:
                announcement.back()
            raise
        for announcement in announced:
            announcement.done()
        for run in taken:
            self._carry_out(run, resume=False)

    def _has_room(self) -> bool:
        """Whether the disk has room for another run; what is in the store as well makes some."""
        files = self._shop.files
        if files.store is None:
            return True
        has_room = files.has_room() or (files.drop_unused_bundles() > 0 and files.has_room())
        if has_room is self._is_full:
            self._is_full = not has_room
            if has_room:
                log.info("the disk has room again: this server takes runs")
            else:
                log.warning("the disk is almost full: this server takes nothing new until there is room")
        return has_room

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
                if execution.was_away:
                    self._resumes.pop(execution.claim, None)
            self.wake()

    def claims(self) -> list[Claim]:
        """The claims that are being carried out."""
        return list(self._claims())

    def _claims(self) -> dict[Claim, Execution]:
        with self._lock:
            return dict(self._going)
