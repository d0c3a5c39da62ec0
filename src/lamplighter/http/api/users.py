"""Routes of users."""

from fastapi import APIRouter, Response

from lamplighter import model
from lamplighter.http.api.access import Caller, Paging, Use, UserId, needs, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute
from lamplighter.service.requests import PasswordRequest, UserRequest

router = APIRouter(tags=["users"], route_class=OnceRoute)


class UserShape(Shape):
    """A person or program that may use the server."""

    id: int
    name: str
    email: str | None
    is_admin: bool
    is_active: bool
    created: Time
    updated: Time

    @classmethod
    def of(cls, u: model.User) -> "UserShape":
        """The answer for a user."""
        return cls(
            id=u.id,
            name=u.name,
            email=u.email,
            is_admin=u.is_admin,
            is_active=u.is_active,
            created=u.created,
            updated=u.updated,
        )


class MyRoleShape(Shape):
    """What one may do in a space."""

    space_id: int
    role: model.Role


class MeShape(UserShape):
    """Oneself, and what the credentials of this request may do."""

    roles: list[MyRoleShape]
    is_read_only: bool
    only_space_id: int | None


@router.get("/users", responses=problems(400, 401, 403))
def list_users(use: Use, caller: Caller, paging: Paging) -> list[UserShape] | Page[UserShape]:
    """The users, by name; for administrators and owners of spaces."""
    return paging.page([UserShape.of(user) for user in use.users.every(caller)])


@router.get("/users/me", responses=problems(401))
def read_me(use: Use, caller: Caller) -> MeShape:
    """The user behind this request, with the roles."""
    user = UserShape.of(use.users.get(caller, caller.user_id))
    return MeShape(
        **user.model_dump(by_alias=False),
        roles=[MyRoleShape(space_id=space, role=role) for space, role in sorted(caller.roles.items())],
        is_read_only=caller.is_read_only,
        only_space_id=caller.only_space,
    )


@router.post(
    "/users", status_code=201, responses=problems(400, 401, 403, 409, 413, 415), openapi_extra=needs("name")
)
def create_user(body: UserRequest, response: Response, use: Use, caller: Caller) -> UserShape:
    """Add a user, who has no rights until made a member of a space."""
    user = use.users.create(caller, body)
    response.headers["Location"] = f"/api/v1/users/{user.id}"
    return UserShape.of(user)


@router.get("/users/{userId}", responses=problems(400, 401, 404))
def read_user(user_id: UserId, use: Use, caller: Caller) -> UserShape:
    """One user."""
    return UserShape.of(use.users.get(caller, user_id))


@router.put("/users/{userId}", responses=problems(400, 401, 403, 404, 409, 413, 415))
def update_user(user_id: UserId, body: UserRequest, use: Use, caller: Caller) -> UserShape:
    """Change a user; what is not sent keeps its value. One that is not active gets no answer any more."""
    return UserShape.of(use.users.update(caller, user_id, body))


@router.delete("/users/{userId}", status_code=204, responses=problems(400, 401, 403, 404, 409))
def delete_user(user_id: UserId, use: Use, caller: Caller) -> None:
    """Take a user away, with the memberships and keys; what the user made stays."""
    use.users.delete(caller, user_id)


@router.put("/users/{userId}/password", status_code=204, responses=problems(400, 401, 403, 404, 413, 415))
def set_password(user_id: UserId, body: PasswordRequest, use: Use, caller: Caller) -> None:
    """Set a password for signing in, one's own or by an administrator anyone's; all tokens of the user end."""
    use.users.set_password(caller, user_id, body)


@router.post("/users/{userId}/sign-out", status_code=204, responses=problems(400, 401, 403, 404))
def sign_out(user_id: UserId, use: Use, caller: Caller) -> None:
    """End all tokens of a user, one's own or by an administrator anyone's. API keys stay."""
    use.users.sign_out(caller, user_id)
