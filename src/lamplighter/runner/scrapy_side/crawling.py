"""One run: the settings that are added, the crawls one after another, the end."""

import asyncio
import contextlib
import importlib
import logging
import os
import pathlib
import signal
import sys
from types import FrameType
from typing import Any

import scrapy.crawler
from scrapy.crawler import Crawler, CrawlerProcess
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings
from twisted.internet.defer import Deferred

from scrapy import Spider, signals

from ...agent import Snapshots, without_passwords
from .evidence import Evidence
from .finding import find_spider
from .given import read_rows, spider_arguments
from .logs import LevelKeeper, keep_log_file, line_writer
from .pages import Pages
from .problems import CannotStartError, StoppedError, describe
from .proxies.plan import read_plan
from .proxies.requests import Proxies
from .records import Records
from .report import Report
from .watching import Crawl

log = logging.getLogger("lamplighter")

ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
LOG_LEVELS = {"fatal": "CRITICAL", "error": "ERROR", "warning": "WARNING", "info": "INFO"}
REPORT_SECONDS = 2.0


def log_level() -> str | None:
    """The run's level by its name in ``logging``, None when the run has none."""
    return LOG_LEVELS.get(os.environ.get("LAMPLIGHTER_LOG_LEVEL", "").lower())


def forced_settings() -> dict[str, Any]:
    """All that is set for the project; no server of its own may listen."""
    level = log_level()
    return {
        "LOG_ENABLED": True,
        "LOG_FILE": None,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,  # known from 2.19 on
        **({"LOG_LEVEL": level} if level else {}),
    }


def make_process(settings: Settings, own: Settings) -> Any:
    """Choose as ``scrapy crawl`` does, but let the spider's own TWISTED_REACTOR count too."""
    asyncio_process = getattr(scrapy.crawler, "AsyncCrawlerProcess", None)  # not in 2.13
    reactorless = not settings.getbool("TWISTED_REACTOR_ENABLED", True)
    on_asyncio = settings["TWISTED_REACTOR"] == own["TWISTED_REACTOR"] == ASYNCIO_REACTOR
    if asyncio_process and (reactorless or (on_asyncio and not settings.getbool("FORCE_CRAWLER_PROCESS"))):
        return asyncio_process(settings)
    return CrawlerProcess(settings)


