"""Groups of servers: which there are, which servers serve them, and what waits for them.

A server serves a group while its lease lasts. A run for a group queues until a server of the group takes it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Queue, RunStatus, ServerGroup
from lamplighter.store.tables import (
    RUN_IS_ON_SERVER,
    RUN_IS_OPEN,
    agents,
    runs,
    schedules,
    server_group_servers,
    server_groups,
    servers,
)

_QUEUING = sa.text(f"runs.status = {RunStatus.QUEUING.value}")


@dataclass(frozen=True, slots=True)
class Users:
    """What needs a group: schedules (with their agent's name first), runs to come, live servers."""

    schedules: tuple[tuple[str, str], ...]
    runs: int
    servers: tuple[str, ...]


def insert(c: sa.Connection, name: str, description: str | None, now: datetime) -> int:
    """Make a group and return its id; the database refuses a second one of the name."""
    values = {"name": name, "description": description, "created": now, "updated": now}
    return int(c.execute(server_groups.insert().values(values).returning(server_groups.c.id)).scalar_one())


def update(c: sa.Connection, group_id: int, values: Mapping[str, Any]) -> None:
    """Change some columns of a group."""
    c.execute(server_groups.update().where(server_groups.c.id == group_id).values(**values))


def delete(c: sa.Connection, group_id: int) -> None:
    """Take a group away; no server serves it any more."""
    c.execute(server_groups.delete().where(server_groups.c.id == group_id))


def every(c: sa.Connection, now: datetime) -> list[ServerGroup]:
    """All groups by name."""
    live = _live_servers(c, now)
    rows = c.execute(sa.select(server_groups).order_by(server_groups.c.name)).mappings()
    return [_group(row, live) for row in rows]


def get(c: sa.Connection, group_id: int, now: datetime) -> ServerGroup | None:
    """One group, or None."""
    row = c.execute(sa.select(server_groups).where(server_groups.c.id == group_id)).mappings().one_or_none()
    return None if row is None else _group(row, _live_servers(c, now))


def names(c: sa.Connection) -> dict[int, str]:
    """The names of all groups by id."""
    query = sa.select(server_groups.c.id, server_groups.c.name).order_by(server_groups.c.id)
    return {row.id: row.name for row in c.execute(query)}


def id_of(c: sa.Connection, name: str) -> int | None:
    """The id of the group with this name, or None."""
    found = c.execute(sa.select(server_groups.c.id).where(server_groups.c.name == name)).scalar_one_or_none()
    return None if found is None else int(found)


def serve(c: sa.Connection, server_id: int, names: Collection[str], now: datetime) -> None:
    """Note that a server serves exactly the groups of these names; those that are missing are made."""
    c.execute(server_group_servers.delete().where(server_group_servers.c.server_id == server_id))
    for name in dict.fromkeys(names):
        known = id_of(c, name)
        group_id = insert(c, name, None, now) if known is None else known
        c.execute(server_group_servers.insert().values(group_id=group_id, server_id=server_id))


def of_server(c: sa.Connection, server_id: int) -> list[int]:
    """The ids of the groups that a server serves."""
    query = sa.select(server_group_servers.c.group_id).where(server_group_servers.c.server_id == server_id)
    return list(c.execute(query).scalars())


def names_by_server(c: sa.Connection) -> dict[int, tuple[str, ...]]:
    """The names of the groups that each server serves, by the server's id."""
    query = (
        sa.select(server_group_servers.c.server_id, server_groups.c.name)
        .join(server_groups, server_groups.c.id == server_group_servers.c.group_id)
        .order_by(server_groups.c.name)
    )
    found: dict[int, tuple[str, ...]] = {}
    for server_id, name in c.execute(query):
        found[server_id] = (*found.get(server_id, ()), name)
    return found


def unserved(c: sa.Connection, ids: Collection[int], now: datetime) -> dict[int, str | None]:
    """Those of the groups of which no live server takes runs, each with its name; None for one that is gone."""
    names = {
        row.id: row.name
        for row in c.execute(
            sa.select(server_groups.c.id, server_groups.c.name).where(server_groups.c.id.in_(ids))
        )
    }
    served = _live_servers(c, now, takes_runs=True).keys()
    return {group_id: names.get(group_id) for group_id in ids if group_id not in served}


def users_of(c: sa.Connection, group_id: int, now: datetime, limit: int = 5) -> Users:
    """What needs the group: the first schedules, how many runs that have not ended, and live servers."""
    using = (
        sa.select(agents.c.name, schedules.c.name)
        .join(agents, agents.c.id == schedules.c.agent_id)
        .where(schedules.c.server_group_id == group_id, schedules.c.deleted.is_(None))
        .order_by(schedules.c.id)
        .limit(limit)
    )
    unfinished = (
        sa.select(sa.func.count()).select_from(runs).where(RUN_IS_OPEN, runs.c.server_group_id == group_id)
    )
    return Users(
        tuple((agent, schedule) for agent, schedule in c.execute(using)),
        int(c.execute(unfinished).scalar_one()),
        _live_servers(c, now).get(group_id, ()),
    )


# --- what queues for a group ---


def queues(c: sa.Connection, now: datetime) -> list[Queue]:
    """What waits for any server, and then for each group by its name."""
    known = {row.id: row.name for row in c.execute(sa.select(server_groups).order_by(server_groups.c.name))}
    group, count = runs.c.server_group_id, sa.func.count()
    waiting = sa.select(group, count, sa.func.min(runs.c.queued_at)).where(_QUEUING).group_by(group)
    queued = {row[0]: (row[1], row[2]) for row in c.execute(waiting)}
    going = sa.select(group, count).where(RUN_IS_ON_SERVER).group_by(group)
    running = {row[0]: row[1] for row in c.execute(going)}
    everywhere, serving = _servers_by_group(c)
    return [
        _queue(one, known.get(one), queued, running, everywhere if one is None else serving.get(one, []), now)
        for one in [None, *known]
    ]


def _servers_by_group(c: sa.Connection) -> tuple[list[sa.Row[Any]], dict[int, list[sa.Row[Any]]]]:
    everywhere = list(c.execute(sa.select(servers).order_by(servers.c.name)))
    by_id = {row.id: row for row in everywhere}
    serving: dict[int, list[sa.Row[Any]]] = {}
    for row in c.execute(sa.select(server_group_servers)):
        serving.setdefault(row.group_id, []).append(by_id[row.server_id])
    return everywhere, serving


def _queue(
    group_id: int | None,
    name: str | None,
    queued: Mapping[int | None, tuple[int, datetime | None]],
    running: Mapping[int | None, int],
    serving: Collection[sa.Row[Any]],
    now: datetime,
) -> Queue:
    live = [row for row in serving if row.lease_until >= now]
    taking = [row for row in live if row.draining_since is None]
    count, oldest = queued.get(group_id, (0, None))
    return Queue(
        group_id=group_id,
        group=name,
        queued=count,
        oldest=oldest,
        running=running.get(group_id, 0),
        places=sum(row.concurrency for row in taking),
        live=tuple(sorted(row.name for row in taking)),
        draining=tuple(sorted(row.name for row in live if row.draining_since is not None)),
        lost=tuple(sorted(row.name for row in serving if row.lease_until < now)),
    )


def with_queues(c: sa.Connection) -> list[int]:
    """The groups for which runs queue; read from one group to the next, however many runs there are."""
    found: list[int] = []
    group = runs.c.server_group_id
    while True:
        query = sa.select(sa.func.min(group)).where(_QUEUING, group.is_not(None))
        if found:
            query = query.where(group > found[-1])
        following = c.execute(query).scalar_one()
        if following is None:
            return found
        found.append(int(following))


def to_be_told(c: sa.Connection, group_id: int, message: str, limit: int) -> list[int]:
    """Runs that queue for the group and do not say ``message`` yet."""
    query = (
        sa.select(runs.c.id)
        .where(_QUEUING, runs.c.server_group_id == group_id, runs.c.message.is_distinct_from(message))
        .limit(limit)
    )
    return list(c.execute(query).scalars())


def to_be_silenced(c: sa.Connection, group_id: int, beginning: str, limit: int) -> list[int]:
    """Runs that queue for the group and say something that begins like this."""
    query = (
        sa.select(runs.c.id)
        .where(
            _QUEUING,
            runs.c.server_group_id == group_id,
            runs.c.message.startswith(beginning, autoescape=True),
        )
        .limit(limit)
    )
    return list(c.execute(query).scalars())


def tell(c: sa.Connection, run_ids: Collection[int], message: str | None) -> int:
    """Let those of the runs that still queue say ``message``; returns how many."""
    query = runs.update().where(runs.c.id.in_(run_ids), _QUEUING).values(message=message)
    return c.execute(query).rowcount


def _live_servers(c: sa.Connection, now: datetime, *, takes_runs: bool = False) -> dict[int, tuple[str, ...]]:
    """The names of the live servers of each group that has some; of those only that do not drain."""
    query = (
        sa.select(server_group_servers.c.group_id, servers.c.name)
        .join(servers, servers.c.id == server_group_servers.c.server_id)
        .where(servers.c.lease_until >= now)
        .order_by(servers.c.name)
    )
    if takes_runs:
        query = query.where(servers.c.draining_since.is_(None))
    found: dict[int, tuple[str, ...]] = {}
    for group_id, name in c.execute(query):
        found[group_id] = (*found.get(group_id, ()), name)
    return found


def _group(row: sa.RowMapping, live: Mapping[int, tuple[str, ...]]) -> ServerGroup:
    return ServerGroup(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        servers=live.get(row["id"], ()),
        created=row["created"],
        updated=row["updated"],
    )
