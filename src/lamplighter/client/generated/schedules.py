"""Made from client/schedules.py by `make client`. Do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamplighter.client.generated.sending import Routes
from lamplighter.client.runs import Run
from lamplighter.client.schedules import (
    _AT_ONCE,
    _PREVIEWS_AT_ONCE,
    Comparison,
    Fire,
    Preview,
    Previewed,
    Schedule,
)


class ScheduleRoutes(Routes):
    """The routes of schedules, which are methods of the client itself."""

    def schedules(self, agent_id: int) -> list[Schedule]:
        """The schedules of an agent."""
        return self._ask(list[Schedule], "GET", f"/agent/{agent_id}/schedules")

    def all_schedules(self, **filters: Any) -> list[Schedule]:
        """The schedules of all agents, by agent and oldest first; ``spaceId`` narrows them to one space."""
        found: list[Schedule] = []
        while True:
            asked = {**filters, "pageIndex": len(found) // _AT_ONCE + 1, "recordsPerPage": _AT_ONCE}
            page = self._ask(dict[str, list[Schedule]], "GET", "/schedules", params=asked)
            found += page["items"]
            if len(page["items"]) < _AT_ONCE:
                return found

    def schedule(self, agent_id: int, schedule_id: int) -> Schedule:
        """One schedule."""
        return self._ask(Schedule, "GET", f"/agent/{agent_id}/schedules/{schedule_id}")

    def create_schedule(self, agent_id: int, body: Mapping[str, Any]) -> Schedule:
        """Give an agent a schedule."""
        return self._ask(Schedule, "POST", f"/agent/{agent_id}/schedules", json=body)

    def update_schedule(self, agent_id: int, schedule_id: int, body: Mapping[str, Any]) -> Schedule:
        """Change a schedule; ``name`` must be given, whatever else is not keeps its value."""
        return self._ask(Schedule, "PUT", f"/agent/{agent_id}/schedules/{schedule_id}", json=body)

    def delete_schedule(self, agent_id: int, schedule_id: int) -> None:
        """Take a schedule away; its runs stay."""
        self._tell("DELETE", f"/agent/{agent_id}/schedules/{schedule_id}")

    def switch_schedule(self, agent_id: int, schedule_id: int, *, on: bool) -> None:
        """Enable or disable a schedule."""
        self._tell("POST", f"/agent/{agent_id}/schedules/{schedule_id}/{'enable' if on else 'disable'}")

    def run_schedule(self, agent_id: int, schedule_id: int) -> Run:
        """Start the agent now with the schedule's settings."""
        return self._ask(Run, "POST", f"/agent/{agent_id}/schedules/{schedule_id}/run")

    def fires(
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
        return self._ask(list[Fire], "GET", path, params=params)

    def preview(self, body: Mapping[str, Any]) -> Preview:
        """The next fires of a schedule that need not exist."""
        return self._ask(Preview, "POST", "/schedules/preview", json=body)

    def compare_schedule(self, agent_id: int, schedule_id: int, body: Mapping[str, Any]) -> Comparison:
        """The ledger beside the ``times`` at which another system ran the same job."""
        path = f"/agent/{agent_id}/schedules/{schedule_id}/compare"
        return self._ask(Comparison, "POST", path, json=body)

    def preview_many(self, bodies: Sequence[Mapping[str, Any]]) -> list[Previewed]:
        """The next fires of many schedules, or what is wrong with each, in their order.

        One with ``agentId`` is looked at as a new one of that agent; with ``scheduleId``, too, as a change of it.
        """
        found: list[Previewed] = []
        for begin in range(0, len(bodies), _PREVIEWS_AT_ONCE):
            body = {"schedules": list(bodies[begin : begin + _PREVIEWS_AT_ONCE])}
            found += self._ask(list[Previewed], "POST", "/schedules/previews", json=body)
        return found
