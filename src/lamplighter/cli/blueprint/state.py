"""The values that the file and the server both become: things with a kind, a name and fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lamplighter.cli.blueprint.yaml_text import Path


class Kind(StrEnum):
    """The kinds of things, in the order in which they are made: each may need those before it."""

    GROUP = "server group"
    POOL = "proxy pool"
    SPACE = "space"
    MEMBER = "member"
    AGENT = "agent"
    SCHEDULE = "schedule"


# By how many words of its key the place is said that a thing of the kind is in.
DEPTHS: Mapping[Kind, int] = {
    Kind.GROUP: 0,
    Kind.POOL: 0,
    Kind.SPACE: 0,
    Kind.MEMBER: 1,  # (space, user)
    Kind.AGENT: 1,  # (space, agent)
    Kind.SCHEDULE: 2,  # (space, agent, schedule, twin)
}
RANKS: Mapping[Kind, int] = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of a server, by the names of people. ``fields`` are by the words of the file.

    What the file wants has only the fields that it is to have a say in, and ``at``, where it is in the file;
    what a server has got all of them, and its ``id`` there (of a member, the user's).
    """

    kind: Kind
    key: tuple[str, ...]
    fields: Mapping[str, Any]
    id: int | None = field(default=None, compare=False)
    at: Path = field(default=(), compare=False)

    @property
    def place(self) -> "Scope":
        """What must be whole in the file for this thing to be missed in it."""
        return self.kind, self.key[: DEPTHS[self.kind]]


# All things of a kind in one place: the file says that it names all there are to be.
Scope = tuple[Kind, tuple[str, ...]]
