"""Removes the environments that no run has asked for in a long time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from lamplighter.manifest import Manifest
from lamplighter.runner.attempt import Workshop
from lamplighter.store import agents

log = structlog.get_logger()

KEPT_FOR = timedelta(days=30)  # since a run asked for it
_EVERY = timedelta(hours=6)


def remove_once(shop: Workshop, now: datetime) -> datetime:
    """Remove what is not used any more; returns when to look again.

    A run that starts after the database was read has asked for its environment: that one is not old.
    """
    with shop.db.read() as c:
        manifests = agents.manifests_of_active_runs(c)
    in_use = {shop.environments.place(needed) for needed in map(_requirements, manifests) if needed}
    for place in shop.environments.remove_unused(KEPT_FOR, now, in_use):
        log.info("an environment was removed: no run has used it for long", environment=place.name)
    return now + _EVERY


def _requirements(stored: Mapping[str, Any]) -> list[str]:
    """What a version needs; nothing when it cannot be read, because then it cannot be run either."""
    try:
        return Manifest.model_validate(stored).agent.requirements
    except ValidationError as problem:
        log.warning("a stored agent.toml cannot be read", error=str(problem))
        return []
