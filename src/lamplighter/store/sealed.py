"""Everything that is kept sealed, whatever table it is in: for the day on which the key changes."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from lamplighter.store.tables import metadata, notification_rules

_PREFIX = "sealed"  # of the names of columns with sealed texts


def change_all(c: sa.Connection, change: Callable[[str], str]) -> int:
    """Put ``change(text)`` in the place of every sealed text; returns how many have become others."""
    columns = [
        column for table in metadata.sorted_tables for column in table.c if column.name.startswith(_PREFIX)
    ]
    return sum(_change(c, column, change) for column in columns) + _change(
        c, notification_rules.c.targets, lambda targets: [_target(one, change) for one in targets]
    )


def _target(target: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    return {**target, "sealed": change(target["sealed"])}


def _change(c: sa.Connection, column: sa.Column[Any], change: Callable[[Any], Any]) -> int:
    table, changed = column.table, 0
    keys = list(sa.inspect(table).primary_key)
    for *known, old in c.execute(sa.select(*keys, column).where(column.is_not(None))).all():
        value = change(old)
        if value != old:
            is_it = [key == one for key, one in zip(keys, known, strict=True)]
            c.execute(sa.update(table).where(*is_it).values({column: value}))
            changed += 1
    return changed
