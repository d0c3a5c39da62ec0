"""Use cases of spaces: parts of the installation with agents of their own, and their members."""

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, NotFound
from lamplighter.model import Actor, Agent, AgentQuery, Member, Role, Space
from lamplighter.service import audit
from lamplighter.service.access import require_admin, space_of
from lamplighter.service.requests import MemberRequest, SpaceRequest
from lamplighter.store import agents, spaces, users
from lamplighter.store.database import Database

_MOST_NAMED = 5


class Spaces:
    """Spaces. An administrator makes and deletes them, an owner changes one and its members."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def every(self, actor: Actor) -> list[Space]:
        """The spaces that the caller sees, by name."""
        with self._db.read() as c:
            return spaces.every(c, actor.spaces)

    def get(self, actor: Actor, space_id: int) -> Space:
        """One space; NotFound."""
        with self._db.read() as c:
            return space_of(c, actor, space_id)

    def named(self, actor: Actor, name: str) -> Space:
        """The space with this name, in any letter case; NotFound."""
        with self._db.read() as c:
            space = spaces.named(c, name, actor.spaces)
        if space is None:
            raise NotFound(f"there is no space named {name!r}")
        return space

    def agents(
        self, actor: Actor, space_id: int, *, skip: int = 0, limit: int | None = None
    ) -> tuple[list[Agent], int]:
        """The agents of a space by name, a part of them, and how many there are; NotFound."""
        wanted = AgentQuery(space_id=space_id)
        with self._db.read() as c:
            space_of(c, actor, space_id)
            return agents.find(c, wanted, None, skip, limit), agents.count(c, wanted, None)

    def create(self, actor: Actor, request: SpaceRequest) -> Space:
        """Make a space; Conflict when the name is taken."""
        require_admin(actor)
        if request.name is None:
            raise InvalidInput.of("name", "is required: 1 to 200 characters")
        with self._db.write() as c:
            now = self._clock.now()
            _check_name_is_free(c, request.name, None)
            values = {
                "name": request.name,
                "description": request.description,
                "is_default_access": request.is_default_access is True,
                "created": now,
            }
            space = space_of(c, actor, spaces.insert(c, values))
            audit.note(
                c, actor, now, "space.create", kind="space", id=space.id, name=space.name, space_id=space.id
            )
            return space

    def update(self, actor: Actor, space_id: int, request: SpaceRequest) -> Space:
        """Change a space; what is not given keeps its value."""
        with self._db.write() as c:
            now = self._clock.now()
            old = space_of(c, actor, space_id, Role.OWNER)
            given = {
                column: value
                for column in ("name", "description", "is_default_access")
                if (value := getattr(request, column)) is not None
            }
            _check_name_is_free(c, given.get("name", old.name), space_id)
            spaces.update(c, space_id, {**given, "updated": now})
            new = space_of(c, actor, space_id)
            changes = audit.difference(old, new, leave_out=frozenset({"updated"}))
            audit.note(
                c,
                actor,
                now,
                "space.update",
                kind="space",
                id=space_id,
                name=new.name,
                space_id=space_id,
                changes=changes,
            )
            return new

    def delete(self, actor: Actor, space_id: int) -> None:
        """Take a space away that has no agents, with its members and secrets; Conflict for one that has."""
        require_admin(actor)
        with self._db.write() as c:
            now = self._clock.now()
            space = space_of(c, actor, space_id)
            if space_id == agents.default_space(c):
                raise Conflict(f"{space.name} is the first space, which cannot be deleted")
            names = spaces.agent_names(c, space_id, _MOST_NAMED + 1)
            if names:
                more = ", …" if len(names) > _MOST_NAMED else ""
                raise Conflict(
                    f"the space has agents: {', '.join(names[:_MOST_NAMED])}{more}; delete them first"
                )
            spaces.delete(c, space, now)
            audit.note(
                c, actor, now, "space.delete", kind="space", id=space_id, name=space.name, space_id=space_id
            )

    # --- members ---

    def members(self, actor: Actor, space_id: int) -> list[Member]:
        """The members of a space by name; NotFound."""
        with self._db.read() as c:
            space_of(c, actor, space_id)
            return spaces.members(c, space_id)

    def put_member(self, actor: Actor, space_id: int, user_id: int, request: MemberRequest) -> Member:
        """Make a user a member of a space, or change the role; NotFound for a user that is not there."""
        with self._db.write() as c:
            now = self._clock.now()
            space_of(c, actor, space_id, Role.OWNER)
            user = users.get(c, user_id)
            if user is None:
                raise NotFound(f"there is no user {user_id}")
            old = _role_in(c, space_id, user_id)
            spaces.put_member(c, space_id, user_id, request.role, now)
            audit.note(
                c,
                actor,
                now,
                "member.set",
                kind="member",
                id=user_id,
                name=user.name,
                space_id=space_id,
                changes={"role": [old, request.role]},
            )
            return next(one for one in spaces.members(c, space_id) if one.user_id == user_id)

    def remove_member(self, actor: Actor, space_id: int, user_id: int) -> None:
        """End a membership; NotFound. Members may end their own."""
        with self._db.write() as c:
            now = self._clock.now()
            leaves = user_id == actor.user_id and not actor.is_read_only
            space_of(c, actor, space_id, Role.VIEWER if leaves else Role.OWNER)
            old = _role_in(c, space_id, user_id)
            if not spaces.remove_member(c, space_id, user_id):
                raise NotFound(f"user {user_id} is no member of space {space_id}")
            audit.note(
                c,
                actor,
                now,
                "member.remove",
                kind="member",
                id=user_id,
                space_id=space_id,
                changes={"role": [old, None]},
            )


def _role_in(c: sa.Connection, space_id: int, user_id: int) -> Role | None:
    return next((one.role for one in spaces.members(c, space_id) if one.user_id == user_id), None)


def _check_name_is_free(c: sa.Connection, name: str, own_id: int | None) -> None:
    other = spaces.named(c, name)
    if other is not None and other.id != own_id:
        raise Conflict(f"a space named {other.name!r} exists already: choose another name")
