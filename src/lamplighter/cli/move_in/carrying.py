"""Bringing to the server what was found elsewhere: what is new is made, what has changed is changed, once each.

Agents are known again by their names and schedules by theirs. Whether a version of an agent came from an import
is in its comment, with a fingerprint of its files: so the same files are not saved twice, and what people have
saved since is not replaced.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from lamplighter.cli.move_in.wanted import Found, WantedAgent, WantedSchedule
from lamplighter.cli.session import keep_said
from lamplighter.cli.times import read
from lamplighter.client import Agent, ApiError, Client, Schedule
from lamplighter.errors import InvalidInput

_COMMENT = "imported from "
_AS_IT_WAS = "as it was"
_REFUSALS = (400, 409, 413, 422)
_RUN_EVERY = 2


@dataclass(frozen=True, slots=True)
class Row:
    """What became of an agent, or of one of its schedules; ``next`` is when it fires next, as the API has it."""

    agent: str
    agent_id: int | None
    schedule: str | None
    schedule_id: int | None
    outcome: str
    next: str | None = None
    timezone: str | None = None
    is_shadow: bool = False


@dataclass(frozen=True, slots=True)
class Carrier:
    """Brings agents to one server; with ``is_rehearsal`` it only tells what it would do."""

    client: Client
    found: Found
    space_id: int | None
    is_shadow: bool
    is_rehearsal: bool

    def carry(self) -> list[Row]:
        """Everything that was found; what the server refuses is noted in ``found``."""
        return [row for agent in self.found.agents for row in self._agent(agent)]

    # --- agents ---

    def _agent(self, wanted: WantedAgent) -> list[Row]:
        known = self._known(wanted.name)
        saved: Agent | None
        outcome: str | None
        try:
            if known is None:
                saved, outcome = self._create(wanted)
            elif wanted.is_stand_in:
                saved, outcome = known, _AS_IT_WAS
            else:
                saved, outcome = self._save(wanted, known)
        except ApiError as problem:
            self._refused(wanted.name, problem)
            return []
        if outcome is None:
            return []
        is_missing = wanted.is_stand_in and (known is None or self._has_these_files(wanted, known))
        agent_id = None if saved is None else saved["id"]
        rows = [Row(wanted.name, agent_id, None, None, outcome)]
        there = {} if saved is None else self._schedules(saved["id"])
        for schedule in wanted.schedules:
            row = self._schedule(
                wanted, saved, schedule, there.get(schedule.name), is_shadow=self.is_shadow or is_missing
            )
            rows += [] if row is None else [row]
        gone = sorted(there.keys() - {schedule.name for schedule in wanted.schedules})
        if gone and wanted.schedules:
            self.found.look_at(wanted.name, f"has schedules that were not found there: {', '.join(gone)}")
        return rows

    def _known(self, name: str) -> Agent | None:
        """The agent that has the name already."""
        agents = self.client.agents(name=name, **keep_said(spaceId=self.space_id))
        same = [agent for agent in agents if agent["name"] == name]
        if len(same) > 1:
            where = ", ".join(f"space {agent['spaceId']}" for agent in same)
            raise InvalidInput.of("--space", f"is needed: there is an agent {name} in {where}")
        return same[0] if same else None

    def _create(self, wanted: WantedAgent) -> tuple[Agent | None, str]:
        if self.is_rehearsal:
            return None, "new"
        fields = {"name": wanted.name, "comments": self._comment(wanted)} | keep_said(
            description=wanted.description,
            startUrl=wanted.start_url,
            spaceId=None if self.space_id is None else str(self.space_id),
        )
        made = self.client.create_agent(_zip(wanted.files), fields)
        return made, f"new, id {made['id']}"

    def _save(self, wanted: WantedAgent, known: Agent) -> tuple[Agent, str | None]:
        """The agent with the files that are wanted; without an outcome when it is another one of this name."""
        comments = self._comments(known)
        if not any(one.startswith(_COMMENT) for one in comments):
            what = "an agent of this name is here and was not imported: nothing was done; see --space"
            self.found.lost(wanted.name, what)
            return known, None
        if not comments[0].startswith(_COMMENT):
            self.found.look_at(wanted.name, "was saved by somebody since the import: its files stay")
            return known, _AS_IT_WAS
        if self._has_these_files(wanted, known):
            return known, _AS_IT_WAS
        if self.is_rehearsal:
            return known, "changed"
        made = self.client.save_agent(known["id"], _zip(wanted.files), {"comments": self._comment(wanted)})
        return made, f"version {made['version']}"

    def _comment(self, wanted: WantedAgent) -> str:
        return f"{_COMMENT}{self.found.source} ({wanted.fingerprint()})"

    def _comments(self, agent: Agent) -> list[str]:
        """Those of the agent's versions, newest first."""
        return [version["comments"] or "" for version in self.client.versions(agent["id"])]

    def _has_these_files(self, wanted: WantedAgent, agent: Agent) -> bool:
        newest = self._comments(agent)[0]
        return newest.startswith(_COMMENT) and newest.endswith(f"({wanted.fingerprint()})")

    # --- schedules ---

    def _schedules(self, agent_id: int) -> dict[str, Schedule]:
        return {schedule["name"]: schedule for schedule in reversed(self.client.schedules(agent_id))}

    def _schedule(
        self,
        wanted: WantedAgent,
        agent: Agent | None,
        schedule: WantedSchedule,
        there: Schedule | None,
        *,
        is_shadow: bool,
    ) -> Row | None:
        where = f"{wanted.name} › {schedule.name}"
        body = {"name": schedule.name, **schedule.body}
        try:
            if there is not None and _is_same(schedule.body, there):
                return _row(wanted, there, _AS_IT_WAS)
            if self.is_rehearsal or agent is None:
                return self._rehearsed(wanted, body, there, is_shadow=is_shadow)
            if there is None:
                made = self.client.create_schedule(
                    agent["id"], body | ({"isShadow": True} if is_shadow else {})
                )
                return _row(wanted, made, f"new, id {made['id']}")
            # Whether it is enabled, and in shadow, is decided here from now on.
            kept = {name: value for name, value in body.items() if name != "isEnabled"}
            return _row(wanted, self.client.update_schedule(agent["id"], there["id"], kept), "changed")
        except ApiError as problem:
            self._refused(where, problem)
            return None

    def _rehearsed(
        self, wanted: WantedAgent, body: Mapping[str, Any], there: Schedule | None, *, is_shadow: bool
    ) -> Row:
        """What would become of a schedule; the server says whether it can be, and when it would fire."""
        fires = self.client.preview({**body, "count": 1})["fires"]
        is_enabled = body.get("isEnabled", True) if there is None else there["isEnabled"]
        return Row(
            agent=wanted.name,
            agent_id=None if there is None else there["configId"],
            schedule=body["name"],
            schedule_id=None if there is None else there["id"],
            outcome="new" if there is None else "changed",
            next=fires[0]["time"] if fires and is_enabled else None,
            timezone=body.get("timezone", "UTC"),
            is_shadow=is_shadow if there is None else there["isShadow"],
        )

    def _refused(self, where: str, problem: ApiError) -> None:
        """Note what the server does not take; what is wrong with the server or the key is an error as ever."""
        if problem.status not in _REFUSALS:
            raise problem
        told = "; ".join(f"{field.field}: {field.message}" for field in problem.fields)
        self.found.lost(where, told or str(problem))


