"""Pages of people and what they may do: spaces and members, users, API keys, and one's own account."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from lamplighter.errors import InvalidInput
from lamplighter.http.pages import forms
from lamplighter.http.pages.view import FROM_HERE, REFUSALS, Number, Sent, View, Viewing, signed_out
from lamplighter.model import Role
from lamplighter.service.requests import KeyRequest, MemberRequest, PasswordRequest, SpaceRequest, UserRequest

router = APIRouter(include_in_schema=False)

_AGENTS_SHOWN = 100


# --- spaces ---


@router.get("/spaces")
def list_spaces(view: Viewing) -> Response:
    """The spaces that the reader sees."""
    return view.page("spaces.html", spaces=view.use.spaces.every(view.actor), given=_NEW_SPACE)


_NEW_SPACE = {"name": "", "description": "", "isDefaultAccess": ""}


@router.post("/spaces")
def create_space(view: Viewing, form: Sent) -> Response:
    """Make a space."""
    try:
        made = view.use.spaces.create(view.actor, _space(form))
    except REFUSALS as problem:
        values = {"spaces": view.use.spaces.every(view.actor), "given": {**_NEW_SPACE, **forms.given(form)}}
        return view.refused("spaces.html", problem, values)
    return view.go(f"/spaces/{made.id}", f"The space {made.name} is there.")


def _space(form: FormData) -> SpaceRequest:
    values = {
        "name": forms.text(form, "name"),
        "description": forms.text(form, "description") or "",
        "isDefaultAccess": forms.flag(form, "isDefaultAccess"),
    }
    return forms.read(SpaceRequest, values)


@router.get("/spaces/{number}")
def show_space(number: Number, view: Viewing) -> Response:
    """A space with its agents and members."""
    return view.page("space.html", _space_page(view, number, None))


def _space_page(view: View, number: int, given: dict[str, Any] | None) -> dict[str, Any]:
    space = view.use.spaces.get(view.actor, number)
    agents, total = view.use.spaces.agents(view.actor, number, limit=_AGENTS_SHOWN)
    members = view.use.spaces.members(view.actor, number)
    may_own, there = view.may(number, Role.OWNER), {one.user_id for one in members}
    users = view.use.users.every(view.actor) if may_own else []
    own = {
        "name": space.name,
        "description": space.description,
        "isDefaultAccess": "on" if space.is_default_access else "",
    }
    return {
        "space": space,
        "agents": agents,
        "total": total,
        "members": members,
        "others": [one for one in users if one.id not in there and one.is_active],
        "may_own": may_own,
        "roles": [role.value for role in Role],
        "given": own if given is None else {**_NEW_SPACE, **given},
    }


@router.post("/spaces/{number}")
def save_space(number: Number, view: Viewing, form: Sent) -> Response:
    """Change a space."""
    try:
        view.use.spaces.update(view.actor, number, _space(form))
    except REFUSALS as problem:
        return view.refused("space.html", problem, _space_page(view, number, forms.given(form)))
    return view.go(f"/spaces/{number}", "The space is saved.")


@router.post("/spaces/{number}/members")
def put_member(number: Number, view: Viewing, form: Sent) -> Response:
    """Give a user a role in a space."""
    try:
        user = forms.number(form, "user")
        if not isinstance(user, int):
            raise InvalidInput.of("user", "choose a user")
        request = forms.read(MemberRequest, {"role": forms.text(form, "role")})
        member = view.use.spaces.put_member(view.actor, number, user, request)
    except REFUSALS as problem:
        return view.refused("space.html", problem, _space_page(view, number, None))
    return view.go(f"/spaces/{number}", f"{member.user_name} is {member.role.value} here.")


@router.post("/spaces/{number}/members/{user}/remove", dependencies=[FROM_HERE])
def remove_member(number: Number, user: Number, view: Viewing) -> Response:
    """Take a user's role in a space away."""
    view.use.spaces.remove_member(view.actor, number, user)
    return view.go(f"/spaces/{number}", "The member is removed.")


@router.post("/spaces/{number}/delete", dependencies=[FROM_HERE])
def delete_space(number: Number, view: Viewing) -> Response:
    """Take a space away."""
    view.use.spaces.delete(view.actor, number)
    return view.go("/spaces", "The space is deleted.")


# --- users ---


@router.get("/users")
def list_users(view: Viewing) -> Response:
    """The users."""
    return view.page("users.html", users=view.use.users.every(view.actor), given=_NEW_USER)


_NEW_USER = {"name": "", "email": "", "isAdmin": "", "password": ""}


@router.post("/users")
def create_user(view: Viewing, form: Sent) -> Response:
    """Make a user, with a password if one is given."""
    try:
        password = form.get("password") or None
        wanted = forms.read(PasswordRequest, {"password": password}) if password else None
        made = view.use.users.create(view.actor, _user(form))
        if wanted is not None:
            view.use.users.set_password(view.actor, made.id, wanted)
    except REFUSALS as problem:
        given = {**_NEW_USER, **forms.given(form), "password": ""}
        values = {"users": view.use.users.every(view.actor), "given": given}
        return view.refused("users.html", problem, values)
    return view.go("/users", f"{made.name} is there.")


