"""Pages of agents: the list, one agent, its versions and code, starting it, and bringing a new one."""

import difflib
import json
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from lamplighter.archives import files_of_archive
from lamplighter.errors import InvalidInput, NotFound
from lamplighter.http.api.access import AgentId
from lamplighter.http.pages import forms
from lamplighter.http.pages.view import FROM_HERE, REFUSALS, Sent, View, Viewing
from lamplighter.manifest import FILE, Manifest
from lamplighter.model import Agent, AgentOrder, AgentQuery, Role, RunSettings, RunStatus
from lamplighter.service.requests import AgentRequest, StartRequest

router = APIRouter(include_in_schema=False)

_PER_PAGE = 25
_RUNS_PER_PAGE = 25
_STRIP = 30
_SPARKS = 20
_LONGEST_SHOWN = 200_000  # bytes of a file
_ORDERS = {
    "name": "Name",
    "lastActivity": "Last activity",
    "created": "Created",
    "status": "Status",
}
_STARTER = """import urllib.request

from lamplighter import agent

for row in agent.rows():
    url = row.get("url", "https://example.com/")
    with urllib.request.urlopen(url) as page:
        agent.emit({"url": url, "status": page.status, "bytes": len(page.read())})
"""


# --- the list ---


@router.get("/agents")
def list_agents(view: Viewing) -> Response:
    """The agents that the reader may see."""
    part = view.part(_PER_PAGE)
    asked = {name: view.asked(name) for name in ("q", "status", "space", "sort")}
    order = asked["sort"] if asked["sort"] in _ORDERS else "name"
    wanted = AgentQuery(
        status=RunStatus.__members__.get(asked["status"].upper()),
        space_id=view.number("space"),
        text=asked["q"] or None,
        order=AgentOrder(order),
        is_descending=order in ("lastActivity", "created"),
    )
    found, total = view.use.agents.find(view.actor, wanted, skip=part.skip, limit=part.size)
    ids = [one.id for one in found]
    return view.page(
        "agents.html",
        agents=found,
        **part.of(total),
        traces=view.use.overview.traces(view.actor, ids, _SPARKS),
        due=view.use.overview.next_due(view.actor, ids),
        spaces=view.use.spaces.every(view.actor),
        orders=_ORDERS,
        asked=asked,
        statuses=[one.name.capitalize() for one in RunStatus if one is not RunStatus.INVALID],
        is_narrowed=bool(wanted.text or wanted.status or wanted.space_id),
    )


# --- a new one ---


@router.get("/agents/new")
def new_agent(view: Viewing) -> Response:
    """Where an agent is brought: as an archive, or as a script that is typed in."""
    return view.page("agent_new.html", _new(view, {}))


def _new(view: View, given: dict[str, Any]) -> dict[str, Any]:
    spaces = [one for one in view.use.spaces.every(view.actor) if view.may(one.id, Role.EDITOR)]
    return {
        "given": {"spaceId": "", "requirements": "", "code": _STARTER, "name": "", **given},
        "spaces": spaces,
    }


@router.post("/agents/new")
def create_agent(view: Viewing, form: Sent) -> Response:
    """Make the agent; the form again with what is wrong with it."""
    try:
        files = _files(form)
        request = forms.read(
            AgentRequest, {"name": forms.text(form, "name"), "spaceId": forms.number(form, "spaceId")}
        )
        made = view.use.agents.create(view.actor, request, files)
    except REFUSALS as problem:
        return view.refused("agent_new.html", problem, _new(view, forms.given(form)))
    return view.go(f"/agents/{made.id}", f"{made.name} is saved as version 1.")


def _files(form: FormData) -> dict[str, bytes]:
    """The files that a form brings: those in the archive, or the script that was typed in."""
    bundle = form.get("bundle")
    if isinstance(bundle, UploadFile) and bundle.filename:
        return files_of_archive(bundle.filename, bundle.file)
    code, name = form.get("code"), forms.text(form, "name")
    if not isinstance(code, str) or not code.strip():
        raise InvalidInput.of("bundle", "choose an archive, or type a script in")
    if name is None:
        raise InvalidInput.of("name", "is required: 1 to 200 characters")
    # A list of texts is written alike in JSON and in TOML.
    requirements = json.dumps(forms.lines(form, "requirements"), ensure_ascii=False)
    manifest = f'[agent]\nrun = ["python", "main.py"]\nrequirements = {requirements}\n'
    return {FILE: manifest.encode(), "main.py": code.replace("\r\n", "\n").encode()}


