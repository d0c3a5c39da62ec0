"""What many schedules would do, looked at together: whether each could be saved, and its next fires."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, ValidationError, WithJsonSchema

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import FieldError, InvalidInput, LamplighterError, what_is_wrong
from lamplighter.model import Actor
from lamplighter.service.access import agent_of
from lamplighter.service.requests import Between, Number, PreviewRequest, Request
from lamplighter.service.schedules import (
    PlannedFire,
    check_it_ever_fires,
    check_references,
    checked,
    planned,
    schedule_of,
    timing_of,
)
from lamplighter.store.database import Database

MOST = 500


class PreviewsRequest(Request):
    """Schedules that are to be looked at; each is read by itself, so that one that is wrong spoils no other."""

    schedules: Annotated[
        list[dict[str, Any]],
        Field(max_length=MOST),
        WithJsonSchema(
            {
                "type": "array",
                "maxItems": MOST,
                "items": {"type": "object"},
                "description": "Each is as for one preview. With `agentId` it is checked as a new schedule of this"
                " agent, with `scheduleId` too as a change of that one: what is not sent is as it is",
            }
        ),
    ]


class OnePreview(PreviewRequest):
    """One of them; of an agent that is there already, or is still to be made."""

    agent_id: Number | None = None
    schedule_id: Annotated[int, Between(1, 2**63 - 1)] | None = None


@dataclass(frozen=True, slots=True)
class Previewed:
    """What is to be said of one schedule: when it fires, or why it could not be saved."""

    text: str | None
    fires: list[PlannedFire]
    errors: tuple[FieldError, ...] = ()


class Previews:
    """Looks at schedules that need not exist; nothing is stored."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def of(self, actor: Actor, request: PreviewsRequest) -> list[Previewed]:
        """What is to be said of each of the schedules, in their order."""
        now = self._clock.now()
        with self._db.read() as c:
            return [_previewed(c, actor, value, now) for value in request.schedules]


def _previewed(c: sa.Connection, actor: Actor, value: Any, now: datetime) -> Previewed:
    try:
        request = OnePreview.model_validate(value)
        text, fires = _looked_at(c, actor, request, now)
    except ValidationError as problem:
        return Previewed(None, [], tuple(map(_field_error, problem.errors())))
    except InvalidInput as problem:
        return Previewed(None, [], problem.errors)
    except LamplighterError as problem:  # no such agent or schedule
        return Previewed(None, [], (FieldError("", str(problem)),))
    return Previewed(text, fires)


def _looked_at(
    c: sa.Connection, actor: Actor, request: OnePreview, now: datetime
) -> tuple[str, list[PlannedFire]]:
    old = None
    if request.agent_id is None:
        if request.schedule_id is not None:
            raise InvalidInput.of("agentId", "is required with scheduleId: the agent of the schedule")
        check_references(c, request)
        timing = timing_of(request, None, now)
    else:
        agent = agent_of(c, actor, request.agent_id)
        if request.schedule_id is not None:
            old = schedule_of(c, agent.id, request.schedule_id)
        _, timing = checked(c, agent, request, old, now)
    if old is None or timing != old.timing:
        check_it_ever_fires(timing, planner.next_due(request.schedule_id or 0, timing, now))
    return planned(timing, request, now)


def _field_error(mistake: Mapping[str, Any]) -> FieldError:
    return FieldError(".".join(map(str, mistake["loc"])), what_is_wrong(mistake))
