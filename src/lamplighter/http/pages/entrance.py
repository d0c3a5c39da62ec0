"""Signing in and out, the reader's preferences, and the files that pages are made with."""

from importlib.resources import files
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from lamplighter.errors import LamplighterError, NotAuthenticated, NotFound
from lamplighter.http.api.access import Use
from lamplighter.http.pages.view import (
    FROM_HERE,
    SESSION,
    Sent,
    Viewing,
    asset,
    keep,
    keep_preferences,
    plain_page,
    signed_out,
)
from lamplighter.service.sessions import LONGEST

router = APIRouter(include_in_schema=False)

_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/static/{version}/{name}")
def static_file(version: str, name: str) -> Response:
    """A style sheet, script or picture; its address changes with its content."""
    kind = _KINDS.get(name.rpartition(".")[2])
    found = files(__package__).joinpath("static", name)
    if kind is None or "/" in name or not found.is_file() or asset(name) != f"/static/{version}/{name}":
        raise NotFound("there is no such file")
    return Response(found.read_bytes(), media_type=kind, headers={"Cache-Control": _FOR_EVER})


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """Where somebody signs in."""
    return plain_page(request, "sign_in.html", next=_own_path(next), wrong=None, name="")


@router.post("/sign-in")
def sign_in(request: Request, form: Sent, use: Use) -> Response:
    """Begin a session with a password or an API key."""
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    key, target = str(form.get("key", "")).strip(), _own_path(str(form.get("next", "/")))
    address = request.client.host if request.client else None
    try:
        if address and not key:
            use.rate_limits.may_guess(address)
        try:
            token = (
                use.sessions.begin_with_key(key) if key else use.sessions.begin_with_password(name, password)
            )
        except NotAuthenticated:
            if address:
                use.rate_limits.failed(address)
            raise
    except LamplighterError as problem:
        wrong = f"{str(problem)[0].upper()}{str(problem)[1:]}."
        return plain_page(request, "sign_in.html", problem.status, next=target, wrong=wrong, name=name)
    answer = RedirectResponse(target, status_code=303)
    keep(request, answer, SESSION, token, int(LONGEST.total_seconds()))
    keep_preferences(request, answer, str(form.get("zone") or "") or None, None)
    return answer


@router.post("/sign-out", dependencies=[FROM_HERE])
def sign_out(request: Request, use: Use) -> Response:
    """End the session of this browser."""
    token = request.cookies.get(SESSION)
    if token is not None:
        use.sessions.end(token)
    return signed_out()


@router.post("/preferences")
def set_preferences(view: Viewing, form: Sent) -> Response:
    """Keep the reader's time zone and theme in the browser."""
    back = _own_path(str(form.get("next", "/")))
    answer = RedirectResponse(back, status_code=303)
    timezone, theme = form.get("zone"), form.get("theme")
    keep_preferences(view.request, answer, str(timezone) if timezone else None, str(theme) if theme else None)
    return answer


def _own_path(path: str) -> str:
    """The path, when it is one of this server: nobody is to be sent elsewhere by a link to this page."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_own else "/"
