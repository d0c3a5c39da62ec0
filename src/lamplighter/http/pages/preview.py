"""What a schedule would do that is being edited: its text, its next fires, and what the edit makes come and go."""

from dataclasses import dataclass
from typing import Any

from lamplighter.errors import FieldError, InvalidInput
from lamplighter.http.pages import cron_builder
from lamplighter.http.pages.view import View
from lamplighter.model import Agent, Schedule
from lamplighter.service.previews import PreviewsRequest
from lamplighter.service.requests import RESETTABLE
from lamplighter.service.schedules import PlannedFire

_FIRES = 10
_OLD_FIRES = 300  # so many are looked at of a schedule that is being edited


def with_resets(values: dict[str, Any]) -> dict[str, Any]:
    """What a form leaves empty is to be as by default."""
    return {**values, "reset": [name for name in RESETTABLE if values.get(name) is None]}


@dataclass(frozen=True, slots=True)
class _Line:
    """A fire of the preview: ``mark`` says whether an edit makes it come or go."""

    fire: PlannedFire
    mark: str
    clocks_changed: bool


def nothing(errors: tuple[FieldError, ...]) -> dict[str, Any]:
    """What is shown of a schedule that cannot be: why."""
    return {"text": None, "lines": [], "preview_errors": errors, "either_day": False, "changed": False}


def of(
    view: View, agent: Agent, values: dict[str, Any] | InvalidInput, old: Schedule | None
) -> dict[str, Any]:
    """What a schedule of these values would do, by the wire's names; ``old`` is the one that is being edited."""
    if isinstance(values, InvalidInput):
        return nothing(values.errors)
    place: dict[str, Any] = {"agentId": agent.id}
    if old is not None:
        place["scheduleId"] = old.id
    name = values.get("name") or "preview"
    wanted = {**with_resets(values), **place, "name": name, "count": _FIRES}
    if old is None:
        wanted.pop("reset")
    asked = [wanted] if old is None else [wanted, {**place, "name": old.name, "count": _OLD_FIRES}]
    new, *before = view.use.previews.of(view.actor, PreviewsRequest(schedules=asked))
    if new.errors:
        return nothing(new.errors)
    were = before[0].fires if before and old is not None and old.is_enabled else None
    lines = _lines(new.fires, were)
    return {
        "text": new.text,
        "lines": lines,
        "preview_errors": (),
        "either_day": cron_builder.restricts_both_days(str(values.get("cronExpression", ""))),
        "changed": any(line.mark != "stays" for line in lines) if were is not None else False,
    }


def _lines(new: list[PlannedFire], old: list[PlannedFire] | None) -> list[_Line]:
    """The next fires; of an edit those that stay and come, and some of those that go."""
    marked = [(fire, "stays") for fire in new]
    if old is not None:
        were, are = {fire.time for fire in old}, {fire.time for fire in new}
        reach = old[-1].time if len(old) == _OLD_FIRES else None
        marked = [
            (fire, "stays" if fire.time in were or (reach is not None and fire.time > reach) else "comes")
            for fire in new
        ]
        until = new[-1].time if len(new) == _FIRES else None
        gone = [fire for fire in old if fire.time not in are and (until is None or fire.time <= until)]
        marked += [(fire, "goes") for fire in gone[:_FIRES]]
    found: list[_Line] = []
    for fire, mark in sorted(marked, key=lambda one: one[0].time):
        offset = fire.local_time.utcoffset()
        changed = bool(found) and found[-1].fire.local_time.utcoffset() != offset
        found.append(_Line(fire, mark, changed))
    return found
