"""Use cases of schedules: create, change, switch, preview, explain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from lamplighter import launch, planner
from lamplighter.clock import Clock
from lamplighter.errors import FieldError, InvalidInput, LamplighterError, NotFound
from lamplighter.model import (
    Actor,
    Agent,
    Due,
    Fire,
    Outcome,
    Role,
    RunSettings,
    Schedule,
    ScheduleType,
    Timing,
)
from lamplighter.planner import Plan
from lamplighter.service import audit
from lamplighter.service.access import agent_of
from lamplighter.service.agents import refuse_archived
from lamplighter.service.requests import PreviewRequest, ScheduleRequest, SettingsRequest
from lamplighter.service.secrets import check_input
from lamplighter.store import fires, groups, proxies, schedules
from lamplighter.store.database import Database
from lamplighter.store.schedules import DueSchedule
from lamplighter.triggers import TZDATA_VERSION, describe, dst_note, parse_cron, zone

_ONE_MINUTE = timedelta(minutes=1)
_MOST_NAMED = 5
_TIMING = tuple(f.name for f in fields(Timing))
# An edit of one of these moves the due times; any other leaves them as they are.
_MOVES_DUE_TIMES = tuple(
    n for n in _TIMING if n not in {"catch_up", "catch_up_window_seconds", "excluded_dates"}
)


@dataclass(frozen=True, slots=True)
class PlannedFire:
    """A fire that is to come: the instant, the wall clock of the schedule's zone, and what is special."""

    time: datetime
    local_time: datetime
    note: str | None


