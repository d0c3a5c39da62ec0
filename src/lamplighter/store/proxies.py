"""Pools of proxies, and how their proxies do."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import ACTIVE, Proxy, ProxyHealth, ProxyPool, ProxyPoolSums, Rotation
from lamplighter.store.tables import (
    agents,
    parallel_sets,
    proxies,
    proxy_health,
    proxy_pools,
    runs,
    schedules,
)

_HEALTH = tuple(f.name for f in fields(ProxyHealth))
_SUMS = ("requests", "failures", "traffic")
# What an agent says of target hosts must not fill the database.
_MOST_HOSTS = 200


# --- pools ---


def pools(c: sa.Connection, now: datetime) -> list[ProxyPoolSums]:
    """All pools by name."""
    whole = sa.and_(proxy_health.c.proxy_id == proxies.c.id, proxy_health.c.host == "")
    resting = sa.func.count(sa.case((proxy_health.c.rested_until > now, 1)))
    sums = [sa.func.coalesce(sa.func.sum(proxy_health.c[name]), 0).label(name) for name in _SUMS]
    query = (
        sa.select(proxy_pools, sa.func.count(proxies.c.id).label("proxies"), resting.label("resting"), *sums)
        .outerjoin(proxies, proxies.c.pool_id == proxy_pools.c.id)
        .outerjoin(proxy_health, whole)
        .group_by(proxy_pools.c.id)
        .order_by(proxy_pools.c.name)
    )
    return [
        ProxyPoolSums(_pool(row), row["proxies"], row["resting"], *(int(row[name]) for name in _SUMS))
        for row in c.execute(query).mappings()
    ]


def get(c: sa.Connection, pool_id: int) -> ProxyPool | None:
    """One pool."""
    return _one(c, sa.select(proxy_pools).where(proxy_pools.c.id == pool_id))


def lock(c: sa.Connection, pool_id: int) -> ProxyPool | None:
    """One pool, which until the end of the transaction nobody else changes in any of its parts."""
    # SQLite, whose writers never overlap, needs no lock, and SQLAlchemy leaves the words out.
    return _one(c, sa.select(proxy_pools).where(proxy_pools.c.id == pool_id).with_for_update())


def names(c: sa.Connection) -> dict[int, str]:
    """The names of all pools by id."""
    query = sa.select(proxy_pools.c.id, proxy_pools.c.name).order_by(proxy_pools.c.id)
    return {row.id: row.name for row in c.execute(query)}


def insert(c: sa.Connection, name: str, rotation: Rotation, now: datetime) -> int:
    """Keep a new pool without proxies and return its id."""
    values = {"name": name, "rotation": rotation.value, "created": now, "updated": now}
    return int(c.execute(proxy_pools.insert().values(**values).returning(proxy_pools.c.id)).scalar_one())


def update(c: sa.Connection, pool_id: int, name: str, rotation: Rotation, now: datetime) -> None:
    """Change what a pool is called and how it takes turns."""
    values = {"name": name, "rotation": rotation.value, "updated": now}
    c.execute(proxy_pools.update().where(proxy_pools.c.id == pool_id).values(**values))


def set_turn(c: sa.Connection, pool_id: int, turn: int) -> None:
    """Say whose turn it is next."""
    c.execute(proxy_pools.update().where(proxy_pools.c.id == pool_id).values(turn=turn))


def delete(c: sa.Connection, pool_id: int) -> None:
    """Take a pool away, with its proxies and all that is known of them."""
    c.execute(proxy_pools.delete().where(proxy_pools.c.id == pool_id))


def schedules_with(c: sa.Connection, pool_id: int) -> list[tuple[int, str, str]]:
    """The schedules that use a pool: id, name, and their agent's name."""
    query = (
        sa.select(schedules.c.id, schedules.c.name, agents.c.name)
        .join(agents, agents.c.id == schedules.c.agent_id)
        .where(schedules.c.proxy_pool_id == pool_id, schedules.c.deleted.is_(None))
        .order_by(schedules.c.id)
    )
    return [(schedule_id, name, agent) for schedule_id, name, agent in c.execute(query)]


def runs_with(c: sa.Connection, pool_id: int) -> list[int]:
    """The runs that use a pool and have not ended."""
    open_runs = sa.text(f"runs.status IN ({', '.join(str(s.value) for s in sorted(ACTIVE))})")
    query = (
        sa.select(runs.c.id)
        .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
        .where(parallel_sets.c.proxy_pool_id == pool_id, open_runs)
        .order_by(runs.c.id)
    )
    return list(c.execute(query).scalars())


# --- proxies ---


def of_pool(c: sa.Connection, pool_id: int) -> list[Proxy]:
    """The proxies of a pool in their order."""
    query = sa.select(proxies).where(proxies.c.pool_id == pool_id).order_by(proxies.c.position, proxies.c.id)
    return [
        Proxy(row["id"], row["pool_id"], row["address"], row["sealed_credentials"])
        for row in c.execute(query).mappings()
    ]


