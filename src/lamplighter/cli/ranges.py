"""The range of time that a command is about: ``--since`` and ``--until``, in UTC as on the server."""

from datetime import UTC, timedelta
from typing import Annotated

from lamplighter.cli.options import option
from lamplighter.cli.session import keep_said
from lamplighter.cli.times import Span, iso, parse, shown
from lamplighter.clock import SystemClock

_MILLISECOND = timedelta(milliseconds=1)
Since = Annotated[str | None, option("--since", metavar="TIME", help="From this time or day on; UTC.")]
Until = Annotated[
    str | None, option("--until", metavar="TIME", help="Up to this time or day, with all of it; UTC.")
]


def dates(since: str | None, until: str | None) -> dict[str, str]:
    """What the API is asked for; InvalidInput naming the option."""
    return keep_said(
        startDate=None if since is None else iso(_span(since, "--since").begin),
        endDate=None if until is None else iso(_span(until, "--until").end - _MILLISECOND),
    )


def shown_range(start: str, end: str) -> str:
    """The range that an answer is about."""
    return f"{shown(start, UTC)} to {shown(end, UTC, seconds=False)}"


def _span(text: str, field: str) -> Span:
    return parse(text, UTC, SystemClock().now(), field)[0]
