"""Routes that tell whether the server works, and how well."""

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

import lamplighter
from lamplighter.http.api.access import Caller, Use, problems
from lamplighter.http.api.shapes import HealthShape
from lamplighter.triggers import TZDATA_VERSION

router = APIRouter(tags=["health"])
_PLAIN = {
    "content": {"text/plain": {"schema": {"type": "string"}}},
    "description": "Prometheus's text format",
}


@router.get("/health/live")
def live() -> dict[str, str]:
    """The process answers. No credentials."""
    return {"status": "live"}


@router.get("/health/ready", responses=problems(503))
def ready(use: Use) -> HealthShape:
    """The server does its work: its database answers, the scheduler and the runner are alive. No credentials."""
    load = use.health.load()
    return HealthShape(
        status="ready",
        version=lamplighter.__version__,
        tzdata_version=TZDATA_VERSION,
        time=use.clock.now(),
        runs_going=load.going,
        runs_waiting=load.waiting,
    )


@router.get("/metrics", responses={200: _PLAIN, **problems(401, 403)}, response_class=Response)
def metrics(use: Use, caller: Caller) -> Response:
    """What the installation and this process measure, in Prometheus's text format; for administrators."""
    return Response(use.metrics.text(caller), media_type=CONTENT_TYPE_LATEST)
