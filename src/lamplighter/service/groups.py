"""Use cases of server groups, and looking at the servers themselves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, NotFound
from lamplighter.model import Actor, Queue, Schedule, Server, ServerGroup, ServerState
from lamplighter.service import audit
from lamplighter.service.access import require_admin
from lamplighter.service.requests import Clean, Name, Request
from lamplighter.store import groups, servers
from lamplighter.store.database import Database

# No commas, no control characters, and no spaces at the ends.
_ONE_NAME = r"^[^\s,\x00-\x1f\x7f-\x9f]([^,\x00-\x1f\x7f-\x9f]*[^\s,\x00-\x1f\x7f-\x9f])?$"


def _one_name(text: str) -> str:
    if "," in text or text != text.strip():
        raise ValueError(
            "must have no comma and no space at its ends: --group takes names separated by commas"
        )
    return text


class GroupRequest(Request):
    """A server group to create or to change. Without a description, it has none."""

    name: (
        Annotated[
            Name,
            AfterValidator(_one_name),
            WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": _ONE_NAME}),
        ]
        | None
    ) = None
    description: Annotated[StrictStr, Field(max_length=10_000), Clean] | None = None


class Groups:
    """Named groups of servers. A server says when it starts which groups it serves.

    ``on_runs_ready`` is called when runs that queue may be taken.
    """

    def __init__(self, db: Database, clock: Clock, on_runs_ready: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._on_runs_ready = on_runs_ready

    def every(self, _actor: Actor) -> list[ServerGroup]:
        """All groups by name."""
        with self._db.read() as c:
            return groups.every(c, self._clock.now())

    def get(self, _actor: Actor, group_id: int) -> ServerGroup:
        """One group; NotFound."""
        with self._db.read() as c:
            return _group_or_404(c, group_id, self._clock.now())

    def create(self, actor: Actor, request: GroupRequest) -> ServerGroup:
        """Make a group; Conflict when there is one of the name."""
        require_admin(actor)
        name = _name_of(request)
        with self._db.write() as c:
            now = self._clock.now()
            _check_name_is_free(c, name, None)
            made = _group_or_404(c, groups.insert(c, name, request.description, now), now)
            audit.note(c, actor, now, "serverGroup.create", kind="serverGroup", id=made.id, name=name)
            return made

    def update(self, actor: Actor, group_id: int, request: GroupRequest) -> ServerGroup:
        """Give a group another name and description; its servers go on serving it until they start anew."""
        require_admin(actor)
        name = _name_of(request)
        with self._db.write() as c:
            now = self._clock.now()
            old = _group_or_404(c, group_id, now)
            _check_name_is_free(c, name, group_id)
            changes = {"name": name, "description": request.description, "updated": now}
            groups.update(c, group_id, changes)
            new = _group_or_404(c, group_id, now)
            told = audit.difference(old, new, leave_out=frozenset({"updated", "servers"}))
            audit.note(
                c, actor, now, "serverGroup.update", kind="serverGroup", id=group_id, name=name, changes=told
            )
            return new

    def delete(self, actor: Actor, group_id: int) -> None:
        """Take a group away; Conflict says which schedules, runs or live servers still need it."""
        require_admin(actor)
        with self._db.write() as c:
            now = self._clock.now()
            group = _group_or_404(c, group_id, now)
            users = _told(groups.users_of(c, group_id, now))
            if users:
                raise Conflict(f"server group {group.name!r} is still used: {'; '.join(users)}")
            groups.delete(c, group_id)
            audit.note(c, actor, now, "serverGroup.delete", kind="serverGroup", id=group_id, name=group.name)

    def servers(self, _actor: Actor) -> list[ServerState]:
        """All servers ever seen, by name: whether each one lives, what it serves, how many runs it has."""
        with self._db.read() as c:
            return _states(c, servers.every(c), self._clock.now())

    def drain(self, actor: Actor, server_id: int, *, on: bool) -> ServerState:
        """Let a server take nothing new, or (``on`` False) take runs again; NotFound.

        Doing it again changes nothing. What is on the server goes on.
        """
        require_admin(actor)
        with self._db.write() as c:
            now = self._clock.now()
            server = servers.get(c, server_id)
            if server is None:
                raise NotFound(f"there is no server {server_id}")
            if on is not (server.draining_since is not None):
                servers.drain(c, server_id, now if on else None)
                action = "server.drain" if on else "server.undrain"
                audit.note(c, actor, now, action, kind="server", id=server_id, name=server.name)
            changed = servers.get(c, server_id)
            [state] = _states(c, [changed or server], now)
        if not on:
            self._on_runs_ready()
        return state

    def queues(self, _actor: Actor) -> list[Queue]:
        """What waits for any server and for each group, how long it does, and who takes it."""
        with self._db.read() as c:
            return groups.queues(c, self._clock.now())

    def warnings(self, schedules: Sequence[Schedule]) -> dict[int, list[str]]:
        """For each of the schedules, by its id, what is wrong with where its runs are to go."""
        wanted = {
            s.id: s.settings.server_group_id for s in schedules if s.settings.server_group_id is not None
        }
        unserved: dict[int, str | None] = {}
        if wanted:
            with self._db.read() as c:
                unserved = groups.unserved(c, set(wanted.values()), self._clock.now())
        told: dict[int, list[str]] = {s.id: [] for s in schedules}
        for schedule_id, group_id in wanted.items():
            if group_id in unserved:
                told[schedule_id].append(planner.runs_will_wait_for_group(group_id, unserved[group_id]))
        return told


def _states(c: sa.Connection, found: Sequence[Server], now: datetime) -> list[ServerState]:
    names, counts = groups.names_by_server(c), servers.run_counts(c)
    return [
        ServerState(one, names.get(one.id, ()), counts.get(one.id, 0), one.lease_until >= now)
        for one in found
    ]


def _name_of(request: GroupRequest) -> str:
    if request.name is None:
        raise InvalidInput.of("name", "is required: 1 to 200 characters")
    return request.name


def _group_or_404(c: sa.Connection, group_id: int, now: datetime) -> ServerGroup:
    group = groups.get(c, group_id, now)
    if group is None:
        raise NotFound(f"there is no server group {group_id}")
    return group


def _check_name_is_free(c: sa.Connection, name: str, own_id: int | None) -> None:
    other = groups.id_of(c, name)
    if other not in (None, own_id):
        raise Conflict(f"a server group named {name!r} exists already (id {other})")


def _told(users: groups.Users) -> list[str]:
    told: list[str] = []
    if users.schedules:
        names = ", ".join(f"{schedule!r} of {agent!r}" for agent, schedule in users.schedules)
        told.append(f"by the schedules {names}")
    if users.runs:
        noun = "run that has" if users.runs == 1 else "runs that have"
        told.append(f"by {users.runs} {noun} not ended")
    if users.servers:
        told.append(f"by the live servers {', '.join(users.servers)}: start them without it first")
    return told
