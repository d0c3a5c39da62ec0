"""One attempt of a run on this machine, from its claim to its verdict.

``perform`` is a pipeline: prepare the folder → start the process → watch it → judge → export → conclude. After
a restart of the server ``resume`` enters it at the watching, with the process that went on meanwhile.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from lamplighter import lifecycle
from lamplighter.clock import Clock
from lamplighter.errors import LamplighterError
from lamplighter.export.records import CSV, JSONL, check_records, write_csv
from lamplighter.files import AttemptFolder, Files
from lamplighter.manifest import Manifest
from lamplighter.model import Counters, Run, RunStatus, StopCause
from lamplighter.runner import process
from lamplighter.runner.process import RunProcess
from lamplighter.runner.verdict import Evidence, Report, counters_of, decide
from lamplighter.store import agents, runs
from lamplighter.store import files as file_list
from lamplighter.store.database import Database
from lamplighter.store.runs import Claim

log = structlog.get_logger()

SCRAPY_CHILD = Path(__file__).with_name("scrapy_child.py")
_PROGRESS_EVERY = timedelta(seconds=2)
_LONGEST_WAIT = 1.0
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
        self._stop_sent = False
        self._manifest = Manifest.model_validate({"agent": {"run": ["unknown"]}})
        self._bundle = ""
        self._nudge = threading.Event()
        self._progress = _Progress(self._folder)
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
        self._conclude(lifecycle.Verdict(RunStatus.FAILURE, problem), self._run.counters)

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
            message = f"time-out of {limit} seconds reached: stopping"
            runs.ask_stop(c, run.id, StopCause.TIMEOUT, message, now)
            current = runs.get(c, run.id)
        if current is not None:
            self._run = current

    def _carry_out_stop(self, now: datetime) -> None:
        run = self._run
        if run.status is not RunStatus.STOPPING or run.stop_asked is None:
            return
        if not self._stop_sent:
            self._stop_sent = True
            self._say("stopping: SIGTERM")
            self._running_process.stop()
        if run.kill_asked or now - run.stop_asked >= self._shop.stop_grace:
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
        self._conclude(verdict, exported if verdict.status is not RunStatus.FAILURE else counters)

    def _export(self, export: Path, columns: list[str]) -> None:
        """Write the files that people download: records, what the agent kept, what it left where it ran."""
        formats = self._manifest.export.formats
        if "csv" in formats and columns:
            write_csv(export / JSONL, export / CSV, columns)
        self._keep_leftovers()
        shutil.rmtree(self._folder.work, ignore_errors=True)

    def _keep_leftovers(self) -> None:
        """Move files that the agent made in its working directory (a feed, say) to those it wants kept."""
        if not self._folder.work.exists():
            return
        own = self._shop.files.bundle_files(self._bundle).keys()
        for path in sorted(self._folder.work.rglob("*")):
            relative = path.relative_to(self._folder.work)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
            if path.is_file() and not path.is_symlink() and not hidden and str(relative) not in own:
                target = self._folder.files / relative
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)

    def _conclude(self, verdict: lifecycle.Verdict, counters: Counters) -> None:
        with self._shop.db.write() as c:
            now = self._shop.clock.now()
            current = runs.current(c, [self.claim]).get(self.claim)
            if current is None:
                return
            if current.stop_cause is StopCause.ASKED and verdict.status is not RunStatus.STOPPED:
                # The stop was asked for after the verdict was made: what was asked for counts.
                verdict = lifecycle.Verdict(RunStatus.STOPPED, f"stopped as asked; {verdict.message}")
            file_list.replace(c, current.id, self._list_files(), now)
            lifecycle.conclude(c, current, verdict, counters, now)

    def _list_files(self) -> list[tuple[str, str, int, str]]:
        base = self._shop.files.run_folder(self._run.id)
        export = self._shop.files.export_folder(self._run.id)
        found = [
            (path.name, "Export", path.stat().st_size, str(path.relative_to(base)))
            for path in (export / JSONL, export / CSV)
            if path.exists()
        ]
        if self._folder.log.exists():
            found.append(
                ("log.txt", "Log", self._folder.log.stat().st_size, str(self._folder.log.relative_to(base)))
            )
        if self._folder.files.exists():
            found.extend(
                (
                    str(path.relative_to(self._folder.files)),
                    "File",
                    path.stat().st_size,
                    str(path.relative_to(base)),
                )
                for path in sorted(self._folder.files.rglob("*"))
                if path.is_file() and not path.is_symlink()
            )
        return found

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


class _Progress:
    """Counts the records of a running attempt, each line once."""

    def __init__(self, folder: AttemptFolder) -> None:
        self._folder = folder
        self._offset = 0
        self._lines = 0
        self._last: Counters | None = None

    def counters(self, inputs: int) -> Counters | None:
        """The counts so far; None when they have not changed since they were last asked for."""
        with self._folder.records.open("rb") as file:
            file.seek(self._offset)
            while chunk := file.read(1 << 20):
                self._lines += chunk.count(b"\n")
                self._offset += len(chunk)
        report = read_report(self._folder.report)
        counters = Counters(
            data_count=self._lines,
            error_count=report.count("errors"),
            page_count=report.count("pages"),
            dynamic_page_count=report.count("dynamicPages"),
            request_count=report.count("requests"),
            input_count=inputs,
            traffic=report.count("traffic"),
        )
        if counters == self._last:
            return None
        self._last = counters
        return counters


def read_report(path: Path) -> Report:
    """The report that an agent wrote, or an empty one when there is none that can be read."""
    try:
        document: Mapping[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Report()
    except ValueError:
        return Report(problems=("the agent's report is not valid JSON",))
    return Report.of(document)
