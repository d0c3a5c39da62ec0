"""Which parts of a parallel set are merged into its combined export."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lamplighter.model import ParallelExport, Run, RunStatus

DELIVERED = "delivered"
NOT_DELIVERED = "not delivered"
GOOD = frozenset({RunStatus.COMPLETED, RunStatus.SUCCESS})


def is_part(run: Run) -> bool:
    """Whether the run has no export of its own, because its set has one."""
    return run.set_size > 1 and run.settings.parallel_export is ParallelExport.COMBINED


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a set: where it stands, and whether its records count."""

    sequence: int
    run_id: int
    attempt: int
    status: RunStatus

    @property
    def is_good(self) -> bool:
        """Whether the run succeeded."""
        return self.status in GOOD


@dataclass(frozen=True, slots=True)
class Combination:
    """The combined export of a set, made or to be made.

    ``merged`` has (sequence, run id, attempt) of the parts in it, in sequence order; ``missing`` the status of
    each other one by its sequence. Known when it has been made: ``folder``, its name in the folder of the set's
    first run; ``records``, their number; ``removed``, the sequences whose records were removed meanwhile;
    ``delivery``, what became of it if it was to be delivered.
    """

    merged: tuple[tuple[int, int, int], ...]
    missing: Mapping[int, str] = field(default_factory=dict)
    folder: str = ""
    records: int = 0
    removed: tuple[int, ...] = ()
    delivery: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether no part is missing."""
        return not self.missing and not self.removed

    @property
    def is_delivered(self) -> bool:
        """Whether it is where it was to be brought."""
        return self.delivery == DELIVERED

    def is_of(self, other: "Combination | None") -> bool:
        """Whether ``other`` merges exactly the same."""
        return other is not None and (self.merged, dict(self.missing)) == (other.merged, dict(other.missing))

    def describe(self) -> str:
        """What a person reads of it."""
        count = f"{self.records:,} record{'' if self.records == 1 else 's'}"
        if self.is_complete:
            told = f"combined export of all {len(self.merged)} parts: {count}"
            return f"{told}, {self.delivery}" if self.delivery else told
        lacking = dict(self.missing) | dict.fromkeys(self.removed, "its files were removed")
        names = ", ".join(f"{sequence} ({why})" for sequence, why in sorted(lacking.items()))
        total = len(self.merged) + len(self.missing)
        there = len(self.merged) - len(self.removed)
        which = f"part {names} is" if len(lacking) == 1 else f"parts {names} are"
        told = f"combined export of {there} of {total} parts: {count}; {which} missing"
        return f"{told}, so it is {self.delivery}" if self.delivery else told

    def to_text(self) -> str:
        """The form in which it is stored."""
        return json.dumps(
            {
                "merged": self.merged,
                "missing": {str(sequence): status for sequence, status in self.missing.items()},
                "folder": self.folder,
                "records": self.records,
                "removed": self.removed,
                "delivery": self.delivery,
            }
        )

    @classmethod
    def from_text(cls, text: str | None) -> "Combination | None":
        """What ``to_text`` wrote; None for None."""
        if text is None:
            return None
        value = json.loads(text)
        return cls(
            tuple((sequence, run_id, attempt) for sequence, run_id, attempt in value["merged"]),
            {int(sequence): status for sequence, status in value["missing"].items()},
            value["folder"],
            value["records"],
            tuple(value["removed"]),
            value["delivery"],
        )


def combination(parts: Sequence[Part], size: int) -> Combination | None:
    """What is to be merged of a set of ``size`` parts; None while one goes, or when none succeeded.

    A part that is not among ``parts`` was removed.
    """
    if not all(part.status.is_terminal for part in parts) or not any(part.is_good for part in parts):
        return None
    ordered = sorted(parts, key=lambda part: part.sequence)
    missing = {part.sequence: part.status.name.capitalize() for part in ordered if not part.is_good}
    removed = set(range(1, size + 1)) - {part.sequence for part in ordered}
    return Combination(
        merged=tuple((part.sequence, part.run_id, part.attempt) for part in ordered if part.is_good),
        missing=missing | dict.fromkeys(removed, "removed"),
    )
