"""What can go wrong with a request, as errors; and which addresses are addresses."""

import json
from ipaddress import ip_address
from typing import Any

import httpx

from lamplighter.errors import FieldError, LamplighterError


class ApiError(LamplighterError):
    """The server refused a request: its problem document as a value."""

    def __init__(self, status: int, code: str, detail: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields


class CannotConnect(LamplighterError):
    """No Lamplighter server answers at the address."""

    code = "cannot_connect"
    status = 503
    title = "Cannot connect"
    retryable = True

    def __init__(self, url: str, why: str) -> None:
        remedy = "Check that LAMPLIGHTER_URL is its address and that the server is up."
        if is_local(url):
            remedy = "Start it with `lamplighter up`, or set LAMPLIGHTER_URL to the address where it runs."
        super().__init__(f"Lamplighter cannot be reached at {url}: {why}. {remedy}")


def is_local(url: str) -> bool:
    """Whether the address is one of this machine's loopback."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(url: str) -> bool:
    """Whether ``url`` can be the address of a server."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and (parts.port or 80) < 65536


def json_of(answer: httpx.Response, url: str) -> Any:
    """The JSON of an answer; ApiError when it is something else."""
    try:
        return json.loads(answer.content)
    except ValueError as problem:
        raise _strange(url) from problem


def error_of(outcome: httpx.Response | httpx.TransportError, url: str) -> ApiError | CannotConnect:
    """A refusal, or a connection that failed, as an error."""
    if isinstance(outcome, httpx.TransportError):
        return CannotConnect(url, _why(outcome))
    try:
        problem = outcome.json()
        fields = tuple(FieldError(e["field"], e["message"]) for e in problem.get("errors") or ())
        return ApiError(outcome.status_code, str(problem["code"]), str(problem["detail"]), fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _strange(url, outcome.status_code)


def _strange(url: str, status: int = 502) -> ApiError:
    return ApiError(
        status, "not_lamplighter", f"what answers at {url} is not a Lamplighter server (HTTP {status})"
    )


def _why(problem: httpx.TransportError) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "it does not answer in time"
    if isinstance(problem, httpx.ConnectError):
        text = str(problem)
        return "the connection was refused" if "refused" in text else text or "no connection"
    return "the connection broke off"
