"""What a project has configured for itself stays in force."""

from pathlib import Path

import pytest
from scrapy_child_run import PYTHON, project, run, spider

SEEN = spider('yield {"text": "a"}')
CRAWL_ONCE = """
    import json
    from scrapy import signals

    class Extension:
        def __init__(self, crawler):
            self.crawler = crawler
            crawler.signals.connect(self.closed, signals.spider_closed)

        @classmethod
        def from_crawler(cls, crawler):
            return cls(crawler)

        def closed(self):
            self.crawler.stats.set_value("extension/ran", self.crawler.settings["FROM_ADDON"])

    class AddOn:
        def update_settings(self, settings):
            settings.set("FROM_ADDON", "yes", "addon")

    class Upper:
        def process_item(self, item, spider=None):
            item["text"] = item["text"].upper()
            return item

    class Header:
        def process_request(self, request, spider=None):
            request.meta["seen"] = True
"""


def test_extensions_addons_pipelines_middlewares_and_feeds_of_the_project_run(tmp_path: Path) -> None:
    settings = """
        EXTENSIONS = {"shop.parts.Extension": 1}
        ADDONS = {"shop.parts.AddOn": 1}
        ITEM_PIPELINES = {"shop.parts.Upper": 1}
        DOWNLOADER_MIDDLEWARES = {"shop.parts.Header": 1}
        FEEDS = {"out.csv": {"format": "csv"}}
    """
    source = spider('yield {"text": "a", "seen": response.meta["seen"]}')
    folder = project(tmp_path / "bundle", source, settings=settings, parts=CRAWL_ONCE)
    outcome = run(folder)
    assert outcome.problems == []
    assert outcome.records == [{"text": "A", "seen": True}]
    assert outcome.report["stats"]["extension/ran"] == "yes"
    assert outcome.report["stats"]["feedexport/success_count/FileFeedStorage"] == 1
    assert (folder / "out.csv").read_text().split() == ["text,seen", "A,True"]


def test_custom_settings_of_the_spider_beat_the_project(tmp_path: Path) -> None:
    attributes = 'custom_settings = {"USER_AGENT": "own", "ITEM_PIPELINES": {}}'
    source = spider('yield {"agent": self.settings["USER_AGENT"]}', attributes=attributes)
    settings = 'USER_AGENT = "project"\nITEM_PIPELINES = {"shop.missing.Pipeline": 1}'
    assert run(project(tmp_path / "bundle", source, settings=settings)).records == [{"agent": "own"}]


def test_neither_telnet_nor_remote_control_listens(tmp_path: Path) -> None:
    body = """
        import os
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        inodes = {os.readlink(link) for link in links if os.path.islink(link)}
        rows = [line.split() for name in ("tcp", "tcp6") for line in list(open(f"/proc/self/net/{name}"))[1:]]
        yield {"listening": [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]}
    """
    settings = "TELNETCONSOLE_ENABLED = True\nREMOTE_CONTROL_ENABLED = True"
    assert run(project(tmp_path / "bundle", spider(body), settings=settings)).records == [{"listening": []}]


REACTOR = 'from twisted.internet import reactor\nyield {"reactor": type(reactor).__name__}'
SELECT = "twisted.internet.selectreactor.SelectReactor"
ASYNCIO = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


@pytest.mark.parametrize(
    ("of_project", "of_spider", "used"),
    [
        (f"{ASYNCIO!r}", "{}", "AsyncioSelectorReactor"),
        (f"{SELECT!r}", "{}", "SelectReactor"),
        (f"{ASYNCIO!r}", f"{{'TWISTED_REACTOR': {SELECT!r}}}", "SelectReactor"),
        (f"{SELECT!r}", f"{{'TWISTED_REACTOR': {ASYNCIO!r}}}", "AsyncioSelectorReactor"),
    ],
)
def test_the_reactor_is_the_projects_or_the_spiders(
    tmp_path: Path, of_project: str, of_spider: str, used: str
) -> None:
    source = spider(REACTOR, attributes=f"custom_settings = {of_spider}")
    folder = project(tmp_path / "bundle", source, settings=f"TWISTED_REACTOR = {of_project}")
    outcome = run(folder, given=[{"n": 1}, {"n": 2}])
    assert outcome.problems == []
    assert outcome.records == [{"reactor": used}] * 2


def test_a_project_without_a_reactor_is_crawled_row_by_row(tmp_path: Path) -> None:
    folder = project(tmp_path / "bundle", SEEN, settings="TWISTED_REACTOR_ENABLED = False")
    outcome = run(folder, given=[{"n": 1}, {"n": 2}])
    assert outcome.problems == []
    assert outcome.records == [{"text": "a"}] * 2


def test_a_project_with_statistics_of_its_own_is_counted_by_signals(tmp_path: Path) -> None:
    settings = 'STATS_CLASS = "scrapy.statscollectors.DummyStatsCollector"'
    outcome = run(project(tmp_path / "bundle", SEEN, settings=settings))
    assert outcome.problems == []
    assert outcome.report["finishReason"] == "finished"
    assert outcome.report["stats"] == {}
    assert outcome.report["counts"] | {"traffic": 0} == {
        "pages": 1, "dynamicPages": 0, "requests": 1, "errors": 0, "traffic": 0, "records": 1,
    }  # fmt: skip


def test_the_spiders_python_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    (record,) = run(
        project(tmp_path / "bundle", spider('import sys\nyield {"python": sys.executable}'))
    ).records
    assert record == {"python": PYTHON}