# --- one agent ---


def frame(view: View, agent: Agent) -> dict[str, Any]:
    """What every page of an agent has at its head."""
    return {
        "agent": agent,
        "may_edit": view.may(agent.space_id, Role.EDITOR),
        "space": view.use.spaces.get(view.actor, agent.space_id),
    }


@router.get("/agents/{agentId}")
def show_agent(agent_id: AgentId, view: Viewing) -> Response:
    """An agent: what it is, how its runs went, and the newest of them."""
    agent = view.use.agents.get(view.actor, agent_id)
    part = view.part(_RUNS_PER_PAGE)
    runs, total = view.use.runs.of_agent(view.actor, agent_id, skip=part.skip, limit=part.size)
    return view.page(
        "agent.html",
        **frame(view, agent),
        runs=runs,
        **part.of(total),
        traces=view.use.overview.traces(view.actor, [agent_id], _STRIP)[agent_id],
        manifest=view.use.agents.manifest(view.actor, agent_id, agent.version),
        schedules=view.use.schedules.every(view.actor, agent_id),
    )


@router.post("/agents/{agentId}/archive")
def archive_agent(agent_id: AgentId, view: Viewing, form: Sent) -> Response:
    """Put an agent away, or take it back."""
    archived = form.get("archived") == "yes"
    view.use.agents.archive(view.actor, agent_id, archived=archived)
    return view.go(f"/agents/{agent_id}", "The agent is archived." if archived else "The agent is back.")


@router.post("/agents/{agentId}/delete", dependencies=[FROM_HERE])
def delete_agent(agent_id: AgentId, view: Viewing) -> Response:
    """Take an agent away."""
    agent = view.use.agents.get(view.actor, agent_id)
    view.use.agents.delete(view.actor, agent_id)
    return view.go("/agents", f"{agent.name} is deleted.")


# --- starting it ---


@router.get("/agents/{agentId}/start")
def start_form(agent_id: AgentId, view: Viewing) -> Response:
    """The input and settings of a run that is to be started."""
    agent = view.use.agents.get(view.actor, agent_id)
    manifest = view.use.agents.manifest(view.actor, agent_id, agent.version)
    return view.page("agent_start.html", _start(view, agent, manifest, None, {}))


@router.post("/agents/{agentId}/start")
def start_agent(agent_id: AgentId, view: Viewing, form: Sent) -> Response:
    """Start the agent, with its defaults or as the form says."""
    agent = view.use.agents.get(view.actor, agent_id)
    manifest = view.use.agents.manifest(view.actor, agent_id, agent.version)
    given = forms.input_of(form, manifest)
    settings = forms.settings_of(form) if "settings" in form else {}
    try:
        request = forms.read(StartRequest, {"inputParameters": given, **settings})
        run = view.use.runs.start(view.actor, agent_id, request)
    except REFUSALS as problem:
        return view.refused(
            "agent_start.html", problem, _start(view, agent, manifest, given, forms.given(form))
        )
    return view.go(f"/runs/{run.id}", f"Run {run.id} is started.")


def _start(
    view: View, agent: Agent, manifest: Manifest, given: str | None, values: dict[str, Any]
) -> dict[str, Any]:
    fields, rest = forms.input_fields(manifest, given)
    return {
        **frame(view, agent),
        "fields": fields,
        "rest": rest,
        "manifest": manifest,
        "given": settings_values(RunSettings()) | values,
        **choices(view),
    }


def settings_values(settings: RunSettings) -> dict[str, Any]:
    """The settings of runs as a form has them, by the wire's names; empty where nothing is said."""
    return {
        "parallelism": settings.parallelism,
        "parallelMaxConcurrency": settings.parallel_max_concurrency,
        "parallelExport": settings.parallel_export.value,
        "proxyPoolId": settings.proxy_pool_id or 0,
        "serverGroupId": settings.server_group_id or 0,
        "logLevel": settings.log_level.value,
        "logMode": settings.log_mode.value,
        "isExclusive": "on" if settings.is_exclusive else "",
        "isWaitOnFailure": "on" if settings.is_wait_on_failure else "",
        "maxRetries": settings.max_retries,
        "retryDelaySeconds": settings.retry_delay_seconds,
        "timeoutSeconds": settings.timeout_seconds,
        "priority": settings.priority,
    }


