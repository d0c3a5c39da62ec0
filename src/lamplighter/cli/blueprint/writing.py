"""What a server has, written as a file that wants just that."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lamplighter.cli.blueprint.code import can_be_folder, said_description, write_folder
from lamplighter.cli.blueprint.document import VERSION
from lamplighter.cli.blueprint.proxies import placeholder
from lamplighter.cli.blueprint.server import Current
from lamplighter.cli.blueprint.state import Kind, Thing
from lamplighter.cli.blueprint.words import written

FILE = "lamplighter.yaml"
_HIDDEN = "://***@"
# From the files of an agent, what the file says of its code.
Keep = Callable[[Thing, Mapping[str, bytes]], dict[str, Any]]


def document_of(
    current: Current,
    files_of: Callable[[Thing], Mapping[str, bytes]],
    keep: Keep,
    *,
    whole: bool,
) -> dict[str, Any]:
    """What is in the file; without ``whole``, what belongs to no space is left out."""
    document: dict[str, Any] = {"lamplighter": VERSION}
    by_kind: dict[Kind, list[Thing]] = {kind: [] for kind in Kind}
    for thing in current.things:
        by_kind[thing.kind].append(thing)
    if whole:
        document["server_groups"] = [_named(one, _said(one.fields)) for one in by_kind[Kind.GROUP]]
        document["proxy_pools"] = [_pool(one) for one in by_kind[Kind.POOL]]
    document["spaces"] = [_space(one, by_kind[Kind.MEMBER]) for one in by_kind[Kind.SPACE]]
    schedules: dict[tuple[str, ...], list[Thing]] = {}
    for one in by_kind[Kind.SCHEDULE]:
        schedules.setdefault(one.key[:2], []).append(one)
    document["agents"] = []
    for agent in by_kind[Kind.AGENT]:
        files = files_of(agent)
        entry = {"name": agent.key[1], "space": agent.key[0], **keep(agent, files)}
        entry |= _said({**agent.fields, "code": None, "archived": agent.fields["archived"] or None})
        entry.pop("description", None)
        if agent.fields["description"] != said_description(files):
            entry["description"] = agent.fields["description"] or ""
        entry["schedules"] = [_schedule(one) for one in schedules.get(agent.key, ())]
        document["agents"].append(entry)
    return document


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {word: value for word, value in fields.items() if value is not None}


def _named(thing: Thing, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": thing.key[0], **fields}


def _pool(thing: Thing) -> dict[str, Any]:
    numbers = iter(range(1, 1 + len(thing.fields["proxies"])))
    proxies = [
        placeholder(shown, thing.key[0], next(numbers)) if _HIDDEN in shown else shown
        for shown in thing.fields["proxies"]
    ]
    return _named(thing, {"rotation": thing.fields["rotation"], "proxies": proxies})


def _space(thing: Thing, members: list[Thing]) -> dict[str, Any]:
    fields = {**thing.fields, "default_access": thing.fields["default_access"] or None}
    own = {one.key[1]: one.fields["role"] for one in members if one.key[0] == thing.key[0]}
    return _named(thing, {**_said(fields), "members": own})


def _schedule(thing: Thing) -> dict[str, Any]:
    twin = int(thing.key[3])
    return {"name": thing.key[2], **({"twin": twin} if twin > 1 else {}), **written(thing.fields)}


def inline(_agent: Thing, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The files of an agent in the file itself."""
    return {"files": {path: _as_text(content) for path, content in files.items()}}


def _as_text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def in_folders(base: Path) -> Keep:
    """Writes the files of each agent into a folder of its own below ``base``, where that gives them back."""
    taken: set[str] = set()

    def keep(agent: Thing, files: Mapping[str, bytes]) -> dict[str, Any]:
        if not can_be_folder(files):
            return inline(agent, files)
        name = next(one for one in _folder_names(agent.key[1]) if one.casefold() not in taken)
        taken.add(name.casefold())
        write_folder(base / "agents" / name, files)
        return {"folder": f"agents/{name}"}

    return keep


def _folder_names(name: str) -> Iterator[str]:
    word = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "agent"
    yield word
    number = 2
    while True:
        yield f"{word}-{number}"
        number += 1
