"""What is answered about a ledger beside the times of another system."""

from datetime import datetime
from typing import Self

from pydantic import Field

from lamplighter.http.api.shapes import Shape, Time, example
from lamplighter.model import Fire
from lamplighter.planner import Pair, local
from lamplighter.service.comparisons import Compared


class SameTimeShape(Shape):
    """A time that both have."""

    due_time: Time
    local_time: str = Field(description="The due time on the wall clock of the schedule's timezone")
    their_time: Time
    difference_seconds: float = Field(description="How much later theirs is; negative when it is earlier")
    outcome: str

    @classmethod
    def of(cls, pair: Pair, row: Fire, timezone: str) -> Self:
        """The answer for a pair and the ledger's row of our time."""
        return cls(
            due_time=pair.ours,
            local_time=local(pair.ours, timezone).isoformat(),
            their_time=pair.theirs,
            difference_seconds=pair.difference.total_seconds(),
            outcome=row.outcome.value,
        )


class OurTimeShape(Shape):
    """A due time of ours at which the other system did nothing."""

    due_time: Time
    local_time: str
    outcome: str
    reason: str

    @classmethod
    def of(cls, row: Fire, timezone: str) -> Self:
        """The answer for the ledger's row of our time."""
        return cls(
            due_time=row.due,
            local_time=local(row.due, timezone).isoformat(),
            outcome=row.outcome.value,
            reason=row.reason,
        )


class TheirTimeShape(Shape):
    """A time of the other system at which we had no fire."""

    their_time: Time
    local_time: str
    reason: str | None = Field(description="Why our due time did not fire; null when it is none of ours")

    @classmethod
    def of(cls, time: datetime, compared: Compared) -> Self:
        """The answer for a time that only they have."""
        return cls(
            their_time=time,
            local_time=local(time, compared.timezone).isoformat(),
            reason=compared.why_not(time),
        )


class ComparisonShape(Shape):
    """A schedule's ledger beside the times of another system, within a period."""

    model_config = example(
        startDate="2026-03-01T08:00:03Z",
        endDate="2026-03-03T08:01:02Z",
        toleranceSeconds=60,
        isSame=False,
        outside=12,
        both=[
            {
                "dueTime": "2026-03-02T08:00:00Z",
                "localTime": "2026-03-02T09:00:00+01:00",
                "theirTime": "2026-03-02T08:00:01Z",
                "differenceSeconds": 1.0,
                "outcome": "shadow",
            }
        ],
        onlyOurs=[
            {
                "dueTime": "2026-03-03T08:00:00Z",
                "localTime": "2026-03-03T09:00:00+01:00",
                "outcome": "shadow",
                "reason": "in shadow: nothing was started; it would have fired on time",
            }
        ],
        onlyTheirs=[
            {
                "theirTime": "2026-03-02T20:00:02Z",
                "localTime": "2026-03-02T21:00:02+01:00",
                "reason": "skipped: missed, and outside the catch-up window",
            }
        ],
    )

    start_date: Time = Field(description="The period that was compared: as far as the ledger has it")
    end_date: Time
    tolerance_seconds: int
    is_same: bool = Field(description="Whether both have the same times in the period")
    outside: int = Field(description="How many of the times that were given lie outside of the period")
    both: list[SameTimeShape]
    only_ours: list[OurTimeShape]
    only_theirs: list[TheirTimeShape]

    @classmethod
    def of(cls, compared: Compared) -> Self:
        """The answer about a comparison."""
        found, rows, timezone = compared.found, compared.rows, compared.timezone
        return cls(
            start_date=compared.begin,
            end_date=compared.end,
            tolerance_seconds=int(compared.tolerance.total_seconds()),
            is_same=not found.only_ours and not found.only_theirs,
            outside=compared.outside,
            both=[SameTimeShape.of(pair, rows[pair.ours], timezone) for pair in found.both],
            only_ours=[OurTimeShape.of(rows[time], timezone) for time in found.only_ours],
            only_theirs=[TheirTimeShape.of(time, compared) for time in found.only_theirs],
        )
