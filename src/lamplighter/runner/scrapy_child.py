"""Runs one Scrapy spider for one run of an agent, and reports what became of it.

This file stands alone, and is long for that reason: it is started by path, in the folder of the agent's
bundle, with the Python of the agent's own environment, where nothing of Lamplighter may be installed and
Scrapy may be any version from 2.13 on.

It behaves like ``scrapy crawl`` for a project (a ``scrapy.cfg`` in the folder), and otherwise finds the
spider by name in the folder's ``*.py`` files. The project stays as it is: only settings at the priority of
the command line are added, none of them a list of components (those would replace the project's own), and
everything else is observed by signals.

What the environment says: ``LAMPLIGHTER_SPIDER`` (a spider's name), ``LAMPLIGHTER_INPUT`` (a JSON file: an
object, or an array of objects that are crawled one after another), ``LAMPLIGHTER_RECORDS`` (JSON Lines are
appended here), ``LAMPLIGHTER_REPORT`` (the report is written here) and ``LAMPLIGHTER_LOG_LEVEL``.

Choices:

- *The log* goes to standard error, always. A project's own ``LOG_FILE`` is written too, at the same level.
- *Problems* make the run a failure: an end other than ``finished``, an exception of the spider or the
  engine, a failed feed, records that could not be written, a crawl that did not start. *Errors* are only
  counted: every record of the log at ERROR or above, whatever level the log shows. An exception of an item
  pipeline is an error, unless not a single item came through: then it is a problem. So is a crawl whose
  requests all failed, such as one of a site that is down.
- *The reactor* is the project's, or the spider's if its ``custom_settings`` name one.
- *The exit status* is 1 if a crawl could not be started, else 0. The verdict is made from the report.
"""

import os
import sys

if __name__ == "__main__" and os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):  # noqa: PTH120
    # Python put the folder of this file first. Its modules are no business of the spider.
    del sys.path[0]

import asyncio
import base64
import collections.abc
import contextlib
import datetime
import decimal
import difflib
import enum
import importlib
import json
import logging
import math
import numbers
import pathlib
import re
import signal
import traceback
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

import scrapy.crawler
from itemadapter import ItemAdapter, is_item
from scrapy.crawler import Crawler, CrawlerProcess, CrawlerRunner
from scrapy.extensions.feedexport import FeedExporter
from scrapy.http import Request, Response
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings
from scrapy.utils.spider import iter_spider_classes
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from scrapy import Spider, signals

log = logging.getLogger("lamplighter")

ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
LOG_LEVELS = {"fatal": "CRITICAL", "error": "ERROR", "warning": "WARNING", "info": "INFO"}
REPORT_SECONDS = 2.0


class CannotStartError(Exception):
    """The crawl cannot be started; the message is a sentence for the person who reads the run."""


class StoppedError(SystemExit):
    """SIGTERM came before Scrapy was there to handle it."""


# ---- Input: what the spider is told ------------------------------------------------------------------------


def read_rows(path: str | None) -> list[dict[str, Any]]:
    """The input as rows, one crawl each. No input is one row without arguments."""
    try:
        value = json.loads(pathlib.Path(path).read_bytes() or b"null") if path else None
    except (OSError, ValueError) as error:
        raise CannotStartError(f"The input cannot be read: {error}") from error
    rows = value if isinstance(value, list) else [{} if value is None else value]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CannotStartError(f"Row {number} of the input is {json.dumps(row)[:80]}, not a JSON object")
    return rows or [{}]


def spider_arguments(row: dict[str, Any]) -> dict[str, str]:
    """What ``scrapy crawl -a name=value`` gives a spider: every value is a string. Null means "not given"."""
    return {
        name: value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for name, value in row.items()
        if value is not None
    }


