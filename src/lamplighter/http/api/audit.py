"""Routes of the audit log."""

from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query

from lamplighter import model
from lamplighter.http.api.access import Caller, Paging, Since, SpaceQuery, Until, Use, problems
from lamplighter.http.api.shapes import Page, Shape, Time

router = APIRouter(tags=["audit log"])


class AuditShape(Shape):
    """A change: who did what to which thing."""

    id: int
    time: Time
    user_id: int | None
    user_name: str
    api_key_id: int | None
    action: str
    kind: str
    subject_id: str
    subject_name: str | None
    space_id: int | None
    changes: dict[str, Any]

    @classmethod
    def of(cls, e: model.AuditEntry) -> "AuditShape":
        """The answer for a change."""
        return cls(**{f.name: getattr(e, f.name) for f in fields(e)})


@router.get("/audit-log", responses=problems(400, 401, 403))
def list_audit_log(
    use: Use,
    caller: Caller,
    paging: Paging,
    since: Since = None,
    until: Until = None,
    user_id: Annotated[int | None, Query(alias="userId", ge=1, le=2**31 - 1)] = None,
    action: Annotated[
        str | None, Query(description="schedule.update, or schedule for all of its kind")
    ] = None,
    kind: Annotated[str | None, Query()] = None,
    subject_id: Annotated[str | None, Query(alias="subjectId")] = None,
    space_id: SpaceQuery = None,
    max_records: Annotated[int, Query(alias="maxRecords", ge=1, le=1000)] = 100,
) -> list[AuditShape] | Page[AuditShape]:
    """Who changed what, newest first; only for administrators."""
    wanted = model.AuditFilter(since, until, user_id, action, kind, subject_id, space_id)
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, max_records)
    found, total = use.audit_log.entries(caller, wanted, skip=skip, limit=limit)
    shapes = [AuditShape.of(entry) for entry in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes
