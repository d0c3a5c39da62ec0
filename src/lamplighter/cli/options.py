"""Options that several commands have in common, written once.

A command that is decorated with ``takes(Kind)`` has, beside its own parameters, one option for each field of the
dataclass ``Kind``, and gets them as one value in its parameter ``options``.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from lamplighter.cli.session import keep_said, the_group, the_pool
from lamplighter.cli.times import parse_every, parse_moment, parse_seconds, zone_of
from lamplighter.client import Client
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput

Command = Callable[..., None]


def takes(kind: type[Any]) -> Callable[[Command], Command]:
    """Give a command the options that are the fields of ``kind``."""

    def decorate(command: Command) -> Command:
        own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]
        hints = get_type_hints(kind, include_extras=True)
        common = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hints[field.name]
            )
            for field in dataclasses.fields(kind)
        ]

        @wraps(command)
        def with_options(**given: Any) -> None:
            options = kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
            command(options=options, **given)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + common
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
        with_options.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_options

    return decorate


class Export(StrEnum):
    """One export for a parallel set, or one a run."""

    COMBINED = "Combined"
    SEPARATED = "Separated"


class LogLevel(StrEnum):
    """The least severity an agent logs."""

    FATAL = "Fatal"
    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"


class LogMode(StrEnum):
    """Whether pages are kept beside the log."""

    TEXT = "Text"
    TEXT_AND_HTML = "TextAndHtml"


class CatchUp(StrEnum):
    """What happens to missed due times."""

    LATEST = "latest"
    NONE = "none"
    ALL = "all"


class Gap(StrEnum):
    """What happens to a wall time that the clocks jump over."""

    AFTER = "after"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens to a wall time that exists twice."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


def option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002 - as Typer calls it
    """An option that is only sent when it is given: its help shows no default."""
    return typer.Option(*names, help=help, show_default=False, **more)


def _choice(*names: str, help: str) -> Any:  # noqa: A002 - as Typer calls it
    return option(*names, help=help, case_sensitive=False)


@dataclass(frozen=True)
class RunOptions:
    """How runs behave; a schedule keeps the same settings for every fire."""

    input: Annotated[
        str | None,
        option(
            "--input", "-i", metavar="JSON", help="Input: a JSON object or array, or @FILE, or - to read it."
        ),
    ]
    parallelism: Annotated[int | None, option("--parallelism", help="Split the input into this many runs.")]
    max_concurrency: Annotated[
        int | None, option("--max-concurrency", help="Of those, at most this many at the same time.")
    ]
    export: Annotated[Export | None, _choice("--export", help="One export for the set, or one for each run.")]
    proxy_pool: Annotated[
        str | None,
        option("--proxy-pool", metavar="POOL", help="Go through the proxies of this pool; or: none."),
    ]
    server_group: Annotated[
        str | None,
        option("--server-group", metavar="GROUP", help="Only on servers of this group; or: none."),
    ]
    log_level: Annotated[LogLevel | None, _choice("--log-level", help="Least severity that is logged.")]
    log_mode: Annotated[LogMode | None, _choice("--log-mode", help="Text, or text and the pages.")]
    exclusive: Annotated[
        bool | None,
        option("--exclusive/--not-exclusive", help="Never two runs of the agent at the same time."),
    ]
    wait_on_failure: Annotated[
        bool | None,
        option("--wait-on-failure/--no-wait-on-failure", help="Wait before a failed run is retried."),
    ]
    max_retries: Annotated[int | None, option("--max-retries", help="How often a failed run is tried again.")]
    retry_delay: Annotated[
        str | None, option("--retry-delay", metavar="TIME", help="Wait before the first retry, such as 90s.")
    ]
    timeout: Annotated[
        str | None, option("--timeout", metavar="TIME", help="End a run after this long, such as 30m or 2h.")
    ]
    priority: Annotated[int | None, option("--priority", help="Higher goes first; 0 when not said.")]

    def settings(self, client: Client) -> dict[str, Any]:
        """The settings that were given, as the API names them; ``client`` finds what is given by its name."""
        return keep_said(
            inputParameters=read_input(self.input),
            parallelism=self.parallelism,
            parallelMaxConcurrency=self.max_concurrency,
            parallelExport=self.export,
            proxyPoolId=_id_of(self.proxy_pool, lambda word: the_pool(client, word)["id"]),
            serverGroupId=_id_of(self.server_group, lambda word: the_group(client, word)["id"]),
            logLevel=self.log_level,
            logMode=self.log_mode,
            isExclusive=self.exclusive,
            isWaitOnFailure=self.wait_on_failure,
            maxRetries=self.max_retries,
            retryDelaySeconds=_seconds(self.retry_delay, "--retry-delay"),
            timeoutSeconds=_seconds(self.timeout, "--timeout"),
            priority=self.priority,
        )


@dataclass(frozen=True)
class TimingOptions:
    """When a schedule is due."""

    cron: Annotated[
        str | None,
        option(
            "--cron", metavar="TEXT", help="Minute hour day month weekday, such as '0 9 * * 1-5', or @daily."
        ),
    ]
    every: Annotated[
        str | None, option("--every", metavar="TEXT", help="Such as '30 minutes', 2h, '1 month'.")
    ]
    at: Annotated[
        str | None,
        option("--at", metavar="TIME", help="Once, such as '2026-12-01 9:00' or 'tomorrow 9:00'."),
    ]
    manual: Annotated[bool | None, option("--manual", help="Never by itself; `schedule run` works.")]
    timezone: Annotated[
        str | None, option("--timezone", "--tz", help="IANA name such as Europe/Berlin. Default: UTC.")
    ]
    start: Annotated[
        str | None, option("--start", metavar="TIME", help="First run of --every; not before, for --cron.")
    ]
    end: Annotated[str | None, option("--end", metavar="TIME", help="No fire after this time.")]
    exclude: Annotated[
        list[str] | None, option("--exclude", metavar="DATE", help="A day without fires; may be repeated.")
    ]
    jitter: Annotated[
        str | None, option("--jitter", metavar="TIME", help="Spread fires over up to this long, such as 5m.")
    ]
    catch_up: Annotated[
        CatchUp | None, _choice("--catch-up", help="Which missed fires are made up for. Default: the latest.")
    ]
    catch_up_window: Annotated[
        str | None,
        option("--catch-up-window", metavar="TIME", help="Not those older than this. Default: 24h."),
    ]
    dst_gap: Annotated[Gap | None, _choice("--dst-gap", help="When clocks jump over a due time.")]
    dst_overlap: Annotated[Overlap | None, _choice("--dst-overlap", help="When a due time exists twice.")]

    def trigger_given(self) -> bool:
        """Whether a trigger was said; InvalidInput when there were several."""
        given = [name for name in ("cron", "every", "at", "manual") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidInput.of("", f"--{given[0]} and --{given[1]} exclude each other: give one of them")
        if self.at is not None and self.start is not None:
            raise InvalidInput.of("--start", "has no meaning with --at, which is the only run")
        return bool(given)

    def words(self) -> str:
        """The trigger in a few words."""
        if self.every is not None:
            return f"every {self.every}"
        return self.cron or ("once" if self.at is not None else "by hand")

    def timing(self, timezone: str | None = None) -> dict[str, Any]:
        """The timing that was given, as the API names it; times are read in the schedule's zone."""
        self.trigger_given()
        zone, now = zone_of(self.timezone or timezone or "UTC"), SystemClock().now()

        def moment(text: str | None, field: str) -> str | None:
            return None if text is None else parse_moment(text, zone, now, field)

        count, period = (None, None) if self.every is None else parse_every(self.every, "--every")
        return keep_said(
            scheduleType=self._type(),
            cronExpression=self.cron,
            runEveryCount=count,
            runEveryPeriod=period,
            timezone=self.timezone,
            startTime=moment(self.at, "--at") or moment(self.start, "--start"),
            endTime=moment(self.end, "--end"),
            excludedDates=_dates(self.exclude),
            jitterSeconds=_seconds(self.jitter, "--jitter"),
            catchUp=self.catch_up,
            catchUpWindowSeconds=_seconds(self.catch_up_window, "--catch-up-window"),
            dstGap=self.dst_gap,
            dstOverlap=self.dst_overlap,
        )

    def _type(self) -> int | None:
        triggers = (self.manual, self.at, self.every, self.cron)
        return next((number for number, given in enumerate(triggers) if given is not None), None)


