"""Proxies that refuse our credentials: which ones a page has tried, and what was given up for that."""

from collections import Counter, OrderedDict

from .plan import Proxy

MOST_TRIES = 5
REMEMBERED_PAGES = 1000
Page = tuple[str, str]  # method and address


class CredentialsRefusedError(Exception):
    """In the place of a page: the proxies that were tried refuse the credentials."""


class Refusals:
    """Those of a run with so many proxies. Each try for a page goes to a proxy that it has not tried."""

    def __init__(self, proxies: int) -> None:
        self._tries = min(proxies, MOST_TRIES)
        self._of_pages: OrderedDict[Page, set[int]] = OrderedDict()
        self._given_up: Counter[str] = Counter()
        self._addresses: dict[int, str] = {}

    def of(self, page: Page) -> frozenset[int]:
        """The ids of the proxies that have refused while the page was asked for."""
        return frozenset(self._of_pages.get(page, ()))

    def refused(self, page: Page, proxy: Proxy, *, is_last: bool = False) -> bool:
        """One more; returns whether another proxy is to be tried. ``is_last``: there is no other for the page."""
        self._addresses[proxy.id] = proxy.address
        tried = self._of_pages.setdefault(page, set())
        tried.add(proxy.id)
        if len(tried) < self._tries and not is_last:
            if len(self._of_pages) > REMEMBERED_PAGES:
                self._of_pages.popitem(last=False)
            return True
        del self._of_pages[page]
        self._given_up[", ".join(self._addresses[one] for one in sorted(tried))] += 1
        return False

    def forget(self, page: Page) -> None:
        """A proxy has let the page's request pass."""
        self._of_pages.pop(page, None)

    def problems(self) -> list[str]:
        """What was lost for it, in sentences; an address never shows credentials."""
        lost = sum(self._given_up.values())
        if not lost:
            return []
        addresses = ", or ".join(list(self._given_up)[:3])
        requests = "1 request was" if lost == 1 else f"{lost} requests were"
        return [f"{requests} given up because the proxy refuses the credentials: {addresses}"]