class Run:
    """One run: every row of the input is crawled, one after another, until one of them is stopped."""

    def __init__(self) -> None:
        self._records = Records(os.environ.get("LAMPLIGHTER_RECORDS"))
        self.evidence = Evidence(os.environ.get("LAMPLIGHTER_EVIDENCE"))
        self.report = Report(os.environ.get("LAMPLIGHTER_REPORT"), self._records, self.evidence)
        self._pages = Pages(None, self.evidence)
        self._proxies: Proxies | None = None
        level = log_level()
        self._keeper = LevelKeeper(level) if level else None
        self._ticking = False

    def start(self) -> None:
        """Returns when everything is over."""
        rows = read_rows(os.environ.get("LAMPLIGHTER_INPUT"))
        plan = read_plan(os.environ.get("LAMPLIGHTER_PROXY_PLAN"))
        self._proxies = self.report.proxies = Proxies(plan) if plan else None
        sys.path.insert(0, str(pathlib.Path.cwd()))
        in_project = pathlib.Path("scrapy.cfg").is_file()
        settings = get_project_settings() if in_project else Settings()
        spider = find_spider(os.environ.get("LAMPLIGHTER_SPIDER", ""), settings, in_project)
        if self._keeper:
            self._keeper.install()
        own = settings.copy()
        spider.update_settings(own)
        settings.setdict(forced_settings(), priority="cmdline")
        if self._proxies:
            settings.setdict(self._proxies.settings(own), priority="cmdline")
        process = make_process(settings, own)
        if own["LOG_FILE"]:
            keep_log_file(own, settings["LOG_LEVEL"])
        self.report.listen()
        folder = os.environ.get("LAMPLIGHTER_SNAPSHOTS")
        if folder:
            self._pages = Pages(Snapshots(folder, line_writer(own)), self.evidence)
        crawling = self._crawl(process, spider, rows)
        if isinstance(process, CrawlerProcess):
            pending: Any = Deferred.fromCoroutine(crawling)
        else:
            pending = asyncio.get_event_loop().create_task(crawling)
        process.start()
        del pending  # kept till here: an event loop does not hold on to its tasks

    async def _crawl(self, process: Any, spider: type[Spider], rows: list[dict[str, Any]]) -> None:
        """Await each crawl; the process ends when none is left, so the next one begins before it can look."""
        for row in rows:
            crawl = Crawl(self._records, self.evidence)
            self.report.crawls.append(crawl)
            try:
                # The first to get this far installs the reactor: a crawl that fails in its spider does not.
                crawler = Crawler(spider, process.settings, "twisted.internet.reactor" not in sys.modules)
                crawl.watch(crawler)
                self._watch(crawler)
                await process.crawl(crawler, **spider_arguments(row))
            except (Exception, SystemExit) as error:  # the project's code may raise anything
                log.error("The crawl could not start", exc_info=True)
                crawl.start_error = describe(error)
                self.evidence.raised(error)
                if isinstance(error, StoppedError):
                    return
            finally:
                crawl.let_go()
            if crawl.finish_reason == "shutdown":
                return

    def _watch(self, crawler: Crawler) -> None:
        self._pages.watch(crawler)
        if self._proxies:
            self._proxies.watch(crawler)
        crawler.signals.connect(self._engine_started, signal=signals.engine_started)

    def _engine_started(self) -> None:
        if self._keeper:
            self._keeper.install()
        if not self._ticking:
            self._ticking = True
            self._tick()

    def _tick(self) -> None:
        """On the loop of the crawl, whichever it is: statistics may be bound to its thread."""
        self.report.write()
        if "twisted.internet.reactor" in sys.modules:
            from twisted.internet import reactor  # not before: the import installs it

            reactor.callLater(REPORT_SECONDS, self._tick)  # type: ignore[arg-type] # zope's self
        else:
            asyncio.get_running_loop().call_later(REPORT_SECONDS, self._tick)

    def close(self) -> None:
        """When everything is over."""
        if self._proxies:
            self._proxies.close()
        self.report.write(final=True)

    def started(self) -> bool:
        return bool(self.report.crawls) and not any(crawl.start_error for crawl in self.report.crawls)


PRELOADED = (  # what every crawl loads by its settings
    "scrapy.core.downloader.handlers.http11",
    "scrapy.core.scheduler",
    "scrapy.downloadermiddlewares.httpcompression",
    "scrapy.downloadermiddlewares.redirect",
    "scrapy.downloadermiddlewares.retry",
    "scrapy.extensions.corestats",
    "scrapy.extensions.feedexport",
    "scrapy.extensions.memusage",
    "scrapy.pqueues",
    "scrapy.spidermiddlewares.referer",
    "scrapy.squeues",
    "twisted.internet.asyncioreactor",
    "twisted.internet.ssl",
    "twisted.web.client",
)


def preload() -> None:
    """Import what every crawl needs. RuntimeError when a reactor was installed by that: it cannot be shared."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # each version of Scrapy has its own
            importlib.import_module(name)
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("a reactor was installed by an import")


def stop_early(signum: int, frame: FrameType | None) -> None:
    """SIGTERM while the project is still being imported; Scrapy puts its own handler here when it starts."""
    raise StoppedError("stopped before the crawl began")


def main() -> int:
    signal.signal(signal.SIGTERM, stop_early)
    run = Run()
    try:
        run.start()
    except CannotStartError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all
        run.report.problems.append(without_passwords(str(error)))
    except (Exception, SystemExit) as error:  # the project's code may raise anything
        log.critical("The crawl could not start", exc_info=True)
        run.report.problems.append(f"The crawl could not start: {describe(error)}")
        run.evidence.raised(error)
    finally:
        run.close()
    return 0 if run.started() else 1
