"""Which proxy is next, and which ones are rested. Pure: the time is given, in seconds of any clock."""

import random
from collections.abc import Set
from dataclasses import dataclass

from .plan import Plan, Proxy

FIRST_REST, LONGEST_REST = 30.0, 1800.0
ALL_HOSTS = ""


@dataclass(slots=True)
class _Rest:
    """``times`` is how many rests there were without a success in between."""

    since: float
    until: float
    times: int


class Rotation:
    """Chooses by the plan's rotation among the proxies that are not rested."""

    def __init__(self, plan: Plan, now: float, chance: random.Random | None = None) -> None:
        self._plan = plan
        self._next = plan.start % len(plan.proxies)
        self._chance = chance or random.Random()  # noqa: S311 - it spreads requests, it guards nothing
        self._rests = {key: _Rest(now, now + seconds, 1) for key, seconds in plan.rested.items()}

    def choose(
        self, host: str, now: float, avoid: int | None = None, refused: Set[int] = frozenset()
    ) -> Proxy:
        """The proxy for a request to ``host``.

        ``avoid`` is the id of the one that has just failed for the same page: it comes last, but for Sticky. When
        all are rested, it is the one whose rest ends first. Those in ``refused`` are only chosen if there
        are no others.
        """
        order = self._order()
        order = [index for index in order if self._plan.proxies[index].id not in refused] or order
        free = [index for index in order if self._rested_until(index, host) <= now]
        if not free:
            return self._plan.proxies[min(order, key=lambda index: self._rested_until(index, host))]
        others = [index for index in free if self._plan.proxies[index].id != avoid]
        chosen = free[0] if self._plan.rotation == "Sticky" or not others else others[0]
        if self._plan.rotation == "RoundRobin":
            self._next = (chosen + 1) % len(self._plan.proxies)
        return self._plan.proxies[chosen]

    def _order(self) -> list[int]:
        indexes = list(range(len(self._plan.proxies)))
        if self._plan.rotation == "Random":
            self._chance.shuffle(indexes)
            return indexes
        return indexes[self._next :] + indexes[: self._next]

    def _rested_until(self, index: int, host: str) -> float:
        rests = (self._rests.get((self._plan.proxies[index].id, key)) for key in (ALL_HOSTS, host))
        return max((rest.until for rest in rests if rest), default=0.0)

    def fail(self, proxy: Proxy, host: str, began: float, now: float) -> None:
        """Rest the proxy, for one host or ``ALL_HOSTS``: each time twice as long as before.

        A request that ``began`` before the rest tells nothing new: many of them fail together.
        """
        rest = self._rests.get((proxy.id, host))
        if rest and began < rest.since:
            return
        times = rest.times + 1 if rest else 1
        length = min(LONGEST_REST, FIRST_REST * 2.0 ** min(times - 1, 16))
        self._rests[proxy.id, host] = _Rest(now, now + length, times)

    def succeed(self, proxy: Proxy, host: str) -> None:
        """It works for this host, and so it works."""
        self._rests.pop((proxy.id, host), None)
        self._rests.pop((proxy.id, ALL_HOSTS), None)
