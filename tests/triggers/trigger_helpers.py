"""Small things the trigger tests share."""

from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings

from lamplighter.triggers import Trigger, next_after, previous_before

TICK = timedelta(microseconds=1)

steady = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""The same examples in every run, however slow the machine."""


def fires_within(trigger: Trigger, first: datetime, last: datetime) -> list[datetime]:
    """All fires of the closed range, oldest first, by asking for the next one."""
    found = []
    fire = next_after(trigger, first - TICK)
    while fire is not None and fire <= last:
        found.append(fire)
        fire = next_after(trigger, fire)
    return found


def fires_within_backward(trigger: Trigger, first: datetime, last: datetime) -> list[datetime]:
    """The same range, newest first, by asking for the previous one."""
    found = []
    fire = previous_before(trigger, last + TICK)
    while fire is not None and fire >= first:
        found.append(fire)
        fire = previous_before(trigger, fire)
    return found


def next_texts(trigger: Trigger, after: datetime, count: int) -> list[str]:
    """The next fires as ``2026-03-08T07:00``."""
    found: list[str] = []
    fire = next_after(trigger, after)
    while fire is not None and len(found) < count:
        found.append(f"{fire:%Y-%m-%dT%H:%M}")
        fire = next_after(trigger, fire)
    return found
