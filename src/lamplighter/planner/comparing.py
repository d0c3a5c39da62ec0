"""Which times of two lists are the same within a tolerance: ours and those of the system that is replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_MILLISECOND = timedelta(milliseconds=1)
_LEAVE_THEIRS, _LEAVE_OURS, _PAIR = range(3)


@dataclass(frozen=True, slots=True)
class Pair:
    """A time of ours and the one of theirs that is the same."""

    ours: datetime
    theirs: datetime

    @property
    def difference(self) -> timedelta:
        """How much later theirs is; negative when it is earlier."""
        return self.theirs - self.ours


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every time of both lists, exactly once; each part in order of time."""

    both: tuple[Pair, ...]
    only_ours: tuple[datetime, ...]
    only_theirs: tuple[datetime, ...]


def compare(ours: Sequence[datetime], theirs: Sequence[datetime], tolerance: timedelta) -> Comparison:
    """Pair the times that are at most ``tolerance`` apart.

    As many pairs as can be, and of the ways to have so many the one whose differences are the least in sum: when
    one fire of a schedule of every minute is missing, it is that one which is alone, and not the last one.
    """
    mine, other = sorted(ours), sorted(theirs)
    pairs = _best_pairs(mine, other, tolerance)
    paired_mine, paired_other = {i for i, _ in pairs}, {j for _, j in pairs}
    return Comparison(
        tuple(Pair(mine[i], other[j]) for i, j in pairs),
        tuple(time for i, time in enumerate(mine) if i not in paired_mine),
        tuple(time for j, time in enumerate(other) if j not in paired_other),
    )


def _best_pairs(
    mine: Sequence[datetime], other: Sequence[datetime], tolerance: timedelta
) -> list[tuple[int, int]]:
    """The places of the pairs. In two sorted lists the best pairs never cross, so each is decided after another.

    ``best[j]`` is the worth of the best pairs of the times of ours so far with the first ``j`` of theirs. A time
    of ours can only change it within the window of theirs that are near enough.
    """
    one_pair = (2 * tolerance // _MILLISECOND + 1) * (min(len(mine), len(other)) + 1)
    best = [0]
    windows: list[
        tuple[int, bytearray]
    ] = []  # for each of ours: where its window begins, and what was best in it
    first = 0
    for time in mine:
        while first < len(other) and other[first] < time - tolerance:
            first += 1
        best.extend(best[-1:] * (first + 1 - len(best)))
        choices = bytearray()
        without = best[first]  # the worth before this time of ours, of one less of theirs
        for j in range(first, len(other)):
            if other[j] > time + tolerance:
                break
            if len(best) == j + 1:
                best.append(without)
            worth = without + one_pair - abs(other[j] - time) // _MILLISECOND
            without = best[j + 1]
            best[j + 1], choice = max((best[j], _LEAVE_THEIRS), (without, _LEAVE_OURS), (worth, _PAIR))
            choices.append(choice)
        windows.append((first, choices))
    return _walk_back(windows, len(other))


def _walk_back(windows: Sequence[tuple[int, bytearray]], end: int) -> list[tuple[int, int]]:
    """The pairs that led to the best worth; ``end`` is how many of theirs there are."""
    pairs = []
    for i in range(len(windows) - 1, -1, -1):
        first, choices = windows[i]
        while first < end:
            j = min(end, first + len(choices)) - 1
            if j < first or choices[j - first] == _LEAVE_OURS:
                break
            end = j
            if choices[j - first] == _PAIR:
                pairs.append((i, j))
                break
    return pairs[::-1]
