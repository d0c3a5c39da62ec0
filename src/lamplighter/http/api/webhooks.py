"""Routes of webhooks that start agents; one needs no credentials but its address."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from lamplighter.http.api.access import AgentId, Caller, Digits, Paging, Use, needs, problems, public_address
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute
from lamplighter.service.webhooks import Delivery, Shown, WebhookRequest

router = APIRouter(tags=["webhooks"], route_class=OnceRoute)
addresses = APIRouter(tags=["webhooks"])
WebhookId = Annotated[int, Path(alias="webhookId", ge=1, le=2**63 - 1), Digits]
ADDRESS = "/webhook/{webhookId}/{signature}"


class WebhookShape(Shape):
    """A webhook, with the settings of the runs that it starts."""

    id: int
    agent_id: int
    name: str
    url: str | None = Field(
        description="Who posts there starts the agent; null for those who may not start it themselves"
    )
    is_enabled: bool
    expires: Time | None
    accepts_input: bool
    has_secret: bool = Field(description="Whether senders must sign")
    input_parameters: str | None
    parallelism: int
    parallel_max_concurrency: int | None
    parallel_export: str
    proxy_pool_id: int | None
    server_group_id: int | None
    log_level: str
    log_mode: str
    is_exclusive: bool
    is_wait_on_failure: bool
    max_retries: int | None
    retry_delay_seconds: int | None
    timeout_seconds: int | None
    priority: int
    last_used: Time | None
    last_result: str | None = Field(description="What came of the last delivery, as a sentence")
    last_run_id: int | None
    created: Time
    updated: Time

    @classmethod
    def of(cls, shown: Shown, request: Request) -> Self:
        """The answer about a webhook; its address is where clients reach the server."""
        one, settings = shown.webhook, shown.webhook.settings
        url = None
        if shown.signature is not None:
            path = request.app.url_path_for("deliver_webhook", webhookId=one.id, signature=shown.signature)
            url = public_address(request, str(path))
        return cls(
            id=one.id,
            agent_id=one.agent_id,
            name=one.name,
            url=url,
            is_enabled=one.is_enabled,
            expires=one.expires,
            accepts_input=one.accepts_input,
            has_secret=one.sealed_secret is not None,
            input_parameters=one.input_parameters,
            **{name: getattr(settings, name) for name in type(settings).__dataclass_fields__},
            last_used=one.last_used,
            last_result=one.last_result,
            last_run_id=one.last_run_id,
            created=one.created,
            updated=one.updated,
        )


class DeliveryShape(Shape):
    """What a delivery came to."""

    agent_id: int
    run_id: int = Field(description="The first run of the set that was started")
    is_repeated: bool = Field(description="Whether an earlier delivery of the same id had started it")


@router.get("/agent/{agentId}/webhooks", responses=problems(400, 401, 404))
def list_webhooks(
    agent_id: AgentId, request: Request, use: Use, caller: Caller, paging: Paging
) -> list[WebhookShape] | Page[WebhookShape]:
    """The webhooks of an agent, oldest first."""
    found = use.webhooks.of_agent(caller, agent_id)
    return paging.page([WebhookShape.of(shown, request) for shown in found])


@router.post(
    "/agent/{agentId}/webhooks",
    status_code=201,
    responses=problems(400, 401, 404, 409, 413, 415),
    openapi_extra=needs("name"),
)
def create_webhook(
    agent_id: AgentId, request: Request, response: Response, use: Use, caller: Caller, body: WebhookRequest
) -> WebhookShape:
    """Let others start an agent by an address of its own; 409 when the agent has a webhook of the name."""
    made = use.webhooks.create(caller, agent_id, body)
    response.headers["Location"] = f"/api/v1/agent/{agent_id}/webhooks/{made.webhook.id}"
    return WebhookShape.of(made, request)


@router.get("/agent/{agentId}/webhooks/{webhookId}", responses=problems(400, 401, 404))
def read_webhook(
    agent_id: AgentId, webhook_id: WebhookId, request: Request, use: Use, caller: Caller
) -> WebhookShape:
    """One webhook."""
    return WebhookShape.of(use.webhooks.get(caller, agent_id, webhook_id), request)


@router.put("/agent/{agentId}/webhooks/{webhookId}", responses=problems(400, 401, 404, 409, 413, 415))
def update_webhook(
    agent_id: AgentId, webhook_id: WebhookId, request: Request, use: Use, caller: Caller, body: WebhookRequest
) -> WebhookShape:
    """Change a webhook; what is not given keeps its value, and the address stays."""
    return WebhookShape.of(use.webhooks.update(caller, agent_id, webhook_id, body), request)


@router.delete("/agent/{agentId}/webhooks/{webhookId}", status_code=204, responses=problems(400, 401, 404))
def delete_webhook(agent_id: AgentId, webhook_id: WebhookId, use: Use, caller: Caller) -> None:
    """Take a webhook away; its address ends at once."""
    use.webhooks.delete(caller, agent_id, webhook_id)


@router.post("/agent/{agentId}/webhooks/{webhookId}/rotate", responses=problems(400, 401, 404))
def rotate_webhook(
    agent_id: AgentId, webhook_id: WebhookId, request: Request, use: Use, caller: Caller
) -> WebhookShape:
    """Give a webhook another address; the one before ends at once."""
    return WebhookShape.of(use.webhooks.rotate(caller, agent_id, webhook_id), request)


@addresses.post(
    ADDRESS,
    status_code=202,
    responses=problems(400, 403, 404, 409, 410, 413),
    openapi_extra={
        "requestBody": {
            "description": "With acceptsInput a JSON object; else whatever it is, it is ignored",
            "content": {"application/json": {"schema": {"type": "object"}, "example": {"pages": 5}}},
        }
    },
)
async def deliver_webhook(
    webhook_id: WebhookId, signature: Annotated[str, Path()], request: Request, use: Use
) -> DeliveryShape:
    """Start the agent of a webhook; who knows the address needs no credentials.

    A delivery that comes again within 24 hours, with the same webhook-id, Idempotency-Key or X-GitHub-Delivery,
    is answered with the run that it started the first time.
    """
    delivery = Delivery(dict(request.headers), await request.body())
    started = await run_in_threadpool(use.webhooks.deliver, webhook_id, signature, delivery)
    return DeliveryShape(agent_id=started.agent_id, run_id=started.run_id, is_repeated=started.is_repeated)
