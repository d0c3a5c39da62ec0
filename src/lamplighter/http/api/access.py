"""What every route gets: the services, and who is asking."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import APIKeyHeader

from lamplighter.clock import Clock
from lamplighter.http.api.shapes import Problem
from lamplighter.model import Actor
from lamplighter.service.agents import Agents
from lamplighter.service.health import Health
from lamplighter.service.keys import Keys
from lamplighter.service.runs import Runs
from lamplighter.service.schedules import Schedules


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases that the routes call."""

    agents: Agents
    schedules: Schedules
    runs: Runs
    keys: Keys
    health: Health
    clock: Clock


_header = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="ApiKey",
    description="`ApiKey sk-…`",
)


def services(request: Request) -> Services:
    """The services of this application."""
    return cast(Services, request.app.state.services)


def actor(
    services: Annotated[Services, Depends(services)],
    authorization: Annotated[str | None, Security(_header)],
) -> Actor:
    """The user behind the request; 401 when there is none."""
    return services.keys.authenticate(authorization)


Use = Annotated[Services, Depends(services)]
Caller = Annotated[Actor, Depends(actor)]
AgentId = Annotated[int, Path(alias="agentId", ge=1, le=2**31 - 1)]
ScheduleId = Annotated[int, Path(alias="scheduleId", ge=1, le=2**63 - 1)]
RunId = Annotated[int, Path(alias="runId", ge=1, le=2**63 - 1)]
FileId = Annotated[int, Path(alias="fileId", ge=1, le=2**63 - 1)]
PageIndex = Annotated[int | None, Query(alias="pageIndex", ge=1, le=1_000_000)]
RecordsPerPage = Annotated[int | None, Query(alias="recordsPerPage", ge=1, le=1000)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of the errors that a route can answer with."""
    return {
        status: {
            "model": Problem,
            "description": _TITLES[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


_TITLES = {
    400: "Invalid input",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    500: "The run failed",
    504: "Timed out",
}
