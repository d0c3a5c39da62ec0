"""What happens in a crawl, seen through signals and the log."""

import contextlib
import logging
from collections import Counter
from typing import Any

from scrapy.crawler import Crawler
from scrapy.extensions.feedexport import FeedExporter
from scrapy.http import Response
from twisted.python.failure import Failure

from scrapy import signals

from ...agent import without_passwords
from .evidence import Evidence
from .problems import Tally, describe, raised
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


class Crawl:
    """What is seen of one crawl: of one row of the input."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._crawler: Crawler | None = None
        self._last_stats: dict[str, Any] = {}
        self.start_error: str | None = None
        self.finish_reason: str | None = None
        self.told: set[str] = set()
        self.spider_errors = Tally()
        self.item_errors = Tally()
        self.items = self.pages = self.requests = 0
        self.statuses: Counter[str] = Counter()

    def watch(self, crawler: Crawler) -> None:
        """Signals only: the settings that would add a component replace the project's own."""
        self._crawler = crawler
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

    def _response_received(self) -> None:
        self.pages += 1

    def _response_downloaded(self, response: Response) -> None:
        self.statuses[str(response.status)] += 1

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
        """Scrapy calls it finished when the site is down; nobody else does."""
        kinds = {
            key: count
            for key, count in self.stats().items()
            if key.startswith("downloader/exception_type_count/")
        }
        if self.pages or self.items or not kinds:
            return []
        told = ", ".join(f"{key.rpartition('.')[2]} ({count} times)" for key, count in sorted(kinds.items()))
        return [f"No page could be loaded: {told}."]

    def _end_problems(self) -> list[str]:
        if self.start_error:
            return [f"The crawl could not start: {self.start_error}"]
        if self.finish_reason is None:
            return [
                "The crawl was cut off before its spider was closed; records and feeds may be incomplete."
            ]
        if self.finish_reason == "shutdown":
            return ["The crawl was stopped before it had finished (finish reason: shutdown)."]
        return [] if self.finish_reason == "finished" else [f"The finish reason was {self.finish_reason}."]
