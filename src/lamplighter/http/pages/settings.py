"""The page of how long things are kept, and how the server is."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

import lamplighter
from lamplighter.errors import LamplighterError
from lamplighter.http.pages import forms
from lamplighter.http.pages.view import REFUSALS, Sent, View, Viewing
from lamplighter.model import Role
from lamplighter.service.retention import RetentionRequest
from lamplighter.triggers import TZDATA_VERSION

router = APIRouter(include_in_schema=False)

_LIMITS = (
    ("runs", "Runs", "The row of a run, with everything that belongs to it."),
    ("logs", "Logs", "What runs said, and what explains failures."),
    ("files", "Files", "Exports and other files that runs made."),
)


@router.get("/settings")
def show_settings(view: Viewing) -> Response:
    """How long things are kept in a space, and how the server is."""
    return view.page("settings.html", _settings(view, view.number("space"), None))


def _settings(view: View, asked: int | None, given: dict[str, Any] | None) -> dict[str, Any]:
    spaces, space = view.space_of(asked)
    limits: dict[str, Any] = {}
    if space is not None:
        _, found = view.use.retention.of_space(view.actor, space.id)
        for name, _, _ in _LIMITS:
            for unit in ("days", "count"):
                limits[f"{name}{unit.capitalize()}"] = getattr(found, f"{name}_{unit}")
    return {
        "spaces": spaces,
        "space": space,
        "may_own": space is not None and view.may(space.id, Role.OWNER),
        "limits": _LIMITS,
        "given": limits if given is None else {**limits, **given},
        "state": _state(view),
        "version": lamplighter.__version__,
        "tzdata": TZDATA_VERSION,
        "public_url": view.use.public_url,
    }


def _state(view: View) -> tuple[str, Any]:
    try:
        return "", view.use.health.load()
    except LamplighterError as problem:
        return str(problem), None


@router.post("/settings/retention")
def set_retention(view: Viewing, form: Sent) -> Response:
    """Change how long things are kept in a space."""
    space = forms.whole(str(form.get("space", "")))
    names = [f"{name}{unit}" for name, _, _ in _LIMITS for unit in ("Days", "Count")]
    try:
        request = forms.read(RetentionRequest, {name: forms.number(form, name) for name in names})
        view.use.retention.set_of_space(view.actor, space, request)
    except REFUSALS as problem:
        return view.refused("settings.html", problem, _settings(view, space, forms.given(form)))
    return view.go(f"/settings?space={space or ''}", "It is kept so from now on.")
