"""Whose run is next: by priority, on-time ones before missed ones, then fair between spaces, then by age.

Spaces share the places of the servers that serve the same groups. Next is a run of the space that has the fewest
runs on these servers; of several such spaces, of the one whose turn was longest ago. So a space with ten thousand
queuing runs delays the single run of another one by no more than the place that gets free next.

However many runs queue, only those that are taken are read; the rest is steps from entry to entry of an index.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from lamplighter.model import RunStatus
from lamplighter.store.database import locked, upsert_all
from lamplighter.store.tables import RUN_IS_ON_SERVER, runs, server_group_servers, servers, space_turns

QUEUING = sa.text(f"runs.status = {RunStatus.QUEUING.value}")


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A space whose runs queue, in the order in which spaces are next.

    ``going`` is the number of its runs on the servers that share, ``turn`` the number of its last turn there (0:
    none yet), ``oldest`` the id of its oldest run that queues.
    """

    going: int
    turn: int
    oldest: int
    space_id: int


def share_out(places: int, waiting: Sequence[Waiting]) -> dict[int, int]:
    """How many places each space gets, by its id and in the order of their turns, if all have runs enough."""
    heap = list(waiting)
    heapq.heapify(heap)
    turn = max((one.turn for one in waiting), default=0)
    shares: dict[int, int] = {}
    for _ in range(places if heap else 0):
        first = heap[0]
        turn += 1
        heapq.heapreplace(heap, replace(first, going=first.going + 1, turn=turn))
        shares[first.space_id] = shares.get(first.space_id, 0) + 1
    return shares


def next_runs(c: sa.Connection, server_id: int, limit: int) -> list[int]:
    """Up to ``limit`` runs that are next for a server, locked for this transaction; their spaces had a turn."""
    queues = queues_of(c, server_id)
    table = _Table.read(c, server_id)
    found: list[int] = []
    for level in _levels(c, queues):
        found += _of_level(c, [sa.and_(queue, level) for queue in queues], table, limit - len(found))
        if len(found) == limit:
            break
    table.write(c, server_id)
    return found


def queues_of(c: sa.Connection, server_id: int) -> list[sa.ColumnElement[bool]]:
    """One condition for each queue that a server takes runs from, each with an index; none while it drains."""
    query = (
        sa.select(server_group_servers.c.group_id)
        .select_from(servers)
        .join(server_group_servers, server_group_servers.c.server_id == servers.c.id, isouter=True)
        .where(servers.c.id == server_id, servers.c.draining_since.is_(None))
    )
    rows = list(c.execute(query).scalars())
    own = [sa.and_(QUEUING, runs.c.server_group_id == group_id) for group_id in rows if group_id is not None]
    return [sa.and_(QUEUING, runs.c.server_group_id.is_(None)), *own] if rows else []


class _Table:
    """What each space has on the servers that share places with one server, and whose turn it was when."""

    def __init__(self, going: Mapping[int, int], turns: Mapping[int, int]) -> None:
        self._going = dict(going)
        self._turns = dict(turns)
        self._now = max(turns.values(), default=0)
        self._changed: set[int] = set()

    @classmethod
    def read(cls, c: sa.Connection, server_id: int) -> "_Table":
        sharing = _sharing_with(server_id)
        going = sa.select(runs.c.space_id, sa.func.count()).where(
            RUN_IS_ON_SERVER, runs.c.server_id.in_(sharing)
        )
        last = sa.func.max(space_turns.c.turn)
        turns = sa.select(space_turns.c.space_id, last).where(space_turns.c.server_id.in_(sharing))
        return cls(
            {row[0]: row[1] for row in c.execute(going.group_by(runs.c.space_id))},
            {row[0]: row[1] for row in c.execute(turns.group_by(space_turns.c.space_id))},
        )

    def waiting(self, oldest: Mapping[int, int]) -> list[Waiting]:
        return [
            Waiting(self._going.get(space, 0), self._turns.get(space, 0), run_id, space)
            for space, run_id in oldest.items()
        ]

    def took(self, space_id: int, count: int) -> None:
        if count:
            self._now += 1
            self._going[space_id] = self._going.get(space_id, 0) + count
            self._turns[space_id] = self._now
            self._changed.add(space_id)

    def write(self, c: sa.Connection, server_id: int) -> None:
        rows = [
            {"server_id": server_id, "space_id": space, "turn": self._turns[space]}
            for space in sorted(self._changed)
        ]
        upsert_all(c, space_turns, rows, change="turn")


