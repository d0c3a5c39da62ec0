"""Pages of schedules: the list of an agent, the editor with its preview, and why each due time ran or did not."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from lamplighter.errors import InvalidInput, LamplighterError
from lamplighter.http.api.access import AgentId, ScheduleId
from lamplighter.http.pages import cron_builder, forms, preview
from lamplighter.http.pages.agents import choices, frame, settings_values
from lamplighter.http.pages.cron_builder import Days
from lamplighter.http.pages.view import FROM_HERE, REFUSALS, Sent, View, Viewing
from lamplighter.model import Agent, RunSettings, Schedule, ScheduleType, Timing
from lamplighter.service.requests import ScheduleRequest
from lamplighter.service.schedules import local_schedule

router = APIRouter(include_in_schema=False)

_LEDGER_PAGE = 50
_KINDS = {
    ScheduleType.NONE: "none",
    ScheduleType.RUN_ONCE: "once",
    ScheduleType.RUN_EVERY: "every",
    ScheduleType.CRON: "cron",
}
_TYPES = {"none": 0, "once": 1, "every": 2, "days": 3, "cron": 3}


@router.get("/agents/{agentId}/schedules")
def list_schedules(agent_id: AgentId, view: Viewing) -> Response:
    """The schedules of an agent."""
    agent = view.use.agents.get(view.actor, agent_id)
    found = view.use.schedules.every(view.actor, agent_id)
    return view.page(
        "schedules.html", **frame(view, agent), schedules=found, warnings=view.use.groups.warnings(found)
    )


@router.get("/agents/{agentId}/schedules/new")
def new_schedule(agent_id: AgentId, view: Viewing) -> Response:
    """The editor, empty but for what most want."""
    agent = view.use.agents.get(view.actor, agent_id)
    return view.page("schedule.html", _editor(view, agent, None, _defaults(view)))


@router.post("/agents/{agentId}/schedules/new")
def create_schedule(agent_id: AgentId, view: Viewing, form: Sent) -> Response:
    """Give an agent a schedule; the editor again with what is wrong."""
    agent = view.use.agents.get(view.actor, agent_id)
    try:
        values = _values(view, agent, form)
        made = view.use.schedules.create(view.actor, agent_id, forms.read(ScheduleRequest, values))
    except REFUSALS as problem:
        return view.refused(
            "schedule.html", _placed(problem, form), _editor(view, agent, None, _given(view, form))
        )
    return view.go(f"/agents/{agent_id}/schedules", f"{made.name} is saved: {local_schedule(made)}.")


@router.post("/agents/{agentId}/schedules/preview")
def preview_schedule(agent_id: AgentId, view: Viewing, form: Sent) -> Response:
    """What a schedule would do that is being edited, as a part of the editor's page."""
    agent = view.use.agents.get(view.actor, agent_id)
    return HTMLResponse(view.block("schedule_preview.html", "preview", _previewed(view, agent, form)))


@router.get("/agents/{agentId}/schedules/{scheduleId}")
def edit_schedule(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing) -> Response:
    """The editor of a schedule."""
    agent = view.use.agents.get(view.actor, agent_id)
    schedule = view.use.schedules.get(view.actor, agent_id, schedule_id)
    return view.page("schedule.html", _editor(view, agent, schedule, _of_schedule(schedule)))


@router.post("/agents/{agentId}/schedules/{scheduleId}")
def save_schedule(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing, form: Sent) -> Response:
    """Change a schedule; the editor again with what is wrong."""
    agent = view.use.agents.get(view.actor, agent_id)
    schedule = view.use.schedules.get(view.actor, agent_id, schedule_id)
    try:
        request = forms.read(ScheduleRequest, preview.with_resets(_values(view, agent, form)))
        saved = view.use.schedules.update(view.actor, agent_id, schedule_id, request)
    except REFUSALS as problem:
        values = _editor(view, agent, schedule, _given(view, form))
        return view.refused("schedule.html", _placed(problem, form), values)
    return view.go(f"/agents/{agent_id}/schedules", f"{saved.name} is saved: {local_schedule(saved)}.")


@router.post("/agents/{agentId}/schedules/{scheduleId}/switch")
def switch_schedule(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing, form: Sent) -> Response:
    """Enable or disable a schedule."""
    on = form.get("on") == "yes"
    view.use.schedules.switch(view.actor, agent_id, schedule_id, on=on)
    return view.go(f"/agents/{agent_id}/schedules", "The schedule is on." if on else "The schedule is off.")


