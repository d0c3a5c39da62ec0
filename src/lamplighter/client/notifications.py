"""Notifications."""

from collections.abc import Mapping
from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class NewSecret(TypedDict):
    """The secret with which the receiver at a target (its number, from 1) checks signatures."""

    target: int
    shown: str
    secret: str


class Notification(TypedDict):
    """A notification; ``targets`` are shown without what is secret in them, ``newSecrets`` once."""

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
    newSecrets: list[NewSecret]


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


class _Messages(TypedDict):
    items: list[NotificationMessage]
    totalRecordCount: int


class AsyncNotifications(AsyncRoutes):
    """The routes of notifications: ``client.notifications``."""

    async def every(self) -> list[Notification]:
        """All notifications, oldest first."""
        return await self._ask(list[Notification], "GET", "/notifications")

    async def get(self, notification_id: int) -> Notification:
        """One notification."""
        return await self._ask(Notification, "GET", f"/notifications/{notification_id}")

    async def create(self, body: Mapping[str, Any]) -> Notification:
        """Make a notification."""
        return await self._ask(Notification, "POST", "/notifications", json=body)

    async def update(self, notification_id: int, body: Mapping[str, Any]) -> Notification:
        """Change a notification; what is not given keeps its value."""
        return await self._ask(Notification, "PUT", f"/notifications/{notification_id}", json=body)

    async def delete(self, notification_id: int) -> None:
        """Take a notification away, with its messages."""
        await self._tell("DELETE", f"/notifications/{notification_id}")

    async def rotate(self, notification_id: int, body: Mapping[str, Any]) -> Notification:
        """Give a plain webhook among the targets another secret; for a while the one before signs too."""
        return await self._ask(Notification, "POST", f"/notifications/{notification_id}/rotate", json=body)

    async def test(self, notification_id: int) -> NotificationTest:
        """Send a test message to each target now."""
        return await self._ask(NotificationTest, "POST", f"/notifications/{notification_id}/test")

    async def messages(self, notification_id: int, limit: int = 50) -> list[NotificationMessage]:
        """The newest messages, newest first."""
        page = {"pageIndex": 1, "recordsPerPage": limit}
        path = f"/notifications/{notification_id}/messages"
        return (await self._ask(_Messages, "GET", path, params=page))["items"]
