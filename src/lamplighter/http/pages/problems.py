"""What a browser is shown when a page cannot be: where to sign in, or what is wrong."""

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from lamplighter.errors import InvalidInput, LamplighterError
from lamplighter.http.pages.view import SignInNeeded, plain_page

_NOT_PAGES = ("/api/", "/oauth/", "/health/", "/metrics", "/download/")


def is_for_browser(request: Request) -> bool:
    """Whether the answer is read by a person: what asks for HTML, at an address that is not the API's."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_NOT_PAGES)


def problem_page(request: Request, error: LamplighterError) -> Response:
    """The page for an error; who is not signed in is led there and back."""
    if isinstance(error, SignInNeeded):
        path = request.url.path
        if request.method == "GET" and path != "/":
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/sign-in?next={quote(path + query, safe='')}", status_code=303)
        return RedirectResponse("/sign-in", status_code=303)
    lines = (
        [_line(one.field, one.message) for one in error.errors]
        if isinstance(error, InvalidInput)
        else [str(error)]
    )
    return plain_page(
        request,
        "problem.html",
        error.status,
        title=error.title,
        lines=[f"{line[:1].upper()}{line[1:]}." for line in lines],
    )


def _line(field: str, message: str) -> str:
    return f"{field}: {message}" if field else message
