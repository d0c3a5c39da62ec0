"""SIGTERM closes the spider: what was found is kept."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy_plans import plan
from scrapy_child_run import finish, project, spider, start, write

from lamplighter.demo.site import BookShop
from local_sites import Site
from recording_proxies import SocksProxy


@pytest.fixture(scope="module")
def shop() -> Iterator[BookShop]:
    with BookShop() as opened:
        yield opened


def endless(shop: BookShop) -> str:
    """Visits the slow page again and again, one record each; says in the log when the first is there."""
    body = """
        yield {"n": 1}
        self.logger.info("one more")
        yield response.follow("/slow?seconds=0.01", dont_filter=True)
    """
    return spider(body, attributes=f"start_urls = [{shop.url!r}]")


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


@pytest.mark.parametrize("settings", ["", "FORCE_CRAWLER_PROCESS = True", "TWISTED_REACTOR_ENABLED = False"])
def test_the_spider_and_its_feeds_are_closed_and_no_further_row_starts(
    tmp_path: Path, shop: BookShop, settings: str
) -> None:
    settings += "\nFEEDS = {'out.jsonl': {'format': 'jsonlines'}}"
    folder = project(tmp_path / "bundle", endless(shop), settings=settings)
    process = start(folder, given=[{"n": 1}, {"n": 2}])
    log = read_until(process, "one more")
    process.send_signal(signal.SIGTERM)
    outcome = finish(process, folder, log)
    assert outcome.status == 0
    assert outcome.report["finishReason"] == "shutdown"
    assert outcome.problems == ["The crawl was stopped before it had finished (finish reason: shutdown)."]
    assert outcome.log.count("Spider opened") == 1
    assert 1 <= len(outcome.records) == outcome.report["counts"]["records"]
    assert len((folder / "out.jsonl").read_text().splitlines()) == len(outcome.records)


def test_a_stop_ends_the_bridge_to_the_proxies_as_well(tmp_path: Path) -> None:
    source = spider(
        'self.logger.info("one more")\nyield {"n": 1}\nyield response.follow("/", dont_filter=True)',
        attributes="start_urls = ['http://shop.test/']",
    )
    with Site() as site, SocksProxy(routes={"shop.test": site.port}) as proxy:
        folder = project(tmp_path / "bundle", source)
        process = start(folder, **plan(tmp_path, proxy))
        log = read_until(process, "one more")
        process.send_signal(signal.SIGTERM)
        outcome = finish(process, folder, log)
    assert outcome.status == 0
    assert outcome.report["finishReason"] == "shutdown"
    assert outcome.report["proxies"][0]["requests"] >= 1
    assert "Traceback" not in outcome.log


def test_a_second_signal_ends_it_at_once_and_the_report_says_so(tmp_path: Path, shop: BookShop) -> None:
    source = spider(
        'self.logger.info("one more")\nyield {"n": 1}\nyield response.follow("/slow?seconds=60")',
        attributes=f"start_urls = [{shop.url!r}]",
    )
    folder = project(tmp_path / "bundle", source)
    process = start(folder)
    log = read_until(process, "one more")
    process.send_signal(signal.SIGTERM)
    log += read_until(process, "Received SIGTERM, shutting down gracefully")
    process.send_signal(signal.SIGTERM)
    outcome = finish(process, folder, log)
    assert outcome.records == [{"n": 1}]
    (problem,) = outcome.problems
    assert problem.startswith("The crawl was cut off before its spider was closed")


@pytest.mark.parametrize("in_project", [True, False])
def test_a_signal_while_the_spider_is_imported_is_reported(tmp_path: Path, in_project: bool) -> None:
    importing = (
        "import signal, sys  # for a spider\n"
        "print('importing', file=sys.stderr, flush=True)\n"
        "signal.pause()\n"
    )
    bundle = tmp_path / "bundle"
    folder = project(bundle, importing) if in_project else write(bundle, {"spider.py": importing})
    process = start(folder)
    log = read_until(process, "importing")
    process.send_signal(signal.SIGTERM)
    outcome = finish(process, folder, log)
    assert outcome.status == 1
    assert "stopped before the crawl began" in outcome.problems[0]
