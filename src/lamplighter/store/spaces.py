"""Spaces and their members. A deleted space keeps its row under another name: runs refer to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Member, Role, Space
from lamplighter.store.tables import agents, api_keys, notification_rules, space_members, spaces, users
from lamplighter.store.tables import secrets as secret_values


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new space and return its id."""
    return int(c.execute(spaces.insert().values(**values).returning(spaces.c.id)).scalar_one())


def update(c: sa.Connection, space_id: int, values: Mapping[str, Any]) -> None:
    """Change some columns of a space."""
    c.execute(spaces.update().where(spaces.c.id == space_id).values(**values))


def get(c: sa.Connection, space_id: int) -> Space | None:
    """One space, or None."""
    row = c.execute(_select().where(spaces.c.id == space_id)).mappings().one_or_none()
    return None if row is None else _space(row)


def named(c: sa.Connection, name: str, visible: frozenset[int] | None = None) -> Space | None:
    """The space with this name in any letter case among those that are ``visible`` (None: all), or None."""
    query = _select().where(sa.func.lower(spaces.c.name) == name.lower())
    if visible is not None:
        query = query.where(spaces.c.id.in_(visible))
    row = c.execute(query.order_by(spaces.c.name != name)).mappings().first()
    return None if row is None else _space(row)


def every(c: sa.Connection, visible: frozenset[int] | None = None) -> list[Space]:
    """The spaces among those that are ``visible`` (None: all), by name."""
    query = _select().order_by(spaces.c.name)
    if visible is not None:
        query = query.where(spaces.c.id.in_(visible))
    return [_space(row) for row in c.execute(query).mappings()]


_OPEN_ONES = sa.select(spaces.c.id).where(spaces.c.is_default_access, spaces.c.deleted.is_(None))
_MEMBERSHIPS = sa.select(space_members.c.space_id, space_members.c.role).where(
    space_members.c.user_id == sa.bindparam("the_user")
)


def roles(c: sa.Connection, user_id: int) -> dict[int, Role]:
    """What a user may do in which space: its memberships, and looking into spaces with default access."""
    found = dict.fromkeys(c.execute(_OPEN_ONES).scalars(), Role.VIEWER)
    mine = c.execute(_MEMBERSHIPS, {"the_user": user_id})
    return found | {space: Role(role) for space, role in mine}


def members(c: sa.Connection, space_id: int) -> list[Member]:
    """The members of a space by name."""
    query = (
        sa.select(space_members, users.c.name.label("user_name"))
        .join(users, users.c.id == space_members.c.user_id)
        .where(space_members.c.space_id == space_id)
        .order_by(users.c.name)
    )
    return [_member(row) for row in c.execute(query).mappings()]


def put_member(c: sa.Connection, space_id: int, user_id: int, role: Role, now: datetime) -> None:
    """Give a user a role in a space, in the place of the one it may have."""
    remove_member(c, space_id, user_id)
    c.execute(space_members.insert().values(space_id=space_id, user_id=user_id, role=role.value, created=now))


def remove_member(c: sa.Connection, space_id: int, user_id: int) -> bool:
    """End a membership; False when there is none."""
    mine = (space_members.c.space_id == space_id) & (space_members.c.user_id == user_id)
    return c.execute(space_members.delete().where(mine)).rowcount == 1


def agent_names(c: sa.Connection, space_id: int, most: int) -> list[str]:
    """The names of some agents of a space."""
    query = sa.select(agents.c.name).where(agents.c.space_id == space_id, agents.c.deleted.is_(None))
    return list(c.execute(query.order_by(agents.c.name).limit(most)).scalars())


def delete(c: sa.Connection, space: Space, now: datetime) -> None:
    """Take a space away with its members, secrets, notifications and keys; its name is free again."""
    for table in (space_members, secret_values, notification_rules):
        c.execute(table.delete().where(table.c.space_id == space.id))
    limited = api_keys.update().where(api_keys.c.space_id == space.id, api_keys.c.revoked.is_(None))
    c.execute(limited.values(revoked=now))
    gone = {"deleted": now, "is_default_access": False, "name": f"{space.name} (deleted {space.id})"}
    update(c, space.id, gone)


def _select() -> sa.Select[Any]:
    return sa.select(spaces).where(spaces.c.deleted.is_(None))


def _space(row: sa.RowMapping) -> Space:
    return Space(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        is_default_access=row["is_default_access"],
        created=row["created"],
        updated=row["updated"] or row["created"],
    )


def _member(row: sa.RowMapping) -> Member:
    return Member(row["space_id"], row["user_id"], row["user_name"], Role(row["role"]), row["created"])