@router.post("/agents/{agentId}/schedules/{scheduleId}/run", dependencies=[FROM_HERE])
def run_schedule(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing) -> Response:
    """Start the agent with the schedule's input and settings."""
    set_id = view.use.schedules.run_now(view.actor, agent_id, schedule_id)
    run = view.use.runs.first_of_set(set_id)
    return view.go(f"/runs/{run.id}", f"Run {run.id} is started.")


@router.post("/agents/{agentId}/schedules/{scheduleId}/delete", dependencies=[FROM_HERE])
def delete_schedule(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing) -> Response:
    """Take a schedule away."""
    view.use.schedules.delete(view.actor, agent_id, schedule_id)
    return view.go(f"/agents/{agent_id}/schedules", "The schedule is deleted. Its ledger and runs stay.")


@router.get("/agents/{agentId}/schedules/{scheduleId}/why")
def why(agent_id: AgentId, schedule_id: ScheduleId, view: Viewing) -> Response:
    """The fire ledger of a schedule: each due time and what became of it."""
    agent = view.use.agents.get(view.actor, agent_id)
    schedule = view.use.schedules.get(view.actor, agent_id, schedule_id)
    part, asked = view.part(_LEDGER_PAGE), view.asked("day")
    day = forms.day_of(asked, schedule.timing.timezone)
    since, until = (None, None) if day is None else (day, day + timedelta(days=1) - timedelta(milliseconds=1))
    fires, total = view.use.schedules.fires(
        view.actor,
        agent_id,
        schedule_id,
        skip=part.skip,
        limit=part.size,
        since=since,
        until=until,
    )
    return view.page(
        "why.html",
        **frame(view, agent),
        schedule=schedule,
        fires=fires,
        **part.of(total),
        day=asked,
        warnings=view.use.groups.warnings([schedule])[schedule.id],
    )


# --- what the editor shows ---


def _defaults(view: View) -> dict[str, Any]:
    return {
        **_of_timing(Timing(ScheduleType.CRON, timezone=view.zone, cron_expression="0 9 * * *")),
        **settings_values(RunSettings()),
        "name": "",
        "isEnabled": "on",
        "isShadow": "",
        "localSchedule": "",
        "inputs": None,
    }


def _of_schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        **_of_timing(schedule.timing),
        **settings_values(schedule.settings),
        "name": schedule.name,
        "isEnabled": "on" if schedule.is_enabled else "",
        "isShadow": "on" if schedule.is_shadow else "",
        "localSchedule": schedule.local_schedule or "",
        "inputs": schedule.input_parameters,
    }


def _of_timing(timing: Timing) -> dict[str, Any]:
    expression = timing.cron_expression or "0 9 * * *"
    days = cron_builder.days_of(expression) if timing.schedule_type is ScheduleType.CRON else None
    kind = "days" if days is not None else _KINDS[timing.schedule_type]
    days = days or Days(((9, 0),))
    return {
        "when": kind,
        "times": days.times_text,
        "on": days.on,
        "weekday": [str(day) for day in days.weekdays],
        "monthdays": days.monthdays_text,
        "nth": days.nth,
        "nthDay": str(days.nth_day),
        "month": [str(month) for month in days.months],
        "cronExpression": expression,
        "runEveryCount": timing.run_every_count or 1,
        "runEveryPeriod": timing.run_every_period or 2,
        "timezone": timing.timezone,
        "startTime": forms.for_field(timing.start_time, timing.timezone),
        "endTime": forms.for_field(timing.end_time, timing.timezone),
        "jitterSeconds": timing.jitter_seconds,
        "excludedDates": "\n".join(timing.excluded_dates),
        "catchUp": timing.catch_up.value,
        "catchUpWindowSeconds": timing.catch_up_window_seconds,
        "dstGap": timing.dst_gap,
        "dstOverlap": timing.dst_overlap,
    }


def _given(view: View, form: FormData) -> dict[str, Any]:
    """What a form has, to be shown in it again; boxes that are not ticked are not in it."""
    boxes = ("isEnabled", "isShadow", "isExclusive", "isWaitOnFailure")
    return {
        **_defaults(view),
        **dict.fromkeys(boxes, ""),
        **forms.given(form),
        "weekday": forms.many(form, "weekday"),
        "month": forms.many(form, "month"),
        "inputs": None,
    }


