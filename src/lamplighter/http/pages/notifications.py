"""Pages of notifications: rules, whom they tell of what, and what became of their messages."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from lamplighter.http.pages import forms
from lamplighter.http.pages.view import FROM_HERE, REFUSALS, Number, Sent, View, Viewing
from lamplighter.model import AgentQuery, NotificationEvent, NotificationRule, Role
from lamplighter.service.notifications import Named, NotificationRequest

router = APIRouter(include_in_schema=False)

_MOST_AGENTS = 500
_MESSAGES = 50
EVENTS = {
    NotificationEvent.FAILURE: "a run failed",
    NotificationEvent.RECOVERY: "an agent that failed runs well again",
    NotificationEvent.DID_NOT_RUN: "a due time passed without a run",
    NotificationEvent.VOLUME_DROP: "a run extracted far less than usual",
}
_NEW = {
    "name": "",
    "events": [NotificationEvent.FAILURE.value],
    "targets": "",
    "scope": "",
    "withinSeconds": 3600,
    "quietSeconds": 600,
    "isEnabled": "on",
}


@router.get("/notifications")
def list_rules(view: Viewing) -> Response:
    """The rules."""
    return view.page("notifications.html", rules=view.use.notifications.every(view.actor), events=EVENTS)


@router.get("/notifications/new")
def new_rule(view: Viewing) -> Response:
    """The form of a new rule."""
    return view.page("notification.html", _form(view, _NEW, None))


def _form(view: View, given: dict[str, Any], named: Named | None, **more: Any) -> dict[str, Any]:
    agents, _ = view.use.agents.find(view.actor, AgentQuery(), limit=_MOST_AGENTS)
    spaces = [one for one in view.use.spaces.every(view.actor) if view.may(one.id, Role.EDITOR)]
    scopes = [(f"space {one.id}", f"all of {one.name}") for one in spaces]
    scopes += [(f"agent {one.id}", one.name) for one in agents if view.may(one.space_id, Role.EDITOR)]
    chosen = None if named is None else named.rule
    if chosen is not None and chosen.schedule_id is not None:
        scopes.append((f"schedule {chosen.schedule_id}", f"{named.agent_name}: {named.schedule_name}"))  # type: ignore[union-attr]  # it is not None
    messages = (
        []
        if chosen is None
        else view.use.notifications.messages(view.actor, chosen.id, skip=0, limit=_MESSAGES)[1]
    )
    shown = {"given": given, "named": named, "scopes": scopes, "events": EVENTS, "messages": messages}
    return {"secrets": (), "tested": None, **shown, **more}


@router.post("/notifications/new")
def create_rule(view: Viewing, form: Sent) -> Response:
    """Make a rule; secrets that were made for its webhooks are shown this once."""
    try:
        named = view.use.notifications.create(view.actor, _request(form))
    except REFUSALS as problem:
        values = _form(view, _given(form), None)
        return view.refused("notification.html", forms.gathered(problem, "targets"), values)
    return _saved(view, named)


@router.get("/notifications/{number}")
def show_rule(number: Number, view: Viewing) -> Response:
    """A rule, to be changed, and its messages."""
    named = view.use.notifications.get(view.actor, number)
    return view.page("notification.html", _form(view, _of_rule(named.rule), named))


@router.post("/notifications/{number}")
def save_rule(number: Number, view: Viewing, form: Sent) -> Response:
    """Change a rule."""
    try:
        named = view.use.notifications.update(view.actor, number, _request(form))
    except REFUSALS as problem:
        values = _form(view, _given(form), view.use.notifications.get(view.actor, number))
        return view.refused("notification.html", forms.gathered(problem, "targets"), values)
    return _saved(view, named)


@router.post("/notifications/{number}/test", dependencies=[FROM_HERE])
def test_rule(number: Number, view: Viewing) -> Response:
    """Send a test message, and say what came of it."""
    tested = view.use.notifications.test(view.actor, number)
    named = view.use.notifications.get(view.actor, number)
    return view.page("notification.html", _form(view, _of_rule(named.rule), named, tested=tested))


@router.post("/notifications/{number}/delete", dependencies=[FROM_HERE])
def delete_rule(number: Number, view: Viewing) -> Response:
    """Take a rule away."""
    view.use.notifications.delete(view.actor, number)
    return view.go("/notifications", "The notification is deleted.")


def _saved(view: View, named: Named) -> Response:
    if not named.new_secrets:
        return view.go(f"/notifications/{named.rule.id}", f"{named.rule.name} is saved.")
    return view.page("notification.html", _form(view, _of_rule(named.rule), named, secrets=named.new_secrets))


def _of_rule(rule: NotificationRule) -> dict[str, Any]:
    scope = f"space {rule.space_id}"
    if rule.agent_id is not None:
        scope = f"agent {rule.agent_id}"
    if rule.schedule_id is not None:
        scope = f"schedule {rule.schedule_id}"
    return {
        "name": rule.name,
        "events": [event.value for event in rule.events],
        "targets": "\n".join(target.shown for target in rule.targets),
        "scope": scope,
        "withinSeconds": rule.within_seconds,
        "quietSeconds": rule.quiet_seconds,
        "isEnabled": "on" if rule.is_enabled else "",
    }


def _given(form: FormData) -> dict[str, Any]:
    return {**_NEW, "isEnabled": "", **forms.given(form), "events": forms.many(form, "events")}


def _request(form: FormData) -> NotificationRequest:
    kind, _, number = str(form.get("scope", "")).partition(" ")
    values: dict[str, Any] = {
        "name": forms.text(form, "name"),
        "events": forms.many(form, "events") or None,
        "targets": forms.lines(form, "targets") or None,
        "withinSeconds": forms.number(form, "withinSeconds"),
        "quietSeconds": forms.number(form, "quietSeconds"),
        "isEnabled": forms.flag(form, "isEnabled"),
    }
    names = {"space": "spaceId", "agent": "agentId", "schedule": "scheduleId"}
    if kind in names and number.isdigit():
        values[names[kind]] = int(number)
    return forms.read(NotificationRequest, values)
