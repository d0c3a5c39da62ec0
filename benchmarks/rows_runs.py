"""What it costs to have something run by a server, over running it oneself: wall time and processor time."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from peers import python_of
from report import OURS, Case, Table
from running_server import TERMINAL, RunningServer, free_port

EACH = 8  # runs one after another in a round
MANY = 24  # short Scrapy runs, as many at once as there are processors
_LOOK_EVERY = 0.02  # seconds between two looks at a run, for everyone

SPIDER = """import scrapy


class QuickSpider(scrapy.Spider):
    name = "quick"

    async def start(self):
        for number in range(20):
            yield {"number": number}
"""
_PROJECT = {
    "scrapy.cfg": "[settings]\ndefault = quick.settings\n",
    "quick/__init__.py": "",
    "quick/settings.py": 'BOT_NAME = "quick"\nSPIDER_MODULES = ["quick.spiders"]\nLOG_LEVEL = "INFO"\n',
    "quick/spiders/__init__.py": "",
    "quick/spiders/quick.py": SPIDER,
}
_AGENTS = {
    "no-op": {"agent.toml": '[agent]\nname = "no-op"\nrun = ["/bin/true"]\n'},
    "Python": {
        "agent.toml": '[agent]\nname = "Python"\nrun = ["python", "main.py"]\n',
        "main.py": "print('done')\n",
    },
    "Scrapy": {**_PROJECT, "agent.toml": '[agent]\nname = "Scrapy"\nspider = "quick"\n'},
}
Spent = tuple[float, float]  # milliseconds of wall and of processor time, of one run


def measure(rounds: int) -> list[Table]:
    """Tables of wall time, processor time, and of many runs at once."""
    wall = _table("overhead-wall", "wall time", "until its end is known")
    cpu = _table("overhead-cpu", "processor time", "of the whole machine, without that of the one who asks")
    many = Table(
        name="many-runs",
        title=f"{MANY} short Scrapy runs, {os.cpu_count()} at a time, until all have ended",
        unit="seconds",
        how="A spider that yields 20 records without a request. Scrapyd looks for jobs every 0.1 s (by default 5).",
        aim="twice as fast as Scrapyd",
        against=("bare", "Scrapyd"),
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = home / "quick"
        for name, text in _PROJECT.items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).write_text(text, encoding="utf-8")
        with (
            RunningServer(home / "data", concurrency=os.cpu_count() or 2) as server,
            _scrapyd(home) as scrapyd,
        ):
            subjects = _subjects(server, scrapyd, files)
            for kind, by_subject in subjects.items():
                for table in (wall, cpu):
                    table.cases.append(Case(kind))
                    if "Scrapyd" not in by_subject:
                        table.cases[-1].add("Scrapyd", "runs spiders only")
            crowd = Case(f"{MANY} runs")
            many.cases.append(crowd)
            for by_subject in subjects.values():
                for run in by_subject.values():
                    run()  # to warm up
            for number in range(rounds):
                print(f"runs, round {number + 1} of {rounds}", flush=True)
                for place, by_subject in enumerate(subjects.values()):
                    for subject, run in by_subject.items():
                        took, spent = run()
                        wall.cases[place].add(subject, took)
                        cpu.cases[place].add(subject, spent)
                crowd.add(OURS, _our_crowd(server))
                crowd.add("bare", _bare_crowd(files))
                crowd.add("Scrapyd", _scrapyd_crowd(scrapyd))
    return [wall, cpu, many]


def _table(name: str, what: str, until: str) -> Table:
    return Table(
        name=name,
        title=f"One run after another: {what}",
        unit="ms a run",
        how=f"{EACH} runs a round, {until}. Ours is started synchronously, one request a run; Scrapyd is asked"
        f" every {_LOOK_EVERY * 1000:.0f} ms. Bare is the command itself, started by a program; for Scrapy"
        " `scrapy crawl` with a feed. Ours is durable (SQLite with"
        " synchronous = FULL), checks and exports the records, and gathers what explains a failure.",
        aim="a no-op below 20 ms of processor time over the bare one, Scrapy no slower than bare by 5 %,"
        " less than half of Scrapyd's overhead",
        against=("bare", "Scrapyd"),
    )


# --- the subjects ---


def _subjects(
    server: RunningServer, scrapyd: "_Scrapyd", files: Path
) -> dict[str, dict[str, Callable[[], Spent]]]:
    commands = {
        "no-op": ["/bin/true"],
        "Python": [sys.executable, "-c", "print('done')"],
        "Scrapy": _crawl(files),
    }
    found: dict[str, dict[str, Callable[[], Spent]]] = {}
    for kind, bundle in _AGENTS.items():
        agent = int(server.call("POST", "/agent", {"files": bundle}, expect=201)["id"])
        command, place = commands[kind], files if kind == "Scrapy" else None
        found[kind] = {
            OURS: lambda agent=agent: _ours(server, agent),  # type: ignore[misc]  # mypy knows no such default
            "bare": lambda command=command, place=place: _bare(command, place),  # type: ignore[misc]
        }
    found["Scrapy"]["Scrapyd"] = lambda: _each(scrapyd.run)
    return found


def _crawl(files: Path) -> list[str]:
    return [sys.executable, "-m", "scrapy", "crawl", "quick", "-O", str(files.parent / "feed.jsonl")]


def _bare(command: list[str], place: Path | None) -> Spent:
    return _each(lambda: subprocess.run(command, cwd=place, check=True, capture_output=True))


def _ours(server: RunningServer, agent: int) -> Spent:
    # One request, which is answered with the records when the run has ended.
    return _each(lambda: server.call("POST", f"/agent/{agent}/start", {"isRunSynchronously": True}))


def _each(run: Callable[[], object]) -> Spent:
    before, begun = _spent(), time.perf_counter()
    for _ in range(EACH):
        run()
    took = time.perf_counter() - begun
    time.sleep(0.5)  # what a server does after an end belongs to the run
    return took / EACH * 1000, (_spent() - before) / EACH * 1000


def _start(server: RunningServer, agent: int) -> int:
    return int(server.call("POST", f"/agent/{agent}/start", expect=202)["id"])


def _wait(server: RunningServer, agent: int, run: int) -> None:
    while server.status(agent, run)["status"] not in TERMINAL:
        time.sleep(_LOOK_EVERY)


def _spent() -> float:
    """Seconds of processor time of all processes but this one: whoever waits for them, none is missed."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=8)[1:8]
    user, nice, system, _idle, _waiting, *interrupts = map(int, fields)
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK") - time.process_time()


