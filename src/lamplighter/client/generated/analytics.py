"""Made from client/analytics.py by `make client`. Do not edit."""

from typing import Any

from lamplighter.client.analytics import RecordsSummary, RunsSummary, UpcomingFire
from lamplighter.client.diagnostics import Diagnosis
from lamplighter.client.generated.sending import Routes


class Analytics(Routes):
    """The routes of analytics: ``client.analytics``. ``startDate`` and ``endDate`` say the range of time."""

    def upcoming(self, **filters: Any) -> list[UpcomingFire]:
        """What fires next, the earliest first: each schedule once, or with ``expand=True`` each fire."""
        return self._ask(list[UpcomingFire], "GET", "/analytics/schedules/upcoming", params=filters)

    def runs_summary(self, **filters: Any) -> RunsSummary:
        """How many runs ended how, today when no range is said; ``status`` narrows it."""
        return self._ask(RunsSummary, "GET", "/analytics/runs/summary", params=filters)

    def records_summary(self, **filters: Any) -> RecordsSummary:
        """What runs extracted and exported, today when no range is said; ``agentId`` narrows it."""
        return self._ask(RecordsSummary, "GET", "/analytics/records/summary", params=filters)

    def diagnostics(self, agent_id: int, run_id: int, attempt: int | None = None) -> Diagnosis:
        """Why a run failed, or an earlier attempt of it; ApiError with status 404 when there is no failure."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/analytics/agents/{agent_id}/runs/{run_id}/diagnostics"
        return self._ask(Diagnosis, "GET", path, params=params)

    def latest_failure(self, agent_id: int) -> Diagnosis:
        """Why the agent's last run that failed did so; ApiError with status 404 when none has failed."""
        return self._ask(Diagnosis, "GET", f"/analytics/agents/{agent_id}/latest-failure")