class Schedules:
    """The schedules of agents. ``on_change`` is called when a due time may have come nearer."""

    def __init__(self, db: Database, clock: Clock, on_change: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._on_change = on_change

    def every(self, actor: Actor, agent_id: int) -> list[Schedule]:
        """The schedules of an agent, oldest first."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return schedules.of_agent(c, agent_id)

    def everywhere(
        self, actor: Actor, space_id: int | None, *, skip: int, limit: int | None
    ) -> tuple[list[Schedule], int]:
        """The schedules of all agents that the actor sees, or of one space, a part; and how many there are."""
        seen = actor.spaces
        with self._db.read() as c:
            found = schedules.in_spaces(c, seen, space_id, skip=skip, limit=limit)
            return found, schedules.count_in_spaces(c, seen, space_id)

    def get(self, actor: Actor, agent_id: int, schedule_id: int) -> Schedule:
        """One schedule; NotFound."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return schedule_of(c, agent_id, schedule_id)

    def create(self, actor: Actor, agent_id: int, request: ScheduleRequest) -> Schedule:
        """Add a schedule to an agent; InvalidInput names every field that is wrong."""
        with self._db.write() as c:
            now = self._clock.now()
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            name, timing = checked(c, agent, request, None, now)
            enabled = request.is_enabled is not False
            due = planner.next_due(0, timing, now)
            check_it_ever_fires(timing, due)
            schedule = Schedule(
                id=0,
                agent_id=agent_id,
                name=name,
                is_enabled=enabled,
                timing=timing,
                settings=request.settings(RunSettings()),
                input_parameters=request.input_parameters,
                local_schedule=(request.local_schedule or "").strip() or None,
                decided_until=now,
                next=None,
                problem=None,
                created=now,
                updated=now,
                is_shadow=request.is_shadow is True,
            )
            schedule = replace(schedule, id=schedules.insert(c, schedule, TZDATA_VERSION))
            if enabled:  # jitter depends on the id, so the next fire is known only now
                due = planner.next_due(schedule.id, timing, now)
                schedules.set_next(c, [(schedule.id, now, due)], TZDATA_VERSION)
                schedule = replace(schedule, next=due)
            _note(c, actor, now, "schedule.create", agent, schedule, _given(request))
        self._on_change()
        return schedule

    def update(self, actor: Actor, agent_id: int, schedule_id: int, request: ScheduleRequest) -> Schedule:
        """Change a schedule; what the request does not give keeps its value. Never fires the past."""
        with self._db.write() as c:
            now = self._clock.now()
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = schedule_of(c, agent_id, schedule_id)
            name, timing = checked(c, agent, request, old, now)
            reset = request.reset or ()
            local = request.local_schedule
            if local is not None and not local.strip():
                local = None
            elif local is None or local == local_schedule(old):
                local = None if "local_schedule" in reset else old.local_schedule
            new = replace(
                old,
                name=name,
                is_enabled=old.is_enabled if request.is_enabled is None else request.is_enabled,
                timing=timing,
                settings=request.settings(request.reset_in(old.settings)),
                input_parameters=request.input_parameters
                or (None if "input_parameters" in reset else old.input_parameters),
                local_schedule=local,
                updated=now,
                is_shadow=old.is_shadow if request.is_shadow is None else request.is_shadow,
            )
            new = _with_next(c, old, new, agent, now)
            schedules.update(c, new, TZDATA_VERSION)
            changes = audit.difference(old, new, leave_out=_NOT_SET_BY_PEOPLE)
            _note(c, actor, now, "schedule.update", agent, new, changes)
        self._on_change()
        return new

    def switch(self, actor: Actor, agent_id: int, schedule_id: int, *, on: bool) -> None:
        """Enable or disable a schedule; nothing happens when it already is.

        InvalidInput when it cannot be enabled because its input does not fit any more, or a secret is gone.
        """
        with self._db.write() as c:
            now = self._clock.now()
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            old = schedule_of(c, agent_id, schedule_id)
            if old.is_enabled is on:
                return
            if on:
                check_input(c, agent, old.input_parameters)
            new = _with_next(c, old, replace(old, is_enabled=on, updated=now), agent, now)
            schedules.update(c, new, TZDATA_VERSION)
            _note(c, actor, now, "schedule.enable" if on else "schedule.disable", agent, new, {})
        self._on_change()

    def delete(self, actor: Actor, agent_id: int, schedule_id: int) -> None:
        """Take a schedule away; its runs and its ledger stay."""
        with self._db.write() as c:
            now = self._clock.now()
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            schedule = schedule_of(c, agent_id, schedule_id)
            _settle(c, schedule, agent, now, "deleted", fire_if_on_time=False)
            schedules.delete(c, schedule_id, now)
            _note(c, actor, now, "schedule.delete", agent, schedule, {})

    def run_now(self, actor: Actor, agent_id: int, schedule_id: int) -> int:
        """Start the agent with the schedule's settings, outside its cadence; returns the set's id."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            schedule = schedule_of(c, agent_id, schedule_id)
            refuse_archived(agent)
            check_input(c, agent, schedule.input_parameters)
            start = launch.Launch(
                agent_id=agent_id,
                agent_version=agent.version,
                settings=schedule.settings,
                input_parameters=schedule.input_parameters,
                started_by=f"{actor.name}, schedule {schedule.name}",
                schedule_id=schedule_id,
            )
            now = self._clock.now()
            [set_id] = launch.launch_sets(c, [start], now)
            _note(c, actor, now, "schedule.run", agent, schedule, {"parallelSet": set_id})
        self._on_change()
        if set_id is None:
            raise AssertionError("a start by hand always gets its place")
        return set_id

    def fires(
        self,
        actor: Actor,
        agent_id: int,
        schedule_id: int,
        *,
        skip: int,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[list[Fire], int]:
        """Rows of the fire ledger, newest first: each due time and what became of it; and how many there are."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            schedule_of(c, agent_id, schedule_id)
            found = fires.of_schedule(c, schedule_id, skip=skip, limit=limit, since=since, until=until)
            return found, fires.count_of_schedule(c, schedule_id, since=since, until=until)

    def preview(self, _actor: Actor, request: PreviewRequest) -> tuple[str, list[PlannedFire]]:
        """The text of a schedule that need not exist, and its next fires."""
        now = self._clock.now()
        return planned(timing_of(request, None, now, in_the_past=True), request, now)


_NOT_SET_BY_PEOPLE = frozenset({"updated", "decided_until", "next", "anchor", "problem"})


def _given(request: ScheduleRequest) -> dict[str, object]:
    """What a request says, by the wire's names, as the audit log has it."""
    return request.model_dump(by_alias=True, exclude_none=True, exclude={"name"})


def _note(
    c: sa.Connection,
    actor: Actor,
    now: datetime,
    action: str,
    agent: Agent,
    schedule: Schedule,
    changes: Mapping[str, object],
) -> None:
    audit.note(
        c,
        actor,
        now,
        action,
        kind="schedule",
        id=schedule.id,
        name=f"{schedule.name} of {agent.name}",
        space_id=agent.space_id,
        changes=changes,
    )


def local_schedule(schedule: Schedule) -> str:
    """What people read of the schedule: its own text, or one made from its trigger."""
    if schedule.local_schedule is not None:
        return schedule.local_schedule
    try:
        return describe(planner.trigger_of(schedule.timing))
    except LamplighterError as problem:
        return f"cannot be evaluated: {problem}"


def planned(timing: Timing, request: PreviewRequest, now: datetime) -> tuple[str, list[PlannedFire]]:
    """The text of a schedule with this timing, and as many of its next fires as the request asks for."""
    after = request.after or now
    if timing.schedule_type is ScheduleType.RUN_EVERY and timing.start_time is None and timing.anchor:
        after = max(after, timing.anchor)
    text = request.local_schedule or describe(planner.trigger_of(timing))
    return text, [_planned(timing, due) for due in planner.due_times(timing, after, request.count)]


def _planned(timing: Timing, due: datetime) -> PlannedFire:
    note = dst_note(planner.trigger_of(timing), due)
    if planner.is_excluded(timing, due):
        note = "skipped: an excluded date"
    return PlannedFire(due, planner.local(due, timing.timezone), note)


def schedule_of(c: sa.Connection, agent_id: int, schedule_id: int) -> Schedule:
    """One schedule of an agent; NotFound."""
    schedule = schedules.get(c, agent_id, schedule_id)
    if schedule is None:
        raise NotFound(f"agent {agent_id} has no schedule {schedule_id}")
    return schedule


def _with_next(c: sa.Connection, old: Schedule, new: Schedule, agent: Agent, now: datetime) -> Schedule:
    """``new`` with its next due time, after what ``old`` still owed was settled."""
    moved = any(getattr(old.timing, n) != getattr(new.timing, n) for n in _MOVES_DUE_TIMES)
    # What came due in shadow stays there, and what came due before it does not vanish in it.
    is_same = not moved and new.is_shadow is old.is_shadow
    if new.is_enabled and old.is_enabled and is_same and old.problem is None:
        return new
    what = "edited" if new.is_enabled else "disabled"
    until = _settle(c, old, agent, now, what, fire_if_on_time=new.is_enabled)
    decided = max(now, until)
    due = planner.next_due(new.id, new.timing, decided) if new.is_enabled else None
    if moved:
        check_it_ever_fires(new.timing, planner.next_due(new.id, new.timing, decided))
    return replace(new, decided_until=decided, next=due, problem=None)


def _settle(
    c: sa.Connection, schedule: Schedule, agent: Agent, now: datetime, what: str, *, fire_if_on_time: bool
) -> datetime:
    """Write into the ledger what the schedule owed before a change; returns until when it is settled."""
    plan: Plan | None
    try:
        plan = planner.settle_before_change(
            schedule, now, what, fire_if_on_time=fire_if_on_time, agent_is_archived=agent.is_archived
        )
    except LamplighterError as problem:
        plan = _skip_unreadable(schedule, what, problem)
    if plan is None:
        return schedule.decided_until
    launch.carry_out(c, [(DueSchedule(schedule, agent.version, agent.is_archived), plan)], now)
    return plan.decided_until


def _skip_unreadable(schedule: Schedule, what: str, problem: Exception) -> Plan | None:
    """A schedule that cannot be evaluated owes one due time that is known; a change lets go of it."""
    if schedule.next is None:
        return None
    due = schedule.next.time
    reason = f"could not be evaluated ({problem}) until the schedule was {what}"
    row = planner.Entry(due, due, 1, Outcome.SKIPPED, reason)
    return Plan((row,), None, due, None)


def checked(
    c: sa.Connection, agent: Agent, request: ScheduleRequest, old: Schedule | None, now: datetime
) -> tuple[str, Timing]:
    """The name and timing that are asked for; InvalidInput tells everything that is wrong with the request."""
    errors = [
        *errors_of(lambda: timing_of(request, old, now)),
        *errors_of(lambda: check_references(c, request)),
    ]
    is_reset = "input_parameters" in (request.reset or ())
    if old is None or request.input_parameters is not None or is_reset:
        errors += errors_of(lambda: check_input(c, agent, request.input_parameters))
    elif request.is_enabled and not old.is_enabled:  # the agent and the secrets may be others than they were
        errors += errors_of(lambda: check_input(c, agent, old.input_parameters))
    if request.name is None:
        errors.append(FieldError("name", "is required: 1 to 200 characters"))
    if errors or request.name is None:
        raise InvalidInput(*errors)
    return request.name, timing_of(request, old, now)


def check_references(c: sa.Connection, request: SettingsRequest | RunSettings) -> None:
    """Raise InvalidInput for a proxy pool or server group that does not exist, saying which ones there are."""
    errors = [
        FieldError(field, f"there is no {kind} with the id {value}; {_what_there_is(known)}")
        for field, value, kind, names in (
            ("proxyPoolId", request.proxy_pool_id, "proxy pool", proxies.names),
            ("serverGroupId", request.server_group_id, "server group", groups.names),
        )
        if value and value not in (known := names(c))  # 0 is none at all
    ]
    if errors:
        raise InvalidInput(*errors)


def _what_there_is(names: Mapping[int, str]) -> str:
    if not names:
        return "there is none yet"
    listed = ", ".join(f"{known} ({name})" for known, name in islice(names.items(), _MOST_NAMED))
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"those there are: {listed}{more}"


def timing_of(
    request: ScheduleRequest, old: Schedule | None, now: datetime, *, in_the_past: bool = False
) -> Timing:
    """When a new schedule, or the ``old`` one when it is changed, is to be due; InvalidInput."""
    if old is None:
        base = Timing(_inferred_type(request))
    else:
        base = request.reset_in(replace(old.timing, schedule_type=_changed_type(request, old)))
    given = {n: getattr(request, n) for n in _TIMING if getattr(request, n, None) is not None}
    if "excluded_dates" in given:
        given["excluded_dates"] = tuple(sorted(set(given["excluded_dates"])))
    timing = replace(base, **given)
    created = now if old is None else old.created
    timing = replace(timing, anchor=timing.start_time or created)
    start_is_new = (
        old is None
        or timing.start_time != old.timing.start_time
        or (timing.schedule_type is not old.timing.schedule_type)
    )
    errors = [*_shape_errors(timing), *_zone_errors(timing)]
    if not in_the_past:
        errors += _past_errors(timing, now, start_is_new=start_is_new, old=old)
    if errors:
        raise InvalidInput(*errors)
    return replace(timing, timezone=zone(timing.timezone).key)


def _inferred_type(request: ScheduleRequest) -> ScheduleType:
    if request.schedule_type is not None:
        return request.schedule_type
    if request.cron_expression is not None:
        return ScheduleType.CRON
    if request.run_every_count is not None:
        return ScheduleType.RUN_EVERY
    return ScheduleType.RUN_ONCE if request.start_time is not None else ScheduleType.CRON


def _changed_type(request: ScheduleRequest, old: Schedule) -> ScheduleType:
    """What is given for another type makes the schedule one of that type, as when it is created."""
    if request.cron_expression is not None or request.run_every_count is not None:
        return _inferred_type(request)
    return old.timing.schedule_type


def _shape_errors(timing: Timing) -> list[FieldError]:
    """What the type of the schedule needs and does not have."""
    kind = timing.schedule_type
    errors: list[FieldError] = []
    if kind is ScheduleType.CRON:
        if timing.cron_expression is None:
            errors.append(
                FieldError(
                    "cronExpression", "is required for a CRON schedule: five fields, such as 0 9 * * 1-5"
                )
            )
        else:
            errors += errors_of(lambda: parse_cron(timing.cron_expression or ""))
    if kind is ScheduleType.RUN_EVERY:
        if timing.run_every_count is None:
            errors.append(FieldError("runEveryCount", "is required for a RunEvery schedule: 1 or more"))
        if timing.run_every_period is None:
            errors.append(
                FieldError(
                    "runEveryPeriod",
                    "is required for a RunEvery schedule: 1 minutes, 2 hours, 3 days, 4 weeks, 5 months",
                )
            )
    if kind is ScheduleType.RUN_ONCE and timing.start_time is None:
        errors.append(FieldError("startTime", "is required for a RunOnce schedule"))
    bad_days = planner.not_days(timing.excluded_dates)
    if bad_days:
        errors.append(FieldError("excludedDates", f"{bad_days[0]!r} is not a date of the form YYYY-MM-DD"))
    return errors


def _zone_errors(timing: Timing) -> list[FieldError]:
    return errors_of(lambda: zone(timing.timezone))


def errors_of(check: Callable[[], object]) -> list[FieldError]:
    """What ``check`` says is wrong; empty when it raises no InvalidInput."""
    try:
        check()
    except InvalidInput as problem:
        return list(problem.errors)
    return []


def _past_errors(
    timing: Timing, now: datetime, *, start_is_new: bool, old: Schedule | None
) -> list[FieldError]:
    """Times that lie too early; one that was set before and is not changed may lie in the past."""
    errors: list[FieldError] = []
    start, end = timing.start_time, timing.end_time
    if start is not None and start_is_new:
        if timing.schedule_type is ScheduleType.RUN_ONCE and start < now + _ONE_MINUTE:
            errors.append(
                FieldError("startTime", f"must be at least one minute in the future; {_now_is(now)}")
            )
        if timing.schedule_type is ScheduleType.RUN_EVERY and start <= now:
            errors.append(FieldError("startTime", f"must be in the future; {_now_is(now)}"))
    end_is_new = old is None or end != old.timing.end_time
    if end is not None and end_is_new and end <= max(now, start or now):
        errors.append(FieldError("endTime", f"must be in the future and after startTime; {_now_is(now)}"))
    return errors


def _now_is(now: datetime) -> str:
    return f"it is now {now:%Y-%m-%dT%H:%M:%SZ}"


def check_it_ever_fires(timing: Timing, due: Due | None) -> None:
    if due is None and timing.schedule_type is not ScheduleType.NONE and timing.end_time is not None:
        raise InvalidInput.of("endTime", "the schedule would never fire: no due time comes before its end")
