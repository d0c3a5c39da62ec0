"""Use cases of retention: how long runs, logs and files are kept, for a space and for single agents."""

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.model import Actor, Agent, Limits, Role
from lamplighter.service import audit
from lamplighter.service.access import agent_of, space_for, space_of
from lamplighter.service.requests import NumberOnly, Request, Small
from lamplighter.store import retention
from lamplighter.store.database import Database

Days = Annotated[int, Field(ge=1, le=36_500), NumberOnly]


class RetentionRequest(Request):
    """A whole set of limits: what is not given, or null, is kept for ever."""

    runs_days: Days | None = None
    runs_count: Small | None = None
    logs_days: Days | None = None
    logs_count: Small | None = None
    files_days: Days | None = None
    files_count: Small | None = None

    def limits(self) -> Limits:
        """The limits that are asked for."""
        return Limits(**{f.name: getattr(self, f.name) for f in fields(Limits)})


class Retention:
    """The limits of spaces and agents. ``on_change`` is called when something may be kept no longer."""

    def __init__(self, db: Database, clock: Clock, on_change: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._on_change = on_change

    def of_space(self, actor: Actor, space_id: int | None) -> tuple[int, Limits]:
        """A space's id, that of the first one when not said, and its limits; NotFound."""
        with self._db.read() as c:
            number = _space_of(c, actor, space_id, Role.VIEWER)
            return number, retention.of_space(c, number) or Limits()

    def set_of_space(
        self, actor: Actor, space_id: int | None, request: RetentionRequest
    ) -> tuple[int, Limits]:
        """Replace the limits of a space; NotFound."""
        with self._db.write() as c:
            now = self._clock.now()
            number = _space_of(c, actor, space_id, Role.OWNER)
            old = retention.of_space(c, number) or Limits()
            retention.set_of_space(c, number, request.limits(), now)
            changes = audit.difference(old, request.limits())
            audit.note(
                c,
                actor,
                now,
                "retention.update",
                kind="space",
                id=number,
                space_id=number,
                changes=changes,
            )
        self._on_change()
        return number, request.limits()

    def of_agent(self, actor: Actor, agent_id: int) -> tuple[Limits, Limits]:
        """The limits of an agent itself, and those that hold for it with its space's; NotFound."""
        with self._db.read() as c:
            agent = agent_of(c, actor, agent_id)
            own = retention.of_agent(c, agent_id)
            return own, planner.limits_of_agent(own, retention.of_space(c, agent.space_id) or Limits())

    def set_of_agent(self, actor: Actor, agent_id: int, request: RetentionRequest) -> tuple[Limits, Limits]:
        """Replace the limits of an agent; where it has none, those of its space hold. NotFound."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = retention.of_agent(c, agent_id)
            retention.set_of_agent(c, agent.space_id, agent_id, request.limits(), self._clock.now())
            self._note(c, actor, agent, audit.difference(old, request.limits()))
        self._on_change()
        return self.of_agent(actor, agent_id)

    def clear_of_agent(self, actor: Actor, agent_id: int) -> None:
        """Take the limits of an agent away: those of its space hold. NotFound."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = retention.of_agent(c, agent_id)
            retention.clear_of_agent(c, agent_id)
            self._note(c, actor, agent, audit.difference(old, Limits()))
        self._on_change()

    def _note(self, c: sa.Connection, actor: Actor, agent: Agent, changes: dict[str, Any]) -> None:
        audit.note(
            c,
            actor,
            self._clock.now(),
            "retention.update",
            kind="agent",
            id=agent.id,
            name=agent.name,
            space_id=agent.space_id,
            changes=changes,
        )


def _space_of(c: sa.Connection, actor: Actor, space_id: int | None, need: Role) -> int:
    """The space that is meant, the first one that the caller sees when none is said; NotFound."""
    number = space_for(c, actor, None, Role.VIEWER) if space_id is None else space_id
    return space_of(c, actor, number, need).id
