"""What Schemathesis is told in Python: loaded by its configuration beside it."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

import schemathesis

from lamplighter.http.idempotency import HEADER, PATTERN


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: "schemathesis.Case[Any]", _kwargs: dict[str, object]
) -> None:
    """Every request is another one: one key for two of them would be refused."""
    given = case.headers.get(HEADER) if case.headers else None
    if isinstance(given, str) and re.fullmatch(PATTERN, given):
        case.headers[HEADER] = str(uuid.uuid4())


@schemathesis.hook
def filter_query(_context: schemathesis.HookContext, query: Mapping[str, object] | None) -> bool:
    """An empty value is as if it were not given, which no schema can say."""
    return "" not in (query or {}).values()
