"""A whole fleet in processes of its own on one machine, for the fault runs: each part can be hurt by itself."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from faults.hosts import Host, Network
from lamplighter.control import access
from lamplighter.files import Files
from lamplighter.model import ACTIVE
from lamplighter.store import servers
from lamplighter.store.database import Database
from lamplighter.store.tables import runs
from real_nats import Authority, RealNats
from real_postgresql import RealPostgresql
from run_processes import end_run_processes
from running_server import KEY, eventually, free_port
from small_disk import small_disk

GROUP = "eu"
_AGENT = Path(__file__).with_name("traced_agent.py")
_DISK_MIB = 64


class Member:
    """One process of the fleet, by its command line; its standard error goes to a file of its own."""

    def __init__(
        self, name: str, data: Path, arguments: list[str], environment: Mapping[str, str], host: Host | None
    ) -> None:
        self.name = name
        self.data = data
        self.host = host
        prefix = () if host is None else host.prefix
        self._command = [*prefix, sys.executable, "-m", "lamplighter.cli.app", *arguments]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What all its processes have said."""
        return self.data.with_suffix(".log")

    def start(self) -> None:
        """Start it; it may take a while until it works."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, cwd=self.data
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without any warning, also when it is stopped."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def crash(self) -> None:
        """End it and all that it started, as if its machine had lost its power."""
        self.kill()
        end_run_processes(self.data)


class Fleet:
    """PostgreSQL, NATS, a store, two schedulers, two APIs and some workers, each worker on a host of its own.

    The broker encrypts, and lets each worker do only what it needs.

    The last worker has a small disk, and the one before it a clock that can be set.
    """

    def __init__(self, folder: Path, stack: ExitStack, *, workers: int = 4, places: int = 8) -> None:
        self.folder = folder
        self.traces = folder / "traces"
        self.traces.mkdir()
        self._network = Network(stack)
        self.postgresql = RealPostgresql()
        stack.callback(self.postgresql.remove)
        self.postgresql.start()
        stack.callback(self.postgresql.stop)
        self._access = folder / "access"
        authority = Authority(folder / "tls", self._network.address)
        configuration = access.write_configuration(
            self._access,
            listen="127.0.0.1:0",  # which RealNats knows better
            store=folder / "nats" / "store",
            certificate=authority.certificate,
            key=authority.key,
        )
        for number in range(1, workers + 1):
            access.add(self._access, f"worker-{number}", _groups(number))
        self.nats = stack.enter_context(
            RealNats(folder / "nats", configuration=configuration, tls=True, host=self._network.address)
        )
        self._shared = {
            "LAMPLIGHTER_NATS_URL": self.nats.url,
            "LAMPLIGHTER_NATS_CA": str(authority.ca),
            "LAMPLIGHTER_NATS_CREDENTIALS": str(self._access / "control.nk"),
            "LAMPLIGHTER_FILES_URL": f"file://{folder}/store",
            "LAMPLIGHTER_DATABASE_URL": self.postgresql.address,
            "LAMPLIGHTER_BOOTSTRAP_KEY": KEY,
            "LAMPLIGHTER_RATE_LIMIT": "0",
            "LAMPLIGHTER_VAULT_KEY_FILE": str(folder / "vault.key"),
        }
        self.clock = folder / "clock"
        self.set_clock(timedelta(0))
        self.members: list[Member] = []
        stack.callback(self._end)
        first = self._server("scheduler-1", "scheduler")
        first.start()  # of several that start at once, each would want to make the tables
        eventually(lambda: "http://" in first.log.read_text())
        self.schedulers = [first, self._server("scheduler-2", "scheduler")]
        self.ports = [free_port(), free_port()]
        self.apis = [
            self._server(f"api-{number}", "api", port=port) for number, port in enumerate(self.ports, 1)
        ]
        self.disk = stack.enter_context(small_disk(folder / f"worker-{workers}", mib=_DISK_MIB))
        self.workers = [self._worker(number, workers, places) for number in range(1, workers + 1)]
        for member in [*self.schedulers[1:], *self.apis, *self.workers]:
            member.start()
        self.http = httpx.Client(headers={"Authorization": f"ApiKey {KEY}"}, timeout=30)
        stack.callback(self.http.close)
        eventually(lambda: len(self._servers()) == workers)

    def _member(self, *arguments: Any) -> Member:
        member = Member(*arguments)
        member.data.mkdir(exist_ok=True)
        self.members.append(member)
        return member

    def _server(self, name: str, role: str, *, port: int = 0) -> Member:
        data = self.folder / name
        arguments = ["up", "--data", str(data), "--role", role, "--port", str(port)]
        return self._member(name, data, arguments, self._shared, None)

    def _worker(self, number: int, workers: int, places: int) -> Member:
        name = f"worker-{number}"
        data = self.folder / name
        arguments = ["worker", "--name", name, "--data", str(data), "--concurrency", str(places)]
        arguments += [f"--group={group}" for group in _groups(number)]
        environment = self._shared | {"LAMPLIGHTER_NATS_CREDENTIALS": str(self._access / f"{name}.nk")}
        if number == workers - 1:
            environment |= {
                "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        return self._member(name, data, arguments, environment, self._network.host())

    def set_clock(self, by: timedelta) -> None:
        """The clock of one worker is wrong by so much from now on."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{by.total_seconds():+.0f}\n")
        new.rename(self.clock)

    def _servers(self) -> set[str]:
        with self.database() as db, db.read() as c:
            return {server.name for server in servers.every(c)}

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The truth."""
        db = Database(self.postgresql.address)
        try:
            yield db
        finally:
            db.close()

    def files(self) -> Files:
        """What is in the store."""
        return Files.at(self.folder / "auditor", self._shared["LAMPLIGHTER_FILES_URL"], None)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask whichever API answers."""

        def ask() -> httpx.Response | None:
            for port in random.sample(self.ports, len(self.ports)):
                with suppress(httpx.TransportError):
                    answer = self.http.request(method, f"http://127.0.0.1:{port}/api/v1{path}", json=body)
                    if answer.status_code < 500:
                        return answer
            return None

        answer = eventually(ask)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    # --- load ---

    def agent(self, name: str) -> int:
        """Make an agent that leaves traces."""
        toml = '[agent]\nrun = ["python", "-S", "traced_agent.py"]\n'
        files = {"agent.toml": toml, "traced_agent.py": _AGENT.read_text()}
        return int(self.call("POST", "/agent", {"name": name, "files": files})["id"])

    def schedule(
        self, agent: int, begin: datetime, end: datetime, a_minute: int, seconds: float, **settings: Any
    ) -> None:
        """Let the agent run so many times a minute, each time for so many seconds."""
        given = {"seconds": seconds, "traces": str(self.traces)}
        for number in range(a_minute):
            first = begin + timedelta(minutes=1) * number / a_minute
            if first >= end:
                break
            body = {
                "name": f"{number}",
                "runEveryCount": 1,
                "runEveryPeriod": 1,
                "startTime": first.isoformat(timespec="milliseconds"),
                "endTime": end.isoformat(),
                "inputParameters": json.dumps(given),
                "catchUp": "all",
                "maxRetries": 50,
                "retryDelaySeconds": 1,
                **settings,
            }
            self.call("POST", f"/agent/{agent}/schedules", body)

    def load(self, a_second: int, lasting: timedelta) -> datetime:
        """Begin a steady load of so many runs a second; returns when the last one is due."""
        [group] = [one["id"] for one in self.call("GET", "/server-groups") if one["name"] == GROUP]
        apart = {"isExclusive": False}
        making = timedelta(seconds=5 + 2 * a_second)  # each run a second needs sixty schedules
        begin = datetime.now(UTC) + making
        end = begin + lasting
        self.schedule(self.agent("short"), begin, end, 60 * (a_second - 3), 0.3, **apart)
        self.schedule(self.agent("exclusive"), begin, end, 60, 0.5, isExclusive=True)
        self.schedule(self.agent("grouped"), begin, end, 60, 0.5, serverGroupId=group, **apart)
        self.schedule(self.agent("long"), begin, end, 8, 45, **apart)
        self.schedule(self.agent("parallel"), begin, end, 12, 0.5, parallelism=3, **apart)
        return end

    def wait_until_all_ended(self, patience: float) -> None:
        """Return when nothing is queued or going any more."""
        deadline = time.monotonic() + patience
        with self.database() as db:
            while time.monotonic() < deadline and _going(db):
                time.sleep(1)

    def _end(self) -> None:
        for member in self.members:
            with suppress(AssertionError):
                member.crash()


def _groups(worker: int) -> list[str]:
    return [GROUP] if worker % 2 else []


def _going(db: Database) -> int:
    with db.read() as c:
        query = sa.select(sa.func.count()).where(runs.c.status.in_([status.value for status in ACTIVE]))
        return int(c.execute(query).scalar_one())
