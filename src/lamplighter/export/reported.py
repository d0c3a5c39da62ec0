"""What is believed of the numbers and names that an agent reports."""

import math
from collections.abc import Mapping
from typing import Any

MOST_NAMES = 200
_LONGEST_NAME = 200
_LARGEST = 2**53  # what every reader of JSON can hold


def numbers_of(stats: Any) -> dict[str, float]:
    """The finite numbers among what an agent reported, at most 200, in the order of their names."""
    found: dict[str, float] = {}
    for name, value in sorted(stats.items()) if isinstance(stats, Mapping) else ():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and is_kept(name) and abs(value) <= _LARGEST and math.isfinite(value):
            found[name] = value
        if len(found) == MOST_NAMES:
            break
    return found


def is_kept(name: str) -> bool:
    """Whether a name that an agent chose is short enough and is text that every database takes."""
    return len(name) <= _LONGEST_NAME and "\0" not in name and _is_utf8(name)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
