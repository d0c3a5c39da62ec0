"""The HTTP application: its routes, what stands around them, one mapping of errors."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

import lamplighter
from lamplighter.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    LamplighterError,
    NotFound,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
    what_is_wrong,
)
from lamplighter.http import reference
from lamplighter.http.api import (
    agents,
    analytics,
    audit,
    billing,
    diagnostics,
    evidence,
    groups,
    health,
    keys,
    notifications,
    proxies,
    retention,
    runs,
    schedules,
    secrets,
    spaces,
    tokens,
    users,
    webhooks,
)
from lamplighter.http.api.access import Services, problems
from lamplighter.http.idempotency import KEY_PARAMETER, KeyedRequests
from lamplighter.http.middleware import NOTHING, BodyLimit, Defects, HeadLimit, RateHeaders, SecurityHeaders
from lamplighter.http.problems import PROBLEM, path_for_log, problem_answer
from lamplighter.http.tolerance import Tolerance

log = structlog.get_logger()

_PREFIX = "/api/v1"
_ROUTERS = (
    agents.router,
    schedules.router,
    runs.router,
    evidence.router,
    diagnostics.router,
    spaces.router,
    users.router,
    keys.router,
    notifications.router,
    secrets.router,
    proxies.router,
    groups.router,
    retention.router,
    analytics.router,
    billing.router,
    audit.router,
    webhooks.router,
    runs.downloads,
    webhooks.addresses,
)
_OWN_STYLE_ALONE = f"{NOTHING}; style-src 'unsafe-inline'"
_WITH_LOCATION = ("201", "302")
_MOST_ERRORS = 100  # in one answer


def create_app(services: Services, rate_limit: int = 0) -> FastAPI:
    """The application over these services; ``app.state.stopping`` is to be set when the server stops.

    ``rate_limit`` is what answers say of it; the services count.
    """
    app = FastAPI(
        title="Lamplighter",
        version=lamplighter.__version__,
        description=(
            "Runs web-scraping agents by the clock. Times are UTC. Property names of requests are matched"
            " without regard to case, unknown ones are ignored, and null means not given."
        ),
        docs_url=None,  # FastAPI's own page loads its scripts from another host
        redoc_url=None,
        generate_unique_id_function=lambda route: to_camel(route.name),
    )
    app.state.services = services
    app.state.stopping = asyncio.Event()
    for router in _ROUTERS:
        app.include_router(router, prefix=_PREFIX)
    app.include_router(tokens.router)
    # Where a client looks that puts the base path before every address.
    app.include_router(tokens.router, prefix=_PREFIX, include_in_schema=False)
    app.include_router(health.router)
    app.add_exception_handler(LamplighterError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone_away)
    app.add_exception_handler(OperationalError, _database_away)
    # The last one stands outermost.
    app.add_middleware(KeyedRequests)
    app.add_middleware(BodyLimit)
    routes = [route for router in _ROUTERS for route in router.routes]
    app.add_middleware(Tolerance, routes=routes, prefix=_PREFIX)
    app.add_middleware(HeadLimit)
    app.add_middleware(Defects)
    app.add_middleware(RateHeaders, limit=rate_limit)
    app.add_middleware(SecurityHeaders)
    _tell_the_truth(app)
    app.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    return app


def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(
        reference.page(request.app.openapi()), headers={"Content-Security-Policy": _OWN_STYLE_ALONE}
    )


def _answer(request: Request, error: LamplighterError) -> JSONResponse:
    return problem_answer(request.url.path, error)


async def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, LamplighterError):
        raise TypeError("this handler is for LamplighterError")
    return _answer(request, error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError("this handler is for RequestValidationError")
    errors = error.errors()
    if any(one["loc"] == ("body",) and isinstance(one.get("input"), bytes) for one in errors):
        return _answer(request, UnsupportedMedia("send the body as application/json"))
    return _answer(request, InvalidInput(*map(_field_error, errors[:_MOST_ERRORS])))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":
        return FieldError("", f"the body is not valid JSON: {error['ctx']['error']}")
    where = [str(part) for part in error["loc"][1:]]
    message = what_is_wrong(error)
    if error["type"] in ("missing", "model_attributes_type", "model_type") and not where:
        message = "the body must be a JSON object"
    # A name of the client's own may hold what cannot be sent back.
    return FieldError(".".join(where).encode(errors="backslashreplace").decode(), message)


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError("this handler is for HTTPException")
    known: LamplighterError
    if error.status_code == 404:
        known = NotFound("there is nothing at this address; /docs lists what there is")
    elif error.status_code == 405:
        allowed = ", ".join(_methods_at(request))
        known = _MethodNotAllowed(f"{request.method} is not possible here: use {allowed}")
        answer = _answer(request, known)
        answer.headers["Allow"] = allowed
        return answer
    elif error.status_code == 408:
        known = _TooSlow(error.detail)
    elif error.status_code == 413:
        known = TooLarge(error.detail)
    elif error.status_code == 400:
        why = error.__cause__  # FastAPI's, when the body cannot be read
        known = InvalidInput.of("", error.detail if why is None else f"the body is not valid JSON: {why}")
    else:
        known = LamplighterError(error.detail)
    answer = _answer(request, known)
    answer.headers.update(error.headers or {})
    return answer


def _methods_at(request: Request) -> list[str]:
    """The methods that the address of the request has: one path may be that of several routes."""
    scope = dict(request.scope)
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


class _TooSlow(TimedOut):
    code = "body_too_slow"
    status = 408


class _MethodNotAllowed(Conflict):
    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


async def _gone_away(request: Request, error: Exception) -> JSONResponse:
    """Who sends half a body and goes is no defect of ours; nobody reads the answer."""
    return _answer(request, InvalidInput.of("", "the body did not come whole"))


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    log.error("the database is not available", path=path_for_log(request.url.path), exc_info=error)
    return _answer(request, Unavailable("the database is not available at the moment: try again"))


def _tell_the_truth(app: FastAPI) -> None:
    """Take from the OpenAPI document what FastAPI adds on its own and this API never answers; add what it does not
    know of: the limits and keys of requests."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = make()
        for path in document["paths"].values():
            for method, operation in path.items():
                _tell_the_truth_of(method, operation)
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
