"""Whether a run that ended well extracted far less than the good runs before it.

The runs it is compared with are the newest good ones like it, newest first, those that warned included. So a
site that has changed for good warns until the new level is that of most of them, and is normal from then on.

A run warns when it is below half of their median and below every one of them. The second half of the rule is for
weekly patterns: a quiet Sunday is no news as long as another quiet day is among them. What is left out of that
comparison is the unbroken row of low runs just before this one, for they may have the same fault. A slow
trend never warns.
"""

from collections.abc import Sequence
from itertools import dropwhile
from statistics import median

from lamplighter.model import RecordStatistics

__all__ = ["MOST_RUNS", "RecordStatistics", "warnings"]

MOST_RUNS = 10  # how many good runs a run is compared with
_LEAST_RUNS = 3  # fewer of them say nothing
_FAR_LESS = 0.5  # of the median
_LEAST_MEDIAN = 10  # smaller numbers of records go up and down by chance
_USUALLY_FILLED = 0.8  # a field that has a value in fewer records than this is expected to lack it
_LEAST_RECORDS = 5  # fewer of them have no rate of filled fields
_LEAST_ALWAYS = 10  # records that never lacked a field, so that even a few that do are news
# A run with as many has a name of its own for each record: its fields are data.
_MOST_FIELDS = 1000
_MOST_WARNINGS = 5
_LONGEST_NAME = 60


def warnings(now: RecordStatistics, past: Sequence[RecordStatistics]) -> list[str]:
    """Sentences about what ``now`` lacks, compared with ``past`` (newest first); none when all is as usual."""
    past = past[:MOST_RUNS]
    if len(past) < _LEAST_RUNS:
        return []
    found = _volume(now.count, [run.count for run in past])
    if now.count and len(now.fields) < _MOST_FIELDS:
        found += _fields(now, past)
    return found


def _volume(now: int, past: Sequence[int]) -> list[str]:
    usual = median(past)
    is_few = now < _FAR_LESS * usual if usual >= _LEAST_MEDIAN else now == 0 and usual >= 1
    if not (is_few and now < _lowest(past, usual)):
        return []
    low, high = min(past), max(past)
    had = f"{low:,}" if low == high else f"{low:,} to {high:,} (median {usual:,.0f})"
    return [f"extracted {now:,} record{'' if now == 1 else 's'}; the last {len(past)} good runs had {had}"]


def _lowest(past: Sequence[float], usual: float) -> float:
    """The least of ``past``, without the row of low ones that it begins with."""
    return min(dropwhile(lambda value: value < _FAR_LESS * usual, past))


def _fields(now: RecordStatistics, past: Sequence[RecordStatistics]) -> list[str]:
    comparable = [run for run in past if run.count]
    if len(comparable) < _LEAST_RUNS:
        return []
    drops: list[tuple[float, str, float, float]] = []
    for name in sorted({name for run in comparable for name in run.fields}):
        rates = [_rate(run, name) for run in comparable]
        usual, rate = median(rates), _rate(now, name)
        is_less = usual >= _USUALLY_FILLED and rate < _FAR_LESS * usual and rate < _lowest(rates, usual)
        if is_less and _is_no_chance(now, comparable, rates):
            drops.append((rate - usual, name, rate, usual))
    drops.sort()
    told = [
        f"field {_shown(name)} is filled in {_percent(rate)} of the records; usually in {_percent(usual)}"
        for _, name, rate, usual in drops[:_MOST_WARNINGS]
    ]
    more = len(drops) - len(told)
    if more:
        told.append(f"{more} more field{'' if more == 1 else 's'} filled in far fewer records than usual")
    return told


def _is_no_chance(now: RecordStatistics, past: Sequence[RecordStatistics], rates: Sequence[float]) -> bool:
    """Whether there are records enough for their rate of a field to mean something."""
    if now.count >= _LEAST_RECORDS:
        return True
    return min(rates) == 1 and sum(run.count for run in past) >= _LEAST_ALWAYS


def _rate(run: RecordStatistics, name: str) -> float:
    return min(1.0, run.fields.get(name, 0) / run.count)


def _percent(rate: float) -> str:
    """Rounded, and never to a number that would say "none" or "all" of some."""
    if 0 < rate < 0.01:
        return "less than 1 %"
    return f"{round(rate * 100) if rate == 1 else min(99, round(rate * 100))} %"


def _shown(name: str) -> str:
    text = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return repr(text)
