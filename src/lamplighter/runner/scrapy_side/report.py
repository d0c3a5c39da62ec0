"""The report of the run: what the server reads of it, while it goes and at its end."""

import json
import logging
import pathlib
from collections import Counter
from typing import Any

from .evidence import Evidence
from .proxies.requests import Proxies
from .records import Records, plain
from .watching import Crawl, ErrorLog, LossLog

log = logging.getLogger("lamplighter")


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

    def __init__(self, path: str | None, records: Records, evidence: Evidence) -> None:
        self._path = path
        self._records = records
        self._evidence = evidence
        self.proxies: Proxies | None = None
        self.crawls: list[Crawl] = []
        self.problems: list[str] = []
        self.errors = ErrorLog(logging.ERROR)
        self.losses = LossLog(evidence)

    def listen(self) -> None:
        """To be called when Scrapy has configured logging, which removes the handlers of its loggers."""
        logging.root.addHandler(self.errors)
        for name in LossLog.LOGGERS:
            logging.getLogger(name).addHandler(self.losses)

    def write(self, final: bool = False) -> None:
        """Replace the report in one step: a reader sees the old one or the new one."""
        content = self._content(final)
        self._evidence.flush(in_vain=final and not self._records.count)
        if not self._path:
            return
        try:
            temporary = pathlib.Path(f"{self._path}.tmp")
            temporary.write_text(json.dumps(content), encoding="utf-8")
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
            "statuses": dict(sum((crawl.statuses for crawl in self.crawls), Counter[str]())),
            **self._evidence.answers.told(),
            "exceptions": self._evidence.told(),
            "proxies": self.proxies.told() if self.proxies else [],
        }

    def _finish_reason(self) -> str | None:
        """The first that is not as it should be; "finished" only if every crawl finished."""
        reasons = [crawl.finish_reason for crawl in self.crawls] or [None]
        return next((reason for reason in reasons if reason != "finished"), "finished")

    def _problems(self, final: bool, stats: dict[str, Any]) -> list[str]:
        found = list(self.problems)
        ends: list[str] = []
        for number, crawl in enumerate(self.crawls, 1):
            row = f"Row {number}: " if len(self.crawls) > 1 else ""
            found += [row + problem for problem in crawl.problems(final)]
            ends += [row + problem for problem in crawl.bad_ends()]
        told = {error for crawl in self.crawls for error in crawl.told}
        found += self.losses.problems(told) + self._records.lost.sentences("A record could not be written")
        # The counts say less than the signals and the log, which a project may have redirected.
        if not any(crawl.spider_errors.count for crawl in self.crawls):
            found += counted(stats, "spider_exceptions/", "The spider raised")
        if not self.losses.feeds.count:
            found += counted(stats, "feedexport/failed_count/", "A feed failed")
        if self.proxies:
            found += self.proxies.problems()
        return found + ends  # what an end is called comes last: most often it says less than the rest

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
