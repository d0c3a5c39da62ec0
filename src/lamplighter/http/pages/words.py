"""How pages say numbers, times and statuses. Everything here is pure."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup

from lamplighter.model import RunStatus
from lamplighter.planner import iso, local

# What a status looks like: its colour in the style sheet.
_TONES = {
    RunStatus.RUNNING: "go",
    RunStatus.EXPORTING: "go",
    RunStatus.STARTING: "go",
    RunStatus.QUEUING: "wait",
    RunStatus.WAITING: "wait",
    RunStatus.STOPPING: "warn",
    RunStatus.FAILURE: "bad",
    RunStatus.FAILED: "bad",
    RunStatus.STOPPED: "off",
    RunStatus.SKIPPED: "off",
    RunStatus.COMPLETED: "good",
    RunStatus.SUCCESS: "good",
}
_OUTCOMES = {
    "fired": "good",
    "late": "warn",
    "merged": "off",
    "skipped": "bad",
    "held": "wait",
    "shadow": "off",
}


def status_name(status: RunStatus | None) -> str:
    """The wire's name of a status."""
    return "never ran" if status is None else status.name.capitalize()


def tone(status: RunStatus | None) -> str:
    """The class of a status in the style sheet."""
    return "off" if status is None else _TONES.get(status, "off")


def outcome_tone(outcome: str) -> str:
    """The class of an outcome of the ledger in the style sheet."""
    return _OUTCOMES[outcome]


def number(value: float | None) -> str:
    """A number with separators; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def counted(value: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def size(value: float) -> str:
    """A number of bytes."""
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float | timedelta | None) -> str:
    """A span of time in its two largest units."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if total < 0.95:
        return f"{max(0.0, total):.1f} s"
    whole = round(total)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, second = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (second, "s")]
    shown = [f"{value} {unit}" for value, unit in parts if value]
    return " ".join(shown[:2])


def when(moment: datetime | None, timezone: str, now: datetime, *, precise: bool = False) -> str | Markup:
    """An instant as a time element, by the wall clock of the reader's zone; its title has it in UTC."""
    if moment is None:
        return "–"
    there, today = local(moment, timezone), local(now, timezone)
    text = f"{there:%H:%M:%S}" if precise else f"{there:%H:%M}"
    if there.date() != today.date():
        text = f"{day(there, year=there.year != today.year)}, {text}"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso(moment), text)


def day(value: date, *, year: bool = False) -> str:
    """A day such as Fri 27 Nov, or Fri 27 Nov 2026."""
    return f"{value:%a} {value.day} {value:%b}{f' {value:%Y}' if year else ''}"


def pretty_json(value: Any) -> str:
    """A value, or a text with JSON in it, as JSON that is read easily."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """A value of a record in one line."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else f"{text[:300]}…"
