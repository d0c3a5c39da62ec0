"""Makes the changes of a plan, one request after the other."""

from collections.abc import Callable
from typing import Any

from lamplighter.cli.blueprint.checks import Looked, sent_proxies
from lamplighter.cli.blueprint.planning import Change, Verb
from lamplighter.cli.blueprint.state import Kind
from lamplighter.cli.blueprint.words import body_of, update_of
from lamplighter.client import Client

_TEXTS = {"description": "description", "documentation": "documentation", "start_url": "startUrl"}


class CarryingOut:
    """Makes changes in their order; each may need the ids of what those before it made."""

    def __init__(self, client: Client, looked: Looked, comment: str) -> None:
        self._client = client
        self._wanted = looked.wanted
        self._pools = looked.current.pools
        self._users = looked.users
        self._ids = looked.current.ids()
        self._fields = {(one.kind, one.key): one.fields for one in looked.current.things}
        self._comment = comment
        self._of: dict[Kind, Callable[[Change], int | None]] = {
            Kind.GROUP: self._group,
            Kind.POOL: self._pool,
            Kind.SPACE: self._space,
            Kind.MEMBER: self._member,
            Kind.AGENT: self._agent,
            Kind.SCHEDULE: self._schedule,
        }

    def make(self, change: Change) -> None:
        """Make one change."""
        made = self._of[change.thing.kind](change)
        if made is not None:
            self._ids[change.thing.kind, change.thing.key] = made

    def _own_id(self, change: Change) -> int:
        return self._ids[change.thing.kind, change.thing.key]

    def _group(self, change: Change) -> int | None:
        name, groups = change.thing.key[0], self._client.server_groups
        if change.verb is Verb.REMOVE:
            groups.delete(self._own_id(change))
            return None
        description = change.thing.fields["description"]
        if change.verb is Verb.ADD:
            return groups.create(name, description)["id"]
        return groups.update(self._own_id(change), name, description)["id"]

    def _pool(self, change: Change) -> int | None:
        name, pools = change.thing.key[0], self._client.proxy_pools
        if change.verb is Verb.REMOVE:
            pools.delete(self._own_id(change))
            return None
        known = self._pools.get(name)
        body: dict[str, Any] = {"name": name, "rotation": change.thing.fields["rotation"]}
        if change.verb is Verb.ADD or any(one.name == "proxies" for one in change.differences):
            body["proxies"] = sent_proxies(self._wanted.proxies[name], known["proxies"] if known else ())
        return (pools.create(body) if known is None else pools.update(known["id"], body))["id"]

    def _space(self, change: Change) -> int | None:
        fields = change.thing.fields
        body = {
            "name": change.thing.key[0],
            "description": fields["description"] or "",  # null would be "not given"
            "isDefaultAccess": fields["default_access"],
        }
        if change.verb is Verb.ADD:
            return self._client.spaces.create(body)["id"]
        return self._client.spaces.update(self._own_id(change), body)["id"]

    def _member(self, change: Change) -> None:
        space, user = change.thing.key
        space_id = self._ids[Kind.SPACE, (space,)]
        if change.verb is Verb.REMOVE:
            self._client.spaces.remove_member(space_id, self._own_id(change))
            return
        user_id = self._users[user] if change.verb is Verb.ADD else self._own_id(change)
        self._client.spaces.put_member(space_id, user_id, change.thing.fields["role"])

    def _agent(self, change: Change) -> int:
        fields = change.thing.fields
        if change.verb is Verb.ADD:
            space, name = change.thing.key
            texts = {wire: fields[word] for word, wire in _TEXTS.items() if fields.get(word) is not None}
            own = {"name": name, "spaceId": str(self._ids[Kind.SPACE, (space,)]), "comments": self._comment}
            code = self._wanted.codes[change.thing.key]
            if code.manifest.agent.description and "description" not in texts:
                texts["description"] = ""  # else the server would take that of agent.toml
            made = self._client.create_agent(code.bundle(), texts | own)["id"]
            if fields["archived"]:
                self._client.archive_agent(made)
            return made
        own_id = self._own_id(change)
        if change.verb is Verb.REMOVE:
            self._client.archive_agent(own_id)
            return own_id
        differ = {one.name for one in change.differences}
        if differ - {"archived"}:
            self._save(change, own_id, with_code="code" in differ)
        if "archived" in differ:
            self._client.archive_agent(own_id, archived=fields["archived"])
        return own_id

    def _save(self, change: Change, own_id: int, *, with_code: bool) -> None:
        # All of them: without a description, the server would take that of agent.toml.
        fields = {**self._fields[Kind.AGENT, change.thing.key], **change.thing.fields}
        texts = {wire: fields[word] or "" for word, wire in _TEXTS.items()}
        bundle = self._wanted.codes[change.thing.key].bundle() if with_code else None
        self._client.save_agent(own_id, bundle, {**texts, "comments": self._comment})

    def _schedule(self, change: Change) -> int | None:
        thing = change.thing
        agent_id = self._ids[Kind.AGENT, thing.key[:2]]
        if change.verb is Verb.REMOVE:
            self._client.delete_schedule(agent_id, self._own_id(change))
            return None
        body = body_of(thing.fields, self._id_of)
        if change.verb is Verb.ADD:
            given = {name: value for name, value in body.items() if value is not None}
            return self._client.create_schedule(agent_id, {"name": thing.key[2], **given})["id"]
        old = body_of(self._fields[thing.kind, thing.key], self._id_of)
        update = update_of(thing.key[2], old, body)
        return self._client.update_schedule(agent_id, self._own_id(change), update)["id"]

    def _id_of(self, word: str, name: str) -> int | None:
        return self._ids.get((Kind.POOL if word == "proxy_pool" else Kind.GROUP, (name,)))
