"""The HTTP API with 100,000 schedules: how long answers take, alone and with many clients."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from filled_database import multiply
from lamplighter.store.database import Database
from peers import python_of
from report import OURS, Case, Table
from running_server import KEY, RunningServer

SIZES = (1_000, 100_000)
CLIENTS = 32
_SECONDS = 4.0  # of asking, for each figure
_PAUSE = 0.1  # seconds until a server that was too busy is asked again
_CRON = "0 0 * * *"


class Ask(NamedTuple):
    """A request of a client."""

    method: str
    path: str
    body: Any = None


class Served(NamedTuple):
    """A server that answers: where, what each request must say of who asks, and what is asked for, by what."""

    url: str
    headers: Mapping[str, str]
    asks: Mapping[str, Ask]


Serve = Callable[[], AbstractContextManager[Served]]


def measure(rounds: int) -> list[Table]:
    """Tables of one client's median, of what a request takes beside others, and of their 99th percentile."""
    alone = _table("api-alone", "API, one client", "ms, median")
    shared = _table("api-shared", f"API, {CLIENTS} clients: the time between two answers", "ms an answer")
    worst = _table("api-p99", f"API, {CLIENTS} clients: 99th percentile", "ms")
    for size in SIZES:
        with ExitStack() as stack:
            subjects = {
                OURS: _ours(Path(stack.enter_context(tempfile.TemporaryDirectory())), size),
                "Prefect": _prefect(Path(stack.enter_context(tempfile.TemporaryDirectory())), size),
            }
            for number in range(rounds):
                for subject, serve in subjects.items():
                    print(f"API over {size:,}, {subject}, round {number + 1} of {rounds}", flush=True)
                    with serve() as served:
                        for what, ask in served.asks.items():
                            name = f"{what}, {size:,} schedules"
                            took, _ = asyncio.run(_asked(served, ask, clients=1))
                            _case(alone, name, size, what).add(subject, statistics.median(took))
                            took, each = asyncio.run(_asked(served, ask, clients=CLIENTS))
                            _case(shared, name, size, what).add(subject, each)
                            _case(worst, name, size, what).add(subject, took[int(len(took) * 0.99)])
    return [alone, shared, worst]


def _table(name: str, title: str, unit: str) -> Table:
    return Table(
        name=name,
        title=title,
        unit=unit,
        how=f"Each figure of {_SECONDS:.0f} s of asking over kept connections of loopback. Ours checks the API key;"
        " Prefect's server asks for none, its scheduler is turned off, and one run of each deployment is to come."
        " “List” is 50 schedules (ours counts all besides) or 50 deployments with theirs, “upcoming” the next 50"
        " due times or runs. SQLite with WAL; synchronous = FULL for ours, NORMAL as Prefect sets it. Who is"
        " told that the server is too busy (503) asks again, and that belongs to the time of the answer; for many"
        " writers Prefect recommends PostgreSQL.",
        aim="5 times as fast as Prefect",
        against=("Prefect",),
    )


def _case(table: Table, name: str, size: int, series: str) -> Case:
    found = next((case for case in table.cases if case.name == name), None)
    if found is None:
        found = Case(name, size=size, series=series)
        table.cases.append(found)
    return found


# --- the subjects ---


def _ours(folder: Path, size: int) -> Serve:
    data = folder / "data"
    data.mkdir()
    with RunningServer(data) as server:
        toml = '[agent]\nname = "asked"\nrun = ["/bin/true"]\n'
        agent = server.call("POST", "/agent", {"files": {"agent.toml": toml}}, expect=201)["id"]
        server.call(
            "POST", f"/agent/{agent}/schedules", {"name": "idle", "cronExpression": _CRON}, expect=201
        )
        run = server.run(agent)["id"]
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with closing(Database.embedded(data / "lamplighter.db")) as db, db.write() as c:
        multiply(c, size - 1, midnight + timedelta(days=2))

    @contextmanager
    def serve() -> Iterator[Served]:
        with RunningServer(data) as server:
            yield Served(
                f"{server.url}/api/v1",
                {"Authorization": f"ApiKey {KEY}"},
                {
                    "status of a run": Ask("GET", f"/agent/{agent}/run/{run}/status"),
                    "list": Ask("GET", "/schedules?pageIndex=1&recordsPerPage=50"),
                    "upcoming": Ask("GET", "/analytics/schedules/upcoming?maxRecords=50"),
                    "create a schedule": Ask(
                        "POST", f"/agent/{agent}/schedules", {"name": "one more", "cronExpression": _CRON}
                    ),
                },
            )

    return serve


