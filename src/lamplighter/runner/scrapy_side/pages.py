"""Keeps pages for people: snapshots when the log mode asks for them, the failing page always."""

import weakref

from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from twisted.python.failure import Failure

from scrapy import signals

from ...agent import SNAPSHOT_BYTES, Snapshots, without_passwords
from .answers import wall_in
from .bodies import text_of
from .evidence import Evidence
from .problems import raised


class Pages:
    """Sees the pages of all crawls of the run; ``snapshots`` None keeps none of them.

    What retries and the like hide afterwards is seen when it was downloaded; the other pages as the spider gets
    them.
    """

    def __init__(self, snapshots: Snapshots | None, evidence: Evidence) -> None:
        self._snapshots = snapshots
        self._evidence = evidence
        self._kept: weakref.WeakKeyDictionary[Request, str] = weakref.WeakKeyDictionary()

    def watch(self, crawler: Crawler) -> None:
        """To be called before the crawl starts."""
        for handler, name in (
            (self._downloaded, signals.response_downloaded),
            (self._received, signals.response_received),
            (self._spider_error, signals.spider_error),
            (self._item_error, signals.item_error),
            (self._item_dropped, signals.item_dropped),
        ):
            crawler.signals.connect(handler, signal=name)

    def _downloaded(self, response: Response, request: Request) -> None:
        if response.status < 400:
            return
        if not is_robots(request):  # a site without one is nothing special
            self._evidence.failed(response)
            wall = wall_in(response)
            if wall:
                self._evidence.answers.walled(wall, response, request)
        self._keep(response, request, "error", f"{_named(request)} answered {response.status}")

    def _received(self, response: Response, request: Request) -> None:
        if response.status >= 400 or is_robots(request):
            return
        told = f"{_named(request)} answered {response.status}"
        wall = wall_in(response)
        if wall:
            self._evidence.failed(response)
            self._evidence.answers.walled(wall, response, request)
            self._keep(response, request, "error", f"{told} with {wall}")
        else:
            self._evidence.loaded(response)
            self._keep(response, request, "first", told)

    def _spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        """``response`` is a failure when an errback raised, and None when the start did."""
        error = raised(failure)
        if isinstance(response, Failure):  # of a response that was not good enough, maybe
            response = getattr(raised(response), "response", None)
        if not isinstance(response, Response):
            request = getattr(response, "request", None)
            self._evidence.raised(error, getattr(request, "url", None))
            return
        self._evidence.raised(error, response.url, response)
        text = without_passwords(f"{type(error).__name__}: {' '.join(str(error).split())}")[:200]
        request = response.request
        name = self._kept.get(request) if request else None
        if self._snapshots and name:
            self._snapshots.tell(f"snapshots/{name}: {text}")
        elif request:
            self._keep(response, request, "error", f"{text} on {_named(request)}")

    def _item_error(self, failure: Failure, response: Response | None) -> None:
        self._evidence.raised(raised(failure), response.url if response else None)
        self._item_dropped(response)

    def _item_dropped(self, response: Response | None) -> None:
        if isinstance(response, Response):
            self._evidence.failed(response)

    def _keep(self, response: Response, request: Request, kind: str, told: str) -> None:
        if self._snapshots is None or not self._snapshots.has_room(kind):
            return
        text = text_of(response, SNAPSHOT_BYTES)
        if text is not None:
            name = self._snapshots.keep(text, kind, told, url=request.url, status=response.status)
            if name:
                self._kept[request] = name


def is_robots(request: Request) -> bool:
    """Whether somebody asks what robots may do, and not for a page."""
    return request.url.endswith("/robots.txt")


def _named(request: Request) -> str:
    return f"{request.method} {without_passwords(request.url)[:500]}"
