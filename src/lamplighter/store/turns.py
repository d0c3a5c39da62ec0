"""Whose run is next: by priority, on-time ones before missed ones, then fair between spaces, then by age.

Spaces share the places of the servers that serve the same groups. Next is a run of the space that has the fewest
runs on these servers; of several such spaces, of the one whose turn was longest ago. So a space with ten thousand
queuing runs delays the single run of another one by no more than the place that gets free next.

However many runs queue, only those that are taken are read; the rest is steps from entry to entry of an index.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

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
    queues = _queues_of(c, server_id)
    level = _highest(c, queues, below=None)
    if level is None:
        return []
    table = _Table.read(c, server_id)
    found: list[int] = []
    while level is not None and len(found) < limit:
        found += _of_level(c, queues, level, table, limit - len(found))
        if len(found) < limit:
            level = _highest(c, queues, below=level)
    table.write(c, server_id)
    return found


def anything_queues(c: sa.Connection, server_id: int) -> bool:
    """Whether a run waits that this server may take."""
    return _highest(c, _queues_of(c, server_id), below=None) is not None


def _queues_of(c: sa.Connection, server_id: int) -> list["_Queue"]:
    """The queues that a server takes runs from, each with an index; none while it drains."""
    rows = list(c.execute(_GROUPS, {"the_server": server_id}).scalars())
    own = [_Queue(group_id) for group_id in rows if group_id is not None]
    return [_Queue(None), *own] if rows else []


class _Queue(NamedTuple):
    """The runs that queue for a server group, or (None) for any server."""

    group_id: int | None

    @property
    def is_common(self) -> bool:
        return self.group_id is None

    @property
    def bound(self) -> dict[str, Any]:
        return {} if self.group_id is None else {"the_group": self.group_id}


class _Level(NamedTuple):
    """Runs that are equal in priority; those that are late come after those that are not."""

    priority: int
    is_catch_up: bool

    @property
    def bound(self) -> dict[str, Any]:
        return {"the_priority": self.priority, "is_late": self.is_catch_up}


class _Table:
    """What each space has on the servers that share places with one server, and whose turn it was when."""

    def __init__(self, going: Mapping[int, int], turns: Mapping[int, int]) -> None:
        self._going = dict(going)
        self._turns = dict(turns)
        self._now = max(turns.values(), default=0)
        self._changed: set[int] = set()

    @classmethod
    def read(cls, c: sa.Connection, server_id: int) -> "_Table":
        of_server = {"the_server": server_id}
        return cls(
            {row[0]: row[1] for row in c.execute(_GOING, of_server)},
            {row[0]: row[1] for row in c.execute(_TURNS, of_server)},
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
    c: sa.Connection, queues: Sequence[_Queue], level: _Level, table: _Table, limit: int
) -> list[int]:
    """Up to ``limit`` runs of one level of these queues."""
    oldest: dict[int, int] = {}
    for queue in queues:
        for space, run_id in c.execute(
            _oldest_by_space(is_common=queue.is_common), queue.bound | level.bound
        ):
            oldest[space] = min(run_id, oldest.get(space, run_id))
    found: list[int] = []
    # A space whose runs are fewer than its share, or taken by others meanwhile, leaves the rest to the others.
    while oldest and len(found) < limit:
        for space, count in share_out(limit - len(found), table.waiting(oldest)).items():
            ids = _first(c, queues, level, space, oldest[space], count)
            table.took(space, len(ids))
            found += ids
            if len(ids) < count:
                del oldest[space]
            else:
                oldest[space] = ids[-1] + 1
    return found


def _first(
    c: sa.Connection, queues: Sequence[_Queue], level: _Level, space: int, from_id: int, count: int
) -> list[int]:
    """The first runs of a space in these queues, of which another transaction has taken none."""
    bound = level.bound | {"the_space": space, "from_id": from_id, "most": count}
    ids = [
        run_id
        for queue in queues
        for run_id in c.execute(_first_of_space(is_common=queue.is_common), queue.bound | bound).scalars()
    ]
    return sorted(ids)[:count]


def _highest(c: sa.Connection, queues: Sequence[_Queue], below: _Level | None) -> _Level | None:
    """The first level in the order of the queues that has runs, or the first one after ``below``."""
    found = [
        _Level(*row)
        for queue in queues
        for row in c.execute(
            _first_level(is_common=queue.is_common, is_first=below is None),
            queue.bound | ({} if below is None else below.bound),
        )
    ]
    return min(found, key=lambda level: (-level.priority, level.is_catch_up), default=None)


# --- the statements: each is written once, for to put it together takes longer than to carry it out ---


_GROUPS = (
    sa.select(server_group_servers.c.group_id)
    .select_from(servers)
    .join(server_group_servers, server_group_servers.c.server_id == servers.c.id, isouter=True)
    .where(servers.c.id == sa.bindparam("the_server"), servers.c.draining_since.is_(None))
)
_EQUAL = sa.and_(
    runs.c.priority == sa.bindparam("the_priority"), runs.c.is_catch_up == sa.bindparam("is_late")
)


def _in_queue(*, is_common: bool) -> sa.ColumnElement[bool]:
    group = runs.c.server_group_id
    return sa.and_(QUEUING, group.is_(None) if is_common else group == sa.bindparam("the_group"))


@cache
def _first_level(*, is_common: bool, is_first: bool) -> sa.Select[Any]:
    """The highest level of a queue, or the highest after one."""
    # The whole order of the queue's index, so that no other one is read.
    order = (runs.c.priority.desc(), runs.c.is_catch_up, runs.c.space_id, runs.c.id)
    query = sa.select(runs.c.priority, runs.c.is_catch_up).where(_in_queue(is_common=is_common))
    if not is_first:
        priority = sa.bindparam("the_priority", type_=sa.Integer)
        is_late = sa.bindparam("is_late", type_=sa.Boolean)
        later = sa.and_(runs.c.priority == priority, runs.c.is_catch_up, ~is_late)
        query = query.where(runs.c.priority <= priority, sa.or_(runs.c.priority < priority, later))
    return query.order_by(*order).limit(1)


@cache
def _oldest_by_space(*, is_common: bool) -> sa.Select[Any]:
    """Each space that has runs on a level of a queue, and the oldest one's id: one step through the index each."""
    queue = sa.and_(_in_queue(is_common=is_common), _EQUAL)
    lowest = sa.select(sa.func.min(runs.c.space_id).label("space_id")).where(queue)
    space = lowest.cte("space", recursive=True)
    following = sa.select(sa.func.min(runs.c.space_id)).where(queue, runs.c.space_id > space.c.space_id)
    space = space.union_all(sa.select(following.scalar_subquery()).where(space.c.space_id.is_not(None)))
    oldest = _in_order(queue, space.c.space_id).limit(1).scalar_subquery()
    return sa.select(space.c.space_id, oldest).where(space.c.space_id.is_not(None))


