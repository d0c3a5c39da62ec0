"""What the tests of the HTTP API share: unique names, times to come, and how an error must look."""

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

_numbers = itertools.count(1)

SLEEPS = "import time\nprint('begun', flush=True)\ntime.sleep(300)\n"
FAILS = "import sys\nprint('no luck')\nsys.exit(3)\n"


def emits(*records: Any) -> str:
    """A program that emits these records."""
    return f"from lamplighter import agent\nfor record in {records!r}:\n    agent.emit(record)\n"


def unique(word: str) -> str:
    """A name that no other test uses."""
    return f"{word} {next(_numbers)}"


def in_future(**span: float) -> str:
    """An instant that many seconds, minutes, … from now, as a client writes it."""
    return wire_time(datetime.now(UTC) + timedelta(**span))


def wire_time(moment: datetime) -> str:
    """UTC with Z, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> datetime:
    """The instant that an answer's text stands for."""
    return datetime.fromisoformat(text)


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an error answer, which must look as every error does."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code"} <= problem.keys()
    assert problem.keys() <= {"type", "title", "status", "detail", "instance", "code", "errors"}
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.path
    assert problem["detail"]
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text.replace("main.py", "")
    return problem


def field_errors(answer: httpx.Response) -> dict[str, str]:
    """The messages of an answer about invalid input, by field."""
    problem = problem_of(answer, 400)
    assert problem["code"] == "invalid_input"
    assert problem["errors"], "an invalid input names what is wrong"
    assert all(error.keys() == {"field", "message"} for error in problem["errors"])
    return {error["field"]: error["message"] for error in problem["errors"]}


def send_raw(http: httpx.Client, method: str, path: str, text: str | bytes) -> httpx.Response:
    """A request with exactly this text as its JSON body."""
    return http.request(method, path, content=text, headers={"Content-Type": "application/json"})


def json_text(value: Any) -> str:
    """JSON as text, for properties that hold JSON in a string."""
    return json.dumps(value)


def names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of some objects."""
    return [row["name"] for row in rows]
