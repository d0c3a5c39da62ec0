"""The audit log: who changed what."""

from typing import Any, TypedDict

from lamplighter.client.sending import AsyncRoutes


class AuditEntry(TypedDict):
    """A change; ``changes`` has old and new values by the API's names, or what was given."""

    id: int
    time: str
    userId: int | None
    userName: str
    apiKeyId: int | None
    action: str
    kind: str
    subjectId: str
    subjectName: str | None
    spaceId: int | None
    changes: dict[str, Any]


class AsyncAuditLog(AsyncRoutes):
    """The routes of the audit log: ``client.audit_log``."""

    async def every(self, **filters: Any) -> list[AuditEntry]:
        """Changes, newest first: the newest 100, or ``maxRecords``; the other filters of the API narrow them."""
        return await self._ask(list[AuditEntry], "GET", "/audit-log", params=filters)
