"""A JSON Schema that every record of an agent has to match: compiled once, and asked for each record."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jsonschema_rs

from lamplighter.errors import LamplighterError

_LONGEST_REASON = 300
_ELSEWHERE = re.compile(r"Resource '(.+?)' is not present in a registry")


class BadSchema(LamplighterError):
    """The schema itself is wrong; the message says where and why."""

    code = "bad_schema"


class RefersElsewhere(BadSchema):
    """The schema needs another one that is not in it."""


class RecordSchema:
    """A compiled schema. The draft is the one that ``$schema`` names, 2020-12 when it names none."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises ``BadSchema``. Nothing is fetched: a ``$ref`` must lead to a place in the schema."""
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema), retriever=_fetch_nothing, validate_formats=True
            )
        except jsonschema_rs.ValidationError as problem:
            raise _bad(problem.message, problem.instance_path) from problem
        except (ValueError, RecursionError) as problem:
            raise _bad(str(problem)) from problem

    def mismatch(self, record: Mapping[str, Any]) -> str | None:
        """Where and why ``record`` does not match, in at most a few hundred characters; None when it does."""
        try:
            if self._validator.is_valid(record):
                return None
            problem = next(iter(self._validator.iter_errors(record)))
        except (ValueError, RecursionError) as unreadable:  # half a surrogate pair in a key, say
            return _bounded(f"cannot be compared with the schema: {unreadable}")
        return _located(problem.instance_path, problem.message)


def _bad(message: str, path: Sequence[str | int] = ()) -> BadSchema:
    elsewhere = _ELSEWHERE.match(message)
    if elsewhere is None:
        return BadSchema(_located(path, message))
    return RefersElsewhere(
        f"refers to {_bounded(elsewhere[1])}, which is not fetched: put it into the schema"
    )


def _located(path: Sequence[str | int], message: str) -> str:
    place = ".".join(str(part) for part in path)
    return _bounded(f"{place}: {message}" if place else message)


def _bounded(text: str) -> str:
    plain = " ".join(text.encode(errors="backslashreplace").decode().split())
    return plain if len(plain) <= _LONGEST_REASON else plain[:_LONGEST_REASON] + "…"


def _fetch_nothing(address: str) -> NoReturn:
    raise LookupError(f"{address} is outside the schema and is not fetched")
