"""Puts a proxy on every request that has none of its own, and sees what becomes of it.

It happens when a request reaches the downloader: after all middlewares, for the requests of ``robots.txt`` and of
media pipelines too, and too late to be stored with a job. When the request leaves the downloader, everything of
ours is taken off again: copies for a retry, items and caches never have it.
"""

import base64
import collections
import time
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.settings import Settings

from scrapy import signals

from .accounts import Accounts
from .blame import Blame, Doubts, of_exception, of_status
from .bridge import Bridge, needs_bridge
from .plan import Plan, Proxy
from .refusals import CredentialsRefusedError, Refusals
from .rotation import ALL_HOSTS, Rotation

REMEMBERED_FAILURES = 1000
request_failed = object()  # a signal
# A signal that asks: None, or whether a request that was refused is to be made again.
request_refused = object()


class FailedRequests:
    """A downloader middleware that tells why a request failed, which no signal of Scrapy does.

    It stands among Scrapy's own middlewares, nearest to the downloader. All that it changes is what becomes of a
    request whose proxy refuses the credentials, which Scrapy would take for a page: it is made again.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "FailedRequests":
        """As Scrapy makes its components."""
        return cls(crawler)

    def process_response(
        self, request: Request, response: Response, spider: Any = None
    ) -> Response | Request:
        """The response, if it is none of a proxy that refuses the credentials."""
        return self._again(request) or response

    def process_exception(self, request: Request, exception: Exception, spider: Any = None) -> Request | None:
        """Tell it to who connected; a request is to be made in the place of this one."""
        self._crawler.signals.send_catch_log(request_failed, request=request, exception=exception)
        return self._again(request)

    def _again(self, request: Request) -> Request | None:
        """None when its proxy let it pass; CredentialsRefusedError when there is no other proxy to try."""
        told = self._crawler.signals.send_catch_log(request_refused, request=request)
        answers = [answer for _, answer in told if answer is not None]
        if not answers:
            return None
        if True not in answers:
            raise CredentialsRefusedError("the proxy refuses the credentials")
        again = request.copy()
        again.dont_filter = True
        return again


@dataclass(frozen=True, slots=True)
class _Use:
    proxy: Proxy
    host: str
    began: float
    size: int
    is_browser: bool


class Proxies:
    """The proxies of the run, over all of its crawls."""

    def __init__(self, plan: Plan) -> None:
        self._rotation = Rotation(plan, time.monotonic())
        self._bridge = Bridge([proxy for proxy in plan.proxies if needs_bridge(proxy)])
        self._accounts = Accounts()
        self._doubts = Doubts()
        self._uses: dict[Request, _Use] = {}
        self._refusals = Refusals(len(plan.proxies))
        self._refused: dict[Request, bool] = {}  # whether it is to be made again
        self._failed: collections.OrderedDict[tuple[str, str], int] = collections.OrderedDict()
        self._of_environment = _addresses_of_environment()
        self._has_browser = False
        self._of_browser: Proxy | None = None
        self._encoding = "latin-1"

    def settings(self, own: Settings) -> dict[str, Any]:
        """What is to be set for the project, whose settings, with those of the spider, are ``own``."""
        self._bridge.start()
        self._encoding = own["HTTPPROXY_AUTH_ENCODING"] or "latin-1"
        base = dict(own["DOWNLOADER_MIDDLEWARES_BASE"]) | {FailedRequests: 100_000}
        return {"DOWNLOADER_MIDDLEWARES_BASE": base} | self._browser_settings(own)

    def _browser_settings(self, own: Settings) -> dict[str, Any]:
        """scrapy-playwright knows the proxy of a browser, not that of a request."""
        handlers = own.getwithbase("DOWNLOAD_HANDLERS").values()
        if not any("scrapy_playwright" in str(handler) for handler in handlers):
            return {}
        self._has_browser = True
        options = own.getdict("PLAYWRIGHT_LAUNCH_OPTIONS")
        if "proxy" in options:
            return {}
        self._of_browser = self._rotation.choose(ALL_HOSTS, time.monotonic())
        proxy = self._bridge.instead_of(self._of_browser)
        given = {"server": proxy.address, "username": proxy.username, "password": proxy.password}
        options["proxy"] = {name: value for name, value in given.items() if value}
        return {"PLAYWRIGHT_LAUNCH_OPTIONS": options}

    def watch(self, crawler: Crawler) -> None:
        """To be called before the crawl starts."""
        for handler, name in (
            (self._reached, signals.request_reached_downloader),
            (self._downloaded, signals.response_downloaded),
            (self._left, signals.request_left_downloader),
            (self._raised, request_failed),
            (self._was_refused, request_refused),
        ):
            crawler.signals.connect(handler, signal=name)

    def told(self) -> list[dict[str, Any]]:
        """How each proxy did so far, in the form of the report."""
        return self._accounts.told()

    def problems(self) -> list[str]:
        """What was lost because of the proxies themselves, in sentences."""
        return self._refusals.problems()

    def close(self) -> None:
        """When the run is over."""
        self._bridge.close()

    # --- on the way of a request ---

    def _reached(self, request: Request) -> None:
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        if request.meta.get("playwright") and self._has_browser:
            self._reached_browser(request, host)
            return
        if parts.scheme not in ("http", "https") or self._has_own(request):
            return
        # What the project wants to reach directly: Scrapy obeys the same variable.
        if urllib.request.proxy_bypass(host):
            return
        page = (request.method, request.url)
        proxy = self._rotation.choose(host, time.monotonic(), self._failed.get(page), self._refusals.of(page))
        self._uses[request] = _Use(proxy, host, time.monotonic(), _size(request), False)
        self._put(request, self._bridge.instead_of(proxy))

    def _reached_browser(self, request: Request, host: str) -> None:
        """The browser has its proxy already; the site would see every header of the request."""
        if not self._has_own(request):
            _take_off(request)
        if self._of_browser and "proxy" not in (request.meta.get("playwright_context_kwargs") or {}):
            self._uses[request] = _Use(self._of_browser, host, time.monotonic(), _size(request), True)

    def _has_own(self, request: Request) -> bool:
        """A proxy, or None for no proxy, that the project has set; Scrapy's from the environment is none."""
        if "proxy" not in request.meta:
            return False
        from_environment = request.meta.get("_scheme_proxy") and request.meta["proxy"] in self._of_environment
        return not from_environment

    def _put(self, request: Request, proxy: Proxy) -> None:
        _take_off(request)
        request.meta["proxy"] = proxy.address
        if proxy.username or proxy.password:
            credentials = f"{proxy.username}:{proxy.password}"
            try:
                known = credentials.encode(self._encoding)
            except UnicodeEncodeError:
                known = credentials.encode()
            request.headers[b"Proxy-Authorization"] = b"Basic " + base64.b64encode(known)

    def _downloaded(self, response: Response, request: Request) -> None:
        use = self._uses.pop(request, None)
        if use is None:
            return
        self._doubts.answered(use.proxy.id)
        traffic = use.size + _size(response)
        tunnelled = request.url.startswith("https:") or not use.proxy.scheme.startswith("http")
        blame = of_status(response.status, speaks_http=not tunnelled)
        if blame and blame.refuses:
            self._note_refusal(request, use)
        else:
            self._refusals.forget((request.method, request.url))
        if blame:
            self._blame(use, blame, traffic)
        else:
            self._rotation.succeed(use.proxy, use.host)
            self._accounts.succeed(use.proxy.id, use.host, traffic)
        if response.status >= 400:
            self._remember(request, use.proxy)
        else:
            self._failed.pop((request.method, request.url), None)
        if not use.is_browser:
            _take_off(request)

    def _left(self, request: Request) -> None:
        """In both cases; when it failed, the reason comes after this."""
        use = self._uses.get(request)
        if use and not use.is_browser:
            _take_off(request)

    def _raised(self, request: Request, exception: Exception) -> None:
        use = self._uses.pop(request, None)
        if use is None:
            return
        self._remember(request, use.proxy)
        blame = self._bridge.reason(use.proxy, use.host) or of_exception(exception)
        if blame and blame.refuses:
            self._note_refusal(request, use)
        if blame:
            self._blame(use, blame, use.size)
        else:
            self._accounts.succeed(use.proxy.id, use.host, use.size)

    def _note_refusal(self, request: Request, use: _Use) -> None:
        """The middleware asks for it next. A browser has no other proxy."""
        page = (request.method, request.url)
        self._refused[request] = self._refusals.refused(page, use.proxy, is_last=use.is_browser)

    def _was_refused(self, request: Request) -> bool | None:
        """Told once."""
        return self._refused.pop(request, None)

    def _blame(self, use: _Use, blame: Blame, traffic: int) -> None:
        at_proxy = blame.at_proxy
        if at_proxy is None:
            at_proxy = self._doubts.at_proxy(use.proxy.id, use.host)
        self._rotation.fail(use.proxy, ALL_HOSTS if at_proxy else use.host, use.began, time.monotonic())
        self._accounts.fail(use.proxy.id, use.host, traffic, blame.error, at_proxy)

    def _remember(self, request: Request, proxy: Proxy) -> None:
        """The next try for the same page goes another way, whoever makes it."""
        self._failed[request.method, request.url] = proxy.id
        if len(self._failed) > REMEMBERED_FAILURES:
            self._failed.popitem(last=False)


def _addresses_of_environment() -> set[str]:
    """The proxies of the environment in the form in which Scrapy puts them on a request."""
    found = set()
    for kind, url in urllib.request.getproxies().items():
        scheme, _, rest = url.rpartition("://")
        found.add(f"{scheme or kind}://{rest.rpartition('@')[2].partition('/')[0]}")
    return found


def _take_off(request: Request) -> None:
    """What a proxy means on a request, Scrapy's own notes included."""
    for name in ("proxy", "_auth_proxy", "_scheme_proxy"):
        request.meta.pop(name, None)
    request.headers.pop(b"Proxy-Authorization", None)


def _size(message: Request | Response) -> int:
    """About how many bytes it takes on the wire: its lines, headers and body."""
    headers = sum(len(name) + len(value) + 4 for name, values in message.headers.items() for value in values)
    return len(message.url) + headers + len(message.body) + 20
