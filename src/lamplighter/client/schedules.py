"""Schedules, their due times and what became of them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from lamplighter.client.runs import Run
from lamplighter.client.sending import AsyncRoutes

_AT_ONCE = 1000  # what the server has room for in one answer …
_PREVIEWS_AT_ONCE = 500  # … and in one request


class Schedule(TypedDict):
    """A schedule; ``configId`` is its agent."""

    id: int
    configId: int
    name: str
    cronExpression: str | None
    localSchedule: str
    timezone: str
    nextRunTime: str | None
    startTime: str | None
    endTime: str | None
    scheduleType: int
    isEnabled: bool
    isShadow: bool
    runEveryCount: int | None
    runEveryPeriod: int | None
    inputParameters: str | None
    parallelism: int
    parallelMaxConcurrency: int | None
    parallelExport: str
    proxyPoolId: int | None
    logLevel: str
    logMode: str
    isExclusive: bool
    isWaitOnFailure: bool
    jitterSeconds: int
    catchUp: str
    catchUpWindowSeconds: int
    maxRetries: int | None
    retryDelaySeconds: int | None
    timeoutSeconds: int | None
    priority: int
    dstGap: str
    dstOverlap: str
    excludedDates: list[str]
    problem: str | None
    warnings: list[str]
    serverGroupId: int | None
    created: str
    updated: str


class PlannedFire(TypedDict):
    """A fire that is to come."""

    time: str
    localTime: str
    utcOffset: str
    note: str | None


class Preview(TypedDict):
    """The text of a schedule and its next fires."""

    localSchedule: str
    fires: list[PlannedFire]


class FieldProblem(TypedDict):
    """What is wrong with one property."""

    field: str
    message: str


class Previewed(TypedDict):
    """One of several schedules that were looked at; ``errors`` say why it could not be saved."""

    localSchedule: str | None
    fires: list[PlannedFire]
    errors: list[FieldProblem]


class Fire(TypedDict):
    """A row of the fire ledger: ``count`` due times and what became of them."""

    id: int
    scheduleId: int
    dueTime: str
    lastDueTime: str
    localTime: str
    count: int
    outcome: str
    reason: str
    decided: str
    runIds: list[int]


class SameTime(TypedDict):
    """A due time that the other system has, too; ``differenceSeconds`` is how much later theirs is."""

    dueTime: str
    localTime: str
    theirTime: str
    differenceSeconds: float
    outcome: str


class OurTime(TypedDict):
    """A due time at which the other system did nothing."""

    dueTime: str
    localTime: str
    outcome: str
    reason: str


class TheirTime(TypedDict):
    """A time of the other system at which nothing fired; ``reason`` is null when it is no due time."""

    theirTime: str
    localTime: str
    reason: str | None


class Comparison(TypedDict):
    """A ledger beside the times of another system; ``outside`` of those lie beyond the period."""

    startDate: str
    endDate: str
    toleranceSeconds: int
    isSame: bool
    outside: int
    both: list[SameTime]
    onlyOurs: list[OurTime]
    onlyTheirs: list[TheirTime]


class AsyncScheduleRoutes(AsyncRoutes):
    """The routes of schedules, which are methods of the client itself."""

    async def schedules(self, agent_id: int) -> list[Schedule]:
        """The schedules of an agent."""
        return await self._ask(list[Schedule], "GET", f"/agent/{agent_id}/schedules")

    async def all_schedules(self, **filters: Any) -> list[Schedule]:
        """The schedules of all agents, by agent and oldest first; ``spaceId`` narrows them to one space."""
        found: list[Schedule] = []
        while True:
            asked = {**filters, "pageIndex": len(found) // _AT_ONCE + 1, "recordsPerPage": _AT_ONCE}
            page = await self._ask(dict[str, list[Schedule]], "GET", "/schedules", params=asked)
            found += page["items"]
            if len(page["items"]) < _AT_ONCE:
                return found

    async def schedule(self, agent_id: int, schedule_id: int) -> Schedule:
        """One schedule."""
        return await self._ask(Schedule, "GET", f"/agent/{agent_id}/schedules/{schedule_id}")

    async def create_schedule(self, agent_id: int, body: Mapping[str, Any]) -> Schedule:
        """Give an agent a schedule."""
        return await self._ask(Schedule, "POST", f"/agent/{agent_id}/schedules", json=body)

    async def update_schedule(self, agent_id: int, schedule_id: int, body: Mapping[str, Any]) -> Schedule:
        """Change a schedule; ``name`` must be given, whatever else is not keeps its value."""
        return await self._ask(Schedule, "PUT", f"/agent/{agent_id}/schedules/{schedule_id}", json=body)

    async def delete_schedule(self, agent_id: int, schedule_id: int) -> None:
        """Take a schedule away; its runs stay."""
        await self._tell("DELETE", f"/agent/{agent_id}/schedules/{schedule_id}")

    async def switch_schedule(self, agent_id: int, schedule_id: int, *, on: bool) -> None:
        """Enable or disable a schedule."""
        await self._tell("POST", f"/agent/{agent_id}/schedules/{schedule_id}/{'enable' if on else 'disable'}")

    async def run_schedule(self, agent_id: int, schedule_id: int) -> Run:
        """Start the agent now with the schedule's settings."""
        return await self._ask(Run, "POST", f"/agent/{agent_id}/schedules/{schedule_id}/run")

    async def fires(
        self,
        agent_id: int,
        schedule_id: int,
        *,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
    ) -> list[Fire]:
        """The fire ledger, newest first; ``since`` and ``until`` are ISO times that bound the due times."""
        asked = {"startDate": since, "endDate": until, "maxRecords": limit}
        params = {name: value for name, value in asked.items() if value is not None}
        path = f"/agent/{agent_id}/schedules/{schedule_id}/fires"
        return await self._ask(list[Fire], "GET", path, params=params)

    async def preview(self, body: Mapping[str, Any]) -> Preview:
        """The next fires of a schedule that need not exist."""
        return await self._ask(Preview, "POST", "/schedules/preview", json=body)

    async def compare_schedule(self, agent_id: int, schedule_id: int, body: Mapping[str, Any]) -> Comparison:
        """The ledger beside the ``times`` at which another system ran the same job."""
        path = f"/agent/{agent_id}/schedules/{schedule_id}/compare"
        return await self._ask(Comparison, "POST", path, json=body)

    async def preview_many(self, bodies: Sequence[Mapping[str, Any]]) -> list[Previewed]:
        """The next fires of many schedules, or what is wrong with each, in their order.

        One with ``agentId`` is looked at as a new one of that agent; with ``scheduleId``, too, as a change of it.
        """
        found: list[Previewed] = []
        for begin in range(0, len(bodies), _PREVIEWS_AT_ONCE):
            body = {"schedules": list(bodies[begin : begin + _PREVIEWS_AT_ONCE])}
            found += await self._ask(list[Previewed], "POST", "/schedules/previews", json=body)
        return found
