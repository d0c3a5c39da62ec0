"""Use cases of retention: how long runs, logs and files are kept, for a space and for single agents."""

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated

from pydantic import Field

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import NotFound
from lamplighter.model import Limits
from lamplighter.service.agents import agent_or_404
from lamplighter.service.requests import NumberOnly, Request, Small
from lamplighter.store import agents, retention
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

    def of_space(self, space_id: int | None) -> tuple[int, Limits]:
        """A space's id, that of the first one when not said, and its limits; NotFound."""
        with self._db.read() as c:
            number = agents.default_space(c) if space_id is None else space_id
            limits = retention.of_space(c, number)
        if limits is None:
            raise NotFound(f"there is no space {number}")
        return number, limits

    def set_of_space(self, space_id: int | None, request: RetentionRequest) -> tuple[int, Limits]:
        """Replace the limits of a space; NotFound."""
        number, _ = self.of_space(space_id)
        with self._db.write() as c:
            retention.set_of_space(c, number, request.limits(), self._clock.now())
        self._on_change()
        return number, request.limits()

    def of_agent(self, agent_id: int) -> tuple[Limits, Limits]:
        """The limits of an agent itself, and those that hold for it with its space's; NotFound."""
        with self._db.read() as c:
            agent = agent_or_404(c, agent_id)
            own = retention.of_agent(c, agent_id)
            return own, planner.limits_of_agent(own, retention.of_space(c, agent.space_id) or Limits())

    def set_of_agent(self, agent_id: int, request: RetentionRequest) -> tuple[Limits, Limits]:
        """Replace the limits of an agent; where it has none, those of its space hold. NotFound."""
        with self._db.write() as c:
            agent = agent_or_404(c, agent_id)
            retention.set_of_agent(c, agent.space_id, agent_id, request.limits(), self._clock.now())
        self._on_change()
        return self.of_agent(agent_id)

    def clear_of_agent(self, agent_id: int) -> None:
        """Take the limits of an agent away: those of its space hold. NotFound."""
        with self._db.write() as c:
            agent_or_404(c, agent_id)
            retention.clear_of_agent(c, agent_id)
        self._on_change()
