"""What is delivered, what a try may take, and how it fails."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lamplighter.errors import LamplighterError
from lamplighter.manifest.destination import DestinationSection, Format

_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]|^\.+")
_LONGEST_PART = 150  # bytes; a file's name has at most 255, and other parts come to it
# Statuses of HTTP that another try may cure; so may every one from 500 on.
PASSING = frozenset({408, 425, 429})
CONTENT_TYPES: Mapping[Format, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The records of a run, or of a whole set, on their way to destinations.

    ``key`` names the delivery: the same for every try, also days later, and another one for other records.
    ``files`` has the file of each format; JSON Lines is always there. ``notes`` is the folder in which it is
    noted which destinations have it.
    """

    key: str
    run_id: int
    attempt: int
    agent_name: str
    scheduled_time: datetime | None
    finished: datetime
    record_count: int
    files: Mapping[str, Path]
    notes: Path

    def name_of(self, template: str, kind: Format) -> str:
        """The name of the delivered file of one format: ``template`` with its placeholders filled in."""
        when = self.scheduled_time or self.finished
        return template.format(
            agent=_one_step(self.agent_name),
            run=self.run_id,
            attempt=self.attempt,
            date=f"{when:%Y-%m-%d}",
            time=f"{when:%H%M%S}",
            format=kind,
        )

    def files_for(self, section: DestinationSection) -> list[tuple[Format, Path]]:
        """The files that a destination gets: of its own formats, or all that there are."""
        wanted = section.formats or [kind for kind in CONTENT_TYPES if kind in self.files]
        lacking = [kind for kind in wanted if kind not in self.files]
        if lacking and self.record_count:
            raise TryFailed(f"there is no {', '.join(lacking)} of these records: they have too many columns")
        return [(kind, self.files[kind]) for kind in wanted if kind in self.files]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a try may take, in seconds, and how long to wait between the tries."""

    connect: float = 10
    whole: float = 300
    waits: Sequence[float] = (1, 2, 4)
    longest_wait: float = 10  # what a destination may ask for


class TryFailed(LamplighterError):
    """One try did not succeed. ``can_pass`` says whether another one may, ``wait`` in how many seconds."""

    code = "try_failed"

    def __init__(self, message: str, *, can_pass: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.can_pass = can_pass
        self.wait = wait


def _one_step(text: str) -> str:
    """``text`` as one step of a path, that no other text becomes by being cut."""
    plain = _NOT_IN_NAMES.sub("_", text.encode(errors="replace").decode())
    content = plain.encode()
    if len(content) <= _LONGEST_PART:
        return plain
    return f"{content[:_LONGEST_PART].decode(errors='ignore')}-{hashlib.sha256(content).hexdigest()[:8]}"