def _of_level(
    c: sa.Connection, queues: Sequence[sa.ColumnElement[bool]], table: _Table, limit: int
) -> list[int]:
    """Up to ``limit`` runs of these queues, whose runs are equal in priority."""
    oldest: dict[int, int] = {}
    for queue in queues:
        for space, run_id in _oldest_by_space(c, queue):
            oldest[space] = min(run_id, oldest.get(space, run_id))
    found: list[int] = []
    # A space whose runs are fewer than its share, or taken by others meanwhile, leaves the rest to the others.
    while oldest and len(found) < limit:
        for space, count in share_out(limit - len(found), table.waiting(oldest)).items():
            ids = _first(c, queues, space, oldest[space], count)
            table.took(space, len(ids))
            found += ids
            if len(ids) < count:
                del oldest[space]
            else:
                oldest[space] = ids[-1] + 1
    return found


def _first(
    c: sa.Connection, queues: Sequence[sa.ColumnElement[bool]], space: int, from_id: int, count: int
) -> list[int]:
    """The first runs of a space in these queues, of which another transaction has taken none."""
    ids = [
        run_id
        for queue in queues
        for run_id in c.execute(
            locked(_in_order(queue, space).where(runs.c.id >= from_id).limit(count), of=runs)
        ).scalars()
    ]
    return sorted(ids)[:count]


def _levels(c: sa.Connection, queues: Sequence[sa.ColumnElement[bool]]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions for runs that are equal in priority, the highest first."""
    below: sa.ColumnElement[bool] = sa.true()
    # The whole order of the queue's index, so that no other one is read.
    order = (runs.c.priority.desc(), runs.c.is_catch_up, runs.c.space_id, runs.c.id)
    while True:
        highest: list[int] = []
        for queue in queues:
            first = sa.select(runs.c.priority).where(queue, below).order_by(*order).limit(1)
            highest += c.execute(first).scalars()
        if not highest:
            return
        priority = max(highest)
        yield sa.and_(runs.c.priority == priority, runs.c.is_catch_up == sa.false())
        yield sa.and_(runs.c.priority == priority, runs.c.is_catch_up == sa.true())
        below = runs.c.priority < priority


def _oldest_by_space(c: sa.Connection, queue: sa.ColumnElement[bool]) -> list[tuple[int, int]]:
    """Each space that has runs in a queue, with the id of the oldest: one step through the index for each."""
    lowest = sa.select(sa.func.min(runs.c.space_id).label("space_id")).where(queue)
    space = lowest.cte("space", recursive=True)
    following = sa.select(sa.func.min(runs.c.space_id)).where(queue, runs.c.space_id > space.c.space_id)
    space = space.union_all(sa.select(following.scalar_subquery()).where(space.c.space_id.is_not(None)))
    oldest = _in_order(queue, space.c.space_id).limit(1).scalar_subquery()
    query = sa.select(space.c.space_id, oldest).where(space.c.space_id.is_not(None))
    return [(space_id, run_id) for space_id, run_id in c.execute(query)]


def _in_order(queue: sa.ColumnElement[bool], space: int | sa.ColumnElement[int]) -> sa.Select[Any]:
    """The runs of a space in a queue, oldest first.

    The order is that of the queue's index and of no other: "equal to" in place of "between" would allow PostgreSQL
    to look for them among all runs that there ever were, by their ids.
    """
    of_space = runs.c.space_id.between(space, space)
    return sa.select(runs.c.id).where(queue, of_space).order_by(runs.c.space_id, runs.c.id)


def _sharing_with(server_id: int) -> sa.Select[Any]:
    """The servers that serve exactly the groups that this one serves, itself among them."""
    served = server_group_servers
    own = sa.select(served.c.group_id).where(served.c.server_id == server_id)
    count = sa.select(sa.func.count()).select_from(own.subquery()).scalar_subquery()
    return (
        sa.select(servers.c.id)
        .join(served, served.c.server_id == servers.c.id, isouter=True)
        .group_by(servers.c.id)
        .having(
            sa.func.count(served.c.group_id) == count,
            sa.func.count(sa.case((served.c.group_id.in_(own), 1))) == count,
        )
    )
