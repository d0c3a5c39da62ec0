"""Routes that tell whether the server works; they need no credentials."""

from fastapi import APIRouter

import lamplighter
from lamplighter.http.api.access import Use, problems
from lamplighter.http.api.shapes import HealthShape
from lamplighter.triggers import TZDATA_VERSION

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=problems(503))
def ready(use: Use) -> HealthShape:
    """The server does its work: its database answers, the scheduler and the runner are alive."""
    load = use.health.load()
    return HealthShape(
        status="ready",
        version=lamplighter.__version__,
        tzdata_version=TZDATA_VERSION,
        time=use.clock.now(),
        runs_going=load.going,
        runs_waiting=load.waiting,
    )
