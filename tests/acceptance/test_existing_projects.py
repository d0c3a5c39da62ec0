"""Scrapy projects as people have them, unchanged, on the oldest and the newest Scrapy that is supported.

Each is deployed as its folder in ``tests/projects`` is. Only for the oldest Scrapy, and where a project has
requirements, ``agent.toml`` gets requirements with the version to be tested. Each is run twice: as it is, and
with what a schedule can add, a pool of proxies and kept pages. All runs are started at once, when the first
test wants one of them.
"""

import gzip
import importlib.metadata
import json
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nursery_site import DEEPEST, FOR_SALE, PLANTS, Nursery, picture
from recording_proxies import HttpProxy
from running_server import TERMINAL, RunningServer

FOLDER = Path(__file__).parents[1] / "projects"
COMPLETED, SUCCESS = 9, 10
PATIENCE = 300.0  # seconds for all of them, with the downloads of two environments
OLDEST, NEWEST = "2.13.4", importlib.metadata.version("scrapy")


@dataclass(frozen=True)
class Way:
    """A version of Scrapy, and whether the site is behind a proxy and its pages are kept."""

    scrapy: str
    proxied: bool


WAYS = {
    "oldest": Way(OLDEST, proxied=False),
    "newest": Way(NEWEST, proxied=False),
    "oldest proxied": Way(OLDEST, proxied=True),
    "newest proxied": Way(NEWEST, proxied=True),
}
# Besides Scrapy; one list for all, so that there is one environment for each version.
LIBRARIES = ["attrs", "pillow", "pydantic", "scrapy-playwright"]
# What is deployed, under which name: the project's folder, and the spider if it has several.
AGENTS = {
    "classic": ("classic", "plants"),
    "own feeds": ("own_feeds", "prices"),
    "single file": ("single_file", None),
    "item types": ("item_types", None),
    "add-ons": ("addons", "warm"),
    "script": ("script", None),
    "crawl rules": ("crawl_rules", "atlas"),
    "site map": ("generic_spiders", "everything"),
    "XML feed": ("generic_spiders", "stock_xml"),
    "CSV feed": ("generic_spiders", "stock_csv"),
    "pictures": ("pictures", None),
    "resumable": ("resumable", "ledger"),
    "asyncio": ("asyncio_style", None),
    "old style": ("old_style", None),
    "browser": ("browser", None),
}
NAMES = [plant.name for plant in PLANTS]


@dataclass(frozen=True)
class Ended:
    """What became of one run."""

    server: RunningServer
    run: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/agent/{self.run['configId']}/run/{self.run['id']}"

    @property
    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.call("GET", f"{self.path}/records")
        return found

    def column(self, name: str) -> list[Any]:
        """The values of one field, sorted: concurrent requests end in any order."""
        return sorted(record[name] for record in self.records)

    @property
    def files(self) -> dict[str, int]:
        """The files that it left, by name, with their ids."""
        return self._files("File")

    @property
    def snapshots(self) -> dict[str, int]:
        """The pages that were kept, in the same way."""
        return self._files("Snapshot")

    def _files(self, kind: str) -> dict[str, int]:
        found = self.server.call("GET", f"{self.path}/files")
        return {file["name"]: file["id"] for file in found if file["fileType"] == kind}

    def file(self, name: str) -> bytes:
        answer = self.server.http.get(f"{self.path}/file/{self.files[name]}/download", follow_redirects=True)
        assert answer.status_code == 200
        return answer.content

    @property
    def log(self) -> str:
        return self.server.log(self.run["configId"], self.run["id"])


class Started:
    """All runs, by the names of agent and version."""

    def __init__(self, server: RunningServer, settings: dict[str, dict[str, Any]]) -> None:
        self._server = server
        self._runs = {
            (name, way): self._start(name, way, given) for way, given in settings.items() for name in AGENTS
        }
        self._deadline = time.monotonic() + PATIENCE

    def _start(self, name: str, way: str, given: dict[str, Any]) -> dict[str, Any]:
        body = {"name": f"{name}, {way}", "files": files_of(*AGENTS[name], WAYS[way].scrapy)}
        agent = self._server.call("POST", "/agent", body, expect=201)["id"]
        started: dict[str, Any] = self._server.call("POST", f"/agent/{agent}/start", given, expect=202)
        return started

    def ended(self, name: str, way: str) -> Ended:
        """The run when it is over, which went well and on the right Scrapy."""
        run = self._runs[name, way]
        while run["status"] not in TERMINAL:
            assert time.monotonic() < self._deadline, f"{name}, {way} goes on and on: {run}"
            time.sleep(0.1)
            run = self._server.status(run["configId"], run["id"])
        found = Ended(self._server, run)
        assert run["status"] in (COMPLETED, SUCCESS), f"{run['message']}\n{found.log}"
        assert f"Scrapy {WAYS[way].scrapy} started" in found.log
        return found


