"""What the OpenAPI document says beyond, or against, what FastAPI makes of the routes.

Its examples are what a real server was asked and answered: ``make examples`` records them.
"""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI

from lamplighter.http.api.access import problems
from lamplighter.http.idempotency import KEY_PARAMETER
from lamplighter.http.problems import PROBLEM

_WITH_LOCATION = ("201", "302")
_GREATEST = 2**63 - 1


def tell_the_truth(app: FastAPI) -> None:
    """Take from the OpenAPI document what FastAPI adds on its own and this API never answers; add what it does not
    know of: the limits and keys of requests."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = make()
        examples = json.loads(files("lamplighter.http").joinpath("examples.json").read_bytes())
        for path in document["paths"].values():
            for method, operation in path.items():
                _tell_the_truth_of(method, operation)
                _show(operation, examples.get(operation["operationId"], {}))
        _mend_bounds(document)
        for leftover in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(leftover, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of changing it


def _tell_the_truth_of(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    if "security" in operation:
        answers.update({str(status): answer for status, answer in problems(429).items()})
        answers["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
        if method == "post":
            operation.setdefault("parameters", []).append(KEY_PARAMETER)
            answers.update({str(status): answer for status, answer in problems(409, 422).items()})
    for status, answer in answers.items():
        answer.pop("model", None)
        content = answer.get("content", {})
        if PROBLEM in content:
            answer["content"] = {PROBLEM: content[PROBLEM]}
        if status in _WITH_LOCATION:
            answer["headers"] = {"Location": {"schema": {"type": "string"}}}
    operation["responses"] = dict(sorted(answers.items()))


def _show(operation: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Put the recorded body and answers into an operation."""
    if "request" in recorded:
        operation["requestBody"]["content"]["application/json"].setdefault("example", recorded["request"])
    for status, answer in recorded.get("answers", {}).items():
        operation["responses"][status]["content"]["application/json"].setdefault("example", answer)


def _mend_bounds(node: Any) -> None:
    """FastAPI writes bounds as floating-point numbers, of which the greatest of ours is none."""
    if isinstance(node, dict):
        if node.get("maximum") == float(_GREATEST):
            node["maximum"] = _GREATEST
        for inner in node.values():
            _mend_bounds(inner)
    elif isinstance(node, list):
        for inner in node:
            _mend_bounds(inner)
