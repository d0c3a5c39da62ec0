"""Made from client/notifications.py by `make client`. Do not edit."""

from collections.abc import Mapping
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.notifications import (
    Notification,
    NotificationMessage,
    NotificationTest,
    _Messages,
)


class Notifications(Routes):
    """The routes of notifications: ``client.notifications``."""

    def every(self) -> list[Notification]:
        """All notifications, oldest first."""
        return self._ask(list[Notification], "GET", "/notifications")

    def get(self, notification_id: int) -> Notification:
        """One notification."""
        return self._ask(Notification, "GET", f"/notifications/{notification_id}")

    def create(self, body: Mapping[str, Any]) -> Notification:
        """Make a notification."""
        return self._ask(Notification, "POST", "/notifications", json=body)

    def update(self, notification_id: int, body: Mapping[str, Any]) -> Notification:
        """Change a notification; what is not given keeps its value."""
        return self._ask(Notification, "PUT", f"/notifications/{notification_id}", json=body)

    def delete(self, notification_id: int) -> None:
        """Take a notification away, with its messages."""
        self._tell("DELETE", f"/notifications/{notification_id}")

    def rotate(self, notification_id: int, body: Mapping[str, Any]) -> Notification:
        """Give a plain webhook among the targets another secret; for a while the one before signs too."""
        return self._ask(Notification, "POST", f"/notifications/{notification_id}/rotate", json=body)

    def test(self, notification_id: int) -> NotificationTest:
        """Send a test message to each target now."""
        return self._ask(NotificationTest, "POST", f"/notifications/{notification_id}/test")

    def messages(self, notification_id: int, limit: int = 50) -> list[NotificationMessage]:
        """The newest messages, newest first."""
        page = {"pageIndex": 1, "recordsPerPage": limit}
        path = f"/notifications/{notification_id}/messages"
        return (self._ask(_Messages, "GET", path, params=page))["items"]
