"""What a server has to say of a plan before anything is changed: problems, and the next fires of schedules."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamplighter.cli.blueprint.document import Blueprint, refuse_any
from lamplighter.cli.blueprint.planning import Change, Plan, Verb, dangling
from lamplighter.cli.blueprint.proxies import WantedProxy, lacks
from lamplighter.cli.blueprint.server import FIRES, Current
from lamplighter.cli.blueprint.state import Kind
from lamplighter.cli.blueprint.wanted import Wanted
from lamplighter.cli.blueprint.words import body_of, update_of, word_of
from lamplighter.cli.blueprint.yaml_text import Path
from lamplighter.client import Client, PlannedFire
from lamplighter.errors import FieldError
from lamplighter.manifest import inputs

Fires = Mapping[tuple[str, ...], Sequence[PlannedFire]]


@dataclass(frozen=True, slots=True)
class Looked:
    """A plan with all that there is to know of it."""

    plan: Plan
    wanted: Wanted
    current: Current
    users: Mapping[str, int]  # ids by name, of those that are to become members
    after: Fires  # the next fires of schedules that are added or changed


def look(client: Client, blueprint: Blueprint, plan: Plan, wanted: Wanted, current: Current) -> Looked:
    """Check a plan; InvalidInput tells everything that would go wrong."""
    looking = _Looking(client, blueprint, plan, wanted, current)
    problems = [
        *looking.references(),
        *looking.agents(),
        *looking.pools(),
        *looking.members(),
        *looking.secrets(),
    ]
    refuse_any(problems)
    refuse_any(looking.schedules())
    return Looked(plan, wanted, current, looking.users, looking.after)


class _Looking:
    def __init__(
        self, client: Client, blueprint: Blueprint, plan: Plan, wanted: Wanted, current: Current
    ) -> None:
        self._client = client
        self._blueprint = blueprint
        self._plan = plan
        self._wanted = wanted
        self._current = current
        self._ids = current.ids()
        self._fields = {(one.kind, one.key): one.fields for one in current.things}
        self.users: dict[str, int] = {}
        self.after: dict[tuple[str, ...], Sequence[PlannedFire]] = {}

    def references(self) -> Iterator[FieldError]:
        removed = {
            (one.thing.kind, one.thing.key[0]) for one in self._plan.changes if one.verb is Verb.REMOVE
        }
        for thing, word, name in dangling(self._plan, self._current.things):
            kind = Kind.POOL if word == "proxy_pool" else Kind.GROUP
            if (kind, name) not in removed and not thing.at:
                continue  # it was so before
            what = "would be deleted" if (kind, name) in removed else "is not there"
            said = f"the {kind} {name!r} {what}: name it in {kind.value.replace(' ', '_')}s"
            if thing.at:
                yield self._blueprint.problem((*thing.at, word), said)
            else:
                space, agent, schedule, _ = thing.key
                yield FieldError(
                    self._blueprint.name,
                    f"{said}, as the schedule {schedule!r} of {agent} in {space} uses it",
                )

    def agents(self) -> Iterator[FieldError]:
        for change in self._plan.of(Kind.AGENT, Verb.ADD):
            if change.thing.key not in self._wanted.codes:
                space, name = change.thing.key
                yield self._blueprint.problem(
                    change.thing.at,
                    f"there is no agent {name!r} in {space}: say its folder, files or command",
                )

    def pools(self) -> Iterator[FieldError]:
        for change in self._plan.of(Kind.POOL, Verb.ADD, Verb.CHANGE):
            name = change.thing.key[0]
            known = self._current.pools.get(name)
            left = Counter(one["url"] for one in known["proxies"]) if known else Counter[str]()
            for place, proxy in enumerate(self._wanted.proxies[name]):
                left[proxy.shown] -= 1
                if proxy.url is None and left[proxy.shown] < 0:
                    yield self._blueprint.problem((*change.thing.at, "proxies", place), lacks(proxy))

    def members(self) -> Iterator[FieldError]:
        added = self._plan.of(Kind.MEMBER, Verb.ADD)
        if added:
            self.users = {user["name"]: user["id"] for user in self._client.users.every()}
        for change in added:
            if change.thing.key[1] not in self.users:
                yield self._blueprint.problem(
                    change.thing.at,
                    "there is no user of this name; `lamplighter user list` shows who there is",
                )

    def secrets(self) -> Iterator[FieldError]:
        """Secrets that runs refer to; the server looks at those of agents whose code it has."""
        known: dict[str, set[str]] = {}
        for change in self._plan.of(Kind.SCHEDULE, Verb.ADD, Verb.CHANGE):
            key = change.thing.key
            space = key[0]
            if not self._has_new_code(key[:2]):
                continue
            manifest = self._wanted.codes[key[:2]].manifest
            names = inputs.secret_names_of(manifest, inputs.read(change.thing.fields["input"]))
            if names and space not in known:
                known[space] = self._secrets_of(space)
            for sentence in inputs.unknown_secrets(names, known[space]) if names else ():
                yield self._blueprint.problem(change.thing.at, f"{sentence} (in the space {space})")

    def _secrets_of(self, space: str) -> set[str]:
        space_id = self._ids.get((Kind.SPACE, (space,)))
        if space_id is None:
            return set()
        return {one["name"] for one in self._client.secrets.every(space_id)}

    def schedules(self) -> Iterator[FieldError]:
        changes = self._plan.of(Kind.SCHEDULE, Verb.ADD, Verb.CHANGE)
        found = self._client.preview_many([self._preview(change) for change in changes])
        for change, one in zip(changes, found, strict=True):
            self.after[change.thing.key] = one["fires"]
            for error in one["errors"]:
                word = word_of(error["field"], change.thing.fields)
                path: Path = (*change.thing.at, word) if word else change.thing.at
                yield self._blueprint.problem(path, error["message"])

    def _preview(self, change: Change) -> dict[str, Any]:
        thing = change.thing
        agent_id = self._ids.get((Kind.AGENT, thing.key[:2]))
        new_code = self._has_new_code(thing.key[:2])
        body = body_of(thing.fields, self._id_of)
        if change.verb is Verb.ADD:
            # An agent whose code is to change would be asked about the input by the code that it has.
            agent = {} if agent_id is None or new_code else {"agentId": agent_id}
            return {**agent, "name": thing.key[2], **_given(body), "count": FIRES}
        old = body_of(self._fields[thing.kind, thing.key], self._id_of)
        if new_code:
            old["inputParameters"] = body["inputParameters"]
        update = update_of(thing.key[2], old, body)
        return {"agentId": agent_id, "scheduleId": thing.id, **update, "count": FIRES}

    def _id_of(self, word: str, name: str) -> int | None:
        return self._ids.get((Kind.POOL if word == "proxy_pool" else Kind.GROUP, (name,)))

    def _has_new_code(self, key: tuple[str, ...]) -> bool:
        code = self._wanted.codes.get(key)
        known = self._fields.get((Kind.AGENT, key))
        return code is not None and (known is None or known["code"] != code.hash)


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def sent_proxies(proxies: Sequence[WantedProxy], known: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The list of proxies that is sent: whole addresses, or the id of the one that is there already."""
    left: dict[str, list[int]] = {}
    for one in known:
        left.setdefault(one["url"], []).append(one["id"])
    sent: list[Any] = []
    for proxy in proxies:
        same = left.get(proxy.shown)
        number = same.pop(0) if same else None
        sent.append({"id": number} if proxy.url is None else proxy.url)
    return sent
