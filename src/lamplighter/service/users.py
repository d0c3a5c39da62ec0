"""Use cases of users: who may sign in or have keys."""

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, NotFound
from lamplighter.model import Actor, Role, User
from lamplighter.service import audit, passwords
from lamplighter.service.access import require_admin
from lamplighter.service.requests import PasswordRequest, UserRequest
from lamplighter.store import keys, users
from lamplighter.store.database import Database


class Users:
    """The users of the installation; administrators manage them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def every(self, actor: Actor) -> list[User]:
        """All users by name; for administrators, and owners of spaces, who choose members among them."""
        if Role.OWNER not in actor.roles.values():
            require_admin(actor, changes=False)
        with self._db.read() as c:
            return users.every(c)

    def get(self, actor: Actor, user_id: int) -> User:
        """One user: oneself, or for administrators anyone; NotFound."""
        with self._db.read() as c:
            user = users.get(c, user_id)
        if user is None or not (actor.is_admin or user_id == actor.user_id):
            raise NotFound(f"there is no user {user_id}")
        return user

    def create(self, actor: Actor, request: UserRequest) -> User:
        """Add a user; Conflict when the name is taken."""
        require_admin(actor)
        if request.name is None:
            raise InvalidInput.of("name", "is required: 1 to 200 characters")
        with self._db.write() as c:
            now = self._clock.now()
            _check_name_is_free(c, request.name, None)
            values = {
                "name": request.name,
                "email": request.email,
                "is_admin": request.is_admin is True,
                "is_active": request.is_active is not False,
                "created": now,
            }
            user = _user_or_404(c, users.insert(c, values))
            given = {"email": user.email, "isAdmin": user.is_admin}
            audit.note(c, actor, now, "user.create", kind="user", id=user.id, name=user.name, changes=given)
            return user

    def update(self, actor: Actor, user_id: int, request: UserRequest) -> User:
        """Change a user; what is not given keeps its value. Conflict: no administrator would be left."""
        require_admin(actor)
        with self._db.write() as c:
            now = self._clock.now()
            old = _user_or_404(c, user_id)
            given = {
                column: value
                for column in ("name", "email", "is_admin", "is_active")
                if (value := getattr(request, column)) is not None
            }
            _check_name_is_free(c, given.get("name", old.name), user_id)
            if not (given.get("is_admin", old.is_admin) and given.get("is_active", old.is_active)):
                _check_an_admin_is_left(c, old)
            users.update(c, user_id, {**given, "updated": now})
            new = _user_or_404(c, user_id)
            changes = audit.difference(old, new, leave_out=frozenset({"updated"}))
            audit.note(c, actor, now, "user.update", kind="user", id=user_id, name=new.name, changes=changes)
            return new

    def set_password(self, actor: Actor, user_id: int, request: PasswordRequest) -> None:
        """Give a user a password; all tokens end. Oneself says the current one; administrators need not."""
        _require_own_or_admin(actor, user_id)
        user = self.get(actor, user_id)
        with self._db.read() as c:
            known = users.password_hash(c, user_id)
        if user_id == actor.user_id and known is not None:
            given = request.current_password
            if given is None or not passwords.fits(given, known):
                raise InvalidInput.of("currentPassword", "must be the password that you have now")
        made = passwords.hash_of(request.password)
        with self._db.write() as c:
            now = self._clock.now()
            users.update(c, user_id, {"password_hash": made, "tokens_since": now, "updated": now})
            audit.note(c, actor, now, "user.password", kind="user", id=user_id, name=user.name)

    def sign_out(self, actor: Actor, user_id: int) -> None:
        """End all tokens of a user: oneself, or by an administrator anyone. API keys stay."""
        _require_own_or_admin(actor, user_id)
        user = self.get(actor, user_id)
        with self._db.write() as c:
            now = self._clock.now()
            users.update(c, user_id, {"tokens_since": now})
            audit.note(c, actor, now, "user.signOut", kind="user", id=user_id, name=user.name)

    def delete(self, actor: Actor, user_id: int) -> None:
        """Take a user away with the memberships and keys; what it made stays. Conflict: the last administrator."""
        require_admin(actor)
        with self._db.write() as c:
            now = self._clock.now()
            user = _user_or_404(c, user_id)
            _check_an_admin_is_left(c, user)
            keys.revoke_of_user(c, user_id, now)
            users.delete(c, user, now)
            audit.note(c, actor, now, "user.delete", kind="user", id=user_id, name=user.name)


def _require_own_or_admin(actor: Actor, user_id: int) -> None:
    """Raise NotAllowed unless it is the caller itself, with credentials without limits, or an administrator."""
    if user_id != actor.user_id or actor.only_space is not None or actor.is_read_only:
        require_admin(actor)


def _user_or_404(c: sa.Connection, user_id: int) -> User:
    user = users.get(c, user_id)
    if user is None:
        raise NotFound(f"there is no user {user_id}")
    return user


def _check_name_is_free(c: sa.Connection, name: str, own_id: int | None) -> None:
    other = users.named(c, name)
    if other is not None and other.id != own_id:
        raise Conflict(f"a user named {other.name!r} exists already (id {other.id}): choose another name")


def _check_an_admin_is_left(c: sa.Connection, user: User) -> None:
    if user.is_admin and user.is_active and not users.other_admins(c, user.id):
        raise Conflict(f"{user.name} is the last administrator: make another user one first")
