"""Time zones of the pinned tzdata package, whatever copy the operating system has.

Importing this module empties zoneinfo's search path for the whole process: copies of the database disagree
about future transitions, and a due time must not depend on the machine that computes it.
"""

import difflib
import importlib
import zoneinfo
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from lamplighter.errors import InvalidInput

zoneinfo.reset_tzpath(to=[])
ZoneInfo.clear_cache()

TZDATA_VERSION: str = importlib.import_module("tzdata").IANA_VERSION
"""The IANA release of the database in use, such as ``2026f``."""

_LONGEST_NAME = 64


def _read_names() -> dict[str, str]:
    listing = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return {name.lower(): name for name in listing.split()}


_NAMES = _read_names()


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name in any letter case; its ``key`` is the name as IANA spells it.

    Any other text raises InvalidInput for the field ``timezone`` and names the closest zones. The text is
    only ever compared with the list of names, so it cannot reach the file system.
    """
    canonical = _NAMES.get(name.lower()) if len(name) <= _LONGEST_NAME else None
    if canonical is None:
        raise InvalidInput.of("timezone", _unknown(name))
    return ZoneInfo(canonical)


@lru_cache(maxsize=256)
def _unknown(name: str) -> str:
    if not name.strip():
        return "the timezone is empty; use an IANA name such as Europe/Berlin"
    shown = repr(name) if len(name) <= _LONGEST_NAME else f"a name of {len(name)} characters"
    closest = _closest(name)
    hint = f"did you mean {' or '.join(closest)}?" if closest else "use an IANA name such as Europe/Berlin"
    return f"{shown} is not a timezone; {hint}"


def _closest(name: str) -> list[str]:
    """Up to three zones whose full name, or whose city, resembles the text."""
    wanted = "_".join(name.lower().split())
    if len(wanted) > _LONGEST_NAME:
        return []
    cities: dict[str, list[str]] = {}
    for lowered in _NAMES:
        cities.setdefault(lowered.rpartition("/")[2], []).append(lowered)
    by_city = difflib.get_close_matches(wanted.rpartition("/")[2], cities, n=2, cutoff=0.75)
    candidates = [lowered for city in by_city for lowered in cities[city]]
    candidates += difflib.get_close_matches(wanted, _NAMES, n=3, cutoff=0.6)
    candidates += [lowered for lowered in _NAMES if lowered.startswith(wanted)]
    ranked = sorted(set(candidates), key=lambda lowered: -_likeness(wanted, lowered))
    return [_NAMES[lowered] for lowered in ranked[:3]]


def _likeness(wanted: str, lowered: str) -> float:
    city = lowered.rpartition("/")[2]
    ratios = [difflib.SequenceMatcher(None, wanted, text).ratio() for text in (lowered, city)]
    begins_alike = lowered.startswith(wanted) or wanted.startswith(lowered)
    return max(ratios) + (0.5 if begins_alike else 0)