def choices(view: View) -> dict[str, Any]:
    """The proxy pools and server groups that a run may have."""
    pools = [(one.pool.id, one.pool.name) for one in view.use.proxy_pools.every(view.actor)]
    groups = [(one.id, one.name) for one in view.use.groups.every(view.actor)]
    return {"pools": [(0, "None"), *pools], "groups": [(0, "Any server"), *groups]}


# --- versions and code ---


@router.get("/agents/{agentId}/versions")
def list_versions(agent_id: AgentId, view: Viewing) -> Response:
    """The versions of an agent, and how two of them differ."""
    agent = view.use.agents.get(view.actor, agent_id)
    versions = view.use.agents.versions(view.actor, agent_id)
    new = view.number("to") or agent.version
    old = view.number("from") or new - 1
    return view.page(
        "agent_versions.html",
        **frame(view, agent),
        versions=versions,
        old=old,
        new=new,
        changes=_changes(view, agent_id, old, new) if old >= 1 else None,
    )


def _changes(view: View, agent_id: int, old: int, new: int) -> list[dict[str, Any]]:
    """What is other in each file: the lines of a unified diff, or that it is no text."""
    before, after = (view.use.agents.files(view.actor, agent_id, number) for number in (old, new))
    found = []
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path), after.get(path)
        if was == now:
            continue
        what = "added" if was is None else "removed" if now is None else "changed"
        texts = [_as_text(content or b"") for content in (was, now)]
        lines = None
        if texts[0] is not None and texts[1] is not None:
            compared = difflib.unified_diff(texts[0].splitlines(), texts[1].splitlines(), lineterm="", n=3)
            lines = [(_kind(line), line) for line in list(compared)[2:]]
        found.append({"path": path, "what": what, "lines": lines})
    return found


def _kind(line: str) -> str:
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "")


def _as_text(content: bytes) -> str | None:
    if len(content) > _LONGEST_SHOWN or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


@router.post("/agents/{agentId}/versions/{version}/restore")
def restore_version(agent_id: AgentId, version: int, view: Viewing, form: Sent) -> Response:
    """Save the content of an old version as a new one."""
    agent = view.use.agents.restore(view.actor, agent_id, version, forms.text(form, "comments"))
    return view.go(
        f"/agents/{agent_id}/versions", f"Version {version} is restored as version {agent.version}."
    )


@router.get("/agents/{agentId}/code")
def show_code(agent_id: AgentId, view: Viewing) -> Response:
    """The files of a version, one of them opened."""
    agent = view.use.agents.get(view.actor, agent_id)
    version = view.number("version") or agent.version
    files = view.use.agents.files(view.actor, agent_id, version)
    path = view.asked("file") or _first(view, agent_id, version, files)
    if path not in files:
        raise NotFound(f"version {version} has no file {path}")
    return view.page(
        "agent_code.html",
        **frame(view, agent),
        version=version,
        files=[(name, len(files[name])) for name in sorted(files)],
        opened=path,
        text=_as_text(files[path]),
    )


def _first(view: View, agent_id: int, version: int, files: dict[str, bytes]) -> str:
    """The file that is opened first: the program, the file of the spider, or any."""
    manifest = view.use.agents.manifest(view.actor, agent_id, version)
    named = [word for word in manifest.agent.run or () if word in files]
    spiders = [
        name for name in sorted(files) if "spiders" in PurePosixPath(name).parts and files[name].strip()
    ]
    return next(iter([*named, *spiders, *sorted(files)]), FILE)


@router.post("/agents/{agentId}/code")
def save_code(agent_id: AgentId, view: Viewing, form: Sent) -> Response:
    """Save one file, changed, as the next version."""
    agent = view.use.agents.get(view.actor, agent_id)
    path, text = str(form.get("file", "")), form.get("text")
    files = view.use.agents.files(view.actor, agent_id, agent.version)
    if path not in files or not isinstance(text, str):
        raise NotFound(f"version {agent.version} has no file {path}")
    files[path] = text.replace("\r\n", "\n").encode()
    try:
        request = forms.read(AgentRequest, {"comments": forms.text(form, "comments")})
        saved = view.use.agents.save(view.actor, agent_id, request, files)
    except REFUSALS as problem:
        shown = [(name, len(files[name])) for name in sorted(files)]
        values = {
            **frame(view, agent),
            "version": agent.version,
            "files": shown,
            "opened": path,
            "text": text,
        }
        return view.refused("agent_code.html", problem, values)
    return view.go(f"/agents/{agent_id}/code?file={path}", f"Saved as version {saved.version}.")
