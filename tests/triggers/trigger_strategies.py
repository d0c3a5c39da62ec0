"""Random expressions, zones and moments, leaning toward the hours in which clocks change."""

from datetime import timedelta

from hypothesis import strategies as st
from tzif import Change, all_zones, changes_between

from lamplighter.triggers import CronTrigger, DstGap, DstOverlap, IntervalTrigger, Period, Trigger

# Offsets have been whole minutes everywhere since 1973; the slow evaluator needs that.
FIRST_YEAR, LAST_YEAR = 1975, 2037
CHANGING = [name for name in all_zones() if changes_between(name, FIRST_YEAR, LAST_YEAR)]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """One field of plain numbers: a star, a value, a list, a range, each perhaps with a step."""
    value = st.integers(low, high)
    ranges = st.tuples(value, value).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.integers(1, high - low + 1)
    stepped = st.tuples(st.one_of(st.just("*"), value.map(str), ranges), steps).map(
        lambda p: f"{p[0]}/{p[1]}"
    )
    item = st.one_of(value.map(str), ranges, stepped)
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=4).map(",".join))


hours = st.one_of(
    st.sampled_from(["*", "0", "1", "2", "3", "23", "0,23", "1-3", "*/2", "0-4", "1-23", "0/3"]),
    field(0, 23),
)
special_days = st.sampled_from(["L", "LW", "L-1", "L-3", "1W", "15W", "31W", "L,15", "1,15W"])
days_of_month = st.one_of(st.just("*"), st.just("*"), field(1, 31), special_days)
special_weekdays = st.sampled_from(["0L", "5L", "7L", "1#1", "0#2", "6#5", "7#1", "1,3#2", "5-7"])
days_of_week = st.one_of(st.just("*"), st.just("*"), field(0, 6), special_weekdays)
expressions = st.tuples(field(0, 59), hours, days_of_month, st.just("*"), days_of_week).map(" ".join)


@st.composite
def moments_near_changes(draw: st.DrawFn) -> tuple[str, Change, int]:
    """A zone, one of its changes of offset, and minutes to go from there."""
    name = draw(st.sampled_from(CHANGING))
    change = draw(st.sampled_from(changes_between(name, FIRST_YEAR, LAST_YEAR)))
    return name, change, draw(st.integers(-1500, 1500))


@st.composite
def triggers(draw: st.DrawFn) -> Trigger:
    """A cron or an interval trigger that has fires near a change of its zone."""
    name, change, shift = draw(moments_near_changes())
    gap, overlap = draw(st.sampled_from(DstGap)), draw(st.sampled_from(DstOverlap))
    if draw(st.booleans()):
        return CronTrigger(draw(expressions), name, gap, overlap)
    anchor = change.instant + timedelta(minutes=shift) - timedelta(days=draw(st.integers(0, 400)))
    period = draw(st.sampled_from(Period))
    return IntervalTrigger(draw(st.integers(1, 9)), period, anchor, name, gap, overlap)
