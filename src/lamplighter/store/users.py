"""Users. One that was deleted keeps its row under another name: versions and the audit log refer to it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from lamplighter.model import User
from lamplighter.store.tables import space_members, spaces, users


def any_yet(c: sa.Connection) -> bool:
    """Whether the installation has been set up."""
    return c.execute(sa.select(users.c.id).limit(1)).first() is not None


def set_up(c: sa.Connection, admin: str, space: str, now: datetime) -> int:
    """Create the administrator and the first space; returns the administrator's id."""
    c.execute(spaces.insert().values(name=space, created=now))
    return insert(c, {"name": admin, "is_admin": True, "created": now})


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new user and return the id."""
    return int(c.execute(users.insert().values(**values).returning(users.c.id)).scalar_one())


def update(c: sa.Connection, user_id: int, values: Mapping[str, Any]) -> None:
    """Change some columns of a user."""
    c.execute(users.update().where(users.c.id == user_id).values(**values))


def get(c: sa.Connection, user_id: int) -> User | None:
    """One user, or None."""
    row = c.execute(_with_id(), {"the_user": user_id}).mappings().one_or_none()
    return None if row is None else _user(row)


@cache
def _with_id() -> sa.Select[Any]:
    return _select().where(users.c.id == sa.bindparam("the_user"))


def named(c: sa.Connection, name: str) -> User | None:
    """The user with this name in any letter case, or None."""
    row = c.execute(_select().where(sa.func.lower(users.c.name) == name.lower())).mappings().first()
    return None if row is None else _user(row)


def every(c: sa.Connection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in c.execute(_select().order_by(users.c.name)).mappings()]


def password_hash(c: sa.Connection, user_id: int) -> str | None:
    """The hash of a user's password, or None."""
    return c.execute(sa.select(users.c.password_hash).where(users.c.id == user_id)).scalar_one_or_none()


def tokens_since(c: sa.Connection, user_id: int) -> datetime | None:
    """Since when the tokens of a user count; older ones were signed out."""
    return c.execute(sa.select(users.c.tokens_since).where(users.c.id == user_id)).scalar_one_or_none()


def of_subject(c: sa.Connection, issuer: str, subject: str) -> int | None:
    """The user that an issuer knows so, or None."""
    query = sa.select(users.c.id).where(users.c.issuer == issuer, users.c.subject == subject)
    return c.execute(query).scalar_one_or_none()


def other_admins(c: sa.Connection, user_id: int) -> int:
    """How many active administrators there are besides this user."""
    query = sa.select(sa.func.count()).where(
        users.c.is_admin, users.c.is_active, users.c.deleted.is_(None), users.c.id != user_id
    )
    return int(c.execute(query).scalar_one())


def delete(c: sa.Connection, user: User, now: datetime) -> None:
    """Take a user away with its memberships; its name is free again, and versions go on naming it."""
    c.execute(space_members.delete().where(space_members.c.user_id == user.id))
    gone = {"deleted": now, "is_active": False, "name": f"{user.name} (deleted {user.id})"}
    c.execute(
        users.update()
        .where(users.c.id == user.id)
        .values(**gone, password_hash=None, issuer=None, subject=None)
    )


def _select() -> sa.Select[Any]:
    return sa.select(users).where(users.c.deleted.is_(None))


def _user(row: sa.RowMapping) -> User:
    return User(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        is_admin=row["is_admin"],
        is_active=row["is_active"],
        created=row["created"],
        updated=row["updated"] or row["created"],
    )
