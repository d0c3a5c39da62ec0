"""Reads the changes of offset out of a zone's own file (RFC 8536), for tests to compare with."""

import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

HEADER = 44


class Change(NamedTuple):
    """The instant from which the offset (in seconds) is ``after``."""

    instant: datetime
    before: int
    after: int


def all_zones() -> list[str]:
    return sorted(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=1024)
def changes(name: str) -> tuple[Change, ...]:
    """The changes that the file lists; later ones follow from its rule and are not in it."""
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    isut, isstd, leaps, times, types, chars = struct.unpack(">6l", data[20:HEADER])
    second = HEADER + 5 * times + 6 * types + chars + 8 * leaps + isstd + isut
    times, types = struct.unpack(">2l", data[second + 32 : second + 40])
    body = second + HEADER
    instants = struct.unpack(f">{times}q", data[body : body + 8 * times])
    indexes = data[body + 8 * times : body + 9 * times]
    table = body + 9 * times
    offsets = [struct.unpack(">l", data[table + 6 * i : table + 6 * i + 4])[0] for i in range(types)]
    found, current = [], offsets[0]
    for instant, index in zip(instants, indexes, strict=True):
        if offsets[index] != current:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant)
            found.append(Change(moment, current, offsets[index]))
            current = offsets[index]
    return tuple(found)


def changes_between(name: str, first: int, last: int) -> list[Change]:
    """The listed changes of the years ``first`` to ``last``."""
    return [change for change in changes(name) if first <= change.instant.year <= last]
