"""What happens in a crawl, seen through signals and the log."""

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from scrapy.crawler import Crawler
from scrapy.extensions.feedexport import FeedExporter
from scrapy.http import Request, Response
from twisted.python.failure import Failure

from scrapy import signals

from ...agent import without_passwords
from .evidence import Evidence
from .pages import is_robots
from .problems import Tally, describe, raised
from .proxies.refusals import CredentialsRefusedError
from .records import Records


class ErrorLog(logging.Handler):
    """Counts the errors of the log, whatever level the log itself shows."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class LossLog(logging.Handler):
    """Notices what Scrapy tells only its log: feeds that failed, exceptions of the engine."""

    LOGGERS = ("scrapy.extensions.feedexport", "scrapy.core.engine", "scrapy.utils.signal")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.ERROR)
        self._evidence = evidence
        self.feeds = Tally()
        self.engine: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        handler = record.args.get("receiver") if isinstance(record.args, dict) else None
        if record.name == "scrapy.extensions.feedexport":
            self._add_feed(without_passwords(record.getMessage()), error)
        elif isinstance(getattr(handler, "__self__", None), FeedExporter):
            self._add_feed(f"{getattr(handler, '__name__', 'exporting')} failed", error)
        elif record.name == "scrapy.core.engine" and error and len(self.engine) < 20:
            self.engine.append((record.getMessage().partition("\n")[0], describe(error)))
            self._evidence.raised(error)

    def _add_feed(self, message: str, error: BaseException | None) -> None:
        self.feeds.add(f"{message}: {describe(error)}" if error else message)

    def problems(self, told: set[str]) -> list[str]:
        """One sentence each; not what the spider's own signal has told already."""
        engine = [f"{message}: {error}" for message, error in self.engine if error not in told]
        return self.feeds.sentences("A feed failed") + engine


class DownloadLog(logging.Handler):
    """Notices what Scrapy tells only its log: middlewares of the project that raise instead of giving a page."""

    LOGGER = "scrapy.core.scraper"

    def __init__(self, evidence: Evidence, is_known: Callable[[BaseException], bool]) -> None:
        """``is_known`` says of an exception whether it is told already."""
        super().__init__(logging.ERROR)
        self._evidence = evidence
        self._is_known = is_known
        self.errors = Tally()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not str(record.msg).startswith("Error downloading"):
            return
        request = record.args.get("request") if isinstance(record.args, dict) else None
        self._evidence.answers.failed(error, request if isinstance(request, Request) else None)
        if self._is_known(error):
            return
        self.errors.add(describe(error))
        self._evidence.raised(error)


