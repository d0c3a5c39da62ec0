"""Routes of analytics: what fires next, and sums over what ran."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from pydantic_core import to_json

from lamplighter.http.api.access import Caller, Paging, Since, Until, Use, problems
from lamplighter.http.api.shapes import Page, Shape, Time, example
from lamplighter.planner import iso
from lamplighter.service import analytics

router = APIRouter(tags=["analytics"])

_MOST_DETAILS = 1000
_TRUNCATED = "X-Truncated"
_HEADERS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            _TRUNCATED: {
                "schema": {"type": "string"},
                "description": "`true` when there is more than was sent",
            }
        }
    }
}


class UpcomingShape(Shape):
    """A fire that is to come."""

    model_config = example(
        scheduleId=2,
        agentId=1,
        agentName="prices",
        scheduleName="often",
        nextRunTime="2026-11-25T21:15:00Z",
        timezone="UTC",
        isEnabled=True,
        occurrenceCount=1067,
        fireTime="2026-11-25T21:16:31.042Z",
    )

    schedule_id: int
    agent_id: int
    agent_name: str
    schedule_name: str
    next_run_time: Time = Field(description="The due time")
    timezone: str
    is_enabled: bool = Field(description="Always true: what is disabled does not fire")
    occurrence_count: int = Field(
        description="Fires of the schedule in the range; 1 when each has its own entry"
    )
    fire_time: Time = Field(description="The due time with its jitter: when runs are started")


class FailedRunShape(Shape):
    """A run that failed."""

    run_id: int
    agent_id: int
    agent_name: str
    start_time: Time | None
    end_time: Time | None
    status: int
    error_message: str | None
    space_id: int
    space_name: str


class RunsSummaryShape(Shape):
    """How many of the runs that were created in a range of time ended how."""

    model_config = example(
        startDate="2026-11-25T00:00:00Z",
        endDate="2026-11-25T21:11:15.290Z",
        totalRuns=3,
        completedRuns=2,
        failedRuns=1,
        completedWithErrorsRuns=0,
        runningRuns=0,
        queuedRuns=0,
        stoppedRuns=0,
        skippedRuns=0,
        failedRunDetails=[
            {
                "runId": 3,
                "agentId": 2,
                "agentName": "stock",
                "startTime": "2026-11-25T21:11:15.106Z",
                "endTime": "2026-11-25T21:11:15.201Z",
                "status": 6,
                "errorMessage": "exit status 3; 0 records",
                "spaceId": 1,
                "spaceName": "Default",
            }
        ],
    )

    start_date: Time
    end_date: Time
    total_runs: int
    completed_runs: int = Field(description="Completed or Success, without errors")
    failed_runs: int
    completed_with_errors_runs: int = Field(description="Completed or Success, but errors were counted")
    running_runs: int = Field(description="Starting, Running, Exporting or Stopping")
    queued_runs: int = Field(description="Queuing or Waiting")
    stopped_runs: int
    skipped_runs: int
    failed_run_details: list[FailedRunShape] | None = Field(
        description="Newest first; null when they are not asked for"
    )


class RecordsSummaryShape(Shape):
    """What the runs that were created in a range of time did."""

    model_config = example(
        startDate="2026-11-25T00:00:00Z",
        endDate="2026-11-25T21:11:15.307Z",
        totalRecordsExtracted=120,
        totalRecordsExported=120,
        totalErrors=0,
        totalPageLoads=6,
        runCount=2,
        agentId=1,
    )

    start_date: Time
    end_date: Time
    total_records_extracted: int
    total_records_exported: int
    total_errors: int
    total_page_loads: int
    run_count: int
    agent_id: int | None


@router.get(
    "/analytics/schedules/upcoming",
    response_model=list[UpcomingShape] | Page[UpcomingShape],
    responses={**problems(400, 401), **_HEADERS},
)
def list_upcoming(
    use: Use,
    caller: Caller,
    paging: Paging,
    start: Since = None,
    end: Until = None,
    expand: Annotated[bool, Query(description="An entry for each fire")] = False,
    max_records: Annotated[
        int | None,
        Query(
            alias="maxRecords", ge=1, le=10_000, description="With `expand` 1000 when not said, else no limit"
        ),
    ] = None,
) -> Response:
    """What fires next: an entry for each schedule whose next fire is in the range, the next 7 days if not said."""
    truncated, total = False, None
    if expand:
        found, truncated = use.analytics.every_fire(caller, start, end, max_records or 1000)
        if paging.asked:
            found, total = found[paging.skip : paging.skip + paging.limit], len(found)
    elif paging.asked:
        found = use.analytics.upcoming(caller, start, end, skip=paging.skip, limit=paging.limit)
        total = use.analytics.count_upcoming(caller, start, end)
    else:
        limit = None if max_records is None else max_records + 1
        found = use.analytics.upcoming(caller, start, end, limit=limit)
        truncated = max_records is not None and len(found) > max_records
        found = found[:max_records]
    headers = {_TRUNCATED: "true"} if truncated else None
    return Response(as_json(found, total), media_type="application/json", headers=headers)


@router.get("/analytics/runs/summary", responses={**problems(400, 401), **_HEADERS})
def summarise_runs(
    use: Use,
    caller: Caller,
    response: Response,
    start: Since = None,
    end: Until = None,
    status: Annotated[
        str | None,
        Query(
            description="Only runs of this kind: Completed, CompletedWithErrors, Failed, Running, Queued, Stopped"
            " or Skipped, as they are counted; or one status, by its name or number"
        ),
    ] = None,
    include_details: Annotated[bool, Query(alias="includeDetails")] = True,
) -> RunsSummaryShape:
    """How many runs that were created in the range ended how; today when no range is said."""
    found, cut = use.analytics.runs_summary(
        caller, start, end, status, _MOST_DETAILS if include_details else 0
    )
    if cut:
        response.headers[_TRUNCATED] = "true"
    failed = found.failed
    return RunsSummaryShape(
        start_date=found.start,
        end_date=found.end,
        total_runs=found.total,
        completed_runs=found.counts["Completed"],
        failed_runs=found.counts["Failed"],
        completed_with_errors_runs=found.counts["CompletedWithErrors"],
        running_runs=found.counts["Running"],
        queued_runs=found.counts["Queued"],
        stopped_runs=found.counts["Stopped"],
        skipped_runs=found.counts["Skipped"],
        failed_run_details=None
        if failed is None
        else [
            FailedRunShape(
                run_id=run.run_id,
                agent_id=run.agent_id,
                agent_name=run.agent_name,
                start_time=run.start_time,
                end_time=run.end_time,
                status=run.status.value,
                error_message=run.message,
                space_id=run.space_id,
                space_name=run.space_name,
            )
            for run in failed
        ],
    )


@router.get("/analytics/records/summary", responses=problems(400, 401, 404))
def summarise_records(
    use: Use,
    caller: Caller,
    start: Since = None,
    end: Until = None,
    agent_id: Annotated[int | None, Query(alias="agentId", ge=1, le=2**31 - 1)] = None,
) -> RecordsSummaryShape:
    """What the runs that were created in the range extracted and exported; today when no range is said."""
    found = use.analytics.records_summary(caller, start, end, agent_id)
    return RecordsSummaryShape(
        start_date=found.start,
        end_date=found.end,
        total_records_extracted=found.sums.extracted,
        total_records_exported=found.sums.exported,
        total_errors=found.sums.errors,
        total_page_loads=found.sums.pages,
        run_count=found.sums.runs,
        agent_id=agent_id,
    )


def as_json(found: Sequence[analytics.Fire], total: int | None) -> bytes:
    """The answer's body, without a shape for each entry: there may be 100,000, many of them at the same time."""
    times = {fire.time for fire in found} | {fire.starts for fire in found}
    texts = {time: iso(time) for time in times}
    entries = [
        {
            "scheduleId": fire.schedule_id,
            "agentId": fire.agent_id,
            "agentName": fire.agent_name,
            "scheduleName": fire.schedule_name,
            "nextRunTime": texts[fire.time],
            "timezone": fire.timezone,
            "isEnabled": True,
            "occurrenceCount": fire.fires,
            "fireTime": texts[fire.starts],
        }
        for fire in found
    ]
    return to_json(entries if total is None else {"items": entries, "totalRecordCount": total})
