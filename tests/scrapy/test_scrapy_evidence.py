"""What explains a failure is kept in every log mode."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scrapy_child_run import Outcome, project, run, spider

from local_sites import Site


@pytest.fixture
def site() -> Iterator[Site]:
    def page(path: str) -> tuple[int, str]:
        return int(path[1:4]), f"<p>page {path}</p>"

    with Site(page) as opened:
        yield opened


def crawl(tmp_path: Path, site: Site, *paths: str, body: str = "pass", **more: Any) -> Outcome:
    attributes = f"start_urls = {[f'http://127.0.0.1:{site.port}{path}' for path in paths]}\n"
    attributes += "custom_settings = {'CONCURRENT_REQUESTS': 1, 'RETRY_ENABLED': False}"
    folder = project(tmp_path / "bundle", spider(body, attributes=attributes), **more)
    return run(folder, LAMPLIGHTER_EVIDENCE=str(tmp_path / "evidence"))


def failing_page(tmp_path: Path) -> str:
    (path,) = (tmp_path / "evidence").iterdir()
    assert path.name == "failing-page.html"
    return path.read_text(encoding="utf-8").partition("\n")[2]


def test_an_exception_is_reported_with_its_source_lines_and_its_page(tmp_path: Path, site: Site) -> None:
    body = """
        if "bad" in response.url:
            # like http://me:s3cret@shop.test/
            raise ValueError("nothing at http://me:s3cret@shop.test/")
        yield {"n": 1}
    """
    outcome = crawl(tmp_path, site, "/200/good", "/200/bad", "/200/bad2", "/404/none", body=body)
    (entry,) = outcome.report["exceptions"]
    assert (entry["type"], entry["message"]) == ("ValueError", "nothing at http://…@shop.test/")
    assert (entry["url"], entry["count"]) == (f"http://127.0.0.1:{site.port}/200/bad", 2)
    assert entry["page"] == "failing-page.html"
    frame = entry["traceback"][0]
    assert (frame["file"], frame["line"], frame["function"]) == ("shop/spiders/test.py", 14, "parse")
    assert frame["source"][2:5] == [
        [13, "            # like http://…@shop.test/"],
        [14, '            raise ValueError("nothing at http://…@shop.test/")'],
        [15, '        yield {"n": 1}'],
    ]
    assert [number for number, _ in frame["source"]] == list(range(11, 16))
    assert any(frame["file"].startswith("scrapy/") for frame in entry["traceback"][1:])
    assert failing_page(tmp_path) == "<p>page /200/bad</p>"
    assert outcome.report["statuses"] == {"200": 3, "404": 1}


def test_without_an_exception_the_last_error_page_is_kept(tmp_path: Path, site: Site) -> None:
    outcome = crawl(tmp_path, site, "/404/a", "/500/b")
    assert outcome.report["exceptions"] == []
    assert failing_page(tmp_path) == "<p>page /500/b</p>"


def test_a_site_without_robots_file_is_no_evidence(tmp_path: Path) -> None:
    with Site(lambda path: (404, "no robots.txt") if path == "/robots.txt" else (200, "page")) as site:
        outcome = crawl(tmp_path, site, "/200/a", settings="ROBOTSTXT_OBEY = True")
    assert "/robots.txt" in site.paths
    assert outcome.report["answers"] == {"127.0.0.1": {"200": 1}}
    assert failing_page(tmp_path) == "page"  # the last good one, as no record came


def test_the_page_of_a_dropped_item_is_kept(tmp_path: Path, site: Site) -> None:
    pipeline = """
        from scrapy.exceptions import DropItem

        class Strict:
            def process_item(self, item, spider=None):
                raise DropItem("no price")
    """
    settings = "ITEM_PIPELINES = {'shop.pipelines.Strict': 1}"
    crawl(tmp_path, site, "/200/a", body="yield {'n': 1}", settings=settings, pipelines=pipeline)
    assert failing_page(tmp_path) == "<p>page /200/a</p>"


def test_exceptions_of_pipelines_and_of_the_start_are_reported(tmp_path: Path, site: Site) -> None:
    pipeline = """
        class Failing:
            def process_item(self, item, spider=None):
                raise OSError("the database is gone")
    """
    settings = "ITEM_PIPELINES = {'shop.pipelines.Failing': 1}"
    outcome = crawl(tmp_path, site, "/200/a", body="yield {'n': 1}", settings=settings, pipelines=pipeline)
    (entry,) = outcome.report["exceptions"]
    assert (entry["type"], entry["traceback"][0]["file"]) == ("OSError", "shop/pipelines.py")
    attributes = """
        async def start(self):
            raise RuntimeError("no addresses")
            yield
    """
    outcome = run(project(tmp_path / "other", spider("pass", attributes=attributes)))
    (entry,) = outcome.report["exceptions"]
    assert (entry["type"], entry["url"], entry["page"], entry["count"]) == ("RuntimeError", None, None, 1)


def test_a_crawl_that_cannot_start_is_reported_with_its_place(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", "import scrapy\nx = (\n"))
    (entry,) = outcome.report["exceptions"]
    assert entry["type"] == "SyntaxError"
    assert (entry["traceback"][0]["file"], entry["traceback"][0]["line"]) == ("shop/spiders/test.py", 2)


def test_at_most_five_different_exceptions_are_reported(tmp_path: Path) -> None:
    body = "\n".join(
        f"if response.text[0] == '{number}':\n    raise ValueError(response.text)" for number in range(8)
    )
    attributes = "start_urls = [f'data:,{number % 8}#{number}' for number in range(16)]"
    outcome = run(project(tmp_path / "bundle", spider(body, attributes=attributes)))
    assert [entry["count"] for entry in outcome.report["exceptions"]] == [2] * 5


def test_a_page_is_kept_when_no_record_came_although_pages_did(tmp_path: Path, site: Site) -> None:
    outcome = crawl(tmp_path, site, "/200/a", "/404/b")
    assert outcome.problems == []
    assert failing_page(tmp_path) == "<p>page /404/b</p>"
