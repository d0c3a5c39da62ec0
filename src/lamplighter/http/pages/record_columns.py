"""What the columns of records are like: how many have a value, of which kinds, from where to where. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_MOST_DISTINCT = 10_000
_MOST_COLUMNS = 100


@dataclass(slots=True)
class Column:
    """One field of the records that were looked at. ``distinct`` is None when there are too many to count."""

    name: str
    filled: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    least: float | str | None = None
    most: float | str | None = None
    values: Counter[str] | None = field(default_factory=Counter)

    @property
    def distinct(self) -> int | None:
        """How many different values it has."""
        return None if self.values is None else len(self.values)

    @property
    def commonest(self) -> tuple[str, int] | None:
        """The value that comes most often, when any comes twice."""
        top = self.values.most_common(1) if self.values else []
        return top[0] if top and top[0][1] > 1 else None

    def note(self, value: Any) -> None:
        """Count one value."""
        if value is None or value == "":
            return
        self.filled += 1
        kind = _kind(value)
        self.kinds[kind] += 1
        if self.values is not None:
            self.values[value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)] += 1
            if len(self.values) > _MOST_DISTINCT:
                self.values = None
        if kind in ("number", "text") and len(self.kinds) == 1:
            self.least = value if self.least is None else min(self.least, value)
            self.most = value if self.most is None else max(self.most, value)
        else:
            self.least = self.most = None


def columns_of(records: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The fields in the order in which they appear first."""
    found: dict[str, Column] = {}
    for record in records:
        for name, value in record.items():
            column = found.get(name)
            if column is None:
                if len(found) >= _MOST_COLUMNS:
                    continue
                column = found[name] = Column(name)
            column.note(value)
    return list(found.values())


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object"