class Crawl:
    """What is seen of one crawl: of one row of the input."""

    def __init__(self, records: Records, evidence: Evidence) -> None:
        self._records = records
        self._answers = evidence.answers
        self._downloads = DownloadLog(evidence, self._is_counted)
        self._crawler: Crawler | None = None
        self._last_stats: dict[str, Any] = {}
        self.start_error: str | None = None
        self.finish_reason: str | None = None
        self.told: set[str] = set()
        self.spider_errors = Tally()
        self.item_errors = Tally()
        self.items = self.pages = self.requests = 0
        self.statuses: Counter[str] = Counter()
        # Of pages only, not of robots.txt: what was answered to begin with, and what came through to the engine.
        self._bad_answers: Counter[int] = Counter()
        self._good_pages = self._bad_pages = 0

    def watch(self, crawler: Crawler) -> None:
        """Signals only: the settings that would add a component replace the project's own."""
        self._crawler = crawler
        logging.getLogger(DownloadLog.LOGGER).addHandler(self._downloads)
        for handler, signal_name in (
            (self._item_scraped, signals.item_scraped),
            (self._item_error, signals.item_error),
            (self._spider_error, signals.spider_error),
            (self._spider_closed, signals.spider_closed),
            (self._response_received, signals.response_received),
            (self._response_downloaded, signals.response_downloaded),
            (self._request_sent, signals.request_reached_downloader),
        ):
            crawler.signals.connect(handler, signal=signal_name)

    def _item_scraped(self, item: Any) -> None:
        self.items += 1
        self._records.add(item)

    def _item_error(self, failure: Failure) -> None:
        self.item_errors.add(describe(raised(failure)))

    def _spider_error(self, failure: Failure, response: Any) -> None:
        """``response`` is a failure when an errback raised, and None when the start did."""
        url = getattr(response, "url", None) or getattr(getattr(response, "request", None), "url", None)
        self.spider_errors.add(describe(raised(failure), url))
        if len(self.told) < 100:
            self.told.add(describe(raised(failure)))

    def _spider_closed(self, reason: str) -> None:
        self.finish_reason = reason
        self.stats()

    def _response_received(self, response: Response, request: Request) -> None:
        self.pages += 1
        if is_robots(request):
            return
        if response.status < 400:
            self._good_pages += 1
        else:
            self._bad_pages += 1

    def _response_downloaded(self, response: Response, request: Request) -> None:
        self.statuses[str(response.status)] += 1
        if is_robots(request):
            return
        self._answers.answered(response, request)
        if response.status >= 400:
            self._bad_answers[response.status] += 1

    def _request_sent(self) -> None:
        self.requests += 1

    def stats(self) -> dict[str, Any]:
        """Scrapy's statistics as they are now; the last ones seen if the collector has dropped them."""
        # Before the crawl starts there is none, and one of the project may fail in its own ways.
        with contextlib.suppress(Exception):
            collector: Any = self._crawler.stats if self._crawler else None
            now = {str(key): value for key, value in collector.get_stats().items()}
            self._last_stats = now or self._last_stats
        return self._last_stats

    def let_go(self) -> None:
        """When it is over: with thousands of rows, nobody could hold on to every crawler."""
        self.stats()
        logging.getLogger(DownloadLog.LOGGER).removeHandler(self._downloads)
        self._crawler = None

    def problems(self, ended: bool) -> list[str]:
        """What makes this crawl a failure, in sentences."""
        found = self._end_problems() if ended else []
        found += self.spider_errors.sentences("The spider raised")
        found += self._nothing_loaded() if ended else []
        if self.item_errors.count and not self.items:
            found += self.item_errors.sentences("No item came through the item pipelines")
        return found

    def _nothing_loaded(self) -> list[str]:
        """Scrapy calls it finished when the site is down or turns us away; nobody else does."""
        # Errors that the spider wants to see are pages: then Scrapy does not ignore them.
        ignored = self.stats().get("httperror/response_ignored_count", 0)
        if self.items or self._good_pages or self._bad_pages > ignored:
            return []
        label = "No page could be loaded"
        kinds = self._exceptions()
        if self.pages:  # what robots.txt forbids is not asked for
            kinds.pop("IgnoreRequest", None)
        sentences = [f"{label}: {_times(kinds)}"] if kinds else []
        if self._bad_pages:
            sentences.append(f"{label}: every answer was an error: {_times(self._bad_answers)}")
        return self._downloads.errors.sentences(label) + sentences

    def _exceptions(self) -> Counter[str]:
        """What Scrapy counts of downloads that failed, by the name of the exception."""
        prefix = "downloader/exception_type_count/"
        found: Counter[str] = Counter()
        for key, count in self.stats().items():
            if key.startswith(prefix):
                found[key.removeprefix(prefix).rpartition(".")[2]] += count
        return found

    def _is_counted(self, error: BaseException) -> bool:
        return isinstance(error, CredentialsRefusedError) or type(error).__name__ in self._exceptions()

    def bad_ends(self) -> list[str]:
        """The finish reason, if it is none of those that ``problems`` tells."""
        if self.start_error or self.finish_reason in (None, "shutdown", "finished"):
            return []
        return [f"The finish reason was {self.finish_reason}."]

    def _end_problems(self) -> list[str]:
        if self.start_error:
            return [f"The crawl could not start: {self.start_error}"]
        if self.finish_reason is None:
            return [
                "The crawl was cut off before its spider was closed; records and feeds may be incomplete."
            ]
        if self.finish_reason == "shutdown":
            return ["The crawl was stopped before it had finished (finish reason: shutdown)."]
        return []


def _times(counted: Mapping[Any, int]) -> str:
    """``503 (3 times), 403 (1 time)``, the most frequent first."""
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], str(entry[0])))
    return ", ".join(f"{name} ({count} {'time' if count == 1 else 'times'})" for name, count in ordered)
