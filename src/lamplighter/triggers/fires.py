"""The questions one asks of a trigger. No clock, no state: the answer depends on the arguments alone.

Instants go in as aware datetimes of any zone and come out in UTC; a naive one raises ValueError.
"""

from datetime import datetime

from lamplighter.triggers.instants import from_datetime, to_datetime
from lamplighter.triggers.kinds import Trigger


def next_after(trigger: Trigger, after: datetime) -> datetime | None:
    """The first fire strictly after ``after``, which may lie anywhere; None means never again."""
    return to_datetime(trigger.fires.next_from(from_datetime(after) + 1))


def previous_before(trigger: Trigger, before: datetime) -> datetime | None:
    """The last fire strictly before ``before``; None means there was none."""
    return to_datetime(trigger.fires.last_upto(from_datetime(before) - 1))


def count_between(trigger: Trigger, first: datetime, last: datetime) -> int:
    """How many fires lie in the closed range from ``first`` to ``last``, without visiting them one by one.

    A range that ends before it begins holds none.
    """
    return trigger.fires.count(from_datetime(first), from_datetime(last))
