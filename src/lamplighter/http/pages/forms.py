"""From the fields of a form to the requests that use cases take, and back.

A form has only texts. What cannot be read stays a text, so that the request says at its field what is wrong.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar
from zoneinfo import available_timezones

from pydantic import ValidationError
from starlette.datastructures import FormData

from lamplighter.errors import FieldError, InvalidInput, LamplighterError, what_is_wrong
from lamplighter.manifest import Manifest
from lamplighter.planner import iso, local
from lamplighter.service.requests import Request
from lamplighter.triggers import zone

Wanted = TypeVar("Wanted", bound=Request)
INPUT = "input."


def text(form: FormData, name: str) -> str | None:
    """A field without spaces around it; None when it is empty."""
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None


def number(form: FormData, name: str) -> int | str | None:
    """A field as a whole number; as it is when it is none."""
    value = text(form, name)
    if value is None:
        return None
    plain = value.replace(",", "").replace(" ", "")
    found = whole(plain.removeprefix("-"))
    if found is None:
        return value
    return -found if plain.startswith("-") else found


def whole(text: str) -> int | None:
    """A whole number of not too many plain digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def flag(form: FormData, name: str) -> bool:
    """Whether a box is ticked."""
    return form.get(name) == "on"


def many(form: FormData, name: str) -> list[str]:
    """All values of a field that there may be several of."""
    return [value for value in form.getlist(name) if isinstance(value, str) and value]


def lines(form: FormData, name: str) -> list[str]:
    """The lines of a text, without empty ones."""
    return [line.strip() for line in (text(form, name) or "").splitlines() if line.strip()]


def moment(form: FormData, name: str, timezone: str) -> str | None:
    """A field with a date and a time of the clock in a zone, as an instant; as it is when it is none."""
    value = text(form, name)
    if value is None:
        return None
    try:
        return iso(datetime.fromisoformat(value).replace(tzinfo=zone(timezone)).astimezone(UTC))
    except (ValueError, InvalidInput):
        return value


def zones() -> list[str]:
    """The names of all time zones."""
    return sorted(available_timezones())


def day_of(text: str, timezone: str) -> datetime | None:
    """The instant at which a day such as 2026-03-01 begins in a zone; None for anything else."""
    try:
        return midnight(date.fromisoformat(text), timezone)
    except ValueError:
        return None


def midnight(day: date, timezone: str) -> datetime:
    """The instant at which a day begins in a zone."""
    return datetime.combine(day, time(), zone(timezone)).astimezone(UTC)


def for_field(value: datetime | None, timezone: str) -> str:
    """An instant for a field with a date and a time of the clock in a zone."""
    return "" if value is None else local(value, timezone).strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")


def read(kind: type[Wanted], values: Mapping[str, Any]) -> Wanted:
    """The request of these values; InvalidInput names each field that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as problem:
        raise InvalidInput(
            *(
                FieldError(str(one["loc"][0]) if one["loc"] else "", what_is_wrong(one))
                for one in problem.errors()
            )
        ) from problem


# --- the input of an agent ---


def input_of(form: FormData, manifest: Manifest) -> str | None:
    """The input that a form asks for, as JSON: of the fields of declared inputs, or the JSON if that is given."""
    given = text(form, "inputParameters")
    if given is not None:
        return given
    values = {
        name: value
        for name, declared in manifest.inputs.items()
        if (value := _input(form, name, declared.type)) is not None and value != declared.default
    }
    return json.dumps(values, ensure_ascii=False) if values else None


def _input(form: FormData, name: str, kind: str | None) -> Any:
    field = INPUT + name
    if kind == "boolean":
        return flag(form, field) if f"{field}.shown" in form else None
    value = text(form, field)
    if value is None or kind in (None, "string"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def input_fields(manifest: Manifest, given: str | None) -> tuple[list[dict[str, Any]], str]:
    """A field for each declared input with its value, and the JSON of what does not fit into these fields."""
    try:
        values = json.loads(given) if given else {}
    except ValueError:
        values = None
    fits = isinstance(values, dict) and values.keys() <= manifest.inputs.keys()
    known: Mapping[str, Any] = values if isinstance(values, dict) and fits else {}
    fields = [
        {
            "name": INPUT + name,
            "label": name,
            "type": declared.type or "string",
            "help": declared.description or "",
            "required": declared.required and declared.default is None,
            "value": _shown(known.get(name, declared.default), declared.type),
            "default": "" if declared.default is None else _shown(declared.default, declared.type),
        }
        for name, declared in manifest.inputs.items()
    ]
    return fields, "" if fits or given is None else given


def _shown(value: Any, kind: str | None) -> Any:
    if kind == "boolean":
        return value is True
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- the settings of runs ---

_NUMBERS = (
    "parallelism",
    "parallelMaxConcurrency",
    "maxRetries",
    "retryDelaySeconds",
    "timeoutSeconds",
    "priority",
)


def settings_of(form: FormData) -> dict[str, Any]:
    """The settings of runs that a form asks for, by the wire's names; without those that are left empty."""
    found: dict[str, Any] = {name: number(form, name) for name in _NUMBERS}
    found |= {name: text(form, name) for name in ("parallelExport", "logLevel", "logMode")}
    found |= {name: number(form, name) or 0 for name in ("proxyPoolId", "serverGroupId")}
    found |= {name: flag(form, name) for name in ("isExclusive", "isWaitOnFailure")}
    return {name: value for name, value in found.items() if value is not None}


def given(form: FormData) -> dict[str, Any]:
    """What a form has, to be shown in it again."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def first_errors(problem: LamplighterError) -> dict[str, str]:
    """What is wrong, by field; of several mistakes in one field the first. What is of no field has none."""
    if not isinstance(problem, InvalidInput):
        return {"": str(problem)}
    found: dict[str, str] = {}
    for one in problem.errors:
        found.setdefault(one.field, one.message)
    return found


def renamed(problem: LamplighterError, names: Mapping[str, str]) -> LamplighterError:
    """What is wrong, at the names that a form has for the fields."""
    if not isinstance(problem, InvalidInput):
        return problem
    return InvalidInput(*(FieldError(names.get(one.field, one.field), one.message) for one in problem.errors))


def gathered(problem: LamplighterError, name: str) -> LamplighterError:
    """What is wrong with one of several values, at the field of a form in which they all are, with its line."""
    if not isinstance(problem, InvalidInput):
        return problem
    return InvalidInput(*(_gathered(one, name) for one in problem.errors))


def _gathered(error: FieldError, name: str) -> FieldError:
    place = "".join(letter for letter in error.field if letter.isdigit())
    if not error.field.startswith(name) or not place:
        return error
    return FieldError(name, f"line {int(place) + 1}: {error.message}")


def cut(found: Sequence[Any], size: int) -> tuple[Sequence[Any], bool]:
    """As many as a page has, of one more; and whether there is more."""
    return found[:size], len(found) > size
