"""The input of runs: reading it, checking it against what an agent declares, and references to secrets in it.

A text may hold ``${secret:NAME}`` anywhere; the value takes its place when an attempt starts and nowhere else.
``$${secret:NAME}`` stands for the text ``${secret:NAME}`` itself. Everything here is pure.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, NoReturn

from lamplighter.errors import InvalidInput
from lamplighter.manifest import FILE, Manifest
from lamplighter.manifest.references import REFERENCE
from lamplighter.manifest.references import secret_names as secret_names  # part of what this module offers

FIELD = "inputParameters"
_DEEPEST = 100  # levels of nested input: deep enough for people, and no stack of any reader overflows
_MOST_PROBLEMS = 20
_LONGEST_NAME = 100
_NO_INPUT = "must be a JSON object or an array of JSON objects"


def check(text: str | None) -> None:
    """Raise InvalidInput for a text that is an input for no agent, whatever the agent declares."""
    if not _is_input(read(text)):
        raise InvalidInput.of(FIELD, _NO_INPUT)


def read(text: str | None) -> Any:
    """The value of a JSON text that every program can read, no text being an empty object; InvalidInput."""
    if text is None:
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        raise InvalidInput.of(FIELD, "contains half of a surrogate pair") from problem
    except RecursionError as problem:
        raise InvalidInput.of(FIELD, f"is nested too deeply: at most {_DEEPEST} levels") from problem
    except ValueError as problem:
        raise InvalidInput.of(FIELD, f"is not valid JSON: {problem}") from problem
    return value


def _is_input(value: Any) -> bool:
    return all(isinstance(row, dict) for row in (value if isinstance(value, list) else [value]))


# --- what the agent declares ---


def problems(manifest: Manifest, value: Any) -> list[str]:
    """Everything that is wrong with an input (an object or rows), a sentence each; empty when it fits.

    References to secrets are to be in ``value`` still, so that no sentence can hold a secret.
    """
    if not _is_input(value):
        return [_NO_INPUT]
    if not manifest.inputs:
        return []
    rows = value if isinstance(value, list) else [value]
    all_of_them = (
        f"row {number}: {problem}" if isinstance(value, list) else problem
        for number, row in enumerate(rows, start=1)
        for problem in _problems_of_row(manifest, row)
    )
    found = list(islice(all_of_them, _MOST_PROBLEMS + 1))
    return [*found[:_MOST_PROBLEMS], "and more"] if len(found) > _MOST_PROBLEMS else found


def _problems_of_row(manifest: Manifest, row: Mapping[str, Any]) -> Iterator[str]:
    missing = manifest.missing_inputs(row)
    if missing:
        yield f"the agent requires {', '.join(missing)}{_misspelled(missing, row.keys() - manifest.inputs)}"
    for name, declared in manifest.inputs.items():
        wrong = declared.mismatch(row.get(name))
        if wrong is not None:
            yield f"{name}: {wrong}"


def _misspelled(missing: list[str], unknown: Iterable[str]) -> str:
    """What was perhaps meant by names that the agent does not know."""
    spelled = {name.lower(): name for name in missing}
    meant = [
        f"{close[0]} instead of {name}"
        for name in sorted(unknown)
        if (close := [spelled[word] for word in get_close_matches(name.lower(), spelled, n=1)])
    ]
    return f"; did you mean {', '.join(meant[:3])}?" if meant else ""


# --- secrets ---


def secret_names_of(manifest: Manifest, value: Any) -> set[str]:
    """The names of the secrets that a run refers to: in its input, in defaults, and where it exports to."""
    return set().union(*secret_places(manifest, value).values())


def secret_places(manifest: Manifest, value: Any) -> dict[str, set[str]]:
    """The names of the secrets that a run refers to, by the field of the input or agent.toml they are in."""
    rows = value if isinstance(value, list) else [value]
    places = {FIELD: secret_names(value)}
    for name, declared in manifest.inputs.items():
        if any(row.get(name) is None for row in rows):
            places[f"{FILE}: inputs.{name}.default"] = secret_names(declared.default)
    places[f"{FILE}: export.destination"] = secret_names(manifest.export.model_dump())
    return places


def with_secrets(value: Any, values: Mapping[str, str]) -> Any:
    """``value`` with the secrets in the place of their references; KeyError when ``values`` lacks one."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _replacement(found, values), value)
    if isinstance(value, list):
        return [with_secrets(inner, values) for inner in value]
    if isinstance(value, dict):
        return {key: with_secrets(inner, values) for key, inner in value.items()}
    return value


def literal(value: Any) -> Any:
    """``value`` with its texts meaning just themselves: what ``with_secrets`` makes of it is ``value``."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: f"${found[0]}", value)
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    if isinstance(value, dict):
        return {key: literal(inner) for key, inner in value.items()}
    return value


def unknown_secrets(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A sentence for each name that is not that of a known secret."""
    there = sorted(known)
    return [_unknown(name, there) for name in sorted(set(names) - set(there))[:_MOST_PROBLEMS]]


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ": set it first"
    return f"there is no secret {name[:_LONGEST_NAME]!r}{hint}"


def _replacement(found: re.Match[str], values: Mapping[str, str]) -> str:
    return found[0][1:] if found["escape"] else values[found["name"]]


# --- reading ---


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse_number(digits)


def _refuse_number(word: str) -> NoReturn:
    raise ValueError(f"{word[:40]} is not a number that JSON has")


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(_DEEPEST):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if layer:
        raise RecursionError
