"""One attempt of a run on this machine, from its claim to its verdict.

``perform`` is a pipeline: prepare the folder → start the process → watch it → judge → export → conclude. After
a restart of the server ``resume`` enters it at the watching, with the process that went on meanwhile.
"""

import json
import os
import shutil
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError

from lamplighter import lifecycle
from lamplighter.clock import Clock
from lamplighter.errors import LamplighterError
from lamplighter.export.records import CSV, JSONL, MOST_COLUMNS, check_records, write_csv
from lamplighter.files import Files
from lamplighter.manifest import Manifest
from lamplighter.model import Counters, Run, RunStatus, StopCause
from lamplighter.runner import process
from lamplighter.runner.harvest import Progress, keep_leftovers, kept_files, read_report
from lamplighter.runner.process import RunProcess
from lamplighter.runner.verdict import Evidence, counters_of, decide
from lamplighter.store import agents, runs
from lamplighter.store import files as file_list
from lamplighter.store.database import Database
from lamplighter.store.runs import Claim

log = structlog.get_logger()

SCRAPY_CHILD = Path(__file__).with_name("scrapy_child.py")
_PROGRESS_EVERY = timedelta(seconds=2)
_LONGEST_WAIT = 1.0
_LARGEST_REPORT = 4 * 1024**2
# What an agent gets of the server's own environment: what programs need to run at all, and nothing else.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every execution on this machine shares."""

    db: Database
    files: Files
    clock: Clock
    stop_grace: timedelta