# --- many at once ---


def _our_crowd(server: RunningServer) -> float:
    agent = next(one["id"] for one in server.call("GET", "/agent/all") if one["name"] == "Scrapy")
    begun = time.perf_counter()
    runs = [_start(server, agent) for _ in range(MANY)]
    for run in runs:
        _wait(server, agent, run)
    return time.perf_counter() - begun


def _bare_crowd(files: Path) -> float:
    begun = time.perf_counter()
    going: list[subprocess.Popen[bytes]] = []
    for number in range(MANY):
        if len(going) == (os.cpu_count() or 2):
            going.pop(0).wait()
        command = [*_crawl(files)[:-1], str(files.parent / f"feed-{number}.jsonl")]
        going.append(
            subprocess.Popen(command, cwd=files, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
    for process in going:
        process.wait()
    return time.perf_counter() - begun


def _scrapyd_crowd(scrapyd: "_Scrapyd") -> float:
    begun = time.perf_counter()
    scrapyd.wait({scrapyd.start() for _ in range(MANY)})
    return time.perf_counter() - begun


class _Scrapyd:
    """A running Scrapyd with the project."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self._http = httpx.Client(base_url=url, timeout=60)

    def deploy(self) -> None:
        """Upload the project as the egg that Scrapyd takes."""
        egg = io.BytesIO()
        with zipfile.ZipFile(egg, "w") as archive:
            for name, text in _PROJECT.items():
                if name != "scrapy.cfg":
                    archive.writestr(name, text)
            archive.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.0\nName: quick\nVersion: 1.0\n")
            archive.writestr("EGG-INFO/entry_points.txt", "[scrapy]\nsettings = quick.settings\n")
        self._ask("POST", "/addversion.json", {"project": "quick", "version": "1"}, egg.getvalue())

    def start(self) -> str:
        """Ask for a run; its id."""
        return str(self._ask("POST", "/schedule.json", {"project": "quick", "spider": "quick"})["jobid"])

    def run(self) -> None:
        """One run, until its end is known."""
        self.wait({self.start()})

    def wait(self, jobs: set[str]) -> None:
        """Until all of these have ended."""
        while True:
            answer = self._http.get("/listjobs.json", params={"project": "quick"}).json()
            if jobs <= {one["id"] for one in answer["finished"]}:
                return
            time.sleep(_LOOK_EVERY)

    def _ask(
        self, method: str, path: str, fields: dict[str, str], egg: bytes | None = None
    ) -> dict[str, object]:
        files = None if egg is None else {"egg": ("quick.egg", egg)}
        answer = self._http.request(method, path, data=fields, files=files)
        found: dict[str, object] = json.loads(answer.text)
        if found.get("status") != "ok":
            raise RuntimeError(f"Scrapyd says {answer.text}")
        return found


@contextmanager
def _scrapyd(home: Path) -> Iterator[_Scrapyd]:
    folder, port = home / "scrapyd", free_port()
    folder.mkdir()
    (folder / "scrapyd.conf").write_text(
        f"[scrapyd]\nhttp_port = {port}\nbind_address = 127.0.0.1\npoll_interval = 0.1\n"
        f"max_proc = {os.cpu_count()}\nfinished_to_keep = 100000\nitems_dir = items\n",
        encoding="utf-8",
    )
    python = python_of("scrapyd")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(python.parent / "scrapyd")],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={"PATH": f"{python.parent}:/usr/bin:/bin"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                httpx.get(f"{url}/daemonstatus.json", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        running = _Scrapyd(process.pid, url)
        running.deploy()
        yield running
    finally:
        process.terminate()
        process.wait(30)
