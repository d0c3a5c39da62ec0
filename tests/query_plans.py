"""Which queries something makes, and how the database would answer them: by which index, and whether it sorts."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

Query = tuple[str, Any]  # a statement, and its parameters


def queries_of(asked: sa.Engine | sa.Connection, do: Callable[[], object]) -> list[Query]:
    """The queries that ``do`` makes, over any connection of an engine or over this one."""
    queries: list[Query] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        queries.append((statement, parameters))

    sa.event.listen(asked, "before_cursor_execute", note)
    try:
        do()
    finally:
        sa.event.remove(asked, "before_cursor_execute", note)
    return queries


def plan(c: sa.Connection, query: Query) -> list[str]:
    """The steps by which the database would answer it."""
    statement, parameters = query
    explain = "EXPLAIN QUERY PLAN" if c.dialect.name == "sqlite" else "EXPLAIN"
    return [str(row[-1]) for row in c.exec_driver_sql(f"{explain} {statement}", parameters)]


def plan_of(c: sa.Connection, ask: Callable[[], object]) -> list[str]:
    """The steps of the one query that ``ask`` makes."""
    [query] = queries_of(c, ask)
    return plan(c, query)