def _row(wanted: WantedAgent, schedule: Schedule, outcome: str) -> Row:
    return Row(
        agent=wanted.name,
        agent_id=schedule["configId"],
        schedule=schedule["name"],
        schedule_id=schedule["id"],
        outcome=outcome,
        next=schedule["nextRunTime"],
        timezone=schedule["timezone"],
        is_shadow=schedule["isShadow"],
    )


def _is_same(body: Mapping[str, Any], there: Schedule) -> bool:
    """Whether a schedule has all that is wanted already."""
    known: Mapping[str, Any] = there
    return all(
        _same_value(name, value, known) for name, value in body.items() if name not in ("name", "isEnabled")
    )


def _same_value(name: str, value: Any, known: Mapping[str, Any]) -> bool:
    if name == "inputParameters":
        return known[name] is not None and bool(json.loads(value) == json.loads(known[name]))
    if name == "startTime":
        # Of an interval the start was made from its next due time: so long as that is the same, its beat is.
        names = ("startTime", "nextRunTime") if known["scheduleType"] == _RUN_EVERY else ("startTime",)
        return any(known[one] is not None and read(known[one]) == read(value) for one in names)
    return bool(known[name] == value)


def _zip(files: Mapping[str, bytes]) -> IO[bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    packed.seek(0)
    return cast(IO[bytes], packed)
