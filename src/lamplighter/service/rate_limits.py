"""How many requests each credential may send, and how often an address may fail to authenticate.

The windows are in memory and belong to this process. A credential has one only after it was found to be good, so
strangers cannot fill the memory; of addresses that fail, those that did so last are remembered.
"""

import math
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from lamplighter.clock import Clock
from lamplighter.errors import RateLimited
from lamplighter.model import Actor
from lamplighter.planner import WINDOW, wait_for_turn

FAILURES = 100  # wrong credentials from one address in a window
_MOST_ADDRESSES = 4096


class RateLimits:
    """Sliding windows of 60 seconds; ``limit`` requests of a credential pass in each one, 0: any number."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        # In the order of their last entry, so that what is over is always in front.
        self._requests: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()

    def admit(self, actor: Actor) -> None:
        """Count a request; RateLimited when it is one too many, and then it is not counted."""
        if self.limit == 0:
            return
        # Tokens of a user are many and short-lived: they share the user's window.
        who = f"user {actor.user_id}" if actor.api_key_id is None else f"key {actor.api_key_id}"
        self._count(self._requests, who, self.limit, f"more than {self.limit} requests in a minute")

    def failed(self, address: str) -> None:
        """Count wrong credentials from an address; RateLimited when there were too many.

        For keys it is called after they were looked at: right ones are never refused for wrong ones that somebody
        else sends from the same address.
        """
        if self.limit:
            self._count(self._failures, address, FAILURES, _too_many(address))

    def may_guess(self, address: str) -> None:
        """RateLimited when too many wrong credentials came from an address.

        For passwords, before they are looked at: unlike a key, a password can be guessed, and looking costs much.
        """
        with self._lock:
            window = self._failures.get(address)
            wait = wait_for_turn(window[0], self._clock.now()) if window and len(window) == FAILURES else None
        if wait:
            raise _limited(_too_many(address), wait)

    @property
    def size(self) -> tuple[int, int]:
        """How many windows of credentials and of addresses are remembered."""
        with self._lock:
            return len(self._requests), len(self._failures)

    def _count(self, table: OrderedDict[str, deque[datetime]], who: str, most: int, message: str) -> None:
        with self._lock:
            now = self._clock.now()
            window = table.setdefault(who, deque(maxlen=most))
            wait = wait_for_turn(window[0] if len(window) == most else None, now)
            if not wait:
                window.append(now)
                table.move_to_end(who)
                self._forget(table, now)
                return
        raise _limited(message, wait)

    def _forget(self, table: OrderedDict[str, deque[datetime]], now: datetime) -> None:
        while table:
            who, window = next(iter(table.items()))
            too_many = table is self._failures and len(table) > _MOST_ADDRESSES
            if window[-1] > now - WINDOW and not too_many:
                return
            del table[who]


def _too_many(address: str) -> str:
    return f"more than {FAILURES} wrong credentials in a minute from {address}"


def _limited(message: str, wait: timedelta) -> RateLimited:
    seconds = math.ceil(wait.total_seconds())
    return RateLimited(f"{message}: the next one may come in {seconds} s", seconds)
