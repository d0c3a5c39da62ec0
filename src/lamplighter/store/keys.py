"""Users and API keys. A key is kept only as a hash."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Actor, ApiKey
from lamplighter.store.tables import api_keys, spaces, users


def has_users(c: sa.Connection) -> bool:
    """Whether the installation has been set up."""
    return c.execute(sa.select(users.c.id).limit(1)).first() is not None


def set_up(c: sa.Connection, admin: str, space: str, now: datetime) -> int:
    """Create the administrator and the first space; returns the administrator's id."""
    c.execute(spaces.insert().values(name=space, created=now))
    query = users.insert().values(name=admin, is_admin=True, created=now).returning(users.c.id)
    return int(c.execute(query).scalar_one())


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new key and return its id."""
    return int(c.execute(api_keys.insert().values(**values).returning(api_keys.c.id)).scalar_one())


def find(c: sa.Connection, key_hash: str) -> tuple[ApiKey, Actor] | None:
    """The key with this hash and whose it is, whether or not it may still be used."""
    row = c.execute(_select().where(api_keys.c.key_hash == key_hash)).mappings().one_or_none()
    return (
        None
        if row is None
        else (_key(row), Actor(row["user_id"], row["user_name"], row["is_admin"], row["id"]))
    )


def every(c: sa.Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [_key(row) for row in c.execute(_select().order_by(api_keys.c.id)).mappings()]


def revoke(c: sa.Connection, key_id: int, now: datetime) -> bool:
    """End a key at once; False when there is none with this id."""
    query = (
        api_keys.update()
        .where(api_keys.c.id == key_id)
        .values(
            revoked=sa.func.coalesce(api_keys.c.revoked, sa.bindparam("now", now, api_keys.c.revoked.type))
        )
    )
    return c.execute(query).rowcount == 1


def used(c: sa.Connection, key_id: int, now: datetime) -> None:
    """Note that a key was used."""
    c.execute(api_keys.update().where(api_keys.c.id == key_id).values(last_used=now))


def _select() -> sa.Select[Any]:
    return sa.select(api_keys, users.c.name.label("user_name"), users.c.is_admin).join(
        users, users.c.id == api_keys.c.user_id
    )


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        description=row["description"],
        prefix=row["prefix"],
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
        last_used=row["last_used"],
    )
