"""The answer to a request that cannot be carried out."""

from collections.abc import Sequence

from fastapi.responses import JSONResponse

from lamplighter.errors import Conflict, LamplighterError
from lamplighter.http.api.shapes import Problem

PROBLEM = "application/problem+json"


def problem_answer(path: str, error: LamplighterError) -> JSONResponse:
    """The problem document for an error, as RFC 9457 has it; ``path`` is that of the request."""
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'ApiKey realm="lamplighter", Bearer realm="lamplighter"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(
        Problem.of(error, path).model_dump(by_alias=True, exclude_none=True),
        status_code=error.status,
        media_type=PROBLEM,
        headers=headers,
    )


class MethodNotAllowed(Conflict):
    """There is something at the address, but not by this method."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


def method_not_allowed(method: str, path: str, allowed: Sequence[str]) -> JSONResponse:
    """The answer where only the ``allowed`` methods are possible."""
    words = ", ".join(allowed)
    answer = problem_answer(path, MethodNotAllowed(f"{method} is not possible here: use {words}"))
    answer.headers["Allow"] = words
    return answer


def path_for_log(path: str) -> str:
    """The path of a request, without the part that makes the address of a webhook valid."""
    return f"{path.rpartition('/')[0]}/…" if path.startswith("/api/v1/webhook/") else path
