"""What a route of a page gets: who reads it, in which time zone, and how a page is answered.

Who is not signed in is sent to the page where that is done. A form is taken only from a page of ours: browsers say
where one comes from (``Sec-Fetch-Site``, or ``Origin`` when they are older), and no other site can change that.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import FormData

import lamplighter
from lamplighter.errors import Conflict, InvalidInput, LamplighterError, NotAllowed, NotAuthenticated
from lamplighter.http.api.access import Digits, Services, Use, services
from lamplighter.http.pages import charts, forms, words
from lamplighter.model import Actor, Role, Space
from lamplighter.service.schedules import local_schedule
from lamplighter.triggers import zone

SESSION = "lamplighter_session"
_NOTICE = "lamplighter_notice"
_ZONE = "lamplighter_zone"
_THEME = "lamplighter_theme"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_A_YEAR = 365 * 24 * 3600
THEMES = ("light", "dark")
# What a form is shown again for: other problems have a page of their own.
REFUSALS = (InvalidInput, Conflict)
Values = Mapping[str, Any]


class SignInNeeded(NotAuthenticated):
    """A page was asked for by somebody who is not signed in."""

    code = "sign_in_needed"


@cache
def _static_version() -> str:
    """What changes with the content of any static file: scripts name each other, so they have one version."""
    folder = files(__package__).joinpath("static")
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file, which changes with its content, so that browsers may keep it for ever."""
    return f"/static/{_static_version()}/{name}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(asset=asset, release=lamplighter.__version__, words=words, charts=charts)
    for name in ("number", "counted", "size", "duration", "status_name", "tone", "outcome_tone", "cell"):
        made.filters[name] = getattr(words, name)
    made.filters["json"] = words.pretty_json
    made.filters["in_words"] = local_schedule
    return made


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a list that a page shows: ``number`` counts from 1."""

    number: int
    size: int

    @property
    def skip(self) -> int:
        """How many come before it."""
        return (self.number - 1) * self.size

    def of(self, total: int) -> dict[str, Any]:
        """What the template says of the part when the whole list is so long."""
        more = self.number * self.size < total
        return {"page": self.number, "size": self.size, "total": total, "more": more}


@dataclass(slots=True)
class View:
    """One request for a page: the use cases, who asks, and the zone that times are shown in."""

    request: Request
    use: Services
    actor: Actor
    zone: str

    def page(
        self, template: str, values: Values | None = None, *, status: int = 200, **more: Any
    ) -> HTMLResponse:
        """The page that a template makes of the values."""
        made = _environment().get_template(template).render({**self._common(), **(values or {}), **more})
        answer = html(made, status)
        if _NOTICE in self.request.cookies:
            answer.delete_cookie(_NOTICE)
        return answer

    def block(self, template: str, name: str, values: Values) -> str:
        """One block of a page, for what is refreshed while the page is open."""
        found = _environment().get_template(template)
        context = found.new_context({**self._common(), **values})
        return "".join(found.blocks[name](context))

    def go(self, path: str, said: str | None = None) -> RedirectResponse:
        """Answer a form with another page, which says what was done."""
        answer = RedirectResponse(path, status_code=303)
        if said is not None:
            keep(self.request, answer, _NOTICE, quote(said), 60)
        return answer

    def refused(self, template: str, problem: LamplighterError, values: Values) -> HTMLResponse:
        """The page of a form again, with what is wrong at its fields, or above them."""
        return self.page(template, {**values, "errors": forms.first_errors(problem)}, status=problem.status)

    def may(self, space_id: int, need: Role) -> bool:
        """Whether the reader may do in a space what needs a role: what it may not is not offered."""
        return self.actor.has(space_id, need) and not self.actor.is_read_only

    def asked(self, name: str) -> str:
        """A word of the query; empty when it is not there."""
        return self.request.query_params.get(name, "").strip()

    def number(self, name: str) -> int | None:
        """A number of the query; None when it is none, or too large for a page, a version or an id of these."""
        found = forms.whole(self.asked(name))
        return found if found is not None and found < 2**31 else None

    def part(self, size: int) -> Part:
        """The part of a list that is asked for."""
        return Part(min(max(1, self.number("page") or 1), 1_000_000), size)

    def space_of(self, asked: int | None) -> tuple[list[Space], Space | None]:
        """The spaces that the reader sees, and of them the one that is asked for, else the first."""
        seen = self.use.spaces.every(self.actor)
        return seen, next((one for one in seen if one.id == asked), seen[0] if seen else None)

    @property
    def may_administrate(self) -> bool:
        """Whether the reader may change what belongs to the installation."""
        return self.actor.is_admin and not self.actor.is_read_only

    @property
    def path(self) -> str:
        """The path of the page."""
        return self.request.url.path

    def at(self, **changes: Any) -> str:
        """The address of this page with other values in its query; None takes one away."""
        query = {**self.request.query_params, **changes}
        kept = "&".join(f"{quote(k)}={quote(str(v))}" for k, v in query.items() if v not in (None, ""))
        return f"{self.path}?{kept}" if kept else self.path

    def _common(self) -> dict[str, Any]:
        now = self.use.clock.now()
        notice = self.request.cookies.get(_NOTICE)

        def when(moment: Any, timezone: str = self.zone, *, precise: bool = False) -> Any:
            return words.when(moment, timezone, now, precise=precise)

        return {
            **look_of(self.request),
            "view": self,
            "actor": self.actor,
            "zone": self.zone,
            "now": now,
            "path": self.path,
            "when": when,
            "notice": _unquoted(notice),
            "errors": {},
        }


def look_of(request: Request) -> dict[str, str]:
    """How the reader wants pages to look."""
    theme = request.cookies.get(_THEME, "")
    return {"theme": theme if theme in THEMES else ""}


def html(text: str, status: int = 200) -> HTMLResponse:
    """A page of ours: its scripts and styles come from files of this server, and nothing from elsewhere."""
    headers = {
        "Content-Security-Policy": _POLICY,
        # Else browsers would hide where a form comes from, even from us.
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(text, status, headers=headers)


def plain_page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page that can be seen by anybody."""
    return html(_environment().get_template(template).render(**look_of(request), **values), status)


