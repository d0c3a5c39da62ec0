"""The truth as the database has it: ``Control`` of a server that reaches the database."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from lamplighter import lifecycle, metrics, planner
from lamplighter.clock import Clock
from lamplighter.control import endings, proxies
from lamplighter.control.face import ClaimLost, Concluded, Conclusion, Definition, ProxyPlan
from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.manifest import Manifest, inputs
from lamplighter.model import Claim, Counters, GoodRun, Run, RunStatus, Verdict
from lamplighter.planner import ABSENCE, LEASE
from lamplighter.store import agents, groups, runs, secrets, servers, statistics, turns
from lamplighter.store.database import Database
from lamplighter.vault import Vault

log = structlog.get_logger()

_chance = random.Random()  # noqa: S311 - it picks proxies, it guards nothing


class ControlPlane:
    """``Control`` for the server of this name. ``on_runs_ready`` is called when runs may queue again."""

    def __init__(
        self, db: Database, clock: Clock, vault: Vault, server_name: str, on_runs_ready: Callable[[], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._name = server_name
        self._on_runs_ready = on_runs_ready

    # --- the server ---

    def register(
        self, incarnation: str, concurrency: int, group_names: Sequence[str], labels: Mapping[str, str]
    ) -> None:
        now = self._clock.now()
        with self._alone() as c:
            server_id = servers.register(c, self._name, incarnation, concurrency, now, now + LEASE, labels)
            groups.serve(c, server_id, group_names, now)

    def renew(self, incarnation: str) -> bool:
        with self._write() as c:
            return servers.renew(c, self._name, incarnation, self._clock.now() + LEASE)

    def leave(self, incarnation: str) -> None:
        with self._write() as c:
            if self._on_server(c):
                servers.renew(c, self._name, incarnation, self._clock.now() + ABSENCE)

    def held(self) -> list[Run]:
        with self._read() as c:
            return self._on_server(c)

    def claim(self, incarnation: str, free: int) -> list[Run]:
        with self._read() as c:
            server_id = servers.speaks(c, self._name, incarnation, self._clock.now())
            if server_id is None or not turns.anything_queues(c, server_id):
                return []
        with self._write() as c:
            now = self._clock.now()
            server_id = servers.still_speaks(c, self._name, incarnation, now)
            claims = [] if server_id is None else runs.claim(c, server_id, free, now)
            return list(runs.current(c, claims).values())

    def current(self, claims: Sequence[Claim]) -> list[Run]:
        with self._read() as c:
            return [run for run in runs.current(c, claims).values() if self._is_ours(run)]

    def needed_environments(self) -> list[list[str]]:
        with self._read() as c:
            return [_requirements(stored) for stored in agents.manifests_of_active_runs(c)]

    # --- an attempt ---

    def definition(self, claim: Claim) -> Definition:
        with self._read() as c:
            run = self._run(c, claim)
            bundle, manifest = _version(c, run)
        return Definition(bundle, manifest, run.input_json, self._vault.fingerprint)

    def explain(self, claim: Claim, message: str) -> None:
        with self._write() as c:
            if self._holds(c, claim):
                runs.explain(c, claim, message)

    def proxies(self, claim: Claim) -> ProxyPlan | None:
        with self._read() as c:
            run = self._run(c, claim)
        if run.settings.proxy_pool_id is None:
            return None
        now = self._clock.now()
        with self._alone() as c:
            return proxies.plan(c, self._vault, run, now, _chance)

    def secrets(self, claim: Claim) -> dict[str, str]:
        with self._read() as c:
            run = self._run(c, claim)
            return self._secrets(c, run)

    def confidential(self, claim: Claim) -> list[str]:
        with self._read() as c:
            run = self._run(c, claim)
            return [*proxies.credentials(c, self._vault, run), *self._secrets(c, run).values()]

    def begin(self, claim: Claim) -> Run | None:
        with self._write() as c:
            before = self._held(c, claim)
            if before is None:
                return None
            now = self._clock.now()
            has_begun = runs.begin(c, claim, now)
        run = replace(before, status=RunStatus.RUNNING, start_time=now, message=None) if has_begun else before
        due = before.scheduled_time
        if (
            has_begun
            and before.attempt == 1
            and due is not None
            and before.created - due <= planner.LATE_AFTER
        ):
            metrics.started(due, now)
        return run

    def progress(self, claim: Claim, counters: Counters) -> None:
        with self._write() as c:
            if self._holds(c, claim):
                runs.progress(c, claim, counters)

    def time_out(self, claim: Claim, message: str) -> Run | None:
        with self._write() as c:
            if not self._holds(c, claim):
                return None
            runs.time_out(c, claim, message, self._clock.now())
            return self._held(c, claim)

    def export(self, claim: Claim) -> None:
        with self._write() as c:
            if self._holds(c, claim):
                runs.export(c, claim)

    def good_runs(self, claim: Claim, limit: int) -> list[GoodRun]:
        with self._read() as c:
            return statistics.good_runs(c, self._run(c, claim), limit)

    def put_back(self, claim: Claim, message: str) -> None:
        with self._ending(claim) as (c, run):
            if run is None:
                return
            if run.status is RunStatus.STOPPING:
                verdict = Verdict(RunStatus.STOPPED, "stopped as asked, before its process began")
                lifecycle.conclude(c, run, verdict, run.counters, self._clock.now())
            else:
                runs.put_back(c, claim, message, self._clock.now())

    def conclude(self, claim: Claim, conclusion: Conclusion) -> Concluded:
        with self._ending(claim) as (c, run):
            return endings.conclude(c, claim, run, conclusion, self._clock.now())

    def give_up(self, claim: Claim, problem: str) -> None:
        with self._ending(claim) as (c, run):
            if run is not None:
                verdict = lifecycle.lost(run, endings.encodable(problem))
                lifecycle.conclude(c, run, verdict, run.counters, self._clock.now())

    # --- transactions ---

    @contextmanager
    def _ending(self, claim: Claim) -> Iterator[tuple[sa.Connection, Run | None]]:
        """The transaction that ends an attempt: its run as it is; None when the claim does not hold."""
        with self._write() as c:
            agent_id = runs.agent_of(c, claim.run_id)
            if agent_id is not None:
                agents.take_turn(c, [agent_id])
            yield c, self._held(c, claim)
        self._on_runs_ready()

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with _reachable(), self._db.read() as c:
            yield c

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with _reachable(), self._db.write_shared() as c:
            yield c

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        with _reachable(), self._db.write() as c:
            yield c

    def _on_server(self, c: sa.Connection) -> list[Run]:
        server_id = servers.id_of(c, self._name)
        return [] if server_id is None else runs.on_server(c, server_id)

    def _held(self, c: sa.Connection, claim: Claim) -> Run | None:
        run = runs.current(c, [claim]).get(claim)
        return run if run is not None and self._is_ours(run) else None

    def _holds(self, c: sa.Connection, claim: Claim) -> bool:
        return runs.holds(c, claim, self._name)

    def _run(self, c: sa.Connection, claim: Claim) -> Run:
        run = self._held(c, claim)
        if run is None:
            raise ClaimLost(f"attempt {claim.attempt} of run {claim.run_id} is not this server's any more")
        return run

    def _is_ours(self, run: Run) -> bool:
        return run.server_name == self._name

    def _secrets(self, c: sa.Connection, run: Run) -> dict[str, str]:
        manifest = Manifest.model_validate(_version(c, run)[1])
        names = inputs.secret_names_of(manifest, json.loads(run.input_json))
        sealed = secrets.sealed(c, run.space_id, names)
        return {name: self._vault.unseal(text) for name, text in sealed.items()}


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except OperationalError as problem:
        raise Unavailable("the database cannot be reached") from problem


def _version(c: sa.Connection, run: Run) -> tuple[str, dict[str, Any]]:
    found = agents.definition(c, run.agent_id, run.agent_version)
    if found is None:
        raise LamplighterError(f"version {run.agent_version} of the agent does not exist")
    return found


def _requirements(stored: Mapping[str, Any]) -> list[str]:
    """What a version needs; nothing when it cannot be read, because then it cannot be run either."""
    try:
        return Manifest.model_validate(stored).agent.requirements
    except ValidationError as problem:
        log.warning("a stored agent.toml cannot be read", error=str(problem))
        return []
