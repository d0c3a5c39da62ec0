"""Charts as SVG, made of values: no script draws them, and no style is in them.

Positions along the width are percentages, so that a chart is as wide as its place and its strokes stay as they are.
Every chart says in words what it shows, and what it shows is on the page as text as well, or one step away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from markupsafe import Markup, escape

from lamplighter.http.pages import words
from lamplighter.service.overview import Day, Trace

_SPARK_HEIGHT = 24
_DAYS_HEIGHT = 120
_SHORTEST = 2  # pixels: what is small is seen all the same


class Span(NamedTuple):
    """A span of time to be drawn as a bar, in a tone, with words and an address."""

    start: datetime
    end: datetime
    tone: str
    title: str
    href: str
    planned: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A span in its place, from ``start`` to ``end`` per cent of the width; ``lane`` counts from 0."""

    start: float
    end: float
    lane: int
    span: Span

    @property
    def kind(self) -> str:
        """Its classes in the style sheet."""
        return f"t-{self.span.tone} planned" if self.span.planned else f"t-{self.span.tone}"


def _svg(height: int, label: str, parts: Sequence[str], kind: str, role: str = "img") -> Markup:
    return Markup(  # noqa: S704 - the parts were made here, of numbers and of what was escaped
        f'<svg class="{kind}" width="100%" height="{height}" role="{role}" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def _rect(x: float, width: float, y: float, height: float, tone: str, title: str = "") -> str:
    inside = f"<title>{escape(title)}</title>" if title else ""
    place = f'x="{x:.2f}%" width="{max(width, 0.05):.2f}%" y="{y:.1f}" height="{height:.1f}"'
    return f'<rect {place} class="t-{tone}">{inside}</rect>'


def spark_records(traces: Sequence[Trace]) -> Markup:
    """The records of an agent's newest runs, oldest first: a bar each, in the colour of its status."""
    values = [float(one.records) for one in traces]
    said = f"records of the last {words.counted(len(traces), 'run')}"
    return _spark(traces, values, said, words.number)


def spark_seconds(traces: Sequence[Trace]) -> Markup:
    """How long an agent's newest runs took, oldest first."""
    values = [one.seconds or 0.0 for one in traces]
    said = f"duration of the last {words.counted(len(traces), 'run')}"
    return _spark(traces, values, said, words.duration)


def _spark(
    traces: Sequence[Trace], values: Sequence[float], label: str, said: Callable[[float], str]
) -> Markup:
    """Bars without words of their own, drawn as one shape for each tone: a page has hundreds of them."""
    if not traces:
        return Markup('<span class="soft">–</span>')
    label += f": {said(min(values))} to {said(max(values))}, last {said(values[-1])}"
    most, slots = max(*values, 0.0, 1e-9), max(len(traces), 20)
    shapes: dict[str, list[str]] = {}
    for index, (one, value) in enumerate(zip(traces, values, strict=True)):
        height = max(_SHORTEST, round(value / most * _SPARK_HEIGHT))
        place = (slots - len(traces) + index) * 5
        shapes.setdefault(words.tone(one.status), []).append(
            f"M{place} {_SPARK_HEIGHT}v-{height}h4v{height}z"
        )
    drawn = "".join(f'<path class="t-{tone}" d="{"".join(parts)}"/>' for tone, parts in shapes.items())
    frame = f'viewBox="0 0 {slots * 5} {_SPARK_HEIGHT}" preserveAspectRatio="none" height="{_SPARK_HEIGHT}"'
    return Markup(f'<svg class="spark" {frame} role="img" aria-label="{escape(label)}">{drawn}</svg>')  # noqa: S704 - as above


def volume(days: Sequence[Day], what: str) -> Markup:
    """Runs or records by day: a column each, of runs with those that failed on top."""
    columns = [
        (
            (
                f"{words.day(one.day)}: {words.counted(one.runs, 'run')}, {one.bad} failed,"
                f" {words.counted(one.records, 'record')}"
            ),
            [(one.good, "good"), (one.other, "off"), (one.bad, "bad")]
            if what == "runs"
            else [(one.records, "go")],
        )
        for one in days
    ]
    total = sum(value for _, pieces in columns for value, _ in pieces)
    return _columns(columns, f"{what} on each of the last {len(days)} days: {words.number(total)} in all")


def amounts(values: Sequence[tuple[date, float]], label: str, unit: str) -> Markup:
    """Amounts by day: a column each."""
    columns = [(f"{words.day(day)}: {words.number(value)} {unit}", [(value, "go")]) for day, value in values]
    return _columns(columns, label)


def _columns(columns: Sequence[tuple[str, Sequence[tuple[float, str]]]], label: str) -> Markup:
    """Columns with a title each, made of pieces: how much, and in which tone; the first stands below."""
    most = max([sum(value for value, _ in pieces) for _, pieces in columns] + [1e-9])
    step = 100 / max(len(columns), 1)
    parts = [f'<line x1="0" x2="100%" y1="{_DAYS_HEIGHT - 0.5}" y2="{_DAYS_HEIGHT - 0.5}" class="axis"/>']
    for index, (title, pieces) in enumerate(columns):
        y = float(_DAYS_HEIGHT)
        for value, tone in pieces:
            if value:
                height = max(_SHORTEST, value / most * (_DAYS_HEIGHT - 8))
                y -= height
                parts.append(_rect(index * step + step * 0.12, step * 0.76, y, height, tone, title))
    return _svg(_DAYS_HEIGHT, label, parts, "days")


# --- the timeline ---

LANE = 16  # pixels
_MOST_LANES = 12


def bars_of(wanted: Sequence[Span], since: datetime, until: datetime) -> tuple[list[Bar], int]:
    """Bars for spans of time, in as few lanes as do; and how many lanes."""
    whole = (until - since).total_seconds()
    ends: list[float] = []
    bars = []
    for span in sorted(wanted, key=lambda one: one.start):
        first = max(0.0, (span.start - since).total_seconds() / whole * 100)
        last = min(100.0, max((span.end - since).total_seconds() / whole * 100, first + 0.25))
        lane = next((n for n, taken in enumerate(ends) if taken <= first), len(ends))
        ends[lane : lane + 1] = [last]
        bars.append(Bar(first, last, lane, span))
    return bars, max(1, len(ends))


def timeline_row(
    bars: Sequence[Bar], lanes: int, now: float | None, label: str, *, plain: bool = False
) -> Markup:
    """One row of a timeline; ``now`` is where the present is, in per cent.

    ``plain`` draws all bars of a tone as one shape, without addresses: for pages with very many.
    """
    shown = min(lanes, _MOST_LANES)
    height = shown * LANE + 4
    drawn = [_shapes(bars, shown, height)] if plain else [_linked(bar, shown) for bar in bars]
    return _svg(height, label, [*_line_at(now, height), *drawn], "row", "group")


def _line_at(now: float | None, height: int) -> list[str]:
    """Where the present is, if it is in the chart."""
    if now is None:
        return []
    return [f'<line x1="{now:.2f}%" x2="{now:.2f}%" y1="0" y2="{height}" class="now"/>']


def _top(bar: Bar, shown: int) -> int:
    return 3 + min(bar.lane, shown - 1) * LANE


def _linked(bar: Bar, shown: int) -> str:
    place = f'x="{bar.start:.2f}%" width="{bar.end - bar.start:.2f}%" y="{_top(bar, shown)}"'
    # Not in the order of the keys: there may be hundreds, and each is in the table as well.
    return (
        f'<a href="{escape(bar.span.href)}" tabindex="-1">'
        f'<rect {place} height="{LANE - 3}" rx="2" class="{bar.kind}">'
        f"<title>{escape(bar.span.title)}</title></rect></a>"
    )


def _shapes(bars: Sequence[Bar], shown: int, height: int) -> str:
    shapes: dict[str, list[str]] = {}
    for bar in bars:
        wide = max(2, round((bar.end - bar.start) * 20))
        piece = f"M{round(bar.start * 20)} {_top(bar, shown)}h{wide}v{LANE - 3}h-{wide}z"
        shapes.setdefault(bar.kind, []).append(piece)
    drawn = "".join(f'<path class="{kind}" d="{"".join(parts)}"/>' for kind, parts in shapes.items())
    frame = f'viewBox="0 0 2000 {height}" preserveAspectRatio="none" width="100%" height="{height}"'
    return f"<svg {frame}>{drawn}</svg>"


def load(points: Sequence[int], places: int, now: float | None) -> Markup:
    """How many runs go at once over the width, with a line at the number of places."""
    height = 60
    most = max([*points, places, 1])
    step = 100 / max(len(points), 1)
    parts = []
    for index, value in enumerate(points):
        if value:
            tall = max(_SHORTEST, value / most * (height - 6))
            parts.append(
                _rect(index * step, step, height - tall, tall, "bad" if places and value > places else "go")
            )
    if places:
        y = height - places / most * (height - 6)
        parts.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="places"/>')
    parts += _line_at(now, height)
    said = f"runs at once: at most {max(points, default=0)}; {words.counted(places, 'place')} on live servers"
    return _svg(height, said, parts, "load")


# --- traces in a row ---


def runs_strip(traces: Sequence[Trace]) -> Markup:
    """An agent's newest runs, oldest first, a column each: tall as it took long, in the colour of its status."""
    if not traces:
        return Markup("")
    height = 72
    values = [one.seconds or 0.0 for one in traces]
    most, step = max(*values, 0.0, 1e-9), 100 / max(len(traces), 30)
    parts = []
    for index, (one, value) in enumerate(zip(traces, values, strict=True)):
        tall = max(3.0, value / most * (height - 4))
        title = (
            f"run {one.run_id}: {words.status_name(one.status)}, {words.duration(one.seconds)},"
            f" {words.counted(one.records, 'record')}"
        )
        parts.append(
            f'<a href="/runs/{one.run_id}" tabindex="-1">'
            + _rect(index * step + step * 0.1, step * 0.8, height - tall, tall, words.tone(one.status), title)
            + "</a>"
        )
    said = f"duration of the last {words.counted(len(traces), 'run')}, at most {words.duration(most)}"
    return _svg(height, said, parts, "strip", "group")