def _editor(view: View, agent: Agent, schedule: Schedule | None, given: Mapping[str, Any]) -> dict[str, Any]:
    manifest = view.use.agents.manifest(view.actor, agent.id, agent.version)
    inputs = given["inputs"]
    fields, rest = forms.input_fields(manifest, inputs)
    for one in fields:
        if one["name"] in given:
            one["value"] = given[one["name"]]
    shown: dict[str, Any] = {
        **frame(view, agent),
        "schedule": schedule,
        "given": given,
        "manifest": manifest,
        "fields": fields,
        "rest": given.get("inputParameters", rest),
        "zones": forms.zones(),
        "weekdays": cron_builder.WEEKDAYS,
        "months": cron_builder.MONTHS,
        "ordinals": cron_builder.ORDINALS,
        **choices(view),
    }
    return {**shown, **preview.of(view, agent, _request_of(given), schedule)}


# --- from the form to the request ---


def _values(view: View, agent: Agent, form: FormData) -> dict[str, Any]:
    """What the editor asks for, by the wire's names; InvalidInput for days and times that are none."""
    manifest = view.use.agents.manifest(view.actor, agent.id, agent.version)
    return {
        "name": forms.text(form, "name"),
        "inputParameters": forms.input_of(form, manifest),
        "localSchedule": forms.text(form, "localSchedule"),
        "isEnabled": forms.flag(form, "isEnabled"),
        "isShadow": forms.flag(form, "isShadow"),
        **forms.settings_of(form),
        **_timing(form),
    }


def _timing(form: FormData) -> dict[str, Any]:
    when, timezone = str(form.get("when", "days")), forms.text(form, "timezone") or "UTC"
    found: dict[str, Any] = {
        "scheduleType": _TYPES.get(when, 3),
        "timezone": timezone,
        "endTime": forms.moment(form, "endTime", timezone),
        "startTime": None if when == "none" else forms.moment(form, "startTime", timezone),
        "jitterSeconds": forms.number(form, "jitterSeconds"),
        "excludedDates": forms.lines(form, "excludedDates") or None,
        "catchUp": forms.text(form, "catchUp"),
        "catchUpWindowSeconds": forms.number(form, "catchUpWindowSeconds"),
        "dstGap": forms.text(form, "dstGap"),
        "dstOverlap": forms.text(form, "dstOverlap"),
    }
    if when == "every":
        found["runEveryCount"] = forms.number(form, "runEveryCount")
        found["runEveryPeriod"] = forms.number(form, "runEveryPeriod")
    elif when == "cron":
        found["cronExpression"] = forms.text(form, "cronExpression")
    elif when == "days":
        found["cronExpression"] = _expression(form)
    return {name: value for name, value in found.items() if value is not None}


def _expression(form: FormData) -> str:
    on = str(form.get("on", "every"))
    return cron_builder.expression_of(
        Days(
            cron_builder.read_times(str(form.get("times", ""))),
            on,
            weekdays=_numbers(form, "weekday", 7),
            monthdays=cron_builder.read_monthdays(str(form.get("monthdays", "")))
            if on == "monthdays"
            else (),
            nth=nth if (nth := str(form.get("nth", "1"))) in cron_builder.ORDINALS else "1",
            nth_day=next(iter(_numbers(form, "nthDay", 7)), 1),
            months=_numbers(form, "month", 12),
        )
    )


def _numbers(form: FormData, name: str, most: int) -> tuple[int, ...]:
    found = (int(value) for value in forms.many(form, name) if value.isascii() and value.isdigit())
    return tuple(value for value in found if 1 <= value <= most)


def _placed(problem: LamplighterError, form: FormData) -> LamplighterError:
    """What is wrong, at the fields that the editor has for it."""
    return forms.renamed(problem, {"cronExpression": "times"} if form.get("when") == "days" else {})


# --- the preview ---


def _previewed(view: View, agent: Agent, form: FormData) -> dict[str, Any]:
    number = forms.number(form, "scheduleId")
    old = view.use.schedules.get(view.actor, agent.id, number) if isinstance(number, int) else None
    try:
        values = _values(view, agent, form)
    except InvalidInput as problem:
        return preview.nothing(problem.errors)
    return preview.of(view, agent, values, old)


def _request_of(given: Mapping[str, Any]) -> dict[str, Any] | InvalidInput:
    """The request of an editor that is shown for the first time."""
    form = FormData(
        [
            (name, str(one))
            for name, value in given.items()
            if value is not None
            for one in (value if isinstance(value, list) else [value])
        ]
    )
    try:
        timing = _timing(form)
    except InvalidInput as problem:
        return problem
    return {**timing, "inputParameters": given["inputs"]}
