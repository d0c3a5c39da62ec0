"""Several processes on one PostgreSQL: how much faster do more schedulers fire, and more runners run?"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cryptography.fernet import Fernet

from filled_database import DUE, fill_with_agents
from lamplighter.clock import SystemClock
from lamplighter.control.face import Conclusion
from lamplighter.control.plane import ControlPlane
from lamplighter.engine import Engine
from lamplighter.model import Claim, Counters, RunStatus, Verdict
from lamplighter.store.database import Database
from lamplighter.vault import Vault
from real_postgresql import Databases, RealPostgresql
from report import OURS, Case, Table
from running_server import TERMINAL, RunningServer, eventually

PROCESSES = (1, 2, 4)
FIRES = 20_000
ENDS = 1_000
RUNS = 200
_LARGEST_SET = 50
_PATIENCE = 300  # seconds for all to be ready, and to have done everything
_AT_ONCE = 8  # runs, of all runners together
_TITLES = {count: OURS if count == 1 else f"{count} processes" for count in PROCESSES}


def measure(rounds: int) -> list[Table]:
    """One table, with a column for each number of processes."""
    table = Table(
        name="scale-out",
        title="Several processes on one PostgreSQL",
        unit="seconds",
        how=f"Schedulers fire {FIRES:,} schedules of as many agents, all due at once, until the last fire is"
        " committed. An ending is all that a server writes of a run (taken, begun, ended: 3 commits), by"
        f" one thread of each process and without the run itself. Runners carry out {RUNS} runs that do nothing,"
        f" {_AT_ONCE} at once whatever the number of runners, from the first start to the last end; a process with"
        " API and scheduler is there besides, and the files are in a folder that all share. PostgreSQL is on the"
        f" same {os.cpu_count()} processors, with fsync and synchronous_commit on.",
        aim="near-linear up to the processors (0.5 × with 2); the database is the limit",
        against=tuple(_TITLES[count] for count in PROCESSES[1:]),
        ours="1 process",
    )
    fires, ends, runs = Case(f"{FIRES:,} fires"), Case(f"{ENDS:,} endings"), Case(f"{RUNS} runs")
    table.cases += [fires, ends, runs]
    with _postgresql() as databases:
        for number in range(rounds):
            for count in PROCESSES:
                print(f"scale out, {count} processes, round {number + 1} of {rounds}", flush=True)
                with _database(databases, "migrated") as address:
                    fires.add(_TITLES[count], _together(address, count, _make_due, _fire))
                with _database(databases, "migrated") as address:
                    ends.add(_TITLES[count], _together(address, count, _make_queue, _end))
                with _database(databases, "template1") as address:
                    runs.add(_TITLES[count], _carried_out(address, count))
    return [table]


@contextmanager
def _postgresql() -> Iterator[Databases]:
    server = RealPostgresql(is_durable=True)
    try:
        server.start()
        yield Databases(server.address)
        server.stop()
    finally:
        server.remove()


@contextmanager
def _database(databases: Databases, template: str) -> Iterator[str]:
    address = databases.make(template)
    yield address
    databases.drop(address)


# --- what goes to the database ---

Work = Callable[[Database, int, Barrier], None]


def _together(address: str, count: int, prepare: Callable[[Database], None], work: Work) -> float:
    """Seconds until so many processes have done all the work that was prepared in the database."""
    with closing(Database(address)) as db:
        prepare(db)
    processes = multiprocessing.get_context("spawn")
    begin, end = processes.Barrier(count + 1), processes.Barrier(count + 1)
    workers = [processes.Process(target=_join_in, args=(address, n, work, begin, end)) for n in range(count)]
    for one in workers:
        one.start()
    begin.wait(_PATIENCE)
    begun = time.perf_counter()
    end.wait(_PATIENCE)
    took = time.perf_counter() - begun
    for one in workers:
        one.join()
    return took


def _join_in(address: str, number: int, work: Work, begin: Barrier, end: Barrier) -> None:
    """A process of its own, which is connected when all begin."""
    with closing(Database(address)) as db:
        work(db, number, begin)
        end.wait()


def _make_due(db: Database) -> None:
    fill_with_agents(db, FIRES)


def _make_queue(db: Database) -> None:
    fill_with_agents(db, ENDS)
    _fire_all(db)


def _fire_all(db: Database) -> None:
    engine = Engine(db, SystemClock(), lambda: None)
    while engine.fire_once(DUE):
        pass


def _fire(db: Database, _number: int, begin: Barrier) -> None:
    """What a scheduler does."""
    db.time()
    begin.wait()
    _fire_all(db)


def _end(db: Database, number: int, begin: Barrier) -> None:
    """What a server does, but for its runs."""
    control = ControlPlane(db, SystemClock(), Vault(Fernet.generate_key()), f"server {number}", lambda: None)
    control.register("first", _AT_ONCE, [], {})
    conclusion = Conclusion(Verdict(RunStatus.COMPLETED, "over"), Counters(), ())
    begin.wait()
    while taken := control.claim("first", _AT_ONCE):
        for run in taken:
            claim = Claim(run.id, run.attempt)
            control.begin(claim)
            control.conclude(claim, conclusion)


# --- runs ---


def _carried_out(address: str, count: int) -> float:
    """Seconds in which so many runners carry out all runs."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "LAMPLIGHTER_DATABASE_URL": address,
            "LAMPLIGHTER_FILES_URL": f"file://{home / 'files'}",
        }
        controller = stack.enter_context(_process(home / "controller", environment, "api", "scheduler"))
        environment["LAMPLIGHTER_VAULT_KEY_FILE"] = str(home / "controller" / "vault.key")
        for number in range(count):
            runner = _process(home / f"runner {number}", environment, "runner", concurrency=_AT_ONCE // count)
            stack.enter_context(runner)
        toml = '[agent]\nname = "no-op"\nrun = ["/bin/true"]\n'
        agent = controller.call("POST", "/agent", {"files": {"agent.toml": toml}}, expect=201)["id"]
        _let_run(controller, agent, 2 * _AT_ONCE)  # the first ones are cold
        return _let_run(controller, agent, RUNS)


def _process(data: Path, environment: dict[str, str], *roles: str, concurrency: int = 1) -> RunningServer:
    data.mkdir()
    (data / "server-name").write_text(data.name, encoding="utf-8")  # all have the same host
    made = RunningServer(data, concurrency=concurrency, environment=dict(environment))
    made.roles = roles
    return made


def _let_run(controller: RunningServer, agent: int, count: int) -> float:
    """Seconds from the first start to the last end of so many runs."""
    started = []
    for _ in range(0, count, _LARGEST_SET):
        size = min(count, _LARGEST_SET)
        body = {"inputParameters": json.dumps([{}] * size), "parallelism": size}
        started.append(int(controller.call("POST", f"/agent/{agent}/start", body, expect=202)["id"]))

    def ended() -> list[tuple[str, str]] | None:
        found = controller.call("GET", f"/agent/{agent}/runs?pageIndex=1&recordsPerPage={count}")["items"]
        runs = [one for one in found if one["id"] >= min(started)]
        if any(one["status"] not in TERMINAL for one in runs) or len(runs) != count:
            return None
        return [(one["startTime"], one["endTime"]) for one in runs]

    times = eventually(ended, patience=600, pause=0.5)
    begins, ends = zip(*times, strict=True)
    return (datetime.fromisoformat(max(ends)) - datetime.fromisoformat(min(begins))).total_seconds()
