"""How long things are kept: which limits hold for an agent, and from when on what has ended is too old."""

from dataclasses import fields
from datetime import datetime, timedelta

from lamplighter.model import Limits


def limits_of_agent(own: Limits, space: Limits) -> Limits:
    """The limits that hold for an agent: its own and, where it has none, those of its space, one by one."""
    chosen = {f.name: getattr(space if getattr(own, f.name) is None else own, f.name) for f in fields(Limits)}
    return Limits(**chosen)


def too_old_before(now: datetime, days: int | None) -> datetime | None:
    """What ended before this instant is kept no longer; None: whatever its age, it is kept."""
    return None if days is None else now - timedelta(days=days)