def files_of(project: str, spider: str | None, version: str) -> dict[str, str]:
    """The files of a project as they are deployed."""
    folder = FOLDER / project
    files = {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    manifest = tomllib.loads(files.get("agent.toml", ""))
    agent = manifest.setdefault("agent", {})
    if spider is not None and (agent or version == OLDEST):
        agent["spider"] = spider
    if "requirements" in agent or version == OLDEST:
        agent["requirements"] = [f"scrapy=={version}", *LIBRARIES]
    if agent:
        files["agent.toml"] = as_toml(manifest)
    return files


def as_toml(document: dict[str, Any]) -> str:
    """Two levels of tables are enough for these."""
    lines = []
    for name, table in document.items():
        inner = {key: value for key, value in table.items() if isinstance(value, dict)}
        lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items() if k not in inner)]
        for key, values in inner.items():
            lines += [f"[{name}.{key}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def proxy(nursery: Nursery) -> Iterator[HttpProxy]:
    """The only way to ``nursery.test``: a name that nobody else can resolve."""
    with HttpProxy(username="ada", password="p@ss", routes={"nursery.test": nursery.port}) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def started(server: RunningServer, nursery: Nursery, proxy: HttpProxy) -> Started:
    pool = server.call("POST", "/proxy-pools", {"name": "pool", "proxies": [proxy.url]}, expect=201)["id"]
    directly = {"inputParameters": json.dumps({"site": nursery.url})}
    proxied = {
        "inputParameters": json.dumps({"site": "http://nursery.test"}),
        "proxyPoolId": pool,
        "logMode": "TextAndHtml",
    }
    return Started(server, {way: proxied if WAYS[way].proxied else directly for way in WAYS})


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_no_project_knows_of_lamplighter() -> None:
    own = {path for path in FOLDER.rglob("*.py") if "lamplighter" in path.read_text().lower()}
    assert own == {FOLDER / "script" / "main.py"}, "which is told by the environment where its records go"


def test_a_classic_project_with_loaders_and_pipelines_that_drop_and_enrich(
    started: Started, way: str
) -> None:
    ended = started.ended("classic", way)
    assert ended.column("name") == [plant.name for plant in FOR_SALE]
    assert ended.column("number") == list(range(1, len(FOR_SALE) + 1))
    foxglove = next(record for record in ended.records if record["name"] == "Foxglove")
    del foxglove["url"], foxglove["number"]
    assert foxglove == {
        "name": "Foxglove",
        "latin": "Digitalis purpurea",
        "price": 3.5,
        "currency": "GBP",
        "stock": 41,
    }
    assert sorted(ended.file("names.txt").decode().split("\n")[:-1]) == [plant.name for plant in FOR_SALE]
    assert ended.run["dataCount"] == len(FOR_SALE)
    assert ended.run["errorCount"] == 0
    assert bool(ended.snapshots) == WAYS[way].proxied


def test_feeds_of_the_project_are_written_beside_the_records_and_kept(started: Started, way: str) -> None:
    ended = started.ended("own feeds", way)
    assert [record["name"] for record in ended.records] == NAMES
    assert {"name", "price", "link"} == ended.records[0].keys()
    assert set(ended.files) == {
        "out/prices-autumn.json",
        "out/prices.csv",
        "out/cheap.jsonl.gz",
        "out/lines.txt",
        *(f"out/batch-{number}.xml" for number in (1, 2, 3)),
    }
    assert [item["name"] for item in json.loads(ended.file("out/prices-autumn.json"))] == NAMES
    assert ended.file("out/prices.csv").decode().splitlines()[:2] == ["Plant,Price", "Bleeding heart,£8.95"]
    cheap = gzip.decompress(ended.file("out/cheap.jsonl.gz")).splitlines()
    assert [json.loads(line)["name"] for line in cheap] == [p.name for p in FOR_SALE if (p.pence or 0) < 500]
    assert [len(ElementTree.fromstring(ended.file(f"out/batch-{n}.xml"))) for n in (1, 2, 3)] == [4, 4, 2]
    assert ended.file("out/lines.txt").decode().splitlines()[0] == "Bleeding heart\t£8.95\t"


def test_a_single_file_with_feeds_in_its_custom_settings(started: Started, way: str) -> None:
    ended = started.ended("single file", way)
    steps = [f"Step {number}" for number in range(1, DEEPEST + 1)]
    assert [(record["step"], record["depth"]) for record in ended.records] == list(
        zip(steps, range(DEEPEST), strict=True)
    )
    assert json.loads(ended.file("steps.json")) == ended.records


def test_items_of_every_type_become_records(started: Started, way: str) -> None:
    ended = started.ended("item types", way)
    assert sorted(ended.records, key=lambda record: str(record["kind"])) == [
        {
            "kind": "Label",
            "title": "Bleeding heart",
            "printed": "2026-03-01T12:00:00",
            "words": ["Bleeding", "heart"],
        },
        {"kind": "Offer", "title": "Bleeding heart", "price": "8.95"},
        {
            "kind": "Plant",
            "title": "Bleeding heart",
            "origin": {"latin": "Lamprocapnos spectabilis", "regions": ["Europe", "Asia"]},
            "seen": "2026-03-01",
        },
        {"kind": "Seen", "title": "Bleeding heart", "price": "8.95"},
        {"kind": "dict", "title": "Bleeding heart", "bytes": "Bleeding heart", "tags": ["heart", "red"]},
    ]


def test_add_ons_middlewares_and_extensions_of_the_project_work(started: Started, way: str) -> None:
    ended = started.ended("add-ons", way)
    assert ended.column("path") == ["", "path/1", "plants/"]  # not the till
    assert {(record["token"], record["warm"]) for record in ended.records} == {("glass", True)}
    diary = json.loads(ended.file("diary.json"))
    assert diary == {"scraped": len(ended.records), "reason": "finished", "spider": "warm"}
    assert "token is set" in ended.log


def test_a_script_with_a_crawler_process_of_its_own(started: Started, way: str) -> None:
    ended = started.ended("script", way)
    assert ended.column("name") == ["/pictures/2.png", *NAMES[:4]]
    assert json.loads(ended.file("summary.json")) == {"list": 4, "pictures": 1}
    assert ended.run["status"] == COMPLETED


def test_rules_depth_limit_and_robots_txt_hold(started: Started, nursery: Nursery, way: str) -> None:
    ended = started.ended("crawl rules", way)
    plants = sorted(record["name"] for record in ended.records if record["type"] == "plant")
    assert plants == NAMES[:8]  # the third page of the list is too deep
    steps = [(record["name"], record["depth"]) for record in ended.records if record["type"] == "step"]
    assert sorted(steps) == [("Step 1", 1), ("Step 2", 2), ("Step 3", 3)]
    assert not [path for path in nursery.visits if path.startswith("/private/")]


def test_a_site_map_that_robots_txt_names(started: Started, way: str) -> None:
    ended = started.ended("site map", way)
    assert ended.column("name") == [name for name in NAMES if name != "Cup and saucer vine"]
    assert ended.run["status"] == SUCCESS


@pytest.mark.parametrize("feed", ["XML feed", "CSV feed"])
def test_spiders_that_read_feeds(started: Started, way: str, feed: str) -> None:
    ended = started.ended(feed, way)
    assert ended.records == [{"id": p.number, "name": p.name, "stock": p.stock} for p in PLANTS]


def test_pictures_and_files_that_pipelines_download_are_kept(started: Started, way: str) -> None:
    ended = started.ended("pictures", way)
    assert ended.column("name") == ["Bleeding heart", "Foxglove"]
    images = [image for record in ended.records for image in record["images"]]
    assert {image["status"] for image in images} == {"downloaded"}
    expected = {f"downloads/leaflets/{number}.txt" for number in (1, 4)}
    for image in images:
        name = Path(image["path"]).name
        expected |= {f"downloads/pictures/full/{name}", f"downloads/pictures/thumbs/small/{name}"}
    assert set(ended.files) == expected
    assert ended.file("downloads/leaflets/4.txt") == b"Water Digitalis purpurea.\n"
    assert ended.file(f"downloads/pictures/{images[0]['path']}")[:3] == b"\xff\xd8\xff"  # as JPEG
    assert picture(1)[:4] == b"\x89PNG"


def test_a_job_directory_a_cache_and_a_log_file(started: Started, way: str) -> None:
    ended = started.ended("resumable", way)
    found = [(record["name"], record["page"], record["cached"]) for record in ended.records]
    plants = [(plant.name, 1 + index // 4, True) for index, plant in enumerate(PLANTS)]
    assert sorted(found) == sorted([("gone", 0, False), *plants])
    assert {"ledger.log", "jobs/ledger/requests.seen", "jobs/ledger/spider.state"} <= set(ended.files)
    assert "Spider closed (finished)" in ended.file("ledger.log").decode()
    assert "Spider closed (finished)" in ended.log


def test_asyncio_in_start_callbacks_and_pipelines(started: Started, way: str) -> None:
    ended = started.ended("asyncio", way)
    assert sorted(ended.records, key=lambda record: int(record["beat"])) == [
        {"beat": beat, "step": f"Step {beat + 1}", "plant": NAMES[beat], "counted": True} for beat in range(3)
    ]


def test_start_requests_errbacks_deferreds_and_another_reactor(started: Started, way: str) -> None:
    ended = started.ended("old style", way)
    found = [(record["kind"], record["name"]) for record in ended.records]
    assert sorted(found) == [
        ("failure", "http://127.0.0.1:9/"),
        ("plant", NAMES[4]),
        ("plant", NAMES[5]),
        ("row", NAMES[8]),
        ("row", NAMES[9]),
    ]


def test_a_page_that_needs_a_browser(started: Started, way: str) -> None:
    ended = started.ended("browser", way)
    assert ended.records == [{"name": name, "title": "Today"} for name in NAMES[:3]]
    assert ended.file("window.png")[:4] == b"\x89PNG"
    assert ended.run["dynamicPageCount"] == 1
