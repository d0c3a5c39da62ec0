"""A project of scrapy-playwright gets its proxy through the launch options of the browser.

The package in its place tells what it was given: which options a browser would start with, and what a site would
see of the request.
"""

from pathlib import Path
from typing import Any

from proxy_plans import accounts, plan
from scrapy_child_run import Outcome, project, run, spider, write

from local_sites import Site
from recording_proxies import HttpProxy, SocksProxy

HANDLER = """
    import json
    from scrapy.http import HtmlResponse
    from twisted.internet.defer import succeed

    class ScrapyPlaywrightDownloadHandler:
        lazy = True

        def __init__(self, crawler):
            self.options = crawler.settings.getdict("PLAYWRIGHT_LAUNCH_OPTIONS")

        @classmethod
        def from_crawler(cls, crawler):
            return cls(crawler)

        def download_request(self, request, spider=None):
            headers = {name.decode(): value[0].decode() for name, value in request.headers.items()}
            told = {"options": self.options, "headers": headers, "proxy": request.meta.get("proxy")}
            return succeed(HtmlResponse(request.url, body=json.dumps(told), encoding="utf-8"))

        async def close(self):
            pass
"""
SETTINGS = """
    DOWNLOAD_HANDLERS = {"http": "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"}
    PLAYWRIGHT_LAUNCH_OPTIONS = %s
"""
ASKS = spider(
    "yield json.loads(response.text)",
    top="import json",
    attributes="""
        async def start(self):
            yield scrapy.Request("http://shop.test/", meta={"playwright": True})
    """,
)


def browse(tmp_path: Path, options: dict[str, Any], more: dict[str, str]) -> Outcome:
    folder = project(tmp_path / "bundle", ASKS, settings=SETTINGS % repr(options))
    write(folder, {"scrapy_playwright/__init__.py": "", "scrapy_playwright/handler.py": HANDLER})
    return run(folder, **more)


def test_the_proxy_is_added_to_the_projects_own_options(tmp_path: Path) -> None:
    with HttpProxy(username="ada", password="s3cret-word") as proxy:
        outcome = browse(tmp_path, {"args": ["--no-sandbox"]}, plan(tmp_path, proxy))
    assert outcome.problems == []
    (record,) = outcome.records
    assert record["options"] == {
        "args": ["--no-sandbox"],
        "proxy": {"server": proxy.address, "username": "ada", "password": "s3cret-word"},
    }
    assert record["proxy"] is None
    assert "Proxy-Authorization" not in record["headers"], "the site would see it"
    assert "s3cret-word" not in outcome.log
    assert accounts(outcome)[1, "shop.test"]["requests"] == 1


def test_a_proxy_of_the_project_is_respected(tmp_path: Path) -> None:
    own = {"proxy": {"server": "http://own.test:1"}}
    with HttpProxy(username="ada", password="s3cret-word") as proxy:
        outcome = browse(tmp_path, own, plan(tmp_path, proxy))
    (record,) = outcome.records
    assert record["options"] == own
    assert "Proxy-Authorization" not in record["headers"]
    assert outcome.report["proxies"] == []


def test_a_proxy_that_a_browser_does_not_know_is_reached_over_the_bridge(tmp_path: Path) -> None:
    with Site() as site, SocksProxy(routes={"shop.test": site.port}, username="ada", password="x") as proxy:
        outcome = browse(tmp_path, {}, plan(tmp_path, proxy))
    assert outcome.problems == []
    given = outcome.records[0]["options"]["proxy"]
    assert given["server"].startswith("http://127.0.0.1:")
    assert (given["username"], len(given["password"])) == ("1", 32)
    assert not given["server"].endswith(f":{proxy.port}")


def test_without_a_plan_the_options_are_left_alone(tmp_path: Path) -> None:
    assert browse(tmp_path, {"args": []}, {}).records[0]["options"] == {"args": []}
