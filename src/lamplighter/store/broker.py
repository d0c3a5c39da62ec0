"""When a process of the control plane has seen the broker last, so that each of them knows of the others."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from lamplighter.store.tables import broker


def note_seen(c: sa.Connection, now: datetime, exactly: timedelta) -> None:
    """It was seen now; nothing is written when that is known to be later than ``exactly`` ago."""
    c.execute(broker.update().where(broker.c.seen <= now - exactly).values(seen=now))


def seen(c: sa.Connection) -> datetime:
    """When it was seen last; long ago when it never was."""
    found: datetime = c.execute(sa.select(broker.c.seen)).scalar_one()
    return found