class Execution:
    """One claimed run. ``control`` tells it from another thread what the database says of it."""

    def __init__(self, shop: Workshop, run: Run) -> None:
        self.claim = Claim(run.id, run.attempt)
        self._shop = shop
        self._run = run
        self._folder = shop.files.attempt(run.id, run.attempt)
        self._process: RunProcess | None = None
        self._fenced = False
        self._stop_sent: datetime | None = None
        self._manifest = Manifest.model_validate({"agent": {"run": ["unknown"]}})
        self._bundle = ""
        self._nudge = threading.Event()
        self._progress = Progress(self._folder)
        self._next_progress = shop.clock.now()

    def control(self, run: Run | None) -> None:
        """Take note of the run's present state; None means that the claim no longer holds."""
        if run is None:
            self._fenced = True
        else:
            self._run = run
        self._nudge.set()

    def perform(self) -> None:
        """Run the attempt from its beginning to its end."""
        with _Guard(self):
            self._load()
            argv, env = self._prepare()
            if self._fenced or self._run.status is RunStatus.STOPPING:
                self._never_began()
                return
            self._say(
                f"run {self._run.id}, attempt {self._run.attempt}, version {self._run.agent_version}: starts"
            )
            self._process = process.start(
                self._folder.path,
                self._folder.work,
                argv,
                env,
                memory_mb=self._manifest.limits.memory_mb,
            )
            self._follow()

    def resume(self) -> None:
        """Take up an attempt that a former process of this server began."""
        with _Guard(self):
            self._load()
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._process = process.adopt(self._folder.path)
            if self._process is None:
                self._never_began()
                return
            self._say("the server was restarted and watches this run again")
            self._follow()

    def give_up(self, problem: str) -> None:
        """End the attempt because it could not be carried out; what runs of it is killed."""
        if self._process is not None:
            self._process.kill()
        with suppress(OSError):  # a full disk must not keep the run from ending
            self._say(problem)
        shutil.rmtree(self._folder.work, ignore_errors=True)
        self._conclude(lifecycle.Verdict(RunStatus.FAILURE, problem), self._run.counters, files=None)

    def give_up_for_good(self) -> None:
        """End an attempt that could not be resumed again and again."""
        with suppress(LamplighterError):
            self._process = process.adopt(self._folder.path)
        self.give_up("could not be carried out, however often it was tried; the server's log says why")

    def _follow(self) -> None:
        with self._shop.db.write() as c:
            runs.begin(c, self.claim)
        self._watch()
        if self._fenced:
            log.warning(
                "a run was taken over by another attempt", run=self.claim.run_id, attempt=self.claim.attempt
            )
            return
        self._judge()

    # --- preparing ---

    def _load(self) -> None:
        with self._shop.db.read() as c:
            found = agents.definition(c, self._run.agent_id, self._run.agent_version)
        if found is None:
            raise LamplighterError(f"version {self._run.agent_version} of the agent does not exist")
        self._bundle, manifest = found
        self._manifest = Manifest.model_validate(manifest)

    def _prepare(self) -> tuple[list[str], dict[str, str]]:
        """Make the attempt's folder; returns the command line and the environment of the agent."""
        folder = self._folder
        # Left by another life of this data folder, when an older database was put back.
        self._shop.files.put_aside(folder.path)
        folder.files.mkdir(parents=True)
        self._shop.files.unpack(self._bundle, folder.work)
        given = self._manifest.complete_input(json.loads(self._run.input_json))
        missing = self._manifest.missing_inputs(given)
        if missing:
            raise LamplighterError(f"required input is missing: {', '.join(missing)}")
        folder.input.write_text(json.dumps(given, ensure_ascii=False), encoding="utf-8")
        folder.records.touch()
        env = self._environment()
        section = self._manifest.agent
        if section.spider is not None:
            env["LAMPLIGHTER_SPIDER"] = section.spider
            return [sys.executable, str(SCRAPY_CHILD)], env
        return list(section.run or ()), env

    def _environment(self) -> dict[str, str]:
        run, folder = self._run, self._folder
        due = run.scheduled_time
        own_python = str(Path(sys.executable).parent)
        return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
            "PATH": f"{own_python}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "LAMPLIGHTER_INPUT": str(folder.input),
            "LAMPLIGHTER_RECORDS": str(folder.records),
            "LAMPLIGHTER_REPORT": str(folder.report),
            "LAMPLIGHTER_FILES": str(folder.files),
            "LAMPLIGHTER_RUN_ID": str(run.id),
            "LAMPLIGHTER_ATTEMPT": str(run.attempt),
            "LAMPLIGHTER_SHARD_INDEX": str(run.sequence),
            "LAMPLIGHTER_SHARD_COUNT": str(run.set_size),
            "LAMPLIGHTER_LOG_LEVEL": run.settings.log_level.value,
            "LAMPLIGHTER_SCHEDULED_TIME": "" if due is None else due.isoformat().replace("+00:00", "Z"),
        }

    # --- watching ---

    def _watch(self) -> None:
        """Return when the process has ended; on the way stop, kill and time it out as asked."""
        while not self._running_process.wait(0):
            now = self._shop.clock.now()
            if self._fenced:
                self._running_process.kill()
                return
            self._time_out(now)
            self._carry_out_stop(now)
            if now >= self._next_progress:
                self._note_progress(now)
            self._wait_for_end_or_nudge(now)

    def _wait_for_end_or_nudge(self, now: datetime) -> None:
        deadline = now + timedelta(seconds=_LONGEST_WAIT)
        while not self._nudge.is_set() and self._shop.clock.now() < deadline:
            if self._running_process.wait(0.1):
                return
        self._nudge.clear()

    def _time_out(self, now: datetime) -> None:
        run = self._run
        limit = self._timeout_seconds
        if limit is None or run.start_time is None or run.status is not RunStatus.RUNNING:
            return
        if now - run.start_time < timedelta(seconds=limit):
            return
        with self._shop.db.write() as c:
            runs.time_out(c, self.claim, f"time-out of {limit} seconds reached: stopping", now)
            current = runs.current(c, [self.claim]).get(self.claim)
        self.control(current)

    def _carry_out_stop(self, now: datetime) -> None:
        run = self._run
        if run.status is not RunStatus.STOPPING or run.stop_asked is None:
            return
        if self._stop_sent is None:
            self._stop_sent = now
            self._say("stopping: SIGTERM")
            self._running_process.stop()
        if run.kill_asked or now - self._stop_sent >= self._shop.stop_grace:
            self._say("killing: SIGKILL")
            self._running_process.kill()

    def _note_progress(self, now: datetime) -> None:
        self._next_progress = now + _PROGRESS_EVERY
        counters = self._progress.counters(self._input_count)
        if counters is not None:
            with self._shop.db.write() as c:
                runs.progress(c, self.claim, counters)

    # --- judging ---

    def _judge(self) -> None:
        ended = self._running_process.exit()
        if ended is None:
            raise AssertionError("the process was seen to end")
        export = self._shop.files.export_folder(self._run.id)
        required = self._manifest.success.required_fields if self._manifest.success else []
        summary = check_records(self._folder.records, export / JSONL, required)
        report = read_report(self._folder.report)
        evidence = Evidence(
            ended_well=ended.exit_code == 0,
            exit_text=ended.describe(),
            stop_cause=self._current_stop_cause(),
            timeout_seconds=self._timeout_seconds,
            report=report,
            records=summary,
            is_spider=self._manifest.agent.spider is not None,
        )
        verdict = decide(evidence, self._manifest.success)
        counters = counters_of(report, summary, inputs=self._input_count, exported=0)
        if verdict.status in (RunStatus.COMPLETED, RunStatus.SUCCESS):
            with self._shop.db.write() as c:
                runs.export(c, self.claim)
        self._export(export, summary.columns)
        exported = counters_of(report, summary, inputs=self._input_count, exported=summary.count)
        self._say(f"{ended.describe()}; {verdict.status.name.capitalize()}: {verdict.message}")
        final = exported if verdict.status is not RunStatus.FAILURE else counters
        self._conclude(verdict, final, self._list_files())

    def _export(self, export: Path, columns: list[str]) -> None:
        """Write the files that people download: records, what the agent kept, what it left where it ran."""
        formats = self._manifest.export.formats
        if "csv" in formats and 0 < len(columns) <= MOST_COLUMNS:
            write_csv(export / JSONL, export / CSV, columns)
        own = set(self._shop.files.bundle_names(self._bundle))
        keep_leftovers(self._folder, own, self._say)
        shutil.rmtree(self._folder.work, ignore_errors=True)

    def _conclude(
        self, verdict: lifecycle.Verdict, counters: Counters, files: list[tuple[str, str, int, str]] | None
    ) -> None:
        """Write how the attempt ended; ``files`` None leaves the run's list of files as it is."""
        message = verdict.message.encode(errors="backslashreplace").decode()
        with self._shop.db.write() as c:
            now = self._shop.clock.now()
            current = runs.current(c, [self.claim]).get(self.claim)
            if current is None:
                return
            if files is not None:
                file_list.replace(c, current.id, files, now)
            if not lifecycle.conclude(c, current, replace(verdict, message=message), counters, now):
                raise AssertionError(
                    f"run {current.id} could not go from {current.status!r} to {verdict.status!r}"
                )

    def _list_files(self) -> list[tuple[str, str, int, str]]:
        """The files that people can download, each as name, type, size, and path in the run's folder."""
        base = self._shop.files.run_folder(self._run.id)
        export = self._shop.files.export_folder(self._run.id)
        # The checked JSON Lines are always there, for the API; a file of the run they are when asked for.
        names = {"jsonl": JSONL, "csv": CSV}
        exports = [export / names[kind] for kind in dict.fromkeys(self._manifest.export.formats)]
        own = [*((path, path.name, "Export") for path in exports), (self._folder.log, "log.txt", "Log")]
        kept = ((p, str(p.relative_to(self._folder.files)), "File") for p in kept_files(self._folder))
        return [
            (name, kind, path.stat().st_size, str(path.relative_to(base)))
            for path, name, kind in (*own, *kept)
            if path.exists()
        ]

    def _never_began(self) -> None:
        with self._shop.db.write() as c:
            now = self._shop.clock.now()
            current = runs.current(c, [self.claim]).get(self.claim)
            if current is None:
                return
            if current.status is RunStatus.STOPPING:
                verdict = lifecycle.Verdict(RunStatus.STOPPED, "stopped as asked, before its process began")
                lifecycle.conclude(c, current, verdict, Counters(), now)
            else:
                runs.put_back(c, self.claim, "the server was restarted before the run's process began")

    # --- small facts ---

    @property
    def _running_process(self) -> RunProcess:
        if self._process is None:
            raise AssertionError("there is no process yet")
        return self._process

    @property
    def _timeout_seconds(self) -> int | None:
        return self._run.settings.timeout_seconds or self._manifest.limits.timeout_seconds

    @property
    def _input_count(self) -> int:
        value = json.loads(self._run.input_json)
        return len(value) if isinstance(value, list) else int(bool(value))

    def _current_stop_cause(self) -> StopCause | None:
        with self._shop.db.read() as c:
            current = runs.current(c, [self.claim]).get(self.claim)
        return None if current is None else current.stop_cause

    def _say(self, text: str) -> None:
        self._folder.path.mkdir(parents=True, exist_ok=True)
        self._folder.say(self._shop.clock.now(), text)


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
        if isinstance(problem, OperationalError) or (
            isinstance(problem, LamplighterError) and problem.retryable
        ):
            log.warning(
                "a run cannot be carried out now; it will be tried again", run=run_id, exc_info=problem
            )
            return True
        known = isinstance(problem, LamplighterError | OSError)
        if not known:
            log.error("a run could not be carried out", run=run_id, exc_info=problem)
        reason = str(problem) if known else f"{type(problem).__name__}: {problem}"
        self._execution.give_up(f"could not be carried out: {reason}")
        return True
