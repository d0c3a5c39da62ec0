"""The Control Center: how long pages take in the server, what they weigh, and what a thousand open ones cost.

The pages are asked for over loopback from a server whose database has many runs of many agents; a ratio compares
each with the answer of ``/health/live``, which reads nothing. Then pages are left open that are refreshed, and the
lateness of due times (in shadow, so that nothing is started) is compared with that when none is open. Run it with::

    python benchmarks/pages.py --runs 10000 --open 1000
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lamplighter.store.database import Database
from lamplighter.store.tables import parallel_sets, runs
from running_server import KEY, RunningServer, eventually

AGENTS = 50
ROUNDS = 30
DUE_TIMES = 60
PAGES = (
    "/",
    "/agents",
    "/runs",
    "/runs?status=failed",
    "/calendar",
    "/timeline",
    "/agents/1",
    "/servers",
    "/usage",
)
SCRIPT = "from lamplighter import agent\nagent.emit({'n': 1})\n"


def fill(server: RunningServer, count: int) -> None:
    """Agents with schedules, and ``count`` runs of them in the last 14 days."""
    agents = [server.agent(f"agent {number}", SCRIPT) for number in range(AGENTS)]
    for number, agent in enumerate(agents):
        body = {"name": "often", "cronExpression": f"{number % 60} * * * *", "isShadow": True}
        server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    sample_id = server.run(agents[0])["id"]
    now = datetime.now(UTC)
    with closing(Database.embedded(server.data / "lamplighter.db")) as db, db.write() as c:
        sample = dict(c.execute(sa.select(runs).where(runs.c.id == sample_id)).mappings().one())
        its_set = dict(c.execute(sa.select(parallel_sets)).mappings().first() or {})
        sets, rows = [], []
        for number in range(count):
            began = now - timedelta(days=14) * ((count - number) / count)
            agent, key = agents[number % AGENTS], sample_id + 1 + number
            times = {"created": began, "start_time": began, "end_time": began + timedelta(minutes=number % 9)}
            status = 6 if number % 40 == 0 else 9
            sets.append({**its_set, "id": key, "agent_id": agent, "created": began})
            rows.append(
                {**sample, "id": key, "set_id": key, "agent_id": agent, "status": status}
                | {**times, "data_count": number % 500}
            )
        c.execute(parallel_sets.insert(), sets)
        c.execute(runs.insert(), rows)


def signed_in(server: RunningServer) -> httpx.Client:
    """A client with the cookie of a session."""
    client = httpx.Client(base_url=server.url, timeout=60, headers={"Accept": "text/html"})
    client.post("/sign-in", data={"key": KEY}, headers={"Sec-Fetch-Site": "same-origin"})
    return client


def tell_times(server: RunningServer) -> None:
    """Each page's time and weight."""
    with closing(signed_in(server)) as client:
        base = statistics.median(_milliseconds(client, "/health/live") for _ in range(ROUNDS))
        print(f"{'page':22} {'median':>9} {'most':>9} {'ratio':>6} {'HTML':>9}")
        for path in PAGES:
            _milliseconds(client, path)
            took = [_milliseconds(client, path) for _ in range(ROUNDS)]
            weight = len(client.get(path).content) / 1000
            middle = statistics.median(took)
            print(f"{path:22} {middle:6.1f} ms {max(took):6.1f} ms {middle / base:6.1f} {weight:6.1f} kB")
        assets = {part.split('"')[0] for part in client.get("/").text.split("/static/")[1:]}
        print(f"what all pages load besides: {len(assets)} files named by the page itself")


def _milliseconds(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - begun) * 1000


# --- a thousand open pages ---


def keep_something_going(server: RunningServer) -> None:
    """A run whose numbers change all the time, so that what is open has something to be told."""
    agent = server.agent(
        "busy",
        "import time\nfrom lamplighter import agent\nfor n in range(10**6):\n"
        "    agent.emit({'n': n})\n    time.sleep(0.2)\n",
    )
    server.call("POST", f"/agent/{agent}/start", expect=202)


def lateness(server: RunningServer) -> list[float]:
    """Milliseconds between due times a second apart and when they were decided."""
    agent = server.agent(f"late {time.monotonic_ns()}", SCRIPT)
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=75)
    made = []
    for number in range(DUE_TIMES):
        at = (first + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
        body = {"name": f"once {number}", "scheduleType": 1, "startTime": at, "isShadow": True}
        made.append(server.call("POST", f"/agent/{agent}/schedules", body, expect=201)["id"])
    time.sleep(max(0.0, (first - datetime.now(UTC)).total_seconds() + DUE_TIMES))
    found = []
    for schedule in made:
        path = f"/agent/{agent}/schedules/{schedule}/fires"
        [fire] = eventually(lambda path=path: server.http.get(path).json())  # type: ignore[misc]  # mypy knows no such default
        decided, due = (datetime.fromisoformat(fire[name]) for name in ("decided", "dueTime"))
        found.append((decided - due).total_seconds() * 1000)
    return found


async def _keep_open(url: str, cookie: str, count: int, stop: asyncio.Event, seen: list[int]) -> None:
    limits = httpx.Limits(max_connections=None)
    paths = ["/", "/servers", *(f"/?reader={number % 40}" for number in range(20))]
    async with httpx.AsyncClient(
        base_url=url, cookies={"lamplighter_session": cookie}, timeout=None, limits=limits
    ) as client:

        async def one(number: int) -> None:
            path = paths[number % len(paths)]
            joint = "&" if "?" in path else "?"
            async with client.stream("GET", f"{path}{joint}live=stream") as answer:
                async for line in answer.aiter_lines():
                    seen[number] += line == "event: block"

        tasks = [asyncio.create_task(one(number)) for number in range(count)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def compare_lateness(server: RunningServer, count: int) -> None:
    """How late due times are with no page open, and with ``count``."""
    keep_something_going(server)
    quiet = lateness(server)
    with closing(signed_in(server)) as client:
        cookie = client.cookies["lamplighter_session"]

    async def busy() -> tuple[list[float], list[int]]:
        stop, seen = asyncio.Event(), [0] * count
        keeping = asyncio.create_task(_keep_open(server.url, cookie, count, stop, seen))
        late = await asyncio.to_thread(lateness, server)
        stop.set()
        await keeping
        return late, seen

    late, seen = asyncio.run(busy())
    for name, values in (("no page is open", quiet), (f"{count} pages are open", late)):
        ordered = sorted(values)
        p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        print(f"late when {name:22} p50 {p50:5.1f} ms, p99 {p99:5.1f} ms, most {ordered[-1]:5.1f} ms")
    opened = [number for number in seen if number]
    print(
        f"{len(opened)} pages got something, {min(opened, default=0)} to {max(opened, default=0)} times each"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--open", type=int, default=1000)
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningServer(Path(folder) / "data") as server,
    ):
        fill(server, wanted.runs)
        print(f"{wanted.runs:,} runs of {AGENTS} agents")
        tell_times(server)
        compare_lateness(server, wanted.open)


if __name__ == "__main__":
    main()
