"""What is to be done for a server to be as a file says. Pure: values in, changes out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from lamplighter.cli.blueprint.state import RANKS, Kind, Scope, Thing


class Verb(StrEnum):
    """What becomes of a thing."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is to have another value."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is to be added, changed or removed; ``thing`` is as it is to be, or was."""

    verb: Verb
    thing: Thing
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes in the order in which they can be made, and what is ``left`` because nobody said to prune."""

    changes: tuple[Change, ...]
    left: tuple[Thing, ...] = ()

    def of(self, kind: Kind, *verbs: Verb) -> list[Change]:
        """The changes of a kind that have one of the verbs."""
        return [one for one in self.changes if one.thing.kind is kind and one.verb in verbs]


def plan(wanted: Sequence[Thing], current: Iterable[Thing], whole: Collection[Scope], *, prune: bool) -> Plan:
    """How ``current`` becomes as ``wanted`` says.

    Only fields that a wanted thing has are looked at. What is there and not wanted is removed with ``prune`` if the
    file is ``whole`` where it is, and left alone otherwise. An agent is not deleted but archived; one that is
    archived is as good as removed.
    """
    there = {(thing.kind, thing.key): thing for thing in current}
    changes = [
        change
        for thing in sorted(wanted, key=_turn)
        if (change := _change(thing, there.get((thing.kind, thing.key)))) is not None
    ]
    named = {(thing.kind, thing.key) for thing in wanted}
    missed = [
        thing
        for name, thing in there.items()
        if name not in named and thing.place in whole and not _is_put_away(thing)
    ]
    missed.sort(key=lambda one: -RANKS[one.kind])
    if not prune:
        return Plan(tuple(changes), tuple(missed))
    return Plan((*changes, *(Change(Verb.REMOVE, thing) for thing in missed)))


def _turn(thing: Thing) -> tuple[int, int]:
    """Twins are told apart by their order on the server, so the first one is made first."""
    return RANKS[thing.kind], int(thing.key[3]) if thing.kind is Kind.SCHEDULE else 0


def _change(wanted: Thing, current: Thing | None) -> Change | None:
    if current is None:
        return Change(Verb.ADD, wanted)
    differences = tuple(
        Difference(name, old, new)
        for name, new in wanted.fields.items()
        if (old := current.fields.get(name)) != new
    )
    return Change(Verb.CHANGE, replace(wanted, id=current.id), differences) if differences else None


def _is_put_away(thing: Thing) -> bool:
    return thing.kind is Kind.AGENT and thing.fields.get("archived") is True


def after(the_plan: Plan, current: Iterable[Thing]) -> list[Thing]:
    """What there is when the plan was carried out."""
    there = {(thing.kind, thing.key): thing for thing in current}
    for change in the_plan.changes:
        thing = change.thing
        name = (thing.kind, thing.key)
        if change.verb is Verb.REMOVE and thing.kind is not Kind.AGENT:
            del there[name]
        elif change.verb is Verb.REMOVE:
            there[name] = replace(thing, fields={**thing.fields, "archived": True})
        else:
            old: Mapping[str, Any] = there[name].fields if name in there else {}
            there[name] = replace(thing, fields={**old, **thing.fields})
    return list(there.values())


# The words of a schedule that refer to something else by name.
REFERENCES: Mapping[str, Kind] = {"proxy_pool": Kind.POOL, "server_group": Kind.GROUP}


def dangling(the_plan: Plan, current: Sequence[Thing]) -> list[tuple[Thing, str, str]]:
    """Schedules that would refer to what is not there in the end: the schedule, the word, the name."""
    end = after(the_plan, current)
    names = {(thing.kind, thing.key[0]) for thing in end}
    return [
        (thing, word, name)
        for thing in end
        if thing.kind is Kind.SCHEDULE
        for word, kind in REFERENCES.items()
        if (name := thing.fields.get(word)) is not None and (kind, name) not in names
    ]
