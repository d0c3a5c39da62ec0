"""What all processes on a shared database must have in common."""

from dataclasses import dataclass

import sqlalchemy as sa

from lamplighter.store.tables import installation


@dataclass(frozen=True, slots=True)
class Known:
    """The name of the installation, and the key that it signs with, sealed by its vault."""

    name: str
    sealed_secret: str


def get(c: sa.Connection) -> Known | None:
    """What is known, or None before the first start."""
    row = c.execute(sa.select(installation)).one_or_none()
    return None if row is None else Known(row.name, row.sealed_secret)


def insert(c: sa.Connection, name: str, sealed_secret: str) -> None:
    """Note it; there is one row at most."""
    c.execute(installation.insert().values(id=1, name=name, sealed_secret=sealed_secret))
