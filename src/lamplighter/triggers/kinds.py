"""The kinds of trigger: what a schedule stores of its rhythm, checked when made and never changed.

Two triggers are equal when their fields are; ``fires`` is the compiled form of the same fields.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from lamplighter.errors import InvalidInput
from lamplighter.triggers.cron_syntax import parse_cron
from lamplighter.triggers.daylight import DstGap, DstOverlap, Fires, LocalFires
from lamplighter.triggers.instants import HOUR, MINUTE, from_datetime
from lamplighter.triggers.intervals import NEVER, AnchoredFires, DayWalls, ElapsedFires, MonthWalls
from lamplighter.triggers.timeline import timeline


class Period(IntEnum):
    """The unit of an interval. Minutes and hours are elapsed time, the others calendar time of the zone."""

    MINUTES = 1
    HOURS = 2
    DAYS = 3
    WEEKS = 4
    MONTHS = 5


def _set(trigger: object, **values: Any) -> None:
    """Fills fields of a frozen dataclass while it is being made."""
    for name, value in values.items():
        object.__setattr__(trigger, name, value)


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """A cron expression read on the wall clock of a zone.

    An expression that names all 24 hours follows the real clock, and ``dst_gap`` and ``dst_overlap`` do
    not apply to it: minutes that do not exist are skipped, repeated ones fire in both passes. Any other
    fires each wall time once, unless the two say otherwise. Raises InvalidInput for ``cronExpression`` or
    ``timezone``.
    """

    expression: str
    timezone: str = "UTC"
    dst_gap: DstGap = DstGap.AFTER
    dst_overlap: DstOverlap = DstOverlap.FIRST
    fires: Fires = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = parse_cron(self.expression)
        line = timeline(self.timezone)
        gap, overlap = DstGap(self.dst_gap), DstOverlap(self.dst_overlap)
        if compiled.follows_real_clock:
            fires = LocalFires(compiled, line, DstGap.SKIP, DstOverlap.BOTH)
        else:
            fires = LocalFires(compiled, line, gap, overlap)
        _set(self, timezone=line.name, dst_gap=gap, dst_overlap=overlap, fires=fires)


@dataclass(frozen=True, slots=True)
class IntervalTrigger:
    """``anchor + k · every`` periods for k from 0: the anchor is the first fire and there is none before it.

    Days, weeks and months are counted on the zone's wall clock, under the same rules for daylight saving
    as a cron expression for one time a day. Raises InvalidInput for ``every`` or ``timezone``, ValueError
    for a naive anchor.
    """

    every: int
    period: Period
    anchor: datetime
    timezone: str = "UTC"
    dst_gap: DstGap = DstGap.AFTER
    dst_overlap: DstOverlap = DstOverlap.FIRST
    fires: Fires = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InvalidInput.of(
                "every", f"{self.every} is not an interval; use a whole number of at least 1"
            )
        start = from_datetime(self.anchor)
        line = timeline(self.timezone)
        _set(
            self,
            period=Period(self.period),
            anchor=self.anchor.astimezone(UTC),
            timezone=line.name,
            dst_gap=DstGap(self.dst_gap),
            dst_overlap=DstOverlap(self.dst_overlap),
        )
        _set(self, fires=self._compile(start))

    def _compile(self, start: int) -> Fires:
        if self.period is Period.MINUTES:
            return ElapsedFires(start, self.every * MINUTE)
        if self.period is Period.HOURS:
            return ElapsedFires(start, self.every * HOUR)
        line = timeline(self.timezone)
        wall = start + line.piece(start).offset
        walls: DayWalls | MonthWalls
        if self.period is Period.MONTHS:
            walls = MonthWalls(wall, self.every)
        else:
            walls = DayWalls(wall, self.every * (7 if self.period is Period.WEEKS else 1))
        return AnchoredFires(start, LocalFires(walls, line, self.dst_gap, self.dst_overlap))


@dataclass(frozen=True, slots=True)
class OnceTrigger:
    """One fire, at ``at``. A naive datetime raises ValueError."""

    at: datetime
    fires: Fires = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fires = ElapsedFires(from_datetime(self.at), step=1, times=1)
        _set(self, at=self.at.astimezone(UTC), fires=fires)


@dataclass(frozen=True, slots=True)
class NoTrigger:
    """Never fires by itself."""

    @property
    def fires(self) -> Fires:
        return NEVER


Trigger = CronTrigger | IntervalTrigger | OnceTrigger | NoTrigger
