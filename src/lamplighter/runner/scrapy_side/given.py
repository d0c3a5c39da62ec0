"""What the spider is told: the input parameters, one row a crawl."""

import json
import pathlib
from typing import Any

from .problems import CannotStartError


def read_rows(path: str | None) -> list[dict[str, Any]]:
    """The input as rows, one crawl each. No input is one row without arguments."""
    try:
        value = json.loads(pathlib.Path(path).read_bytes() or b"null") if path else None
    except (OSError, ValueError) as error:
        raise CannotStartError(f"The input cannot be read: {error}") from error
    rows = value if isinstance(value, list) else [{} if value is None else value]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CannotStartError(f"Row {number} of the input is {json.dumps(row)[:80]}, not a JSON object")
    return rows or [{}]


def spider_arguments(row: dict[str, Any]) -> dict[str, str]:
    """What ``scrapy crawl -a name=value`` gives a spider: every value is a string. Null means "not given"."""
    return {
        name: value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for name, value in row.items()
        if value is not None
    }
