"""API keys. A key is kept only as a hash."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from lamplighter.model import ApiKey
from lamplighter.store.tables import api_keys, users


def insert(c: sa.Connection, values: Mapping[str, Any]) -> int:
    """Keep a new key and return its id."""
    return int(c.execute(api_keys.insert().values(**values).returning(api_keys.c.id)).scalar_one())


def find(c: sa.Connection, key_hash: str) -> ApiKey | None:
    """The key with this hash, whether or not it may still be used."""
    row = c.execute(_with_hash(), {"the_hash": key_hash}).mappings().one_or_none()
    return None if row is None else _key(row)


@cache
def _with_hash() -> sa.Select[Any]:
    return _select().where(api_keys.c.key_hash == sa.bindparam("the_hash"))


def get(c: sa.Connection, key_id: int) -> ApiKey | None:
    """One key, or None."""
    row = c.execute(_select().where(api_keys.c.id == key_id)).mappings().one_or_none()
    return None if row is None else _key(row)


def every(c: sa.Connection, user_id: int | None = None) -> list[ApiKey]:
    """All keys, or those of one user, oldest first."""
    query = _select().order_by(api_keys.c.id)
    if user_id is not None:
        query = query.where(api_keys.c.user_id == user_id)
    return [_key(row) for row in c.execute(query).mappings()]


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


def revoke_of_user(c: sa.Connection, user_id: int, now: datetime) -> None:
    """End all keys of a user at once."""
    mine = api_keys.update().where(api_keys.c.user_id == user_id, api_keys.c.revoked.is_(None))
    c.execute(mine.values(revoked=now))


def used(c: sa.Connection, key_id: int, now: datetime) -> None:
    """Note that a key was used."""
    c.execute(api_keys.update().where(api_keys.c.id == key_id).values(last_used=now))


def _select() -> sa.Select[Any]:
    return sa.select(api_keys, users.c.name.label("user_name")).join(users, users.c.id == api_keys.c.user_id)


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        description=row["description"],
        prefix=row["prefix"],
        is_read_only=row["is_read_only"],
        space_id=row["space_id"],
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
        last_used=row["last_used"],
    )
