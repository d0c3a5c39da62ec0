"""Which proxy is next, which ones rest, and for how long."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lamplighter.model import ProxyHealth, Rotation

_FIRST_REST = timedelta(seconds=30)
_LONGEST_REST = timedelta(minutes=30)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Pick:
    """Places in a pool, the best first: ``order[0]`` is the proxy to begin with, ``turn`` who is next after it."""

    order: tuple[int, ...]
    turn: int


@dataclass(frozen=True, slots=True)
class ProxyUse:
    """What one attempt saw of one proxy with one target host (empty: no host is known).

    ``failures_in_row`` counts those since the last success. ``at_proxy``: it was the proxy itself that failed
    (refused, no answer, wrong credentials, TLS), not the target behind it.
    """

    proxy_id: int
    host: str
    requests: int
    failures: int
    failures_in_row: int
    traffic: int
    error: str | None
    at_proxy: bool


def pick(
    rotation: Rotation,
    rests: Sequence[datetime | None],
    *,
    turn: int,
    run_id: int,
    now: datetime,
    chance: random.Random,
    avoid: int | None = None,
) -> Pick:
    """The order in which an attempt tries the proxies of a pool; ``rests`` says until when each one rests.

    Those that rest come last, the one that is ready first before the others: a run is better tried than not.
    ``avoid`` is the place that the attempt before began with; another one goes first if there is any, but for
    a sticky run, which keeps its proxy for as long as that does not rest.
    """
    count = len(rests)
    begin = (run_id if rotation is Rotation.STICKY else turn) % count
    ring = [(begin + step) % count for step in range(count)]
    ends = {place: end for place in ring if (end := rests[place]) is not None and end > now}
    ready = [place for place in ring if place not in ends]
    if rotation is Rotation.RANDOM:
        chance.shuffle(ready)
    if rotation is not Rotation.STICKY and avoid in ready:
        ready.remove(avoid)
        ready.append(avoid)
    order = (*ready, *sorted(ends, key=ends.__getitem__))
    return Pick(order, (order[0] + 1) % count)


def rest_until(failures_in_row: int, now: datetime) -> datetime:
    """Until when something rests after so many failures in a row: 30 seconds, doubling up to half an hour."""
    doublings = min(max(failures_in_row, 1) - 1, _MOST_DOUBLINGS)
    return now + min(_FIRST_REST * (1 << doublings), _LONGEST_REST)


def noted(
    known: Mapping[tuple[int, str], ProxyHealth], uses: Iterable[ProxyUse], now: datetime
) -> list[ProxyHealth]:
    """The health of proxies and their hosts after these uses; only what has changed.

    ``known`` is what was known before, by proxy and host.
    """
    changed: dict[tuple[int, str], ProxyHealth] = {}
    of_proxy: dict[int, list[ProxyUse]] = {}
    for use in uses:
        if use.requests <= 0:
            continue
        of_proxy.setdefault(use.proxy_id, []).append(use)
        if use.host:
            key = (use.proxy_id, use.host)
            before = changed.get(key) or known.get(key) or ProxyHealth(*key)
            changed[key] = _with_host(_counted(before, use, now), use, now)
    for proxy_id, own in of_proxy.items():
        whole = known.get((proxy_id, "")) or ProxyHealth(proxy_id, "")
        for use in own:
            whole = _counted(whole, use, now)
        changed[proxy_id, ""] = _with_proxy(whole, own, now)
    return list(changed.values())


def checked(health: ProxyHealth, error: str | None, now: datetime) -> ProxyHealth:
    """The health of a proxy after somebody looked whether it is there: ``error`` says why not."""
    if error is None:
        return replace(health, failures_in_row=0, rested_until=None)
    return _resting(replace(health, last_error=error), 1, now, never_worked=True)


def _counted(health: ProxyHealth, use: ProxyUse, now: datetime) -> ProxyHealth:
    return replace(
        health,
        requests=health.requests + use.requests,
        failures=health.failures + use.failures,
        traffic=health.traffic + use.traffic,
        last_error=use.error or health.last_error,
        last_used=now,
    )


def _with_host(health: ProxyHealth, use: ProxyUse, now: datetime) -> ProxyHealth:
    """A failure at the proxy says nothing about the host."""
    if use.failures_in_row == 0:
        return replace(health, failures_in_row=0, rested_until=None)
    if use.at_proxy:
        return health
    return _resting(health, use.failures_in_row, now, never_worked=use.failures >= use.requests)


def _with_proxy(health: ProxyHealth, uses: Sequence[ProxyUse], now: datetime) -> ProxyHealth:
    """A host that refuses says nothing about the proxy: it did its part."""
    worked = any(use.failures < use.requests for use in uses)
    failures = sum(use.failures_in_row for use in uses if use.at_proxy)
    if failures:
        return _resting(health, failures, now, never_worked=not worked)
    if worked:
        return replace(health, failures_in_row=0, rested_until=None)
    return health


def _resting(health: ProxyHealth, failures: int, now: datetime, *, never_worked: bool) -> ProxyHealth:
    in_row = failures + health.failures_in_row if never_worked else failures
    return replace(health, failures_in_row=in_row, rested_until=rest_until(in_row, now))
