"""Pages of time: what is due in each hour of a week, and a timeline of what went and what is planned."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import Response

from lamplighter.http.pages import charts, forms, words
from lamplighter.http.pages.charts import Bar, Span
from lamplighter.http.pages.view import View, Viewing
from lamplighter.planner import iso, local
from lamplighter.service.overview import HOUR, Planned, Timeline, Trace

router = APIRouter(include_in_schema=False)

_DAYS = 7
_SPANS = (1, 3, 6, 12, 24, 48, 168)  # hours that a timeline may be long
_MOST_ROWS = 60
_POINTS = 160
_MOST_LINKED = 300  # bars with words and an address of their own: a page is to stay light
_UNKNOWN = 60.0  # seconds that a run is drawn with whose agent never ran
_LISTED = 100


class Row(NamedTuple):
    """A row of the timeline: of an agent, or of a server group."""

    name: str
    href: str


@router.get("/calendar")
def show_calendar(view: Viewing) -> Response:
    """A week by hours: what is due in those to come, and what ran in those that are over."""
    now = view.use.clock.now()
    today = local(now, view.zone).date()
    monday = _monday(view.asked("week"), today)
    begin, end = (forms.midnight(monday + timedelta(days=n), view.zone) for n in (0, _DAYS))
    hours = round((end - begin) / HOUR)
    due = view.use.overview.due_by_hour(view.actor, begin, hours)
    ran = view.use.overview.ran_by_hour(view.actor, begin, hours)
    cells: dict[tuple[int, int], dict[str, Any]] = {}
    for index in range(hours):
        start = begin + index * HOUR
        there = local(start, view.zone)
        cell = cells.setdefault(
            ((there.date() - monday).days, there.hour), {"due": 0, "ran": 0, "start": start, "is_now": False}
        )
        cell["due"] += due[index]
        cell["ran"] += ran[index]
        cell["is_now"] |= start <= now < start + HOUR
        cell["is_past"] = start + HOUR <= now
    most = max([*due, *ran, 1])
    for cell in cells.values():
        cell["count"] = cell["ran"] if cell["is_past"] else cell["due"] + cell["ran"]
        cell["heat"] = 0 if not cell["count"] else min(4, 1 + int(3.99 * cell["count"] / most))
        cell["href"] = f"/timeline?from={iso(cell['start'])}&hours=1"
    days = [monday + timedelta(days=number) for number in range(_DAYS)]
    sums = [
        sum(cell["count"] for (day, _), cell in cells.items() if day == number) for number in range(_DAYS)
    ]
    return view.page(
        "calendar.html",
        days=days,
        sums=sums,
        cells=cells,
        today=today,
        before=monday - timedelta(days=_DAYS),
        after=monday + timedelta(days=_DAYS),
    )


def _monday(asked: str, today: date) -> date:
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        day = today
    if not 1971 <= day.year <= 2198:
        day = today
    return day - timedelta(days=day.weekday())


# --- the timeline ---


@router.get("/timeline")
def show_timeline(view: Viewing) -> Response:
    """Bars of runs, past and planned, a row for each agent or server group; and how many go at once."""
    now, hours = view.use.clock.now(), view.number("hours")
    if hours not in _SPANS:
        hours = 24
    span = timedelta(hours=hours)
    since = _moment(view.asked("from")) or _even(now - span * 0.7, hours)
    until, by = since + span, "group" if view.asked("by") == "group" else "agent"
    found = view.use.overview.timeline(view.actor, since, until)
    spans = _spans(found, now, by)
    rows = _rows(spans, since, until)
    where = (now - since) / span * 100
    ticks = [since + span * number / 8 for number in range(8)]
    place = _SPANS.index(hours)
    return view.page(
        "timeline.html",
        rows=rows[:_MOST_ROWS],
        is_plain=sum(len(bars) for _, bars, _ in rows[:_MOST_ROWS]) > _MOST_LINKED,
        more_rows=max(0, len(rows) - _MOST_ROWS),
        found=found,
        load=_load([span for row in spans.values() for span in row], since, until),
        now_at=where if 0 <= where <= 100 else None,
        ticks=[_tick(one, view, hours) for one in ticks],
        first_day=words.day(local(since, view.zone), year=True),
        since=since,
        hours=hours,
        by=by,
        steps={
            "earlier": view.at(**{"from": iso(_whole(since - span / 2))}),
            "later": view.at(**{"from": iso(_whole(since + span / 2))}),
            "in": _zoomed(view, since, span, place - 1),
            "out": _zoomed(view, since, span, place + 1),
            "now": view.at(**{"from": None}),
        },
        listed=found.past[::-1][:_LISTED],
        planned=found.planned[:_LISTED],
    )


def _zoomed(view: View, since: datetime, span: timedelta, place: int) -> str | None:
    if not 0 <= place < len(_SPANS):
        return None
    other = timedelta(hours=_SPANS[place])
    return view.at(**{"from": iso(_whole(since + (span - other) / 2)), "hours": _SPANS[place]})


def _even(moment: datetime, hours: int) -> datetime:
    """A little before an instant, at a time that is easily read."""
    minutes = 60 if hours >= 6 else 5
    return _whole(moment).replace(minute=moment.minute // minutes * minutes, second=0)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found if 1971 <= found.year <= 2198 else None


def _tick(moment: datetime, view: View, hours: int) -> str:
    there = local(moment, view.zone)
    return words.day(there) if hours > 48 else f"{there:%H:%M}"


def _rows(
    spans: Mapping[Row, Sequence[Span]], since: datetime, until: datetime
) -> list[tuple[Row, list[Bar], int]]:
    """Name and address, bars and lanes of each row, by name."""
    ordered = sorted(spans.items(), key=lambda one: one[0].name.lower())
    return [(row, *charts.bars_of(wanted, since, until)) for row, wanted in ordered]


def _spans(found: Timeline, now: datetime, by: str) -> dict[Row, list[Span]]:
    """What is to be drawn in each row."""
    spans: dict[Row, list[Span]] = defaultdict(list)
    for run in found.past:
        spans[_row_of(run, found, by)].append(_past(run, now))
    for plan in found.planned:
        spans[_row_of(plan, found, by)].append(_planned(plan))
    return spans


def _row_of(one: Trace | Planned, found: Timeline, by: str) -> Row:
    if by == "agent":
        return Row(one.agent_name, f"/agents/{one.agent_id}")
    if one.group_id is None:
        return Row("any server", "/servers")
    return Row(found.groups.get(one.group_id, f"group {one.group_id}"), "/servers")


def _past(one: Trace, now: datetime) -> Span:
    start, end = one.start or now, one.end or now
    said = f"run {one.run_id} of {one.agent_name}: {words.status_name(one.status)}, {words.duration(end - start)}"
    return Span(start, end, words.tone(one.status), said, f"/runs/{one.run_id}", planned=False)


def _planned(one: Planned) -> Span:
    took = _UNKNOWN if one.seconds is None else one.seconds
    usual = (
        "how long it takes is not known" if one.seconds is None else f"usually {words.duration(one.seconds)}"
    )
    said = f"{one.schedule_name} of {one.agent_name}, planned: {usual}"
    href = f"/agents/{one.agent_id}/schedules/{one.schedule_id}"
    return Span(one.start, one.start + timedelta(seconds=took), "go", said, href, planned=True)


def _load(spans: Sequence[Span], since: datetime, until: datetime) -> Sequence[int]:
    """The most runs that go at once in each of many equal parts of the window."""
    step = (until - since) / _POINTS
    # Who ends when another begins does not overlap it.
    changes = sorted([(one.start, 1) for one in spans] + [(one.end, -1) for one in spans])
    points, going, place = [0] * _POINTS, 0, 0
    for moment, change in changes:
        part = int((moment - since) / step) if moment > since else 0
        for index in range(place + 1, min(part, _POINTS - 1) + 1):
            points[index] = going
        place = max(place, min(part, _POINTS - 1))
        going += change
        if part < _POINTS:
            points[place] = max(points[place], going)
    return points
