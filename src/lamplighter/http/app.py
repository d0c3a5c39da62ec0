"""The HTTP application: its routes, what stands around them, one mapping of errors."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

import lamplighter
from lamplighter.errors import (
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
from lamplighter.http.api.access import Services
from lamplighter.http.idempotency import KeyedRequests
from lamplighter.http.middleware import (
    NOTHING,
    BodyLimit,
    Defects,
    HeadLimit,
    Measured,
    RateHeaders,
    SecurityHeaders,
)
from lamplighter.http.openapi import tell_the_truth
from lamplighter.http.pages import PAGES
from lamplighter.http.pages.live import Live
from lamplighter.http.pages.problems import is_for_browser, problem_page
from lamplighter.http.problems import method_not_allowed, path_for_log, problem_answer
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
_MOST_ERRORS = 100  # in one answer


def create_app(services: Services, rate_limit: int = 0, *, has_api: bool = True) -> FastAPI:
    """The application over these services; ``app.state.stopping`` is to be set when the server stops.

    ``rate_limit`` is what answers say of it; the services count. Without the API it only tells how the process is.
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
    app.state.live = Live()
    if has_api:
        for router in _ROUTERS:
            app.include_router(router, prefix=_PREFIX)
        app.include_router(tokens.router)
        # Where a client looks that puts the base path before every address.
        app.include_router(tokens.router, prefix=_PREFIX, include_in_schema=False)
        for router in PAGES:
            app.include_router(router)
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
    app.add_middleware(Defects, answer=lambda scope, error: _answer(Request(scope), error))
    app.add_middleware(RateHeaders, limit=rate_limit)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measured)
    tell_the_truth(app)
    app.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    return app


def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(
        reference.page(request.app.openapi()), headers={"Content-Security-Policy": _OWN_STYLE_ALONE}
    )


def _answer(request: Request, error: LamplighterError) -> Response:
    if is_for_browser(request):
        return problem_page(request, error)
    return problem_answer(request.url.path, error)


async def _known(request: Request, error: Exception) -> Response:
    if not isinstance(error, LamplighterError):
        raise TypeError("this handler is for LamplighterError")
    return _answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
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


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("this handler is for HTTPException")
    known: LamplighterError
    if error.status_code == 404:
        known = NotFound("there is nothing at this address; /docs lists what there is")
    elif error.status_code == 405:
        return method_not_allowed(request.method, request.url.path, _methods_at(request))
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


async def _gone_away(request: Request, error: Exception) -> Response:
    """Who sends half a body and goes is no defect of ours; nobody reads the answer."""
    return _answer(request, InvalidInput.of("", "the body did not come whole"))


async def _database_away(request: Request, error: Exception) -> Response:
    log.error("the database is not available", path=path_for_log(request.url.path), exc_info=error)
    return _answer(request, Unavailable("the database is not available at the moment: try again"))
