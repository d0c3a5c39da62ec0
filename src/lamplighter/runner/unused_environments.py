"""Removes the environments that no run has asked for in a long time."""

from datetime import datetime, timedelta

import structlog

from lamplighter.runner.attempt import Workshop

log = structlog.get_logger()

KEPT_FOR = timedelta(days=30)  # since a run asked for it
_EVERY = timedelta(hours=6)


def remove_once(shop: Workshop, now: datetime) -> datetime:
    """Remove what is not used any more; returns when to look again.

    A run that starts after this was asked has asked for its environment: that one is not old.
    """
    needed = shop.control.needed_environments()
    in_use = {shop.environments.place(requirements) for requirements in needed if requirements}
    for place in shop.environments.remove_unused(KEPT_FOR, now, in_use):
        log.info("an environment was removed: no run has used it for long", environment=place.name)
    return now + _EVERY