def _prefect(folder: Path, size: int) -> Serve:
    script = Path(__file__).parent / "beside" / "prefect_api.py"

    @contextmanager
    def serve() -> Iterator[Served]:
        process = subprocess.Popen(
            [str(python_of("prefect")), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps({"folder": str(folder), "jobs": size}), file=process.stdin, flush=True)
            told = json.loads(process.stdout.readline())
            schedule = {"schedule": {"cron": _CRON, "timezone": "UTC"}, "active": True}
            states = {"state": {"type": {"any_": ["SCHEDULED"]}}}
            order = {"sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": 50}
            yield Served(
                told["url"],
                {},
                {
                    "status of a run": Ask("GET", f"/flow_runs/{told['run']}"),
                    "list": Ask("POST", "/deployments/filter", {"limit": 50}),
                    "upcoming": Ask("POST", "/flow_runs/filter", {**order, "flow_runs": states}),
                    "create a schedule": Ask(
                        "POST", f"/deployments/{told['deployment']}/schedules", [schedule]
                    ),
                },
            )
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()

    return serve


# --- the clients ---


async def _asked(served: Served, ask: Ask, *, clients: int) -> tuple[list[float], float]:
    """Milliseconds of each answer, the least first, and between two answers of any client."""
    words = _words(served, ask)
    address = urlsplit(served.url)
    begun = time.perf_counter()
    until = begun + _SECONDS
    found = await asyncio.gather(
        *(_client(str(address.hostname), address.port, words, until) for _ in range(clients))
    )
    took = sorted(one for of_client in found for one in of_client)
    return took, (time.perf_counter() - begun) / len(took) * 1000


async def _client(host: str, port: int | None, words: bytes, until: float) -> list[float]:
    """Milliseconds of each answer, of one at the least; what is asked again takes longer."""
    took: list[float] = []
    begun: float | None = None  # when what is being asked was asked for the first time
    while not took or time.perf_counter() < until:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while not took or time.perf_counter() < until:
                begun = begun or time.perf_counter()
                writer.write(words)
                if await _is_busy(reader):  # Prefect's own client asks again, too
                    await asyncio.sleep(_PAUSE)
                    continue
                took.append((time.perf_counter() - begun) * 1000)
                begun = None
        except (asyncio.IncompleteReadError, ConnectionResetError):
            # It has given up the connection: on a new one the same is asked again.
            await asyncio.sleep(_PAUSE)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    return took


async def _is_busy(reader: asyncio.StreamReader) -> bool:
    """Read an answer; whether it says that the server cannot now. RuntimeError when it is not a good one."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = head.split(" ", 2)[1]
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body = await reader.readexactly(int(fields["content-length"]))
    if not status.startswith("2") and status != "503":
        raise RuntimeError(f"an answer with the status {status}: {body[:500]!r}")
    return status == "503"


def _words(served: Served, ask: Ask) -> bytes:
    address = urlsplit(served.url)
    body = b"" if ask.body is None else json.dumps(ask.body).encode()
    fields = {
        "Host": address.netloc,
        "Accept": "application/json",
        **({"Content-Type": "application/json"} if body else {}),
        "Content-Length": str(len(body)),
        **served.headers,
    }
    lines = [f"{ask.method} {address.path}{ask.path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
