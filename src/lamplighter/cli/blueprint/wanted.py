"""What a file wants: checked by itself first, then with the names of a server in it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from lamplighter.cli.blueprint.code import Code, code_of
from lamplighter.cli.blueprint.document import AgentEntry, Blueprint, refuse_any
from lamplighter.cli.blueprint.proxies import WantedProxy, wanted_proxy
from lamplighter.cli.blueprint.state import Kind, Scope, Thing
from lamplighter.cli.blueprint.yaml_text import Path
from lamplighter.errors import FieldError, InvalidInput, LamplighterError
from lamplighter.manifest import inputs


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file with all that it refers to on this machine: code of agents by their number, proxies by pool."""

    blueprint: Blueprint
    codes: Mapping[int, Code]
    proxies: Mapping[str, Sequence[WantedProxy]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there is to be, and where it is all there is to be."""

    things: Sequence[Thing]
    whole: frozenset[Scope]
    codes: Mapping[tuple[str, ...], Code]  # by the agent's key
    proxies: Mapping[str, Sequence[WantedProxy]]


def load(blueprint: Blueprint, base: Folder, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read the code of agents and the variables for proxies; InvalidInput tells all that is wrong with them."""
    errors: list[FieldError] = []
    codes: dict[int, Code] = {}
    for number, agent in enumerate(blueprint.document.agents or ()):
        try:
            code = code_of(agent, base)
        except LamplighterError as problem:
            errors += _about_code(blueprint, ("agents", number), agent, problem)
            continue
        if code is not None:
            codes[number] = code
            errors += _wrong_inputs(blueprint, number, agent, code)
    proxies: dict[str, Sequence[WantedProxy]] = {}
    for number, pool in enumerate(blueprint.document.proxy_pools or ()):
        found: list[WantedProxy] = []
        for place, entry in enumerate(pool.proxies):
            try:
                found.append(wanted_proxy(entry, environment))
            except InvalidInput as problem:
                path = ("proxy_pools", number, "proxies", place)
                errors += [blueprint.problem(path, one.message) for one in problem.errors]
        proxies[pool.name] = found
    refuse_any(errors)
    return Loaded(blueprint, codes, proxies)


def _about_code(
    blueprint: Blueprint, path: Path, agent: AgentEntry, problem: LamplighterError
) -> Iterator[FieldError]:
    word = next((word for word in ("folder", "files", "command") if getattr(agent, word) is not None), "")
    if not isinstance(problem, InvalidInput):
        yield blueprint.problem((*path, word), str(problem))
        return
    for error in problem.errors:
        said = error.message if error.field in ("folder", "files") else f"{error.field}: {error.message}"
        yield blueprint.problem((*path, word), said)


def _wrong_inputs(blueprint: Blueprint, number: int, agent: AgentEntry, code: Code) -> Iterator[FieldError]:
    for place, schedule in enumerate(agent.schedules or ()):
        for message in inputs.problems(code.manifest, schedule.input or {}):
            yield blueprint.problem(("agents", number, "schedules", place, "input"), message)


def resolve(loaded: Loaded, spaces: Mapping[str, int]) -> Wanted:
    """What the file wants of a server with these spaces, ids by name; InvalidInput for other spaces."""
    names = _SpaceNames(loaded.blueprint, spaces)
    things: list[Thing] = []
    whole: set[Scope] = set()
    codes: dict[tuple[str, ...], Code] = {}
    things += _of_installation(loaded, whole)
    things += _spaces(loaded.blueprint, names, whole)
    errors: list[FieldError] = []
    for number, entry in enumerate(loaded.blueprint.document.agents or ()):
        path: Path = ("agents", number)
        try:
            key = (names.of(entry.space), entry.name)
        except InvalidInput as problem:
            errors += [loaded.blueprint.problem((*path, "space"), one.message) for one in problem.errors]
            continue
        code = loaded.codes.get(number)
        if code is not None:
            codes[key] = code
        things.append(Thing(Kind.AGENT, key, _agent_fields(entry, code), at=path))
        things += _schedules(entry, key, path)
        if entry.schedules is not None:
            whole.add((Kind.SCHEDULE, key))
    seen: set[tuple[Kind, tuple[str, ...]]] = set()
    for thing in things:
        if (thing.kind, thing.key) in seen:
            errors.append(
                loaded.blueprint.problem(thing.at, f"is the {thing.kind} {thing.key[-1]!r} a second time")
            )
        seen.add((thing.kind, thing.key))
    refuse_any(errors)
    return Wanted(things, frozenset(whole), codes, loaded.proxies)


def _of_installation(loaded: Loaded, whole: set[Scope]) -> Iterator[Thing]:
    document = loaded.blueprint.document
    if document.server_groups is not None:
        whole.add((Kind.GROUP, ()))
    for number, group in enumerate(document.server_groups or ()):
        fields: dict[str, Any] = {"description": group.description or None}
        yield Thing(Kind.GROUP, (group.name,), fields, at=("server_groups", number))
    if document.proxy_pools is not None:
        whole.add((Kind.POOL, ()))
    for number, pool in enumerate(document.proxy_pools or ()):
        fields = {
            "rotation": pool.rotation,
            "proxies": [proxy.shown for proxy in loaded.proxies[pool.name]],
        }
        yield Thing(Kind.POOL, (pool.name,), fields, at=("proxy_pools", number))


def _spaces(blueprint: Blueprint, names: "_SpaceNames", whole: set[Scope]) -> Iterator[Thing]:
    for number, space in enumerate(blueprint.document.spaces or ()):
        name, path = names.of(space.name), ("spaces", number)
        fields = {"description": space.description or None, "default_access": space.default_access}
        yield Thing(Kind.SPACE, (name,), fields, at=path)
        whole.add((Kind.AGENT, (name,)))
        if space.members is not None:
            whole.add((Kind.MEMBER, (name,)))
        for user, role in (space.members or {}).items():
            yield Thing(Kind.MEMBER, (name, user), {"role": role}, at=(*path, "members", user))


def _schedules(entry: AgentEntry, key: tuple[str, ...], path: Path) -> Iterator[Thing]:
    for place, schedule in enumerate(entry.schedules or ()):
        name = (*key, schedule.name, str(schedule.twin))
        yield Thing(Kind.SCHEDULE, name, schedule.fields(), at=(*path, "schedules", place))


def _agent_fields(entry: AgentEntry, code: Code | None) -> dict[str, Any]:
    said = {
        word: getattr(entry, word) or None
        for word in ("description", "documentation", "start_url")
        if code is not None or getattr(entry, word) is not None
    }
    if code is None:
        archived = {} if entry.archived is None else {"archived": entry.archived}
        return said | archived
    if entry.description is None:
        said["description"] = code.manifest.agent.description or None
    return {"code": code.hash, **said, "archived": entry.archived is True}


class _SpaceNames:
    """How spaces are spelled: as the server does, whose names are one in any letter case."""

    def __init__(self, blueprint: Blueprint, spaces: Mapping[str, int]) -> None:
        self._known = {space.name.casefold(): space.name for space in blueprint.document.spaces or ()}
        self._known |= {name.casefold(): name for name in spaces}
        self._first = min(spaces, key=lambda name: spaces[name], default=None)

    def of(self, name: str | None) -> str:
        """The space that is meant, the first one when nothing is said; InvalidInput."""
        if name is None:
            if self._first is None:
                raise InvalidInput.of("space", "is required: you may see no space")
            return self._first
        found = self._known.get(name.casefold())
        if found is None:
            there = ", ".join(sorted(self._known.values())) or "none"
            raise InvalidInput.of(
                "space", f"there is no space {name!r}; those there are: {there}. Name it in spaces to make it"
            )
        return found
