"""What an old system has, as Lamplighter would have it, and what of it cannot be had."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about an import; ``is_lost`` when it was not carried over."""

    where: str
    what: str
    is_lost: bool = True


@dataclass(frozen=True, slots=True)
class WantedSchedule:
    """A schedule; ``body`` is what the API takes, without its name."""

    name: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class WantedAgent:
    """An agent with its files and schedules.

    ``is_stand_in``: the files only say that the program is missing; an agent that is there has a better one.
    """

    name: str
    files: Mapping[str, bytes]
    description: str | None = None
    start_url: str | None = None
    is_stand_in: bool = False
    schedules: list[WantedSchedule] = field(default_factory=list)

    def fingerprint(self) -> str:
        """The same for the same files only."""
        digest = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:16]


@dataclass(slots=True)
class Found:
    """All that was found at one source, which is named in a few words."""

    source: str
    agents: list[WantedAgent] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def lost(self, where: str, what: str) -> None:
        """Note what could not be carried over."""
        self.notes.append(Note(where, what))

    def look_at(self, where: str, what: str) -> None:
        """Note what was carried over and is not quite the same."""
        self.notes.append(Note(where, what, is_lost=False))


def agent_toml(**values: str | list[str] | None) -> bytes:
    """An agent.toml with these values in its section [agent]."""
    # Strings and lists of them are written in TOML as in JSON, but that JSON lets DEL stand as it is.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value]
    return ("[agent]\n" + "\n".join(lines) + "\n").replace("\x7f", "\\u007f").encode(errors="replace")
