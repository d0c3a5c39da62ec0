"""What is wrong in agent.toml, in the words of TOML: with the value, and with what would be right."""

import json
from collections.abc import Mapping
from typing import Any

EXAMPLE = 'write an agent.toml with [agent] and either spider = "NAME" or run = ["python", "main.py"]'
LONGEST_SHOWN = 40
# What a key must be, in TOML; and what any other key of a type must be, by the error that Pydantic has of it.
_RIGHT: Mapping[str, str] = {
    "agent.run": 'must be a list of words, such as ["python", "main.py"]',
    "agent.requirements": 'must be a list of requirements, such as ["scrapy>=2.13"]',
    "success.required_fields": 'must be a list of names, such as ["url", "title"]',
    "success.schema": 'must be a table with a JSON Schema, or the path of a JSON file, such as "schema.json"',
    "export.formats": 'must be a list of formats, such as ["jsonl", "csv"]',
    "export.destination": 'must be an address, such as "/srv/records", a table { to = "…" }, or a list of those',
    "export.destination.formats": 'must be a list of formats, such as ["jsonl", "csv"]',
    "export.destination.key": 'must be a list of names, such as ["url"]',
    "export.destination.headers": 'must be a table of texts, such as { X-Shop = "books" }',
}
_OF_TYPES: Mapping[str, str] = {
    "string_type": 'must be a text in quotes, such as "books"',
    "list_type": "must be a list in square brackets",
    "dict_type": "must be a table of keys and values",
    "model_type": "must be a table of keys and values",
}


def sentence(error: Any) -> str:
    """A mistake that Pydantic found, an item of its ``errors()``; with the value where it can be no secret."""
    kind, steps = error["type"], tuple(part for part in error["loc"] if isinstance(part, str))
    if kind == "missing":
        if steps == ("agent",):
            return f"the section [agent] is missing: {EXAMPLE}"
        return "is required"
    if kind == "extra_forbidden":
        return "is not a key that is known here"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    right = _RIGHT.get(".".join(steps)) if kind in _OF_TYPES and kind != "string_type" else None
    right = right or _right_form(kind, error.get("ctx", {}))
    if right is None:
        return str(error["msg"])
    value = error["input"]
    may_be_secret = steps[:2] == ("export", "destination") and not isinstance(value, int | float)
    return right if may_be_secret else f"{right}, not {shown(value)}"


def _right_form(kind: str, limits: Mapping[str, Any]) -> str | None:
    """What a value must be that fails Pydantic's check ``kind``, which has these ``limits``."""
    match kind:
        case "literal_error":
            return f"must be {limits['expected']}"
        case "greater_than_equal":
            return f"must be {limits['ge']} or more"
        case "string_too_long":
            return f"must have at most {limits['max_length']} characters"
        case "string_too_short":
            return "must have at least one character"
        case "too_short":
            return "must have at least one element"
        case _:
            return _OF_TYPES.get(kind)


def shown(value: Any) -> str:
    """A value as JSON has it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
