"""The log: always on standard error, at the level of the run."""

import logging
import sys
from collections.abc import Callable, Iterator

from scrapy.settings import Settings

log = logging.getLogger("lamplighter")


def keep_log_file(settings: Settings, level: str) -> None:
    """Go on writing the project's LOG_FILE, which somebody may read; Scrapy now logs to standard error."""
    try:
        mode = "a" if settings.getbool("LOG_FILE_APPEND") else "w"
        handler = logging.FileHandler(settings["LOG_FILE"], mode, settings["LOG_ENCODING"])
    except OSError as error:
        log.warning("The project's LOG_FILE cannot be written: %s", error)
        return
    handler.setLevel(level)
    handler.setFormatter(_formatter(settings))
    logging.root.addHandler(handler)


class LevelKeeper(logging.Handler):
    """Makes handlers of the project that write to standard output or error, and so to the log, obey its level.

    A project may add them at any time, when its modules are imported as well as in an add-on or an extension. So
    this handler goes before the others and looks at them with every record.
    """

    def __init__(self, level: str) -> None:
        super().__init__()
        self._least = logging.getLevelNamesMapping()[level]

    def install(self) -> None:
        """Go before all other handlers, also those that have come in the meantime."""
        handlers = logging.root.handlers
        if handlers[:1] != [self]:
            logging.root.removeHandler(self)
            handlers.insert(0, self)
        self.look()

    def emit(self, record: logging.LogRecord) -> None:
        """Before anybody writes it; when nobody does, as before Scrapy has set up its log, in the way of Python."""
        self.look()
        if (
            logging.root.handlers == [self]
            and logging.lastResort
            and record.levelno >= logging.lastResort.level
        ):
            logging.lastResort.handle(record)

    def look(self) -> None:
        """At all handlers that there are."""
        streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        for handler in _handlers():
            if (
                handler.level < self._least
                and isinstance(handler, logging.StreamHandler)
                and any(handler.stream is stream for stream in streams)
            ):
                handler.setLevel(self._least)


def _handlers() -> Iterator[logging.Handler]:
    yield from logging.root.handlers
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield from logger.handlers


def line_writer(settings: Settings) -> Callable[[str], None]:
    """Writes lines that look as those of the log at INFO, and are there whatever its level is."""
    formatter = _formatter(settings)

    def write(text: str) -> None:
        record = logging.LogRecord("lamplighter", logging.INFO, __file__, 0, text, None, None)
        sys.stderr.write(formatter.format(record) + "\n")
        sys.stderr.flush()

    return write


def _formatter(settings: Settings) -> logging.Formatter:
    return logging.Formatter(settings["LOG_FORMAT"], settings["LOG_DATEFORMAT"])
