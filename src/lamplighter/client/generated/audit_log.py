"""Made from client/audit_log.py by `make client`. Do not edit."""

from typing import Any

from lamplighter.client.audit_log import AuditEntry
from lamplighter.client.generated.sending import Routes


class AuditLog(Routes):
    """The routes of the audit log: ``client.audit_log``."""

    def every(self, **filters: Any) -> list[AuditEntry]:
        """Changes, newest first: the newest 100, or ``maxRecords``; the other filters of the API narrow them."""
        return self._ask(list[AuditEntry], "GET", "/audit-log", params=filters)
