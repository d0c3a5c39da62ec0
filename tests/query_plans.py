"""How SQLite would answer the queries of a function: by which index, and whether it sorts."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa


def plans_of(c: sa.Connection, ask: Callable[[], object]) -> list[list[str]]:
    """The plan of each query that ``ask`` makes, as its steps."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    sa.event.listen(c, "before_cursor_execute", note)
    ask()
    sa.event.remove(c, "before_cursor_execute", note)
    return [
        [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        for statement, parameters in asked
    ]


def plan_of(c: sa.Connection, ask: Callable[[], object]) -> list[str]:
    """The plan of the one query that ``ask`` makes."""
    [plan] = plans_of(c, ask)
    return plan
