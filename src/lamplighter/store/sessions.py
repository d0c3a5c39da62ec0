"""Sessions of browsers: who signed in, when, and when that was last used."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from lamplighter.store.tables import sessions


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody signed in with; ``api_key_id`` when it was with a key."""

    id: int
    user_id: int
    api_key_id: int | None
    created: datetime
    last_used: datetime


def insert(c: sa.Connection, token_hash: str, user_id: int, api_key_id: int | None, now: datetime) -> None:
    """Keep a new session."""
    c.execute(
        sessions.insert().values(
            token_hash=token_hash, user_id=user_id, api_key_id=api_key_id, created=now, last_used=now
        )
    )


def find(c: sa.Connection, token_hash: str) -> Session | None:
    """The session of a token, or None."""
    query = sa.select(
        sessions.c.id, sessions.c.user_id, sessions.c.api_key_id, sessions.c.created, sessions.c.last_used
    ).where(sessions.c.token_hash == token_hash)
    row = c.execute(query).one_or_none()
    return None if row is None else Session(*row)


def used(c: sa.Connection, session_id: int, now: datetime) -> None:
    """Note that a session was used."""
    c.execute(sessions.update().where(sessions.c.id == session_id).values(last_used=now))


def delete(c: sa.Connection, token_hash: str) -> None:
    """Forget a session."""
    c.execute(sessions.delete().where(sessions.c.token_hash == token_hash))


def delete_over(c: sa.Connection, created_before: datetime, used_before: datetime) -> None:
    """Forget the sessions that are too old, or were not used for too long."""
    c.execute(
        sessions.delete().where(
            (sessions.c.created <= created_before) | (sessions.c.last_used <= used_before)
        )
    )
