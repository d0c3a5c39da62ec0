"""Finding the spider by its name."""

import difflib
import importlib
import logging
import pathlib

import scrapy.crawler
from scrapy.crawler import CrawlerRunner
from scrapy.settings import Settings
from scrapy.utils.spider import iter_spider_classes

from scrapy import Spider

from .problems import CannotStartError, StoppedError, describe

log = logging.getLogger("lamplighter")


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
