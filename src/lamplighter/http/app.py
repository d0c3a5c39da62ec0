"""The HTTP application: its routes, one mapping of errors, one limit on bodies."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match

import lamplighter
from lamplighter.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    LamplighterError,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
    what_is_wrong,
)
from lamplighter.http import reference
from lamplighter.http.api import (
    agents,
    audit,
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
)
from lamplighter.http.api.access import Services
from lamplighter.http.api.shapes import Problem
from lamplighter.http.tolerance import Message, Receive, Send, Tolerance

log = structlog.get_logger()

_PREFIX = "/api/v1"
_ROUTERS = (
    agents.router,
    schedules.router,
    runs.router,
    evidence.router,
    spaces.router,
    users.router,
    keys.router,
    notifications.router,
    secrets.router,
    proxies.router,
    groups.router,
    retention.router,
    audit.router,
    runs.downloads,
)
_PROBLEM = "application/problem+json"
_SCHEMES = 'ApiKey realm="lamplighter", Bearer realm="lamplighter"'
_NOTHING_FROM_ELSEWHERE = "default-src 'none'; style-src 'unsafe-inline'"
_WITH_LOCATION = ("201", "302")
_MOST_BYTES = 2 * 1024**2
_MOST_BYTES_OF_AGENT = 256 * 1024**2
_MOST_DRAINED = 512 * 1024**2


def create_app(services: Services) -> FastAPI:
    """The application over these services; ``app.state.stopping`` is to be set when the server stops."""
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
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(Exception, _defect)
    app.add_middleware(BodyLimit)
    # The last one added is the first to see a request.
    routes = [route for router in _ROUTERS for route in router.routes]
    app.add_middleware(Tolerance, routes=routes, prefix=_PREFIX)
    _tell_the_truth(app)
    app.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    return app


def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(
        reference.page(request.app.openapi()), headers={"Content-Security-Policy": _NOTHING_FROM_ELSEWHERE}
    )


def _answer(request: Request, error: LamplighterError) -> JSONResponse:
    problem = Problem.of(error, request.url.path)
    headers = {"WWW-Authenticate": _SCHEMES} if error.status == 401 else None
    return JSONResponse(
        problem.model_dump(by_alias=True, exclude_none=True),
        status_code=error.status,
        media_type=_PROBLEM,
        headers=headers,
    )


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
    return _answer(request, InvalidInput(*map(_field_error, errors)))


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


class _MethodNotAllowed(Conflict):
    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    log.error("the database is not available", path=request.url.path, exc_info=error)
    return _answer(request, Unavailable("the database is not available at the moment: try again"))


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
    return _answer(request, LamplighterError("something went wrong in the server; its log says what"))


def _tell_the_truth(app: FastAPI) -> None:
    """Take from the OpenAPI document what FastAPI adds on its own and this API never answers."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                for status, answer in operation["responses"].items():
                    content = answer.get("content", {})
                    if _PROBLEM in content:
                        answer["content"] = {_PROBLEM: content[_PROBLEM]}
                    if status in _WITH_LOCATION:
                        answer["headers"] = {"Location": {"schema": {"type": "string"}}}
        for leftover in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(leftover, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way of changing it


class BodyLimit:
    """Answers 413 to a body that is too large, before it is read whole."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = _MOST_BYTES_OF_AGENT if _is_agent_upload(scope) else _MOST_BYTES
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            if int(declared) <= _MOST_DRAINED:
                await _drain(receive)
            await self._refuse(scope, receive, send, most)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                if message.get("more_body"):
                    await _drain(receive)
                raise HTTPException(413, _too_large(most))
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Message, receive: Receive, send: Send, most: int) -> None:
        answer = _answer(Request(scope), TooLarge(_too_large(most)))
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


async def _drain(receive: Receive) -> None:
    """Read what is still being sent: who is cut off while sending does not get to see the answer."""
    seen = 0
    while seen < _MOST_DRAINED:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _too_large(most: int) -> str:
    return f"the body is larger than {most // 1024**2} MiB"


def _is_agent_upload(scope: Message) -> bool:
    parts = scope["path"].rstrip("/").split("/")
    return parts[1:4] == ["api", "v1", "agent"] and len(parts) <= 5
