"""Who may do what. Every use case asks here, inside its transaction.

What lies in a space that the caller does not see is NotFound, as if it were not there; what the caller sees and
may not change is NotAllowed. Reading needs a viewer; starting and stopping runs and changing agents, schedules
and secrets an editor; members and settings of a space an owner; users, pools, groups and the audit log an
administrator.
"""

import sqlalchemy as sa

from lamplighter.errors import InvalidInput, NotAllowed, NotFound
from lamplighter.model import Actor, Agent, Role, Space
from lamplighter.store import agents, spaces


def agent_of(c: sa.Connection, actor: Actor, agent_id: int, need: Role = Role.VIEWER) -> Agent:
    """One agent, for doing what needs the role; NotFound, NotAllowed."""
    agent = agents.get(c, agent_id)
    if agent is None or not actor.sees(agent.space_id):
        raise NotFound(f"there is no agent {agent_id}")
    require(actor, agent.space_id, need)
    return agent


def space_of(c: sa.Connection, actor: Actor, space_id: int, need: Role = Role.VIEWER) -> Space:
    """One space, for doing what needs the role; NotFound, NotAllowed."""
    space = spaces.get(c, space_id)
    if space is None or not actor.sees(space_id):
        raise NotFound(f"there is no space {space_id}")
    require(actor, space_id, need)
    return space


def space_for(c: sa.Connection, actor: Actor, asked: int | None, need: Role) -> int:
    """The space that is meant: the one that was asked for, else the first one where the caller has the role.

    InvalidInput for one that is not there, NotAllowed when there is none.
    """
    if asked is not None:
        if spaces.get(c, asked) is None or not actor.sees(asked):
            raise InvalidInput.of("spaceId", f"there is no space with the id {asked}")
        require(actor, asked, need)
        return asked
    first = min((one.id for one in spaces.every(c, actor.spaces) if actor.has(one.id, need)), default=None)
    if first is None:
        raise NotAllowed(f"this needs the role {need} in a space, and you have it in none")
    require(actor, first, need)
    return first


def require(actor: Actor, space_id: int, need: Role) -> None:
    """Raise NotAllowed unless the caller has the role in the space, which it sees, and may change things."""
    if need is Role.VIEWER and actor.sees(space_id):
        return
    _require_changes(actor)
    if not actor.has(space_id, need):
        own = actor.roles.get(space_id)
        raise NotAllowed(f"this needs the role {need} in space {space_id}; yours is {own or 'none'}")


def require_admin(actor: Actor, *, changes: bool = True) -> None:
    """Raise NotAllowed unless the caller is an administrator, and one that may change things."""
    if not actor.is_admin:
        why = f"this key is limited to space {actor.only_space}" if actor.only_space else "you are none"
        raise NotAllowed(f"only administrators may do this, and {why}")
    if changes:
        _require_changes(actor)


def _require_changes(actor: Actor) -> None:
    if actor.is_read_only:
        raise NotAllowed("these credentials may only read: use a key that may change things")