# ---- Records: items as lines of JSON -----------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The value in the types of JSON; TypeError for what has no such form."""
    for types, convert in PLAIN_FORMS:
        if isinstance(value, types):
            return convert(value)
    if is_item(value):
        return record_of(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def bytes_text(value: bytes) -> str:
    """Text where the bytes are text, else Base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


PLAIN_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (enum.Enum, lambda value: plain(value.value)),
    ((type(None), bool, str), lambda value: value),
    (numbers.Integral, int),
    (numbers.Real, lambda value: float(value) if math.isfinite(value) else None),  # JSON has no NaN
    ((decimal.Decimal, pathlib.PurePath, uuid.UUID), str),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
    (datetime.timedelta, lambda value: value.total_seconds()),
    (bytes, bytes_text),
    (Request, lambda value: f"<{type(value).__name__} {value.method} {value.url}>"),
    (Response, lambda value: f"<{type(value).__name__} {value.status} {value.url}>"),
    (collections.abc.Mapping, lambda value: {str(key): plain(inner) for key, inner in value.items()}),
    ((list, tuple, collections.deque), lambda value: [plain(inner) for inner in value]),
    # In a fixed order, so that the same page gives the same record.
    (collections.abc.Set, lambda value: sorted((plain(inner) for inner in value), key=str)),
)


def record_of(item: Any) -> dict[str, Any]:
    """The record of an item: its fields as a feed would export them, serializers of the fields included."""
    adapter = ItemAdapter(item)
    record = {}
    for name, value in adapter.items():
        serializer = adapter.get_field_meta(name).get("serializer")
        try:
            record[str(name)] = plain(serializer(value) if serializer else value)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"field {name}: {error}") from error
    return record


class Records:
    """The file that the records of the run are appended to. Every line is whole as soon as it is there."""

    def __init__(self, path: str | None) -> None:
        self._file = open(path, "ab") if path else None  # noqa: PTH123, SIM115 - open until the process ends
        self.count = 0
        self.lost = Tally()

    def add(self, item: Any) -> None:
        """Append one item. One that has no JSON form is an error in the log, not the end of the crawl."""
        try:
            record = record_of(item)
        except Exception as error:  # noqa: BLE001 - a field's serializer is the project's code
            log.error("An item of type %s cannot be recorded: %s", type(item).__name__, error)  # noqa: TRY400
            return
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        try:
            line = text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as broken pages have them
            line = json.dumps(record, separators=(",", ":")).encode()
        self._write(line + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            if self._file:
                self._file.write(line)
                self._file.flush()
        except OSError as error:
            self.lost.add(str(error))
            log.error("A record cannot be written: %s", error)  # noqa: TRY400 - the reason is the file's
            return
        self.count += 1


# ---- Watching: what happens, told in sentences -------------------------------------------------------------


class Tally:
    """How often something happened, and the first few different texts about it."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.texts) < 3 and text not in self.texts:
            self.texts.append(text)

    def sentences(self, label: str) -> list[str]:
        found = [f"{label}: {text}" for text in self.texts]
        if self.count > len(found):
            found.append(f"{label}: {self.count} times in all.")
        return found


def describe(error: BaseException, url: str | None = None) -> str:
    """Type, message and the place in the project's own code, in one line without passwords."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - compared as text
    own = [
        frame for frame in frames if frame.filename.startswith(here) and "site-packages" not in frame.filename
    ]
    if own and not isinstance(error, SyntaxError):  # whose message says where
        text += f" ({own[-1].filename.removeprefix(here)}:{own[-1].lineno} in {own[-1].name})"
    return without_passwords(f"{text} on {url}" if url else text)


def raised(failure: Failure) -> BaseException:
    return failure.value  # type: ignore[return-value] # None only in a failure without an exception


def without_passwords(text: str) -> str:
    return re.sub(r"://[^/@\s]+@", "://…@", text)


class ErrorLog(logging.Handler):
    """Counts the errors of the log, whatever level the log itself shows."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class LossLog(logging.Handler):
    """Notices what Scrapy tells only its log: feeds that failed, exceptions of the engine."""

    LOGGERS = ("scrapy.extensions.feedexport", "scrapy.core.engine", "scrapy.utils.signal")

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
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

    def watch(self, crawler: Crawler) -> None:
        """Signals only: the settings that would add a component replace the project's own."""
        self._crawler = crawler
        for handler, signal_name in (
            (self._item_scraped, signals.item_scraped),
            (self._item_error, signals.item_error),
            (self._spider_error, signals.spider_error),
            (self._spider_closed, signals.spider_closed),
            (self._response_received, signals.response_received),
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


# ---- The report --------------------------------------------------------------------------------------------


def add_stats(total: dict[str, Any], stats: dict[str, Any]) -> None:
    """Add the statistics of one more crawl: numbers are summed (not maxima), others are the latest."""
    for key, value in stats.items():
        known = total.get(key)
        if isinstance(value, int | float) and isinstance(known, int | float):
            total[key] = max(known, value) if "max" in key or key.startswith("memusage/") else known + value
        elif known is None or key != "start_time":
            total[key] = value


def counted(stats: dict[str, Any], prefix: str, label: str) -> list[str]:
    """A sentence for each of the statistics whose name begins so."""
    return [
        f"{label}: {key.removeprefix(prefix)}: {value}"
        for key, value in stats.items()
        if key.startswith(prefix)
    ]


def json_safe(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return str(value)


class Report:
    """The file that tells how it goes; rewritten while the crawl goes, and once more at the end."""

    def __init__(self, path: str | None, records: Records) -> None:
        self._path = path
        self._records = records
        self.crawls: list[Crawl] = []
        self.problems: list[str] = []
        self.errors = ErrorLog(logging.ERROR)
        self.losses = LossLog()

    def listen(self) -> None:
        """To be called when Scrapy has configured logging, which removes the handlers of its loggers."""
        logging.root.addHandler(self.errors)
        for name in LossLog.LOGGERS:
            logging.getLogger(name).addHandler(self.losses)

    def write(self, final: bool = False) -> None:
        """Replace the report in one step: a reader sees the old one or the new one."""
        if not self._path:
            return
        try:
            temporary = pathlib.Path(f"{self._path}.tmp")
            temporary.write_text(json.dumps(self._content(final)), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            log.warning("The report cannot be written: %s", error)

    def _content(self, final: bool) -> dict[str, Any]:
        stats: dict[str, Any] = {}
        for crawl in self.crawls:
            add_stats(stats, crawl.stats())
        return {
            "final": final,
            "finishReason": self._finish_reason() if final else None,
            "problems": self._problems(final, stats),
            "counts": self._counts(stats),
            "stats": {str(key): json_safe(value) for key, value in sorted(stats.items())},
        }

    def _finish_reason(self) -> str | None:
        """The first that is not as it should be; "finished" only if every crawl finished."""
        reasons = [crawl.finish_reason for crawl in self.crawls] or [None]
        return next((reason for reason in reasons if reason != "finished"), "finished")

    def _problems(self, final: bool, stats: dict[str, Any]) -> list[str]:
        found = list(self.problems)
        for number, crawl in enumerate(self.crawls, 1):
            row = f"Row {number}: " if len(self.crawls) > 1 else ""
            found += [row + problem for problem in crawl.problems(final)]
        told = {error for crawl in self.crawls for error in crawl.told}
        found += self.losses.problems(told) + self._records.lost.sentences("A record could not be written")
        # The counts say less than the signals and the log, which a project may have redirected.
        if not any(crawl.spider_errors.count for crawl in self.crawls):
            found += counted(stats, "spider_exceptions/", "The spider raised")
        if not self.losses.feeds.count:
            found += counted(stats, "feedexport/failed_count/", "A feed failed")
        return found

    def _counts(self, stats: dict[str, Any]) -> dict[str, int]:
        """Scrapy's statistics, or what the signals told where a project has switched them off."""
        logged = stats.get("log_count/ERROR", 0) + stats.get("log_count/CRITICAL", 0)
        return {
            "pages": max(stats.get("response_received_count", 0), sum(crawl.pages for crawl in self.crawls)),
            "dynamicPages": stats.get("playwright/page_count", 0),
            "requests": max(
                stats.get("downloader/request_count", 0), sum(crawl.requests for crawl in self.crawls)
            ),
            "errors": max(logged, self.errors.count),
            "traffic": stats.get("downloader/request_bytes", 0) + stats.get("downloader/response_bytes", 0),
            "records": self._records.count,
        }


# ---- Finding the spider ------------------------------------------------------------------------------------


def find_spider(name: str, settings: Settings, in_project: bool) -> type[Spider]:
    """The spider's class, or CannotStartError that names the spiders there are."""
    if not name:
        raise CannotStartError("LAMPLIGHTER_SPIDER does not name a spider.")
    if not in_project:
        return find_in_files(name, pathlib.Path.cwd())
    # A runner only for its loader: which process to make depends on the spider. 2.13 has one kind.
    runner = getattr(scrapy.crawler, "AsyncCrawlerRunner", CrawlerRunner)(settings.copy())
    try:
        spider: type[Spider] = runner.spider_loader.load(name)
    except KeyError:
        raise unknown_spider(name, runner.spider_loader.list(), []) from None
    return spider


def find_in_files(name: str, folder: pathlib.Path) -> type[Spider]:
    """Look first where the name is written, so that the folder's other scripts are not run by an import."""
    sources = {path: path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.py")}
    found: dict[str, type[Spider]] = {}
    broken = []
    for path in sorted(sources, key=lambda path: (name not in sources[path], path)):
        if "spider" not in sources[path].lower():
            continue
        try:
            module = importlib.import_module(path.stem)
        except StoppedError:
            raise
        except (Exception, SystemExit) as error:
            log.warning("%s cannot be imported", path.name, exc_info=True)
            broken.append(f"{path.name} cannot be imported: {describe(error)}.")
            continue
        found.update((spider.name, spider) for spider in iter_spider_classes(module))
        if name in found:
            return found[name]
    raise unknown_spider(name, list(found), broken)


def unknown_spider(name: str, known: list[str], broken: list[str]) -> CannotStartError:
    close = difflib.get_close_matches(name, known, 1)
    sentences = [
        f"There is no spider named {name!r}.",
        f"Did you mean {close[0]!r}?" if close else "",
        f"The spiders here are: {', '.join(sorted(known))}."
        if known
        else "No spider was found in this folder.",
        *broken,
    ]
    return CannotStartError(" ".join(filter(None, sentences)))


# ---- Crawling ----------------------------------------------------------------------------------------------


def forced_settings() -> dict[str, Any]:
    """All that is set for the project; no server of its own may listen."""
    level = LOG_LEVELS.get(os.environ.get("LAMPLIGHTER_LOG_LEVEL", "").lower())
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


def keep_log_file(settings: Settings, level: str) -> None:
    """Go on writing the project's LOG_FILE, which somebody may read; Scrapy now logs to standard error."""
    try:
        mode = "a" if settings.getbool("LOG_FILE_APPEND") else "w"
        handler = logging.FileHandler(settings["LOG_FILE"], mode, settings["LOG_ENCODING"])
    except OSError as error:
        log.warning("The project's LOG_FILE cannot be written: %s", error)
        return
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(settings["LOG_FORMAT"], settings["LOG_DATEFORMAT"]))
    logging.root.addHandler(handler)


class Run:
    """One run: every row of the input is crawled, one after another, until one of them is stopped."""

    def __init__(self) -> None:
        self._records = Records(os.environ.get("LAMPLIGHTER_RECORDS"))
        self.report = Report(os.environ.get("LAMPLIGHTER_REPORT"), self._records)
        self._ticking = False

    def start(self) -> None:
        """Returns when everything is over."""
        rows = read_rows(os.environ.get("LAMPLIGHTER_INPUT"))
        sys.path.insert(0, str(pathlib.Path.cwd()))
        in_project = pathlib.Path("scrapy.cfg").is_file()
        settings = get_project_settings() if in_project else Settings()
        spider = find_spider(os.environ.get("LAMPLIGHTER_SPIDER", ""), settings, in_project)
        own = settings.copy()
        spider.update_settings(own)
        settings.setdict(forced_settings(), priority="cmdline")
        process = make_process(settings, own)
        if own["LOG_FILE"]:
            keep_log_file(own, settings["LOG_LEVEL"])
        self.report.listen()
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
            crawl = Crawl(self._records)
            self.report.crawls.append(crawl)
            try:
                # The first to get this far installs the reactor: a crawl that fails in its spider does not.
                crawler = Crawler(spider, process.settings, "twisted.internet.reactor" not in sys.modules)
                crawl.watch(crawler)
                crawler.signals.connect(self._keep_reporting, signal=signals.engine_started)
                await process.crawl(crawler, **spider_arguments(row))
            except (Exception, SystemExit) as error:  # the project's code may raise anything
                log.error("The crawl could not start", exc_info=True)
                crawl.start_error = describe(error)
                if isinstance(error, StoppedError):
                    return
            finally:
                crawl.let_go()
            if crawl.finish_reason == "shutdown":
                return

    def _keep_reporting(self) -> None:
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

    def started(self) -> bool:
        return bool(self.report.crawls) and not any(crawl.start_error for crawl in self.report.crawls)


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
    finally:
        run.report.write(final=True)
    return 0 if run.started() else 1


if __name__ == "__main__":
    sys.exit(main())
