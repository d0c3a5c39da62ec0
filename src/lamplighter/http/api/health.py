"""Routes that tell whether the server works; they need no credentials."""

from fastapi import APIRouter

import lamplighter
from lamplighter.http.api.access import Use
from lamplighter.http.api.shapes import HealthShape
from lamplighter.triggers import TZDATA_VERSION

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready")
def ready(use: Use) -> HealthShape:
    """The server serves: its database answers."""
    load = use.health.load()
    return HealthShape(
        status="ready",
        version=lamplighter.__version__,
        tzdata_version=TZDATA_VERSION,
        time=use.clock.now(),
        runs_going=load.going,
        runs_waiting=load.waiting,
    )
