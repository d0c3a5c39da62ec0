"""The part of the client that is about notifications."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast


class Notification(TypedDict):
    """A notification; ``targets`` are shown without what is secret in them."""

    id: int
    name: str
    spaceId: int
    agentId: int | None
    agentName: str | None
    scheduleId: int | None
    scheduleName: str | None
    events: list[str]
    targets: list[str]
    withinSeconds: int
    quietSeconds: int
    isEnabled: bool
    created: str
    updated: str


class NotificationMessage(TypedDict):
    """A message to one target; ``nextTry`` is null when it was sent or given up."""

    id: int
    event: str
    subject: str
    title: str
    body: str
    target: str | None
    more: int
    created: str
    nextTry: str | None
    tries: int
    sent: str | None
    error: str | None


class NotificationTest(TypedDict):
    """What came of a test message."""

    delivered: bool
    error: str | None


class Notifications:
    """Requests about notifications; ``call`` is the client's."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def every(self) -> list[Notification]:
        """All notifications, oldest first."""
        return cast(list[Notification], self._call("GET", "/notifications"))

    def get(self, notification_id: int) -> Notification:
        """One notification."""
        return cast(Notification, self._call("GET", f"/notifications/{notification_id}"))

    def create(self, body: Mapping[str, Any]) -> Notification:
        """Make a notification."""
        return cast(Notification, self._call("POST", "/notifications", json=body))

    def update(self, notification_id: int, body: Mapping[str, Any]) -> Notification:
        """Change a notification; what is not given keeps its value."""
        return cast(Notification, self._call("PUT", f"/notifications/{notification_id}", json=body))

    def delete(self, notification_id: int) -> None:
        """Take a notification away, with its messages."""
        self._call("DELETE", f"/notifications/{notification_id}")

    def test(self, notification_id: int) -> NotificationTest:
        """Send a test message to each target now."""
        return cast(NotificationTest, self._call("POST", f"/notifications/{notification_id}/test"))

    def messages(self, notification_id: int, limit: int = 50) -> list[NotificationMessage]:
        """The newest messages, newest first."""
        page = {"pageIndex": 1, "recordsPerPage": limit}
        answer = self._call("GET", f"/notifications/{notification_id}/messages", params=page)
        return cast(list[NotificationMessage], answer["items"])
