"""The answer to a request that cannot be carried out."""

from fastapi.responses import JSONResponse

from lamplighter.errors import LamplighterError
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


def path_for_log(path: str) -> str:
    """The path of a request, without the part that makes the address of a webhook valid."""
    return f"{path.rpartition('/')[0]}/…" if path.startswith("/api/v1/webhook/") else path
