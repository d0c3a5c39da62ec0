"""What a plan would change, as people read it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lamplighter.cli.blueprint.checks import Looked
from lamplighter.cli.blueprint.planning import Change, Difference, Verb
from lamplighter.cli.blueprint.state import Kind, Thing
from lamplighter.cli.blueprint.words import DEFAULTS, DURATIONS
from lamplighter.cli.times import exactly
from lamplighter.client import PlannedFire

Line = tuple[str, str]  # the text and its style
_SIGNS = {Verb.ADD: "+", Verb.CHANGE: "~", Verb.REMOVE: "-"}
_STYLES = {Verb.ADD: "green", Verb.CHANGE: "yellow", Verb.REMOVE: "red"}
_DEFAULTS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.SCHEDULE: DEFAULTS,
    Kind.AGENT: {"archived": False},
    Kind.SPACE: {"default_access": False},
}
_LONGEST = 100
_LOST = {
    Kind.GROUP: "deleted",
    Kind.POOL: "deleted with its credentials",
    Kind.SPACE: "deleted",
    Kind.MEMBER: "no member any more",
    Kind.AGENT: "archived: what its schedules fire is skipped; its runs stay",
    Kind.SCHEDULE: "deleted; its runs stay",
}


def lines_of(looked: Looked) -> Iterator[Line]:
    """The changes of a plan, each with its fields and, for schedules, the next fires."""
    for change in looked.plan.changes:
        yield from _change(change, looked)


def title_of(thing: Thing) -> str:
    """A thing as it is called: ``schedule nightly of books in Default``."""
    match thing.kind:
        case Kind.MEMBER:
            return f"member {thing.key[1]} of {thing.key[0]}"
        case Kind.AGENT:
            return f"agent {thing.key[1]} in {thing.key[0]}"
        case Kind.SCHEDULE:
            space, agent, name, twin = thing.key
            which = "" if twin == "1" else f" (twin {twin})"
            return f"schedule {name}{which} of {agent} in {space}"
        case _:
            return f"{thing.kind} {thing.key[0]}"


def summary(changes: Sequence[Change]) -> str:
    """How many of each: ``2 to add, 1 to change, 1 to delete or archive``."""
    counts = {verb: sum(one.verb is verb for one in changes) for verb in Verb}
    words = {Verb.ADD: "to add", Verb.CHANGE: "to change", Verb.REMOVE: "to take away"}
    return ", ".join(f"{count} {words[verb]}" for verb, count in counts.items() if count)


def _change(change: Change, looked: Looked) -> Iterator[Line]:
    thing, style = change.thing, _STYLES[change.verb]
    end = f": {_LOST[thing.kind]}" if change.verb is Verb.REMOVE else ""
    yield f"{_SIGNS[change.verb]} {title_of(thing)}{end}", style
    if change.verb is Verb.ADD:
        defaults = _DEFAULTS.get(thing.kind, {})
        for word, value in thing.fields.items():
            if value is not None and value != defaults.get(word):
                yield f"    {word}: {_value(word, value, thing, looked)}", style
    for one in change.differences:
        yield f"    {one.name}: {_difference(one, thing, looked)}", style
    if thing.kind is Kind.SCHEDULE:
        yield from _fires(change, looked)


def _difference(one: Difference, thing: Thing, looked: Looked) -> str:
    if one.name == "code":
        return f"other files ({looked.wanted.codes[thing.key].summary})"
    if one.name == "proxies":
        return _lists(one.old or [], one.new)
    # Long texts are other texts; where they differ is for their file's history.
    old, new = (_value(one.name, value, thing, looked) for value in (one.old, one.new))
    return f"{old} → {new}" if old != new else f"{new} (other in what is not shown)"


def _lists(old: Sequence[str], new: Sequence[str]) -> str:
    gone = [f"-{one}" for one in old if one not in new]
    come = [f"+{one}" for one in new if one not in old]
    return ", ".join([*gone, *come]) or f"in another order or number: {', '.join(new)}"


def _value(word: str, value: Any, thing: Thing, looked: Looked) -> str:
    if word == "code":
        return looked.wanted.codes[thing.key].summary
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if word in DURATIONS:
        return exactly(value)
    if isinstance(value, list):
        return ", ".join(value) or "none"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _fires(change: Change, looked: Looked) -> Iterator[Line]:
    key, style = change.thing.key, _STYLES[change.verb]
    before, after = looked.current.fires.get(key, ()), looked.after.get(key, ())
    was = next((one for one in looked.current.things if one.kind is Kind.SCHEDULE and one.key == key), None)
    old = None if was is None else _next(before, was)
    new = None if change.verb is Verb.REMOVE else _next(after, change.thing)
    if old is not None and old == new:
        yield f"    next fires, as before: {new}", style
        return
    if old is not None:
        yield f"    next fires before: {old}", style
    if new is not None:
        yield f"    next fires{' after' if old else ''}: {new}", style


def _next(fires: Sequence[PlannedFire], schedule: Thing) -> str:
    if schedule.fields["manual"]:
        return "none, by hand only"
    times = "; ".join(map(_fire, fires)) or "none"
    return times if schedule.fields["enabled"] else f"none, disabled (would be {times})"


def _fire(fire: PlannedFire) -> str:
    local = datetime.fromisoformat(fire["localTime"])
    shape = "%a %Y-%m-%d %H:%M" + (":%S" if local.second else "")
    note = f" ({fire['note']})" if fire["note"] else ""
    return f"{local.strftime(shape)} {fire['utcOffset']}{note}"
