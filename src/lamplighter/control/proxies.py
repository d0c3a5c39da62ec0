"""The proxies of a run in the database: who is next for an attempt, and what agents tell of them afterwards."""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter import planner
from lamplighter.control.face import NoProxies, PlannedProxy, ProxyPlan
from lamplighter.model import ProxyHealth, Run
from lamplighter.planner import ProxyUse
from lamplighter.proxy_address import HIDDEN, ProxyAddress, secrets_in
from lamplighter.store import proxies
from lamplighter.vault import Vault

# What an agent says of its proxies is believed only this far.
_MOST_ENTRIES = 20_000
_MOST_COUNTED = 10**15
_MOST_SUMMED = 2**62
_MOST_IN_ROW = 10**9
_LONGEST_HOST = 255
_OTHER_HOSTS = "*"  # what an agent with very many hosts says of the rest of them
_LONGEST_ERROR = 500
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def plan(c: sa.Connection, vault: Vault, run: Run, now: datetime, chance: random.Random) -> ProxyPlan | None:
    """The proxies of an attempt that is about to begin; None when the run has no pool.

    It is the next one's turn afterwards. NoProxies when the pool is gone, CannotUnseal when its credentials
    cannot be read.
    """
    pool_id = run.settings.proxy_pool_id
    if pool_id is None:
        return None
    pool = proxies.lock(c, pool_id)
    members = [] if pool is None else proxies.of_pool(c, pool_id)
    if pool is None or not members:
        raise NoProxies(f"there is no proxy pool {pool_id} any more, so the run has no proxies to go through")
    rests = proxies.rests(c, pool_id, now)
    ends = {one.proxy_id: one.rested_until for one in rests if not one.host}
    places = {proxy.id: place for place, proxy in enumerate(members)}
    before = proxies.begun_with(c, run.id)
    pick = planner.pick(
        pool.rotation,
        [ends.get(proxy.id) for proxy in members],
        turn=pool.turn,
        run_id=run.id,
        now=now,
        chance=chance,
        avoid=None if before is None else places.get(before),
    )
    proxies.set_turn(c, pool_id, pick.turn)
    proxies.begin_with(c, run.id, run.attempt, members[pick.order[0]].id)
    left: dict[int, dict[str, float]] = {}
    for one in rests:
        if one.rested_until is not None:
            left.setdefault(one.proxy_id, {})[one.host] = (one.rested_until - now).total_seconds()
    addresses = [ProxyAddress.opened(proxy, vault) for proxy in members]
    planned = (
        PlannedProxy(p.id, address.shown, address.url, left.get(p.id, {}))
        for p, address in zip(members, addresses, strict=True)
    )
    return ProxyPlan(pool.name, pool.rotation, tuple(planned), pick.order)


def told_traffic(report_document: Mapping[str, Any]) -> int:
    """How many bytes went through proxies, as an attempt's report tells."""
    entries = report_document.get("proxies")
    return sum(use.traffic for use in _uses(entries[:_MOST_ENTRIES])) if isinstance(entries, list) else 0


def absorb(c: sa.Connection, report_document: Mapping[str, Any], run: Run, now: datetime) -> None:
    """Add what an attempt's report says of its proxies to their health; what makes no sense is passed over.

    Call it in the transaction that ends the attempt, so that it counts once.
    """
    pool_id = run.settings.proxy_pool_id
    entries = report_document.get("proxies")
    if pool_id is None or not isinstance(entries, list) or proxies.lock(c, pool_id) is None:
        return
    members = {proxy.id for proxy in proxies.of_pool(c, pool_id)}
    uses = [use for use in _uses(entries[:_MOST_ENTRIES]) if use.proxy_id in members]
    if not uses:
        return
    known = proxies.known_health(c, pool_id, {use.proxy_id for use in uses})
    proxies.keep_health(c, known, [_bounded(one) for one in planner.noted(known, uses, now)])


def credentials(c: sa.Connection, vault: Vault, run: Run) -> list[str]:
    """What is to be hidden in what a run prints: the secrets of its pool."""
    pool_id = run.settings.proxy_pool_id
    return [] if pool_id is None else secrets_in(proxies.of_pool(c, pool_id), vault)


def _uses(entries: Iterable[object]) -> Iterator[ProxyUse]:
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        proxy_id, host, error = entry.get("id"), entry.get("host") or "", entry.get("lastError")
        if type(proxy_id) is not int or not isinstance(host, str) or not _is_host(host):
            continue
        requests = _count(entry.get("requests"))
        failures = min(_count(entry.get("failures")), requests)
        yield ProxyUse(
            proxy_id=proxy_id,
            host=host.lower() if host != _OTHER_HOSTS else "",
            requests=requests,
            failures=failures,
            failures_in_row=min(_count(entry.get("failuresInRow")), failures),
            traffic=_count(entry.get("traffic")),
            error=_one_line(error) if isinstance(error, str) and error else None,
            at_proxy=entry.get("atProxy") is True,
        )


def _is_host(text: str) -> bool:
    return len(text) <= _LONGEST_HOST and text.isprintable() and not any(sign in " /@?#" for sign in text)


def _count(value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _MOST_COUNTED:
        return 0
    return int(value)


def _one_line(text: str) -> str:
    """A message without what steers a terminal, and without the credentials of any address in it."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * _LONGEST_ERROR])
    return _USER_INFO.sub(f"{HIDDEN}@", shown).strip()[:_LONGEST_ERROR]


def _bounded(health: ProxyHealth) -> ProxyHealth:
    """Sums that the database can hold, whatever agents say."""
    return replace(
        health,
        requests=min(health.requests, _MOST_SUMMED),
        failures=min(health.failures, _MOST_SUMMED),
        traffic=min(health.traffic, _MOST_SUMMED),
        failures_in_row=min(health.failures_in_row, _MOST_IN_ROW),
    )
