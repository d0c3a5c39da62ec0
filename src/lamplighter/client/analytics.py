"""Analytics: what fires next, and sums over what ran."""

from typing import Any, TypedDict

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