def keep(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    """Let the browser keep a word for this server, out of reach of scripts."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",
    )


def signed_out() -> RedirectResponse:
    """The answer to who has no session any more."""
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(SESSION)
    return answer


def keep_preferences(request: Request, answer: Response, timezone: str | None, theme: str | None) -> None:
    """Let the browser keep the reader's zone and theme, as far as they are given and there are such."""
    if timezone is not None and _is_zone(timezone):
        keep(request, answer, _ZONE, quote(timezone), _A_YEAR)
    if theme is not None and theme in (*THEMES, "system"):
        keep(request, answer, _THEME, theme, _A_YEAR)


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except InvalidInput:
        return False
    return True


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def from_own_page(request: Request) -> None:
    """Raise NotAllowed when a form does not come from a page of this server."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site == "same-origin"
    else:
        # A reverse proxy may name another host than the browser did.
        own = {request.headers.get("host"), urlsplit(services(request).public_url or "").netloc} - {"", None}
        is_own = urlsplit(request.headers.get("origin", "")).netloc in own
    if not is_own:
        raise NotAllowed("this form was sent from another site: open the page here and send it again")


def reader(request: Request, use: Use) -> Actor:
    """Who is signed in with this browser; SignInNeeded."""
    token = request.cookies.get(SESSION)
    if token is None:
        raise SignInNeeded("sign in to see this page")
    try:
        found = use.sessions.actor(token)
    except NotAuthenticated as problem:
        raise SignInNeeded(str(problem)) from problem
    request.state.actor = found
    return found


def view(request: Request, use: Use, actor: Annotated[Actor, Depends(reader)]) -> View:
    """What a route of a page works with."""
    timezone = _unquoted(request.cookies.get(_ZONE)) or "UTC"
    return View(request, use, actor, timezone if _is_zone(timezone) else "UTC")


async def _form(request: Request) -> FormData:
    from_own_page(request)
    return await request.form()


Number = Annotated[int, Path(ge=1, le=2**31 - 1), Digits]
# Of routes whose forms have no fields: that it was sent from a page of ours is all there is to say.
FROM_HERE = Depends(from_own_page)
Viewing = Annotated[View, Depends(view)]
Sent = Annotated[FormData, Depends(_form)]
