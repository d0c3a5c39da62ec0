"""How a text refers to a secret: ``${secret:NAME}``, and ``$${secret:NAME}`` for that text itself."""

import re
from collections.abc import Iterator
from typing import Any

REFERENCE = re.compile(r"(?P<escape>\$)?\$\{secret:(?P<name>[^{}]*)\}")
RIGHT_NAME = (
    "must begin with a letter or underscore, go on with letters, digits, _ . or -,"
    " and have at most 100 characters"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_LONGEST_SHOWN = 100


def can_be_name(name: str) -> bool:
    """Whether a secret can be called so."""
    return _NAME.fullmatch(name) is not None


def secret_names(value: Any) -> set[str]:
    """The names of the secrets that the texts in a value refer to; keys of objects are no place for them."""
    return {
        found["name"]
        for text in texts(value)
        for found in REFERENCE.finditer(text)
        if found["escape"] is None
    }


def impossible(value: Any) -> str | None:
    """What is wrong with the first reference in ``value`` that no secret can ever be meant by, as a sentence."""
    for name in sorted(secret_names(value)):
        if not can_be_name(name):
            return f"${{secret:{name[:_LONGEST_SHOWN]}}} names no secret: its name {RIGHT_NAME}"
    return None


def texts(value: Any) -> Iterator[str]:
    """All texts in a value as JSON has it, but the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)
