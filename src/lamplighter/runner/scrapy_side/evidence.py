"""What explains a failure: exceptions with their source lines, and the page on which it failed."""

import logging
import pathlib
from typing import Any

from scrapy.http import Response

from ...agent import SNAPSHOT_BYTES, exception_entry, page_bytes
from .answers import Answers
from .bodies import text_of

PAGE = "failing-page.html"
MOST_EXCEPTIONS = 5
log = logging.getLogger("lamplighter")


class Evidence:
    """The evidence of the run, over all of its crawls; ``folder`` None keeps no page."""

    def __init__(self, folder: str | None) -> None:
        self._folder = pathlib.Path(folder) if folder else None
        self._entries: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._last: BaseException | None = None
        self._has_page = False
        self._page: Response | None = None
        self._loaded: Response | None = None
        self._has_one = False  # of any kind
        self.answers = Answers()

    def raised(self, error: BaseException, url: str | None = None, page: Response | None = None) -> None:
        """An exception, and the page on which it happened: the first such page is what failed."""
        if error is self._last:  # Scrapy tells some of them twice
            return
        self._last = error
        entry = exception_entry(error, url)
        place = [(frame["file"], frame["line"]) for frame in entry["traceback"][:1]]
        key = (entry["type"], *(place or [entry["message"]]))
        if key in self._entries:
            self._entries[key]["count"] += 1
        elif len(self._entries) < MOST_EXCEPTIONS:
            self._entries[key] = entry
            if page is not None and not self._has_page and self._write(page):
                self._has_page, self._page = True, None
                entry["page"] = PAGE

    def failed(self, page: Response) -> None:
        """A page that went wrong without an exception of the spider: the last one counts, if there is no other."""
        if self._folder and not self._has_page:
            self._page = page

    def loaded(self, page: Response) -> None:
        """A page on which nothing is wrong; the last one tells why no record came, if none did."""
        if self._folder:
            self._loaded = page

    def flush(self, *, in_vain: bool = False) -> None:
        """Write what is not written yet. ``in_vain``: it is over, and no record came."""
        if self._page is not None:
            self._has_one = self._write(self._page)
            self._page = None
        elif in_vain and self._loaded is not None and not self._has_page and not self._has_one:
            self._write(self._loaded)

    def told(self) -> list[dict[str, Any]]:
        """The exceptions in the form of the report, in the order in which they came."""
        return list(self._entries.values())

    def _write(self, page: Response) -> bool:
        text = text_of(page, SNAPSHOT_BYTES)
        if self._folder is None or text is None:
            return False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = self._folder / f".{PAGE}"
            temporary.write_bytes(page_bytes(text, page.url, page.status))
            temporary.replace(self._folder / PAGE)
        except OSError as error:
            log.warning("The failing page cannot be kept: %s", error)
            return False
        return True
