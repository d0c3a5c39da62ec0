"""A crawl that has seen no page is a failure, whatever Scrapy calls it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scrapy_child_run import Outcome, project, run, spider

from local_sites import Site

MIDDLEWARE = """
    class Failing:
        def process_response(self, request, response, spider=None):
            if "good" in request.url or "robots" in request.url:
                return response
            raise KeyError("x")
"""


@pytest.fixture
def site() -> Iterator[Site]:
    """Every page answers with the status that its address begins with; the second time with 403, if it says so."""
    seen: set[str] = set()

    def page(path: str) -> tuple[int, str]:
        if path == "/robots.txt":
            return 200, "User-agent: *\nAllow: /\n"
        again = path in seen
        seen.add(path)
        return 403 if again and "then403" in path else int(path[1:4]), f"<p>page {path}</p>"

    with Site(page) as opened:
        yield opened


def crawl(tmp_path: Path, site: Site, *paths: str, attributes: str = "", **more: Any) -> Outcome:
    urls = [f"http://127.0.0.1:{site.port}{path}" for path in paths]
    source = spider('yield {"n": 1} if "item" in response.url else None', attributes=attributes)
    source = source.replace("data:text/html,<p>hello</p>", '", "'.join(urls))
    settings = more.pop("settings", "")
    settings = f"RETRY_TIMES = 1\nROBOTSTXT_OBEY = True\n{settings}"
    return run(project(tmp_path / "bundle", source, settings=settings, **more))


def test_a_crawl_whose_every_answer_is_an_error_is_a_problem(tmp_path: Path, site: Site) -> None:
    outcome = crawl(tmp_path, site, "/503/a", "/503/then403", "/404/a")
    assert outcome.problems == [
        "No page could be loaded: every answer was an error: 503 (3 times), 403 (1 time), 404 (1 time)"
    ]


def test_one_page_is_enough(tmp_path: Path, site: Site) -> None:
    assert crawl(tmp_path, site, "/404/a", "/200/b").problems == []


@pytest.mark.parametrize(
    "handling",
    [
        {"attributes": "handle_httpstatus_list = [404]"},
        {"settings": "HTTPERROR_ALLOW_ALL = True"},
        {"settings": "HTTPERROR_ALLOWED_CODES = [404]"},
        {"settings": 'SPIDER_MIDDLEWARES = {"scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None}'},
    ],
)
def test_errors_that_the_spider_wants_to_see_are_pages(
    tmp_path: Path, site: Site, handling: dict[str, str]
) -> None:
    assert crawl(tmp_path, site, "/404/a", **handling).problems == []


def test_a_redirect_to_an_error_is_no_page(tmp_path: Path, site: Site) -> None:
    middleware = """
        class Redirects:
            def process_response(self, request, response, spider=None):
                if response.status != 302:
                    return response
                return response.replace(headers={"Location": "/403/wall"})
    """
    settings = "DOWNLOADER_MIDDLEWARES = {'shop.parts.Redirects': 950}"
    outcome = crawl(tmp_path, site, "/302/a", settings=settings, parts=middleware)
    assert outcome.problems == ["No page could be loaded: every answer was an error: 403 (1 time)"]


SETTINGS = "DOWNLOADER_MIDDLEWARES = {'shop.parts.Failing': 500}"


def test_a_middleware_that_raises_on_every_page_is_a_problem_with_its_place(
    tmp_path: Path, site: Site
) -> None:
    outcome = crawl(tmp_path, site, "/200/a", "/200/b", settings=SETTINGS, parts=MIDDLEWARE)
    assert outcome.problems == [
        "No page could be loaded: KeyError: 'x' (shop/parts.py:6 in process_response)",
        "No page could be loaded: 2 times in all.",
    ]
    (entry,) = outcome.report["exceptions"]
    assert (entry["type"], entry["count"]) == ("KeyError", 2)
    assert entry["traceback"][0]["file"] == "shop/parts.py"


def test_a_middleware_that_raises_on_some_pages_only_counts_errors(tmp_path: Path, site: Site) -> None:
    outcome = crawl(tmp_path, site, "/200/a", "/200/good", settings=SETTINGS, parts=MIDDLEWARE)
    assert outcome.problems == []
    assert outcome.report["counts"]["errors"] == 1


def test_the_robots_file_is_no_page(tmp_path: Path) -> None:
    """The site goes away after its robots.txt."""
    source = spider("pass").replace("data:text/html,<p>hello</p>", "http://shop.invalid/a")
    middleware = """
        class Robots:
            def process_request(self, request, spider=None):
                if request.url.endswith("/robots.txt"):
                    from scrapy.http import TextResponse
                    return TextResponse(request.url, body=b"User-agent: *", request=request)
                raise OSError("gone")
    """
    settings = "ROBOTSTXT_OBEY = True\nRETRY_ENABLED = False\n"
    settings += "DOWNLOADER_MIDDLEWARES = {'shop.parts.Robots': 990}"
    outcome = run(project(tmp_path / "bundle", source, settings=settings, parts=middleware))
    assert outcome.problems == ["No page could be loaded: OSError (1 time)"]


def test_errors_that_an_errback_gets_are_seen_by_the_spider(tmp_path: Path, site: Site) -> None:
    attributes = f"""
        async def start(self):
            yield scrapy.Request("http://127.0.0.1:{site.port}/404/a", errback=self.gone)

        def gone(self, failure):
            self.logger.info("gone")
    """
    outcome = run(project(tmp_path / "bundle", spider("pass", attributes=attributes)))
    assert "gone" in outcome.log
    assert outcome.problems == []