def replace(
    c: sa.Connection, pool_id: int, kept: Mapping[int, int], new: Iterable[tuple[int, str, str | None]]
) -> None:
    """Give a pool its proxies: ``kept`` is id → position, ``new`` position, address, sealed credentials.

    Those that are in neither are removed, with all that is known of them.
    """
    c.execute(proxies.delete().where(proxies.c.pool_id == pool_id, proxies.c.id.not_in(kept)))
    if kept:
        move = proxies.update().where(proxies.c.id == sa.bindparam("b_id"))
        places = [{"b_id": proxy_id, "b_position": position} for proxy_id, position in kept.items()]
        c.execute(move.values(position=sa.bindparam("b_position")), places)
    rows = [
        {"pool_id": pool_id, "position": position, "address": address, "sealed_credentials": sealed}
        for position, address, sealed in new
    ]
    if rows:
        c.execute(proxies.insert(), rows)


# --- health ---


def rests(c: sa.Connection, pool_id: int, now: datetime) -> list[ProxyHealth]:
    """What rests now of a pool: proxies, and proxies for a host."""
    query = _health_of(pool_id).where(proxy_health.c.rested_until > now)
    return [_health(row) for row in c.execute(query).mappings()]


def health(c: sa.Connection, pool_id: int, most_hosts: int) -> list[ProxyHealth]:
    """How the proxies of a pool do: each as such, then with its most used hosts."""
    rank = sa.func.row_number().over(
        partition_by=proxy_health.c.proxy_id,
        order_by=[proxy_health.c.host != "", proxy_health.c.requests.desc(), proxy_health.c.host],
    )
    ranked = _health_of(pool_id).add_columns(rank.label("place")).subquery()
    query = sa.select(ranked).where(ranked.c.place <= most_hosts + 1)
    return [_health(row) for row in c.execute(query.order_by(ranked.c.proxy_id, ranked.c.place)).mappings()]


def known_health(
    c: sa.Connection, pool_id: int, proxy_ids: Collection[int]
) -> dict[tuple[int, str], ProxyHealth]:
    """All that is known of some proxies of a pool, by proxy and host."""
    query = _health_of(pool_id).where(proxy_health.c.proxy_id.in_(proxy_ids))
    return {(row["proxy_id"], row["host"]): _health(row) for row in c.execute(query).mappings()}


def keep_health(c: sa.Connection, known: Collection[tuple[int, str]], changed: Sequence[ProxyHealth]) -> None:
    """Write how proxies do; ``known`` are those that have a row already. Lock the pool before reading them.

    Of each proxy, the hosts that were used last are kept.
    """
    rows = [{name: getattr(one, name) for name in _HEALTH} for one in changed]
    new = [row for row in rows if (row["proxy_id"], row["host"]) not in known]
    old = [
        {f"b_{name}": value for name, value in row.items()}
        for row in rows
        if (row["proxy_id"], row["host"]) in known
    ]
    if new:
        c.execute(proxy_health.insert(), new)
    if old:
        values: dict[str, Any] = {name: sa.bindparam(f"b_{name}") for name in _HEALTH[2:]}
        same = (
            proxy_health.c.proxy_id == sa.bindparam("b_proxy_id"),
            proxy_health.c.host == sa.bindparam("b_host"),
        )
        c.execute(proxy_health.update().where(*same).values(**values), old)
    if new:
        _forget_oldest_hosts(c, {row["proxy_id"] for row in new})


def _forget_oldest_hosts(c: sa.Connection, proxy_ids: Collection[int]) -> None:
    rank = sa.func.row_number().over(
        partition_by=proxy_health.c.proxy_id,
        order_by=[proxy_health.c.last_used.desc(), proxy_health.c.requests.desc(), proxy_health.c.host],
    )
    ranked = (
        sa.select(proxy_health.c.proxy_id, proxy_health.c.host, rank.label("place"))
        .where(proxy_health.c.proxy_id.in_(proxy_ids), proxy_health.c.host != "")
        .subquery()
    )
    oldest = sa.select(ranked.c.proxy_id, ranked.c.host).where(ranked.c.place > _MOST_HOSTS)
    c.execute(
        proxy_health.delete().where(sa.tuple_(proxy_health.c.proxy_id, proxy_health.c.host).in_(oldest))
    )


# --- runs ---


def begun_with(c: sa.Connection, run_id: int) -> int | None:
    """The proxy that the last attempt of a run began with."""
    return c.execute(sa.select(runs.c.proxy_id).where(runs.c.id == run_id)).scalar_one_or_none()


def begin_with(c: sa.Connection, run_id: int, attempt: int, proxy_id: int) -> None:
    """Note which proxy an attempt begins with; one that is over changes nothing."""
    this = (runs.c.id == run_id, runs.c.attempt == attempt)
    c.execute(runs.update().where(*this).values(proxy_id=proxy_id))


def _one(c: sa.Connection, query: sa.Select[Any]) -> ProxyPool | None:
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else _pool(row)


def _pool(row: sa.RowMapping) -> ProxyPool:
    return ProxyPool(
        row["id"], row["name"], Rotation(row["rotation"]), row["turn"], row["created"], row["updated"]
    )


def _health_of(pool_id: int) -> sa.Select[Any]:
    return (
        sa.select(proxy_health)
        .join(proxies, proxies.c.id == proxy_health.c.proxy_id)
        .where(proxies.c.pool_id == pool_id)
    )


def _health(row: sa.RowMapping) -> ProxyHealth:
    return ProxyHealth(**{name: row[name] for name in _HEALTH})