def _user(form: FormData) -> UserRequest:
    values = {"name": forms.text(form, "name"), "email": forms.text(form, "email")}
    return forms.read(UserRequest, {**values, "isAdmin": forms.flag(form, "isAdmin")})


@router.get("/users/{number}")
def show_user(number: Number, view: Viewing) -> Response:
    """A user, to be changed."""
    user = view.use.users.get(view.actor, number)
    given = {"name": user.name, "email": user.email, "isAdmin": "on" if user.is_admin else ""}
    return view.page("user.html", user=user, given=given)


@router.post("/users/{number}")
def save_user(number: Number, view: Viewing, form: Sent) -> Response:
    """Change a user."""
    user = view.use.users.get(view.actor, number)
    try:
        view.use.users.update(view.actor, number, _user(form))
    except REFUSALS as problem:
        given = {**_NEW_USER, **forms.given(form)}
        return view.refused("user.html", problem, {"user": user, "given": given})
    return view.go("/users", "The user is saved.")


@router.post("/users/{number}/password")
def set_password(number: Number, view: Viewing, form: Sent) -> Response:
    """Give a user a password: all sessions of it end."""
    user = view.use.users.get(view.actor, number)
    is_own = number == view.actor.user_id
    try:
        values = {
            "password": form.get("password") or "",
            "currentPassword": form.get("currentPassword") or None,
        }
        view.use.users.set_password(view.actor, number, forms.read(PasswordRequest, values))
    except REFUSALS as problem:
        if is_own:
            return view.refused("account.html", problem, _account(view))
        given = {"name": user.name, "email": user.email, "isAdmin": "on" if user.is_admin else ""}
        return view.refused("user.html", problem, {"user": user, "given": given})
    if is_own:
        return signed_out()
    return view.go(f"/users/{number}", f"{user.name} has another password, and is signed out everywhere.")


@router.post("/users/{number}/switch")
def switch_user(number: Number, view: Viewing, form: Sent) -> Response:
    """Switch a user off, or on again."""
    request = forms.read(UserRequest, {"isActive": form.get("on") == "yes"})
    user = view.use.users.update(view.actor, number, request)
    return view.go("/users", f"{user.name} is switched {'on' if user.is_active else 'off'}.")


@router.post("/users/{number}/sign-out", dependencies=[FROM_HERE])
def sign_out_everywhere(number: Number, view: Viewing) -> Response:
    """End all sessions and tokens of a user."""
    view.use.users.sign_out(view.actor, number)
    if number == view.actor.user_id:
        return signed_out()
    return view.go(f"/users/{number}", "The user is signed out everywhere.")


@router.post("/users/{number}/delete", dependencies=[FROM_HERE])
def delete_user(number: Number, view: Viewing) -> Response:
    """Take a user away."""
    view.use.users.delete(view.actor, number)
    return view.go("/users", "The user is deleted.")


# --- API keys ---


@router.get("/keys")
def list_keys(view: Viewing) -> Response:
    """The keys that the reader may manage."""
    return view.page("keys.html", _keys(view, {}))


def _keys(view: View, given: dict[str, Any], new: str | None = None) -> dict[str, Any]:
    users = view.use.users.every(view.actor) if view.may_administrate else []
    blank = {"description": "", "expires": "", "isReadOnly": "", "spaceId": "", "userId": ""}
    found = view.use.keys.every(view.actor)
    spaces = view.use.spaces.every(view.actor)
    return {"keys": found, "spaces": spaces, "users": users, "given": {**blank, **given}, "new": new}


@router.post("/keys")
def create_key(view: Viewing, form: Sent) -> Response:
    """Make a key, which is shown this once."""
    values = {
        "description": forms.text(form, "description"),
        "expires": forms.text(form, "expires"),
        "isReadOnly": forms.flag(form, "isReadOnly"),
        "spaceId": forms.number(form, "spaceId"),
        "userId": forms.number(form, "userId"),
    }
    try:
        _, text = view.use.keys.create(view.actor, forms.read(KeyRequest, values))
    except REFUSALS as problem:
        return view.refused("keys.html", problem, _keys(view, forms.given(form)))
    return view.page("keys.html", _keys(view, {}, text))


@router.post("/keys/{number}/revoke", dependencies=[FROM_HERE])
def revoke_key(number: Number, view: Viewing) -> Response:
    """End a key."""
    view.use.keys.revoke(view.actor, number)
    return view.go("/keys", "The key is revoked.")


# --- one's own account ---


@router.get("/account")
def show_account(view: Viewing) -> Response:
    """The reader: zone, password, sessions."""
    return view.page("account.html", _account(view))


def _account(view: View) -> dict[str, Any]:
    return {"user": view.use.users.get(view.actor, view.actor.user_id), "zones": forms.zones()}
