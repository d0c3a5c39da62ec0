"""Made from client/analytics.py by `make client`. Do not edit."""

from typing import Any

from lamplighter.client.analytics import RecordsSummary, RunsSummary, UpcomingFire
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
