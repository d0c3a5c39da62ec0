"""Pages of what runs need: servers and their groups, proxy pools, secrets."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from lamplighter.http.pages import forms
from lamplighter.http.pages.live import live_page
from lamplighter.http.pages.view import FROM_HERE, REFUSALS, Number, Sent, View, Viewing
from lamplighter.model import Role, Rotation
from lamplighter.service.groups import GroupRequest
from lamplighter.service.proxies import ProxyCheckRequest, ProxyPoolRequest
from lamplighter.service.secrets import SecretRequest

router = APIRouter(include_in_schema=False)

_ROTATIONS = {
    Rotation.ROUND_ROBIN: "they take turns",
    Rotation.RANDOM: "any of them, at random",
    Rotation.STICKY: "one for a whole run",
}


_NEW_GROUP = {"name": "", "description": ""}
_NEW_POOL = {"name": "", "rotation": Rotation.ROUND_ROBIN.value, "proxies": ""}


# --- servers and groups ---


@router.get("/servers")
def list_servers(view: Viewing) -> Response:
    """The servers, what waits for them, and their groups."""
    return live_page(view, "servers.html", lambda: _servers(view))


def _servers(view: View) -> dict[str, Any]:
    return {
        "servers": view.use.groups.servers(view.actor),
        "queues": view.use.groups.queues(view.actor),
        "groups": view.use.groups.every(view.actor),
        "given": _NEW_GROUP,
    }


@router.post("/servers/{number}/drain")
def drain_server(number: Number, view: Viewing, form: Sent) -> Response:
    """Let a server take nothing new, or take runs again."""
    state = view.use.groups.drain(view.actor, number, on=form.get("on") == "yes")
    drains = state.server.draining_since is not None
    return view.go(
        "/servers", f"{state.server.name} {'takes nothing new' if drains else 'takes runs again'}."
    )


@router.post("/groups/new")
def create_group(view: Viewing, form: Sent) -> Response:
    """Make a server group."""
    try:
        made = view.use.groups.create(view.actor, _group(form))
    except REFUSALS as problem:
        values = {**_servers(view), "given": {**_NEW_GROUP, **forms.given(form)}, "is_live": False}
        return view.refused("servers.html", problem, values)
    return view.go("/servers", f"The group {made.name} is there. Servers join it with --group {made.name}.")


@router.get("/groups/{number}")
def show_group(number: Number, view: Viewing) -> Response:
    """A server group, to be changed."""
    group = view.use.groups.get(view.actor, number)
    given = {"name": group.name, "description": group.description}
    return view.page("group.html", group=group, given=given)


@router.post("/groups/{number}")
def save_group(number: Number, view: Viewing, form: Sent) -> Response:
    """Change a server group."""
    group = view.use.groups.get(view.actor, number)
    try:
        view.use.groups.update(view.actor, number, _group(form))
    except REFUSALS as problem:
        return view.refused(
            "group.html", problem, {"group": group, "given": {**_NEW_GROUP, **forms.given(form)}}
        )
    return view.go("/servers", "The group is saved.")


@router.post("/groups/{number}/delete", dependencies=[FROM_HERE])
def delete_group(number: Number, view: Viewing) -> Response:
    """Take a server group away."""
    view.use.groups.delete(view.actor, number)
    return view.go("/servers", "The group is deleted.")


def _group(form: FormData) -> GroupRequest:
    values = {"name": forms.text(form, "name"), "description": forms.text(form, "description")}
    return forms.read(GroupRequest, values)


# --- proxy pools ---


@router.get("/proxies")
def list_pools(view: Viewing) -> Response:
    """The proxy pools."""
    return view.page("proxies.html", pools=view.use.proxy_pools.every(view.actor), rotations=_ROTATIONS)


@router.get("/proxies/new")
def new_pool(view: Viewing) -> Response:
    """The form of a new pool."""
    return view.page("pool.html", _pool_form({}))


def _pool_form(given: dict[str, Any], pool: Any = None, checks: Any = None) -> dict[str, Any]:
    rotations = [(one.value, f"{one.value}: {said}") for one, said in _ROTATIONS.items()]
    return {"given": {**_NEW_POOL, **given}, "pool": pool, "checks": checks, "rotations": rotations}


@router.post("/proxies/new")
def create_pool(view: Viewing, form: Sent) -> Response:
    """Make a pool."""
    try:
        made = view.use.proxy_pools.create(view.actor, _pool(form))
    except REFUSALS as problem:
        return view.refused("pool.html", forms.gathered(problem, "proxies"), _pool_form(forms.given(form)))
    return view.go(f"/proxies/{made.pool.id}", f"The pool {made.pool.name} is saved.")


@router.get("/proxies/{number}")
def show_pool(number: Number, view: Viewing) -> Response:
    """A pool with its proxies and how they do."""
    pool = view.use.proxy_pools.get(view.actor, number)
    return view.page("pool.html", _pool_form(_given_of(pool), pool))


def _given_of(pool: Any) -> dict[str, Any]:
    addresses = "\n".join(one.url for one in pool.proxies)
    return {"name": pool.pool.name, "rotation": pool.pool.rotation.value, "proxies": addresses}


@router.post("/proxies/{number}")
def save_pool(number: Number, view: Viewing, form: Sent) -> Response:
    """Change a pool; a proxy that is sent as it is shown keeps its credentials."""
    pool = view.use.proxy_pools.get(view.actor, number)
    try:
        view.use.proxy_pools.update(view.actor, number, _pool(form))
    except REFUSALS as problem:
        return view.refused(
            "pool.html", forms.gathered(problem, "proxies"), _pool_form(forms.given(form), pool)
        )
    return view.go(f"/proxies/{number}", "The pool is saved.")


@router.post("/proxies/{number}/check")
def check_pool(number: Number, view: Viewing, form: Sent) -> Response:
    """Try each proxy of a pool, and show what came of it."""
    try:
        request = forms.read(ProxyCheckRequest, {"url": forms.text(form, "url")})
        checks = view.use.proxy_pools.check(view.actor, number, request)
    except REFUSALS as problem:
        pool = view.use.proxy_pools.get(view.actor, number)
        return view.refused("pool.html", problem, _pool_form(_given_of(pool), pool))
    pool = view.use.proxy_pools.get(view.actor, number)
    return view.page("pool.html", _pool_form(_given_of(pool), pool, {one.id: one for one in checks}))


@router.post("/proxies/{number}/delete", dependencies=[FROM_HERE])
def delete_pool(number: Number, view: Viewing) -> Response:
    """Take a pool away."""
    view.use.proxy_pools.delete(view.actor, number)
    return view.go("/proxies", "The pool is deleted.")


def _pool(form: FormData) -> ProxyPoolRequest:
    values = {
        "name": forms.text(form, "name"),
        "rotation": forms.text(form, "rotation"),
        "proxies": forms.lines(form, "proxies"),
    }
    return forms.read(ProxyPoolRequest, values)


# --- secrets ---


@router.get("/secrets")
def list_secrets(view: Viewing) -> Response:
    """The secrets of a space, without their values."""
    return view.page("secrets.html", _secrets(view, view.number("space"), {"name": ""}))


def _secrets(view: View, asked: int | None, given: dict[str, Any]) -> dict[str, Any]:
    spaces, space = view.space_of(asked)
    found = [] if space is None else view.use.secrets.every(view.actor, space.id)
    may = space is not None and view.may(space.id, Role.EDITOR)
    return {"spaces": spaces, "space": space, "secrets": found, "may_edit": may, "given": given}


@router.post("/secrets")
def put_secret(view: Viewing, form: Sent) -> Response:
    """Set a secret."""
    space, name = forms.whole(str(form.get("space", ""))), forms.text(form, "name") or ""
    try:
        request = forms.read(SecretRequest, {"value": form.get("value") or None})
        secret, is_new = view.use.secrets.put(view.actor, name, request, space)
    except REFUSALS as problem:
        renamed = forms.renamed(problem, {"secretName": "name"})
        return view.refused("secrets.html", renamed, _secrets(view, space, {"name": name}))
    said = "is set" if is_new else "has another value now"
    return view.go(f"/secrets?space={space or ''}", f"The secret {secret.name} {said}.")


@router.post("/secrets/{name}/delete")
def delete_secret(name: str, view: Viewing, form: Sent) -> Response:
    """Forget a secret."""
    space = forms.whole(str(form.get("space", "")))
    view.use.secrets.delete(view.actor, name, space)
    return view.go(f"/secrets?space={space or ''}", f"The secret {name} is forgotten.")
