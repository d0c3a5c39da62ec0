"""Use cases of runs: start, stop, restart, look at, delete."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from lamplighter import launch, lifecycle
from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, LamplighterError, NotAllowed, NotFound
from lamplighter.export.lines import records_in
from lamplighter.export.records import JSONL
from lamplighter.files import Files
from lamplighter.manifest import inputs
from lamplighter.masking import Mask
from lamplighter.model import (
    NO_INPUT,
    ON_SERVER,
    Actor,
    Agent,
    AgentQuery,
    Claim,
    Role,
    Run,
    RunFile,
    RunSettings,
    RunStatus,
    Space,
)
from lamplighter.pieces import continued, is_real, size_of
from lamplighter.planner import Combination
from lamplighter.service import audit, logs
from lamplighter.service.access import agent_of, space_of
from lamplighter.service.agents import refuse_archived
from lamplighter.service.requests import RunAllRequest, StartRequest
from lamplighter.service.schedules import check_references
from lamplighter.service.secrets import check_input, mask_of
from lamplighter.signing import Signer
from lamplighter.store import agents, runs, sets
from lamplighter.store import files as file_list
from lamplighter.store.database import Database
from lamplighter.vault import Vault

Tail = Callable[[str, Claim, int], bytes]

_DOWNLOAD = "download"
_DOWNLOAD_GOOD_FOR = timedelta(minutes=15)
# Files in which secrets are hidden; all others are the agent's own output, and served as they are.
_MASKED_TYPES = frozenset({"Log", "Evidence"})


@dataclass(frozen=True, slots=True)
class Started:
    """What became of one agent when all of a space were to be started: a run, or why there is none."""

    agent: Agent
    run: Run | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Download:
    """A file of a run to be sent, under this name, with this hidden."""

    file: BinaryIO
    name: str
    mask: Mask


class Runs:
    """The runs of agents. ``on_change`` is called when a run queues or is to be stopped.

    ``signer`` signs download addresses. ``tail`` asks the server of a going run for what the log of an attempt has
    from a byte on, when its server is not this machine.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        files: Files,
        vault: Vault,
        signer: Signer,
        on_change: Callable[[], None],
        tail: Tail | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._files = files
        self._vault = vault
        self._signer = signer
        self._on_change = on_change
        self._tail = tail

    # --- starting and ending ---

    def start(self, actor: Actor, agent_id: int, request: StartRequest) -> Run:
        """Start an agent by hand; returns the first run of its set."""
        if request.is_run_synchronously and (request.parallelism or 1) > 1:
            raise InvalidInput.of(
                "parallelism", "must be 1 for a synchronous run: it returns one list of records"
            )
        with self._db.write() as c:
            check_references(c, request)
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            refuse_archived(agent)
            check_input(c, agent, request.input_parameters)
            one = launch.Launch(
                agent_id=agent_id,
                agent_version=agent.version,
                settings=request.settings(RunSettings()),
                input_parameters=request.input_parameters,
                started_by=actor.name,
            )
            now = self._clock.now()
            [set_id] = launch.launch_sets(c, [one], now)
            if set_id is None:
                raise AssertionError("a start by hand always gets its place")
            run = runs.of_set(c, set_id)[0]
            given = request.model_dump(by_alias=True, exclude_unset=True)
            _note(c, actor, now, "run.start", run, {"parallelSet": set_id, **given})
        self._on_change()
        return run

    def start_all(self, actor: Actor, space_id: int, request: RunAllRequest) -> tuple[Space, list[Started]]:
        """Start every agent of a space with the same input; one that cannot start does not stop the others.

        InvalidInput when the input is none for any agent. Each start is a transaction of its own, so that a large
        space does not keep the schedules waiting.
        """
        inputs.check(request.input_parameters)
        with self._db.read() as c:
            space = space_of(c, actor, space_id, Role.EDITOR)
            there = agents.find(c, AgentQuery(space_id=space_id), None, 0, None)
        wanted = StartRequest(**request.model_dump(exclude_none=True))
        found = [self._try_to_start(actor, agent, wanted) for agent in there]
        started = sum(one.run is not None for one in found)
        with self._db.write() as c:
            audit.note(
                c,
                actor,
                self._clock.now(),
                "space.runAll",
                kind="space",
                id=space.id,
                name=space.name,
                space_id=space.id,
                changes={"agentsStarted": started, "agentsFailed": len(found) - started},
            )
        return space, found

    def _try_to_start(self, actor: Actor, agent: Agent, request: StartRequest) -> Started:
        try:
            return Started(agent, self.start(actor, agent.id, request), None)
        except LamplighterError as problem:
            return Started(agent, None, str(problem))

    def first_of_set(self, set_id: int) -> Run:
        """The run with sequence 1 of a set."""
        with self._db.read() as c:
            return runs.of_set(c, set_id)[0]

    def stop(self, actor: Actor, agent_id: int, run_id: int, why: str | None = None) -> None:
        """Ask a run to end gracefully; Conflict when it has ended. ``why`` is said in place of the name."""
        with self._db.write() as c:
            run = _run_of(c, actor, agent_id, run_id, Role.EDITOR)
            self._stop(c, run, why or actor.name)
            _note(c, actor, self._clock.now(), "run.stop", run, {"why": why} if why else {})
        self._on_change()

    def kill(self, actor: Actor, agent_id: int, run_id: int) -> None:
        """Stop a run or, when it is stopping already, end it without further grace."""
        with self._db.write() as c:
            run = _run_of(c, actor, agent_id, run_id, Role.EDITOR)
            if run.status is RunStatus.STOPPING:
                runs.ask_kill(c, run_id)
            self._stop(c, run, actor.name)
            _note(c, actor, self._clock.now(), "run.kill", run)
        self._on_change()

    def _stop(self, c: sa.Connection, run: Run, who: str) -> None:
        if run.status.is_terminal:
            raise Conflict(f"run {run.id} has ended already: {run.status.name.capitalize()}")
        now = self._clock.now()
        when = "while it waited for its retry" if run.attempt else "before it started"
        if lifecycle.cancel(c, run, f"stopped by {who} {when}", now):
            return
        runs.ask_stop(c, run.id, f"stop asked by {who}", now)

    def restart(self, actor: Actor, agent_id: int, run_id: int) -> Run:
        """Try a run in Failure again, in place; Conflict for any other run."""
        with self._db.write() as c:
            run = _run_of(c, actor, agent_id, run_id, Role.EDITOR)
            refuse_archived(agent_of(c, actor, agent_id))
            if run.input_json == NO_INPUT:
                raise Conflict(f"the input of run {run_id} was removed: start the agent instead")
            if not lifecycle.restart(c, run, f"restarted by {actor.name}", self._clock.now()):
                raise Conflict(
                    f"only a run in Failure can be restarted; run {run_id} is {run.status.name.capitalize()}"
                )
            again = _run_of(c, actor, agent_id, run_id)
            _note(c, actor, self._clock.now(), "run.restart", run)
        self._on_change()
        return again

    def delete(self, actor: Actor, agent_id: int, run_id: int, *, row: bool, keep_input: bool) -> None:
        """Remove an ended run with all its files, or (``row`` False) only files; Conflict while it goes."""
        with self._db.write() as c:
            run = _run_of(c, actor, agent_id, run_id, Role.EDITOR)
            if not run.status.is_terminal:
                raise Conflict(f"run {run_id} has not ended: stop it first")
            if not sets.is_settled(c, run.set_id):
                raise Conflict(
                    f"the set of run {run_id} has not ended, or its combined export is being made: wait for it"
                )
            file_list.delete_of_run(c, run_id)
            if row:
                runs.delete(c, run_id)
                sets.delete_if_empty(c, run.set_id)
            elif not keep_input:
                runs.forget_input(c, run_id)
            kept = {"entireRun": row, "inputKept": keep_input}
            _note(c, actor, self._clock.now(), "run.delete", run, kept)
            # Before the commit: afterwards the run may be restarted and have new files.
            self._files.put_run_aside(run_id, keep_input=keep_input)
        self._files.empty_trash()

    # --- looking ---

    def get(self, actor: Actor, agent_id: int, run_id: int) -> Run:
        """One run; NotFound."""
        with self._db.read() as c:
            return _run_of(c, actor, agent_id, run_id)

    def find(self, actor: Actor, run_id: int) -> Run:
        """One run, whatever its agent; NotFound."""
        with self._db.read() as c:
            run = runs.get(c, run_id)
            if run is None or not actor.sees(run.space_id):
                raise NotFound(f"there is no run {run_id}")
            return run

    def of_set(self, actor: Actor, set_id: int) -> list[Run]:
        """The runs of a parallel set in their sequence; NotFound."""
        with self._db.read() as c:
            found = runs.of_set(c, set_id)
            if not found or not actor.sees(found[0].space_id):
                raise NotFound(f"there is no parallel set {set_id}")
            return found

    def of_agent(self, actor: Actor, agent_id: int, *, skip: int, limit: int) -> tuple[list[Run], int]:
        """Runs of an agent, newest first; and how many there are."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return runs.of_agent(c, agent_id, limit, skip), runs.count_of_agent(c, agent_id)

    def latest_failure(self, actor: Actor, agent_id: int) -> Run | None:
        """The run of an agent that was the last one to fail, None when none did; NotFound."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return runs.latest_failure(c, agent_id)

    def open_log(self, run: Run, attempt: int | None = None) -> BinaryIO | None:
        """The log of an attempt, of the newest one when not said; None when there is none, or none yet."""
        number = run.attempt if attempt is None else attempt
        if number > run.attempt:
            raise NotFound(f"run {run.id} has had {run.attempt} attempts, so there is no attempt {number}")
        file = self._files.open_of_run(self._files.attempt(run.id, number).log)
        is_going = number == run.attempt and run.status in ON_SERVER
        if is_going and run.server_name is not None and not (file is not None and is_real(file)):
            return self._with_tail(run.server_name, Claim(run.id, number), file)
        return file

    def _with_tail(self, server_name: str, claim: Claim, file: BinaryIO | None) -> BinaryIO | None:
        """What is in the store of a log, and what its server has more."""
        size = 0 if file is None else size_of(file)
        tail = b"" if self._tail is None else self._tail(server_name, claim, size)
        return continued(file, tail) if tail else file

    def log_lines(self, run: Run, attempt: int, offset: int, mask: Mask) -> list[tuple[str, int]]:
        """Some whole lines of a log from ``offset`` on, each with the offset behind it."""
        file = self.open_log(run, attempt)
        if file is None:
            return []
        with file:
            return logs.lines(file, offset, mask)

    def mask(self, run: Run) -> Mask:
        """What is to be hidden in the log of a run: the secrets that it refers to."""
        with self._db.read() as c:
            return mask_of(c, self._vault, run)

    def records(self, run: Run, *, skip: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The records of a run: those so far while it goes, the exported ones afterwards.

        The first run of a parallel set with one export has that of the whole set.
        """
        exported = self._files.export_folder(run.id, run.records_attempt or run.attempt) / JSONL
        made = Combination.from_text(run.combined)
        if made is not None:
            exported = self._files.run_folder(run.id) / made.folder / JSONL
        file = self._files.open_of_run(exported) if run.status.is_terminal else None
        if file is None:
            file = self._files.open_of_run(self._files.attempt(run.id, run.attempt).records)
        return islice(_records_in(file, skip), limit)

    def files(self, actor: Actor, agent_id: int, run_id: int) -> list[RunFile]:
        """The files that a run left."""
        with self._db.read() as c:
            _run_of(c, actor, agent_id, run_id)
            return file_list.of_run(c, run_id)

    # --- downloads ---

    def signed_download(self, actor: Actor, agent_id: int, run_id: int, file_id: int) -> tuple[int, str]:
        """When a download address for the file expires (seconds since 1970), and its signature."""
        with self._db.read() as c:
            _run_of(c, actor, agent_id, run_id)
            file = file_list.get(c, file_id)
        if file is None or file.run_id != run_id:
            raise NotFound(f"run {run_id} has no file {file_id}")
        expires = int((self._clock.now() + _DOWNLOAD_GOOD_FOR).timestamp())
        return expires, self._signer.sign(_DOWNLOAD, file_id, expires)

    def download(self, file_id: int, expires: int, signature: str) -> Download:
        """A file for a signed address; NotAllowed when the address is forged or has expired."""
        if not self._signer.is_right(signature, _DOWNLOAD, file_id, expires):
            raise NotAllowed("this download address is not valid: ask for a new one")
        if self._clock.now().timestamp() > expires:
            raise NotAllowed("this download address has expired: ask for a new one")
        with self._db.read() as c:
            file = file_list.get(c, file_id)
            run = None if file is None else runs.get(c, file.run_id)
        if file is None or run is None:
            raise NotFound("the file has been removed")
        mask = self.mask(run) if file.file_type in _MASKED_TYPES else Mask()
        opened = self._files.copy_of_run(self._files.run_folder(run.id) / file.path)
        if opened is None:
            raise NotFound("the file has been removed")
        return Download(opened, Path(file.name).name, mask)


def _records_in(file: BinaryIO | None, skip: int) -> Iterator[dict[str, Any]]:
    if file is not None:
        with file:
            yield from records_in(file, skip=skip)


def _run_of(c: sa.Connection, actor: Actor, agent_id: int, run_id: int, need: Role = Role.VIEWER) -> Run:
    agent_of(c, actor, agent_id, need)
    run = runs.get(c, run_id)
    if run is None or run.agent_id != agent_id:
        raise NotFound(f"agent {agent_id} has no run {run_id}")
    return run


def _note(
    c: sa.Connection,
    actor: Actor,
    now: datetime,
    action: str,
    run: Run,
    changes: Mapping[str, Any] | None = None,
) -> None:
    audit.note(
        c,
        actor,
        now,
        action,
        kind="run",
        id=run.id,
        name=f"run {run.id} of {run.agent_name}",
        space_id=run.space_id,
        changes=changes,
    )
