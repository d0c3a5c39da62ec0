"""Routes of schedules."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from lamplighter.http.api.access import (
    AgentId,
    Caller,
    Paging,
    ScheduleId,
    Services,
    Since,
    Until,
    Use,
    needs,
    problems,
)
from lamplighter.http.api.comparisons import ComparisonShape
from lamplighter.http.api.shapes import (
    FireShape,
    Page,
    PlannedFireShape,
    PreviewedShape,
    PreviewShape,
    RunShape,
    ScheduleShape,
)
from lamplighter.http.idempotency import OnceRoute
from lamplighter.model import Schedule
from lamplighter.service.comparisons import CompareRequest
from lamplighter.service.previews import PreviewsRequest
from lamplighter.service.requests import PreviewRequest, ScheduleRequest

router = APIRouter(tags=["schedules"], route_class=OnceRoute)


@router.get("/agent/{agentId}/schedules", responses=problems(400, 401, 404))
def list_schedules(
    agent_id: AgentId, use: Use, caller: Caller, paging: Paging
) -> list[ScheduleShape] | Page[ScheduleShape]:
    """The schedules of an agent, oldest first."""
    found = use.schedules.every(caller, agent_id)
    warnings = use.groups.warnings(found)
    return paging.page([ScheduleShape.of(s, warnings[s.id]) for s in found])


@router.post(
    "/agent/{agentId}/schedules",
    status_code=201,
    responses=problems(400, 401, 404, 413, 415),
    openapi_extra=needs("name"),
)
def create_schedule(
    agent_id: AgentId, body: ScheduleRequest, response: Response, use: Use, caller: Caller
) -> ScheduleShape:
    """Give an agent a schedule."""
    schedule = use.schedules.create(caller, agent_id, body)
    response.headers["Location"] = f"/api/v1/agent/{agent_id}/schedules/{schedule.id}"
    return _shape(use, schedule)


@router.get("/agent/{agentId}/schedules/{scheduleId}", responses=problems(400, 401, 404))
def read_schedule(agent_id: AgentId, schedule_id: ScheduleId, use: Use, caller: Caller) -> ScheduleShape:
    """One schedule."""
    return _shape(use, use.schedules.get(caller, agent_id, schedule_id))


@router.put(
    "/agent/{agentId}/schedules/{scheduleId}",
    responses=problems(400, 401, 404, 413, 415),
    openapi_extra=needs("name"),
)
def update_schedule(
    agent_id: AgentId, schedule_id: ScheduleId, body: ScheduleRequest, use: Use, caller: Caller
) -> ScheduleShape:
    """Change a schedule: what is not sent keeps its value. The past is never fired."""
    return _shape(use, use.schedules.update(caller, agent_id, schedule_id, body))


@router.delete("/agent/{agentId}/schedules/{scheduleId}", status_code=204, responses=problems(400, 401, 404))
def delete_schedule(agent_id: AgentId, schedule_id: ScheduleId, use: Use, caller: Caller) -> None:
    """Take a schedule away; its runs stay."""
    use.schedules.delete(caller, agent_id, schedule_id)


@router.post(
    "/agent/{agentId}/schedules/{scheduleId}/enable", status_code=204, responses=problems(400, 401, 404)
)
def enable_schedule(agent_id: AgentId, schedule_id: ScheduleId, use: Use, caller: Caller) -> None:
    """Let a schedule fire again, from now on."""
    use.schedules.switch(caller, agent_id, schedule_id, on=True)


@router.post(
    "/agent/{agentId}/schedules/{scheduleId}/disable", status_code=204, responses=problems(400, 401, 404)
)
def disable_schedule(agent_id: AgentId, schedule_id: ScheduleId, use: Use, caller: Caller) -> None:
    """Keep a schedule from firing."""
    use.schedules.switch(caller, agent_id, schedule_id, on=False)


@router.post(
    "/agent/{agentId}/schedules/{scheduleId}/run", status_code=202, responses=problems(400, 401, 404, 409)
)
def run_schedule_now(agent_id: AgentId, schedule_id: ScheduleId, use: Use, caller: Caller) -> RunShape:
    """Start the agent now with the schedule's settings; its due times stay as they are."""
    set_id = use.schedules.run_now(caller, agent_id, schedule_id)
    return RunShape.of(use.runs.first_of_set(set_id), use.clock.now())


@router.get("/agent/{agentId}/schedules/{scheduleId}/fires", responses=problems(400, 401, 404))
def list_fires(
    agent_id: AgentId,
    schedule_id: ScheduleId,
    use: Use,
    caller: Caller,
    paging: Paging,
    max_records: Annotated[int, Query(alias="maxRecords", ge=1, le=1000)] = 50,
    since: Since = None,
    until: Until = None,
) -> list[FireShape] | Page[FireShape]:
    """The fire ledger, newest first: every due time and what became of it."""
    timezone = use.schedules.get(caller, agent_id, schedule_id).timing.timezone
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, max_records)
    found, total = use.schedules.fires(
        caller, agent_id, schedule_id, skip=skip, limit=limit, since=since, until=until
    )
    shapes = [FireShape.of(fire, timezone) for fire in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes


@router.post("/agent/{agentId}/schedules/{scheduleId}/compare", responses=problems(400, 401, 404, 413, 415))
def compare_schedule(
    agent_id: AgentId, schedule_id: ScheduleId, body: CompareRequest, use: Use, caller: Caller
) -> ComparisonShape:
    """The fire ledger beside the times at which another system ran the same job; nothing is stored.

    What counts of ours is what ran, and what would have run of a schedule in shadow.
    """
    return ComparisonShape.of(use.comparisons.compare(caller, agent_id, schedule_id, body))


@router.post("/schedules/preview", responses=problems(400, 401, 413, 415))
def preview_schedule(body: PreviewRequest, use: Use, caller: Caller) -> PreviewShape:
    """The next fires of a schedule that need not exist; nothing is stored."""
    text, fires = use.schedules.preview(caller, body)
    return PreviewShape(local_schedule=text, fires=[PlannedFireShape.of(fire) for fire in fires])


@router.post("/schedules/previews", responses=problems(400, 401, 413, 415))
def preview_schedules(body: PreviewsRequest, use: Use, caller: Caller) -> list[PreviewedShape]:
    """The next fires of many schedules, or what is wrong with each; nothing is stored."""
    return [PreviewedShape.of(one) for one in use.previews.of(caller, body)]


@router.get("/schedules", responses=problems(400, 401))
def list_all_schedules(
    use: Use,
    caller: Caller,
    space_id: Annotated[int | None, Query(alias="spaceId", ge=1, le=2**31 - 1)] = None,
    *,
    paging: Paging,
) -> list[ScheduleShape] | Page[ScheduleShape]:
    """The schedules of all agents, by agent and oldest first."""
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, None)
    found, total = use.schedules.everywhere(caller, space_id, skip=skip, limit=limit)
    warnings = use.groups.warnings(found)
    shapes = [ScheduleShape.of(s, warnings[s.id]) for s in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes


def _shape(use: Services, schedule: Schedule) -> ScheduleShape:
    return ScheduleShape.of(schedule, use.groups.warnings([schedule])[schedule.id])
