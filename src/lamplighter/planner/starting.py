"""Who may start, how the input is shared out, and when a failed run comes back."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from lamplighter.model import Run, SetState

# A server that has not been heard of for so long has lost its runs.
LEASE = timedelta(seconds=25)
# It has them for so long when it ended as planned: an upgrade takes a while.
ABSENCE = timedelta(minutes=5)
_MOST_RETRY_DELAY = 3600
_DEFAULT_RETRY_DELAY = 60


class Admission(Enum):
    """Whether a new set may begin, must wait for its agent, or is not wanted."""

    START = "start"
    HOLD = "hold"
    SKIP = "skip"


@dataclass(slots=True)
class Occupancy:
    """What of one agent is going and waiting, while sets are admitted one after another."""

    active: bool = False
    active_exclusive: bool = False
    waiting: bool = False
    waiting_schedules: frozenset[int] = frozenset()

    def add(self, state: SetState, *, is_exclusive: bool, schedule_id: int | None) -> None:
        """Take note of one more set."""
        if state is SetState.ACTIVE:
            self.active = True
            self.active_exclusive |= is_exclusive
        elif state is SetState.WAITING:
            self.waiting = True
            if schedule_id is not None:
                self.waiting_schedules |= {schedule_id}


def admit(occupancy: Occupancy, *, is_exclusive: bool, schedule_id: int | None) -> Admission:
    """Decide on a new set of an agent.

    An exclusive set runs alone: it waits for every other one, and every other one waits for it. Sets that wait
    go first come, first served, and of one schedule at most one waits. A start by hand (``schedule_id`` None)
    always gets its place.
    """
    free = not (occupancy.active if is_exclusive else occupancy.active_exclusive)
    if free and not occupancy.waiting:
        return Admission.START
    if schedule_id is not None and schedule_id in occupancy.waiting_schedules:
        return Admission.SKIP
    return Admission.HOLD


def split_input(text: str | None, parallelism: int) -> list[str]:
    """The input of each run of a set, as JSON texts.

    Rows of an array are split into nearly equal consecutive parts, at most one part a row; anything else is
    given to every run.
    """
    if text is None:
        return ["{}"] * parallelism
    value: Any = json.loads(text)
    if not isinstance(value, list):
        return [json.dumps(value, ensure_ascii=False)] * parallelism
    parts = max(1, min(parallelism, len(value)))
    size, extra = divmod(len(value), parts)
    split: list[str] = []
    begin = 0
    for index in range(parts):
        end = begin + size + (index < extra)
        split.append(json.dumps(value[begin:end], ensure_ascii=False))
        begin = end
    return split


def retry_at(run: Run, now: datetime, chance: random.Random) -> datetime | None:
    """When a failed run is to be tried again: None means at once.

    With ``is_wait_on_failure`` or a delay that was asked for, the wait doubles with every retry, is at most one
    hour, and is spread by up to a tenth so that runs which failed together do not come back together.
    """
    settings = run.settings
    if not settings.is_wait_on_failure and settings.retry_delay_seconds is None:
        return None
    base = _DEFAULT_RETRY_DELAY if settings.retry_delay_seconds is None else settings.retry_delay_seconds
    delay = min(_MOST_RETRY_DELAY, base * 2 ** min(run.retries, 20))
    return now + timedelta(milliseconds=int(delay * 1000 * (1 - chance.random() / 10)))


def may_retry(run: Run) -> bool:
    """Whether a failed attempt of the run is followed by another one."""
    return run.retries < run.settings.retries_allowed