@cache
def _first_of_space(*, is_common: bool) -> sa.Select[Any]:
    query = _in_order(
        sa.and_(_in_queue(is_common=is_common), _EQUAL), sa.bindparam("the_space", type_=sa.Integer)
    )
    from_id, most = sa.bindparam("from_id", type_=sa.Integer), sa.bindparam("most", type_=sa.Integer)
    return locked(query.where(runs.c.id >= from_id).limit(most), of=runs)


def _in_order(queue: sa.ColumnElement[bool], space: sa.ColumnElement[int]) -> sa.Select[Any]:
    """The runs of a space in a queue, oldest first.

    The order is that of the queue's index and of no other: "equal to" in place of "between" would allow PostgreSQL
    to look for them among all runs that there ever were, by their ids.
    """
    of_space = runs.c.space_id.between(space, space)
    return sa.select(runs.c.id).where(queue, of_space).order_by(runs.c.space_id, runs.c.id)


def _sharing() -> sa.Select[Any]:
    """The servers that serve exactly the groups that the server serves, itself among them."""
    served = server_group_servers
    own = sa.select(served.c.group_id).where(served.c.server_id == sa.bindparam("the_server"))
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


_GOING = (
    sa.select(runs.c.space_id, sa.func.count())
    .where(RUN_IS_ON_SERVER, runs.c.server_id.in_(_sharing()))
    .group_by(runs.c.space_id)
)
_TURNS = (
    sa.select(space_turns.c.space_id, sa.func.max(space_turns.c.turn))
    .where(space_turns.c.server_id.in_(_sharing()))
    .group_by(space_turns.c.space_id)
)
