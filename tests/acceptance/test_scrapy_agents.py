"""Unchanged Scrapy spiders, over HTTP, against a shop that the test serves."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import lamplighter.demo
from lamplighter.demo.site import BookShop
from running_server import RunningServer, eventually

PROJECT = Path(lamplighter.demo.__file__).parent / "bookshop"
SPIDER = """
import scrapy

class Shop(scrapy.Spider):
    name = "shop"
    custom_settings = {"DOWNLOAD_DELAY": %s}

    async def start(self):
        for _ in range(%s):
            yield scrapy.Request(self.start_url, dont_filter=True)

    def start_requests(self):  # before Scrapy 2.13
        for _ in range(%s):
            yield scrapy.Request(self.start_url, dont_filter=True)

    def parse(self, response):
        %s
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with BookShop() as shop:
        yield shop.url


def project_files() -> dict[str, str]:
    return {
        str(path.relative_to(PROJECT)): path.read_text()
        for path in PROJECT.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def spider(server: RunningServer, name: str, body: str, *, pages: int = 1, delay: float = 0) -> int:
    files = {
        "agent.toml": '[agent]\nspider = "shop"\n',
        "shop.py": SPIDER % (delay, pages, pages, body),
    }
    return int(server.call("POST", "/agent", {"name": name, "files": files}, expect=201)["id"])


def test_a_project_without_any_file_of_ours_runs(server: RunningServer, shop: str) -> None:
    files = project_files()
    del files["agent.toml"]
    agent = server.call("POST", "/agent", {"name": "plain project", "files": files}, expect=201)["id"]
    ended = server.run(agent, inputParameters=json.dumps({"start_url": shop, "max_pages": 1}))
    assert ended["status"] == 9, ended["message"]
    records = server.call("GET", f"/agent/{agent}/run/{ended['id']}/records")
    assert ended["dataCount"] == len(records) > 5
    assert ended["pageCount"] > 5
    assert ended["traffic"] > 1000
    assert {"title", "price"} <= records[0].keys()


def test_a_spider_that_raises_is_a_failure_although_it_exits_with_0(server: RunningServer, shop: str) -> None:
    agent = spider(server, "raiser", 'raise KeyError("price")')
    ended = server.run(agent, inputParameters=json.dumps({"start_url": shop}))
    assert ended["status"] == 6
    assert "KeyError" in ended["message"]
    assert "exit status 0" in server.log(agent, ended["id"])


def test_a_stopped_spider_closes_and_keeps_its_records(server: RunningServer, shop: str) -> None:
    agent = spider(server, "long crawl", "yield {'url': response.url}", pages=5000, delay=0.05)
    run = server.call(
        "POST", f"/agent/{agent}/start", {"inputParameters": json.dumps({"start_url": shop})}, expect=202
    )["id"]
    eventually(lambda: server.call("GET", f"/agent/{agent}/run/{run}/records"))
    server.call("POST", f"/agent/{agent}/run/{run}/stop", expect=204)
    ended = server.ended(agent, run)
    assert ended["status"] == 8
    assert ended["dataCount"] == ended["exportCount"] > 0
    assert "Spider closed (shutdown)" in server.log(agent, run)


def test_the_log_level_hides_lines_but_not_what_is_known_of_the_run(server: RunningServer, shop: str) -> None:
    agent = spider(server, "quiet", "yield {'url': response.url}")
    given = json.dumps({"start_url": shop})
    loud = server.run(agent, inputParameters=given)
    quiet = server.run(agent, inputParameters=given, logLevel="Warning")
    assert "Spider opened" in server.log(agent, loud["id"])
    assert "Spider opened" not in server.log(agent, quiet["id"])
    assert quiet["status"] == 9
    assert (quiet["pageCount"], quiet["requestCount"]) == (loud["pageCount"], loud["requestCount"])


def test_an_unknown_spider_is_a_failure_that_lists_those_there_are(server: RunningServer) -> None:
    files = project_files() | {"agent.toml": '[agent]\nspider = "boks"\n'}
    agent = server.call("POST", "/agent", {"name": "misspelt", "files": files}, expect=201)["id"]
    ended = server.run(agent)
    assert ended["status"] == 6
    assert "boks" in ended["message"]
    assert "books" in ended["message"]
