"""The first page: what goes, what fires next, what failed, who is silent, and how much there was lately."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from lamplighter.errors import LamplighterError
from lamplighter.http.pages.live import live_page
from lamplighter.http.pages.view import View, Viewing
from lamplighter.service.analytics import FailedRun

router = APIRouter(include_in_schema=False)

_DAYS = 14
_ROWS = 10


@router.get("/")
def home(view: Viewing) -> Response:
    """What a person wants to know first."""
    return live_page(view, "home.html", lambda: _values(view))


def _values(view: View) -> dict[str, Any]:
    use, actor = view.use, view.actor
    if use.overview.is_new(actor):
        return {"is_new": True}
    now = use.clock.now()
    summary, _ = use.analytics.runs_summary(actor, now - timedelta(days=1), now, None, _ROWS)
    return {
        "is_new": False,
        "going": use.overview.going(actor, _ROWS),
        "silent": use.overview.silent(actor),
        "upcoming": use.analytics.upcoming(actor, None, now + timedelta(days=1), limit=_ROWS),
        "failed": [(one, _why(view, one)) for one in summary.failed or ()],
        "failed_total": summary.counts["Failed"],
        "warned": use.overview.warned(actor, 5),
        "volume": use.overview.volume(actor, _DAYS, view.zone),
    }


def _why(view: View, run: FailedRun) -> str:
    """What explains a failure best: the first finding of its diagnosis, else the verdict."""
    try:
        found = view.use.diagnostics.of_run(view.actor, run.agent_id, run.run_id)
    except LamplighterError:
        return run.message or ""
    return found.findings[0].cause if found.findings else found.message
