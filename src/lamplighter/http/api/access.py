"""What every route gets: the services, and who is asking."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BeforeValidator, WithJsonSchema

from lamplighter.clock import Clock
from lamplighter.errors import NotAuthenticated
from lamplighter.http.api.shapes import Item, Page, Problem
from lamplighter.model import Actor
from lamplighter.service.agents import Agents
from lamplighter.service.analytics import Analytics
from lamplighter.service.audit import AuditLog
from lamplighter.service.billing import Billing
from lamplighter.service.comparisons import Comparisons
from lamplighter.service.diagnostics import Diagnostics
from lamplighter.service.evidence import FailureEvidence
from lamplighter.service.groups import Groups
from lamplighter.service.health import Health
from lamplighter.service.idempotency import Idempotency
from lamplighter.service.identity import Identity
from lamplighter.service.keys import Keys
from lamplighter.service.metrics import Metrics
from lamplighter.service.notifications import Notifications
from lamplighter.service.overview import Overview
from lamplighter.service.previews import Previews
from lamplighter.service.proxies import ProxyPools
from lamplighter.service.rate_limits import RateLimits
from lamplighter.service.requests import Time as TimeGiven
from lamplighter.service.requests import Until as UntilGiven
from lamplighter.service.retention import Retention
from lamplighter.service.runs import Runs
from lamplighter.service.schedules import Schedules
from lamplighter.service.secrets import Secrets
from lamplighter.service.sessions import Sessions
from lamplighter.service.spaces import Spaces
from lamplighter.service.users import Users
from lamplighter.service.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases that the routes call."""

    agents: Agents
    schedules: Schedules
    comparisons: Comparisons
    previews: Previews
    webhooks: Webhooks
    runs: Runs
    evidence: FailureEvidence
    identity: Identity
    sessions: Sessions
    diagnostics: Diagnostics
    keys: Keys
    users: Users
    spaces: Spaces
    audit_log: AuditLog
    notifications: Notifications
    secrets: Secrets
    proxy_pools: ProxyPools
    groups: Groups
    retention: Retention
    analytics: Analytics
    overview: Overview
    billing: Billing
    health: Health
    metrics: Metrics
    rate_limits: RateLimits
    idempotency: Idempotency
    clock: Clock
    public_url: str | None = None


_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_header = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="ApiKey",
    description="`ApiKey sk-…`",
)
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Bearer",
    bearerFormat="JWT",
    description="A token of `/oauth/token`, or of the configured OpenID Connect issuer",
)


def services(request: Request) -> Services:
    """The services of this application."""
    return cast(Services, request.app.state.services)


def public_address(request: Request, path: str) -> str:
    """The whole address of a path of this server, as clients reach it: for links that are given to others.

    Without a public URL that was set up it is made of the host that the client named, and when that is none,
    only the path is returned, which leads to the same place.
    """
    public_url = services(request).public_url
    if public_url is None:
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            return path
        public_url = f"{request.url.scheme}://{host}"
    return f"{public_url}{path}"


# What does not wait is a coroutine: for anything else the framework takes a thread, which costs more than the work.
async def _services(request: Request) -> Services:
    return services(request)


Use = Annotated[Services, Depends(_services)]


def actor(
    request: Request,
    services: Use,
    authorization: Annotated[str | None, Security(_header)],
    _token: Annotated[object, Security(_bearer)],  # the same header: for the OpenAPI document
) -> Actor:
    """The user behind the request; 401 when there is none, 429 when there are too many requests."""
    try:
        found = services.identity.authenticate(authorization)
    except NotAuthenticated:
        if authorization and request.client:
            services.rate_limits.failed(request.client.host)
        raise
    services.rate_limits.admit(found)
    request.state.actor = found
    return found


def _plain_digits(value: Any) -> Any:
    """Of numbers in addresses, nothing that only Python takes for one: ``1_0``, ``1.0``, ``+1``."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]+", value):
        raise ValueError("must be a whole number")
    return value


Digits = BeforeValidator(_plain_digits)
Caller = Annotated[Actor, Depends(actor)]
SpaceQuery = Annotated[
    int | None,
    Query(alias="spaceId", ge=1, le=2**31 - 1, description="The first space that you may use when not said"),
]
SpaceId = Annotated[int, Path(alias="spaceId", ge=1, le=2**31 - 1), Digits]
UserId = Annotated[int, Path(alias="userId", ge=1, le=2**31 - 1), Digits]
AgentId = Annotated[int, Path(alias="agentId", ge=1, le=2**31 - 1), Digits]
ScheduleId = Annotated[int, Path(alias="scheduleId", ge=1, le=2**63 - 1), Digits]
RunId = Annotated[int, Path(alias="runId", ge=1, le=2**63 - 1), Digits]
FileId = Annotated[int, Path(alias="fileId", ge=1, le=2**63 - 1), Digits]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that a request asks for; ``asked`` is False when it wants the plain list."""

    asked: bool
    skip: int
    limit: int

    def page(self, items: Sequence[Item]) -> "list[Item] | Page[Item]":
        """The plain list, or the page of it that was asked for."""
        if not self.asked:
            return list(items)
        shown = list(items[self.skip : self.skip + self.limit])
        return Page(items=shown, total_record_count=len(items))


async def window(
    page_index: Annotated[int | None, Query(alias="pageIndex", ge=1, le=1_000_000), Digits] = None,
    records_per_page: Annotated[int | None, Query(alias="recordsPerPage", ge=1, le=1000), Digits] = None,
) -> Window:
    """Pages count from 1 and have 50 records when not said."""
    size = records_per_page or 50
    asked = page_index is not None or records_per_page is not None
    return Window(asked, ((page_index or 1) - 1) * size, size)


Paging = Annotated[Window, Depends(window)]


def _range(description: str) -> Any:
    kinds = [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
    empty = {"type": "string", "maxLength": 0, "description": "As if it were not given"}
    return WithJsonSchema({"anyOf": [*kinds, empty], "description": description})


# The ends of a range of time in a query.
Since = Annotated[
    TimeGiven | None,
    _range("A time, or a date, which stands for its midnight UTC"),
    Query(alias="startDate"),
]
Until = Annotated[
    UntilGiven | None, _range("A time, or a date, which includes its whole day"), Query(alias="endDate")
]


def needs(*names: str) -> dict[str, Any]:
    """The documentation of a body that must have these properties; others of its kind may leave them out."""
    given = {name: {"not": {"type": "null"}} for name in names}
    schema = {"required": list(names), "properties": given}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


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
    410: "Gone",
    413: "Too large",
    415: "Unsupported media type",
    422: "Idempotency key reused",
    429: "Too many requests",
    500: "The run failed",
    503: "Unavailable",
    504: "Timed out",
}
