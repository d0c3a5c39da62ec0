"""One attempt of a run on this machine, from its claim to its verdict.

``perform`` is a pipeline: prepare the folder → start the process → watch it → finish. After a restart of the server
``resume`` enters it at the watching, with the process that went on meanwhile.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.model import Run, RunStatus
from lamplighter.runner import finishing, process, proxies
from lamplighter.runner.attempt import Attempt, Workshop
from lamplighter.runner.delivering import can_deliver_again
from lamplighter.runner.environments import EnvironmentAbandoned
from lamplighter.runner.harvest import Progress
from lamplighter.runner.preparation import prepare, seal_input
from lamplighter.runner.process import RunProcess

log = structlog.get_logger()

_PROGRESS_EVERY = timedelta(seconds=2)
_FIRST_PROGRESS_AFTER = timedelta(seconds=0.5)  # of most short runs nobody need be told how they get on
_LONGEST_WAIT = 1.0


class Execution:
    """One claimed run. ``control`` tells it from another thread what is known of it by now."""

    def __init__(self, shop: Workshop, run: Run) -> None:
        self._attempt = Attempt(shop, run)
        self.claim = self._attempt.claim
        self._shop = shop
        self._folder = self._attempt.folder
        self._process: RunProcess | None = None
        self._fenced = False
        self.was_away = False  # another try may help: somebody or something could not be reached
        self._begun = False
        self._stop_sent: datetime | None = None
        self._progress = Progress(self._folder)
        self._next_progress = shop.clock.now() + _FIRST_PROGRESS_AFTER

    def control(self, run: Run | None) -> None:
        """Take note of the run's present state; None means that the claim no longer holds."""
        if run is None:
            self._fenced = True
        else:
            self._attempt.run = run
        self._attempt.nudge.set()

    def perform(self) -> None:
        """Run the attempt from its beginning to its end."""
        with _Guard(self):
            self._attempt.load()
            if can_deliver_again(self._attempt):
                self._begin()
                finishing.deliver_again(self._attempt)
                return
            try:
                command = prepare(self._attempt, self._is_wanted)
            except EnvironmentAbandoned:
                command = None
            if command is None or not self._is_wanted():
                self._never_began()
                return
            run = self._attempt.run
            self._attempt.say(f"run {run.id}, attempt {run.attempt}, version {run.agent_version}: starts")
            self._process = process.start(
                self._shop.fork_servers,
                self._folder.path,
                self._folder.work,
                command.argv,
                command.environment,
                memory_mb=self._attempt.manifest.limits.memory_mb,
                switch=self._shop.switch,
                preload=command.preload,
            )
            self._follow(self._process)

    def resume(self) -> None:
        """Take up an attempt that a former process of this server began."""
        with _Guard(self):
            self._attempt.load()
            if can_deliver_again(self._attempt):
                self._begin()
                finishing.deliver_again(self._attempt)
                return
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._process = process.adopt(self._folder.path)
            if self._process is None:
                self._never_began()
                return
            self._attempt.say("the server was restarted and watches this run again")
            self._follow(self._process)

    def give_up(self, problem: str) -> None:
        """End the attempt because it could not be carried out; what runs of it is killed."""
        if self._process is not None:
            self._process.kill()
        self._forget_secrets()
        self._attempt.say(problem)
        shutil.rmtree(self._folder.work, ignore_errors=True)
        with suppress(Unavailable):  # what was sent while it went is there
            self._shop.files.hand_over([self._folder.path])
        self._shop.control.give_up(self.claim, problem)

    def give_up_for_good(self) -> None:
        """End an attempt that could not be resumed again and again."""
        with suppress(LamplighterError):
            self._process = process.adopt(self._folder.path)
        self.give_up("could not be carried out, however often it was tried; the server's log says why")

    def _forget_secrets(self) -> None:
        """Whatever happens: a full disk must not keep the run from ending, nor one secret from being removed."""
        forgetters: tuple[Callable[[], None], ...] = (
            lambda: seal_input(self._attempt),
            lambda: proxies.forget(self._folder),
        )
        for forget in forgetters:
            try:
                forget()
            except OSError:
                log.exception("a secret could not be removed", run=self.claim.run_id)

    def _is_wanted(self) -> bool:
        return not self._fenced and self._attempt.run.status is not RunStatus.STOPPING

    def _begin(self) -> None:
        self.control(self._shop.control.begin(self.claim))

    def _follow(self, running: RunProcess) -> None:
        self._begun = self._tell(self._begin)
        self._watch(running)
        if self._fenced:
            log.warning(
                "a run was taken over by another attempt", run=self.claim.run_id, attempt=self.claim.attempt
            )
            self._forget_secrets()
            shutil.rmtree(self._folder.work, ignore_errors=True)
            return
        ended = running.exit()
        if ended is None:
            raise AssertionError("the process was seen to end")
        if not self._begun:
            self._begin()
        # A stop that nobody has told yet is seen when the attempt is concluded.
        finishing.finish(self._attempt, ended)

    # --- watching ---

    def _watch(self, running: RunProcess) -> None:
        """Return when the process has ended; on the way stop, kill and time it out as asked."""
        while not running.wait(0):
            now = self._shop.clock.now()
            if self._fenced:
                running.kill()
                return
            if not self._begun:
                self._begun = self._tell(self._begin)
            self._time_out(now)
            self._carry_out_stop(running, now)
            if now >= self._next_progress:
                self._note_progress(now)
            self._wait_for_end_or_nudge(running, now)

    def _wait_for_end_or_nudge(self, running: RunProcess, now: datetime) -> None:
        deadline = now + timedelta(seconds=_LONGEST_WAIT)
        while not self._attempt.nudge.is_set() and self._shop.clock.now() < deadline:
            if running.wait(0.1):
                return
        self._attempt.nudge.clear()

    def _time_out(self, now: datetime) -> None:
        run = self._attempt.run
        limit = self._attempt.timeout_seconds
        if limit is None or run.start_time is None or run.status is not RunStatus.RUNNING:
            return
        if now - run.start_time < timedelta(seconds=limit):
            return
        message = f"time-out of {limit} seconds reached: stopping"
        self._tell(lambda: self.control(self._shop.control.time_out(self.claim, message)))

    def _carry_out_stop(self, running: RunProcess, now: datetime) -> None:
        run = self._attempt.run
        if run.status is not RunStatus.STOPPING or run.stop_asked is None:
            return
        if self._stop_sent is None:
            self._stop_sent = now
            self._attempt.say("stopping: SIGTERM")
            running.stop()
        if run.kill_asked or now - self._stop_sent >= self._shop.stop_grace:
            self._attempt.say("killing: SIGKILL")
            running.kill()

    def _note_progress(self, now: datetime) -> None:
        self._next_progress = now + _PROGRESS_EVERY
        counters = self._progress.counters(self._attempt.input_count)
        if counters is not None:
            self._tell(lambda: self._shop.control.progress(self.claim, counters))

    def _tell(self, what: Callable[[], None]) -> bool:
        """Say something that the process need not wait for; False when nobody could be reached."""
        try:
            what()
        except Unavailable as problem:
            log.warning(
                "a run goes on, though nobody can be told of it", run=self.claim.run_id, exc_info=problem
            )
            return False
        return True

    def _never_began(self) -> None:
        self._forget_secrets()
        shutil.rmtree(self._folder.work, ignore_errors=True)
        self._shop.control.put_back(self.claim, "the server was restarted before the run's process began")


class _Guard:
    """Makes a run end with a reason when carrying it out fails, instead of going on for ever.

    What another try may cure (the database is away, the machine has no process left) ends only this thread: the
    pool finds the run without one and resumes it.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _trace: object
    ) -> bool:
        if not isinstance(problem, Exception):
            return False
        run_id = self._execution.claim.run_id
        if isinstance(problem, LamplighterError) and problem.retryable:
            log.warning(
                "a run cannot be carried out now; it will be tried again", run=run_id, exc_info=problem
            )
            self._execution.was_away = True
            return True
        known = isinstance(problem, LamplighterError | OSError)
        if not known:
            log.error("a run could not be carried out", run=run_id, exc_info=problem)
        reason = str(problem) if known else f"{type(problem).__name__}: {problem}"
        self._execution.give_up(f"could not be carried out: {reason}")
        return True
