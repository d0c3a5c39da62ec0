"""Servers and their leases: who may hold runs at present. One lease a server, not one a run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Server
from lamplighter.store.database import take
from lamplighter.store.tables import RUN_IS_ON_SERVER, runs, servers


def register(
    c: sa.Connection,
    name: str,
    incarnation: str,
    concurrency: int,
    now: datetime,
    lease_until: datetime,
    labels: Mapping[str, str] | None = None,
) -> int:
    """Note that a server's process has started, under the name that it always has; returns its id."""
    values = {
        "incarnation": incarnation,
        "concurrency": concurrency,
        "started": now,
        "lease_until": lease_until,
        "labels": dict(labels or {}),
    }
    known = c.execute(
        servers.update().where(servers.c.name == name).values(values).returning(servers.c.id)
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    return int(c.execute(servers.insert().values(name=name, **values).returning(servers.c.id)).scalar_one())


def renew(c: sa.Connection, name: str, incarnation: str, lease_until: datetime) -> bool:
    """Prolong the lease; False when another process has taken the server's name since."""
    query = (
        servers.update()
        .where(servers.c.name == name, servers.c.incarnation == incarnation)
        .values(lease_until=lease_until)
    )
    return c.execute(query).rowcount == 1


def prolong(c: sa.Connection, now: datetime, until: datetime) -> None:
    """Prolong the leases of all servers that have one: nobody can reach them, and they reach nobody."""
    query = servers.update().where(servers.c.lease_until >= now, servers.c.lease_until < until)
    c.execute(query.values(lease_until=until))


def id_of(c: sa.Connection, name: str) -> int | None:
    """The id of the server with this name, or None."""
    found = c.execute(sa.select(servers.c.id).where(servers.c.name == name)).scalar_one_or_none()
    return None if found is None else int(found)


_SPEAKS = sa.select(servers.c.id).where(
    servers.c.name == sa.bindparam("the_server"),
    servers.c.incarnation == sa.bindparam("the_process"),
    servers.c.lease_until >= sa.bindparam("the_time"),
)


def speaks(c: sa.Connection, name: str, incarnation: str, now: datetime) -> int | None:
    """The id of the server, if this process of it has its name and its lease; else None."""
    process = {"the_server": name, "the_process": incarnation, "the_time": now}
    found = c.execute(_SPEAKS, process).scalar_one_or_none()
    return None if found is None else int(found)


def still_speaks(c: sa.Connection, name: str, incarnation: str, now: datetime) -> int | None:
    """As ``speaks``, and nobody else takes the name or the lease before this transaction ends."""
    server_id = speaks(c, name, incarnation, now)
    if server_id is None or not take(c, servers.c.id, [server_id]):
        return server_id
    return speaks(c, name, incarnation, now)


_LOST = sa.select(servers).where(servers.c.lease_until < sa.bindparam("the_time"))


def lost(c: sa.Connection, now: datetime) -> list[Server]:
    """The servers whose lease has run out."""
    return [_server(row) for row in c.execute(_LOST, {"the_time": now})]


def is_still_lost(c: sa.Connection, server_id: int, now: datetime) -> bool:
    """Whether a server's lease has run out; it cannot be renewed before this transaction ends."""
    take(c, servers.c.id, [server_id])
    query = sa.select(servers.c.lease_until < now).where(servers.c.id == server_id)
    return bool(c.execute(query).scalar_one())


def drain(c: sa.Connection, server_id: int, since: datetime | None) -> None:
    """From now on the server takes no new runs; with None it does again. What it has it goes on with."""
    take(c, servers.c.id, [server_id])
    c.execute(servers.update().where(servers.c.id == server_id).values(draining_since=since))


def get(c: sa.Connection, server_id: int) -> Server | None:
    """One server, or None."""
    row = c.execute(sa.select(servers).where(servers.c.id == server_id)).one_or_none()
    return None if row is None else _server(row)


def every(c: sa.Connection) -> list[Server]:
    """All servers ever seen, by name."""
    return [_server(row) for row in c.execute(sa.select(servers).order_by(servers.c.name))]


def run_counts(c: sa.Connection) -> dict[int, int]:
    """How many runs are on each server that has some, by its id."""
    query = sa.select(runs.c.server_id, sa.func.count()).where(RUN_IS_ON_SERVER).group_by(runs.c.server_id)
    return {server_id: count for server_id, count in c.execute(query)}  # noqa: C416 - rows, not pairs


def _server(row: sa.Row[Any]) -> Server:
    return Server(
        row.id,
        row.name,
        row.incarnation,
        row.concurrency,
        row.started,
        row.lease_until,
        row.draining_since,
        row.labels,
    )
