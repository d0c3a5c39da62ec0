"""Idempotency keys: which requests were carried out, and what was answered (sealed)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from lamplighter.store.tables import idempotency_keys as table

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was used; ``going_in`` names the process that carries its request out, None: it is over."""

    created: datetime
    going_in: str | None
    sealed: str


def find(c: sa.Connection, user_id: int, key: str) -> KnownKey | None:
    """What is known of a user's key."""
    row = c.execute(sa.select(table).where(_is(user_id, key))).one_or_none()
    return None if row is None else KnownKey(row.created, row.going_in, row.sealed)


def insert(
    c: sa.Connection, user_id: int, key: str, sealed: str, now: datetime, going_in: str | None = None
) -> None:
    """Note that a key is used; the database refuses one that is there already."""
    c.execute(table.insert().values(user_id=user_id, key=key, created=now, going_in=going_in, sealed=sealed))


def settle(c: sa.Connection, user_id: int, key: str, sealed: str) -> None:
    """Note the end of a key's request."""
    c.execute(table.update().where(_is(user_id, key)).values(going_in=None, sealed=sealed))


def lose(c: sa.Connection, user_id: int, key: str) -> None:
    """Note that nobody carries a key's request out any more, and that its end is not known."""
    c.execute(table.update().where(_is(user_id, key), table.c.going_in.is_not(None)).values(going_in=""))


def delete(c: sa.Connection, user_id: int, key: str) -> None:
    """Let a key be used again."""
    c.execute(table.delete().where(_is(user_id, key)))


def any_before(c: sa.Connection, moment: datetime) -> bool:
    """Whether there are keys that were used before an instant."""
    return c.execute(sa.select(table.c.key).where(table.c.created < moment).limit(1)).first() is not None


def delete_before(c: sa.Connection, moment: datetime, limit: int) -> int:
    """Forget at most ``limit`` keys that were used before an instant; returns how many."""
    old = sa.select(table.c.user_id, table.c.key).where(table.c.created < moment).limit(limit)
    return c.execute(table.delete().where(sa.tuple_(table.c.user_id, table.c.key).in_(old))).rowcount


def _is(user_id: int, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.user_id == user_id, table.c.key == key)
