"""Routes of notifications: who is told of what."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Response

from lamplighter.http.api.access import Caller, Digits, Paging, Use, needs, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute, acts_outside
from lamplighter.model import NotificationEvent, NotificationMessage, NotificationRule
from lamplighter.service.notifications import Named, NotificationRequest, RotateRequest

router = APIRouter(tags=["notifications"], route_class=OnceRoute)
NotificationId = Annotated[int, Path(alias="notificationId", ge=1, le=2**63 - 1), Digits]
_MOST = 1000


class NewSecretShape(Shape):
    """The secret with which the receiver at a target (its number, from 1) checks our signatures."""

    target: int
    shown: str
    secret: str


class NotificationShape(Shape):
    """A notification. ``targets`` are shown without what is secret in them.

    ``newSecrets`` are those that this request made; they are not shown again.
    """

    id: int
    name: str
    space_id: int
    agent_id: int | None
    agent_name: str | None
    schedule_id: int | None
    schedule_name: str | None
    events: list[NotificationEvent]
    targets: list[str]
    within_seconds: int
    quiet_seconds: int
    is_enabled: bool
    created: Time
    updated: Time
    new_secrets: list[NewSecretShape]

    @classmethod
    def of(cls, named: Named) -> Self:
        """The answer about a rule."""
        rule = named.rule
        return cls(
            id=rule.id,
            name=rule.name,
            space_id=rule.space_id,
            agent_id=rule.agent_id,
            agent_name=named.agent_name,
            schedule_id=rule.schedule_id,
            schedule_name=named.schedule_name,
            events=list(rule.events),
            targets=[target.shown for target in rule.targets],
            within_seconds=rule.within_seconds,
            quiet_seconds=rule.quiet_seconds,
            is_enabled=rule.is_enabled,
            created=rule.created,
            updated=rule.updated,
            new_secrets=[
                NewSecretShape(target=one.target, shown=one.shown, secret=one.secret)
                for one in named.new_secrets
            ],
        )


class NotificationMessageShape(Shape):
    """A message to one target, which also tells of ``more`` events like it.

    ``nextTry`` is null when it was sent or given up.
    """

    id: int
    event: NotificationEvent
    subject: str
    title: str
    body: str
    target: str | None
    more: int
    created: Time
    next_try: Time | None
    tries: int
    sent: Time | None
    error: str | None

    @classmethod
    def of(cls, message: NotificationMessage, rule: NotificationRule) -> Self:
        """The answer about a message of the rule."""
        known = message.target < len(rule.targets)
        return cls(
            id=message.id,
            event=message.event,
            subject=message.subject,
            title=message.title,
            body=message.body,
            target=rule.targets[message.target].shown if known else None,
            more=message.more,
            created=message.created,
            next_try=message.next_try,
            tries=message.tries,
            sent=message.sent,
            error=message.error,
        )


class NotificationTestShape(Shape):
    """What came of a test message."""

    delivered: bool
    error: str | None


@router.get("/notifications", responses=problems(400, 401))
def list_notifications(
    use: Use, caller: Caller, paging: Paging
) -> list[NotificationShape] | Page[NotificationShape]:
    """All notifications, oldest first."""
    return paging.page([NotificationShape.of(named) for named in use.notifications.every(caller)])


@router.post(
    "/notifications",
    status_code=201,
    responses=problems(400, 401, 409, 413, 415),
    openapi_extra=needs("name", "events", "targets"),
)
def create_notification(
    response: Response, use: Use, caller: Caller, body: NotificationRequest
) -> NotificationShape:
    """Tell somebody of something; 409 when the name is taken, or Apprise is not installed on the server."""
    made = use.notifications.create(caller, body)
    response.headers["Location"] = f"/api/v1/notifications/{made.rule.id}"
    return NotificationShape.of(made)


@router.get("/notifications/{notificationId}", responses=problems(400, 401, 404))
def read_notification(notification_id: NotificationId, use: Use, caller: Caller) -> NotificationShape:
    """One notification."""
    return NotificationShape.of(use.notifications.get(caller, notification_id))


@router.put("/notifications/{notificationId}", responses=problems(400, 401, 404, 409, 413, 415))
def update_notification(
    notification_id: NotificationId, use: Use, caller: Caller, body: NotificationRequest
) -> NotificationShape:
    """Change a notification; what is not given keeps its value, and so does a target given as it is shown."""
    return NotificationShape.of(use.notifications.update(caller, notification_id, body))


@router.delete("/notifications/{notificationId}", status_code=204, responses=problems(400, 401, 404))
def delete_notification(notification_id: NotificationId, use: Use, caller: Caller) -> None:
    """Take a notification away, with its messages."""
    use.notifications.delete(caller, notification_id)


@router.post("/notifications/{notificationId}/rotate", responses=problems(400, 401, 404, 413, 415))
def rotate_notification_secret(
    notification_id: NotificationId, use: Use, caller: Caller, body: RotateRequest | None = None
) -> NotificationShape:
    """Give a plain webhook among the targets another secret; for a day, or as asked, the one before signs too."""
    return NotificationShape.of(use.notifications.rotate(caller, notification_id, body or RotateRequest()))


@router.post("/notifications/{notificationId}/test", responses=problems(400, 401, 404))
@acts_outside
def test_notification(notification_id: NotificationId, use: Use, caller: Caller) -> NotificationTestShape:
    """Send a test message to each target now, and tell what came of it."""
    test = use.notifications.test(caller, notification_id)
    return NotificationTestShape(delivered=test.delivered, error=test.error)


@router.get("/notifications/{notificationId}/messages", responses=problems(400, 401, 404))
def list_notification_messages(
    notification_id: NotificationId, use: Use, caller: Caller, paging: Paging
) -> list[NotificationMessageShape] | Page[NotificationMessageShape]:
    """What was sent or is to be sent, newest first, one message for each target; the newest 1000 without paging."""
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, _MOST)
    rule, found, total = use.notifications.messages(caller, notification_id, skip=skip, limit=limit)
    shapes = [NotificationMessageShape.of(message, rule) for message in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes
