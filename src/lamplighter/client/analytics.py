"""Analytics: what fires next, sums over what ran, and why runs failed."""

from typing import Any, TypedDict

from lamplighter.client.diagnostics import Diagnosis
from lamplighter.client.sending import AsyncRoutes


class UpcomingFire(TypedDict):
    """The next fire of a schedule, which fires ``occurrenceCount`` times in the range."""

    scheduleId: int
    agentId: int
    agentName: str
    scheduleName: str
    nextRunTime: str
    timezone: str
    isEnabled: bool
    occurrenceCount: int
    fireTime: str


class FailedRun(TypedDict):
    """A run that failed."""

    runId: int
    agentId: int
    agentName: str
    startTime: str | None
    endTime: str | None
    status: int
    errorMessage: str | None
    spaceId: int
    spaceName: str


class RunsSummary(TypedDict):
    """How many runs ended how; ``failedRunDetails`` is None when they were not asked for."""

    startDate: str
    endDate: str
    totalRuns: int
    completedRuns: int
    failedRuns: int
    completedWithErrorsRuns: int
    runningRuns: int
    queuedRuns: int
    stoppedRuns: int
    skippedRuns: int
    failedRunDetails: list[FailedRun] | None


class RecordsSummary(TypedDict):
    """What runs extracted and exported."""

    startDate: str
    endDate: str
    totalRecordsExtracted: int
    totalRecordsExported: int
    totalErrors: int
    totalPageLoads: int
    runCount: int
    agentId: int | None


class AsyncAnalytics(AsyncRoutes):
    """The routes of analytics: ``client.analytics``. ``startDate`` and ``endDate`` say the range of time."""

    async def upcoming(self, **filters: Any) -> list[UpcomingFire]:
        """What fires next, the earliest first: each schedule once, or with ``expand=True`` each fire."""
        return await self._ask(list[UpcomingFire], "GET", "/analytics/schedules/upcoming", params=filters)

    async def runs_summary(self, **filters: Any) -> RunsSummary:
        """How many runs ended how, today when no range is said; ``status`` narrows it."""
        return await self._ask(RunsSummary, "GET", "/analytics/runs/summary", params=filters)

    async def records_summary(self, **filters: Any) -> RecordsSummary:
        """What runs extracted and exported, today when no range is said; ``agentId`` narrows it."""
        return await self._ask(RecordsSummary, "GET", "/analytics/records/summary", params=filters)

    async def diagnostics(self, agent_id: int, run_id: int, attempt: int | None = None) -> Diagnosis:
        """Why a run failed, or an earlier attempt of it; ApiError with status 404 when there is no failure."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/analytics/agents/{agent_id}/runs/{run_id}/diagnostics"
        return await self._ask(Diagnosis, "GET", path, params=params)

    async def latest_failure(self, agent_id: int) -> Diagnosis:
        """Why the agent's last run that failed did so; ApiError with status 404 when none has failed."""
        return await self._ask(Diagnosis, "GET", f"/analytics/agents/{agent_id}/latest-failure")