@dataclass(frozen=True)
class ScheduleOptions(RunOptions, TimingOptions):
    """All settings of a schedule but its name."""

    def body(self, client: Client, timezone: str | None = None) -> dict[str, Any]:
        """What was given, as the API names it."""
        return self.timing(timezone) | self.settings(client)


def _id_of(word: str | None, find: Callable[[str], int]) -> int | None:
    """The id of what ``word`` names; 0, which the API takes for "none", for that word."""
    if word is None:
        return None
    return 0 if word.lower() == "none" else find(word)


def _seconds(text: str | None, field: str) -> int | None:
    return None if text is None else parse_seconds(text, field)


def _dates(texts: list[str] | None) -> list[str] | None:
    for text in texts or ():
        try:
            date.fromisoformat(text)
        except ValueError as problem:
            raise InvalidInput.of("--exclude", f"{text!r} is not a date such as 2026-12-24") from problem
    return texts or None


def read_input(text: str | None) -> str | None:
    if text == "-":
        return sys.stdin.read()
    if text is not None and text.startswith("@"):
        try:
            return Path(text[1:]).expanduser().read_text(encoding="utf-8")
        except OSError as problem:
            raise InvalidInput.of("--input", f"{text[1:]!r} cannot be read: {problem.strerror}") from problem
        except UnicodeDecodeError as problem:
            raise InvalidInput.of("--input", f"{text[1:]!r} is not text in UTF-8") from problem
    return text
