"""The page of who changed what."""

from fastapi import APIRouter
from fastapi.responses import Response

from lamplighter.http.pages import forms
from lamplighter.http.pages.view import Viewing
from lamplighter.model import AuditFilter

router = APIRouter(include_in_schema=False)

_PER_PAGE = 50
_KINDS = (
    "agent",
    "apiKey",
    "credits",
    "member",
    "notification",
    "proxyPool",
    "rates",
    "run",
    "schedule",
    "secret",
    "server",
    "serverGroup",
    "space",
    "user",
    "webhook",
)


@router.get("/audit")
def show_audit_log(view: Viewing) -> Response:
    """Who changed what, newest first."""
    part = view.part(_PER_PAGE)
    kind, user, until = view.asked("kind"), view.number("user"), view.asked("until")
    wanted = AuditFilter(
        kind=kind if kind in _KINDS else None, user_id=user, until=forms.day_of(until, view.zone)
    )
    entries, total = view.use.audit_log.entries(view.actor, wanted, skip=part.skip, limit=part.size)
    return view.page(
        "audit.html",
        entries=entries,
        **part.of(total),
        kinds=_KINDS,
        kind=kind,
        user=user,
        users=view.use.users.every(view.actor),
        until=until,
    )
