"""When a request may pass that would be one too many."""

from datetime import datetime, timedelta

WINDOW = timedelta(seconds=60)


def wait_for_turn(nth_last: datetime | None, now: datetime) -> timedelta:
    """How long a request has to wait; zero: it may pass.

    Of n requests that may pass in a window, ``nth_last`` is when the n-th last one did (None: fewer have passed).
    Nothing else needs to be known for no window to see more than n. An instant to come means that the clock was
    set back: nobody waits for that.
    """
    if nth_last is None or nth_last > now:
        return timedelta(0)
    return max(nth_last + WINDOW - now, timedelta(0))
