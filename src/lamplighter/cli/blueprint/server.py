"""What a server has, read with few requests however much there is."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamplighter.cli.blueprint.code import unzipped
from lamplighter.cli.blueprint.state import Kind, Scope, Thing
from lamplighter.cli.blueprint.words import fields_of
from lamplighter.client import Agent, Client, PlannedFire, Schedule
from lamplighter.client.proxy_pools import ProxyPool
from lamplighter.client.spaces import Space
from lamplighter.files import content_hash

FIRES = 3  # how many of the next fires are shown of a schedule


@dataclass(frozen=True, slots=True)
class Current:
    """What a server has: things, and what else of them is needed."""

    things: Sequence[Thing]
    pools: Mapping[str, ProxyPool]  # those that were looked at
    agents: Mapping[tuple[str, ...], Agent]
    fires: Mapping[tuple[str, ...], Sequence[PlannedFire]]  # the next ones of schedules, by their keys

    def ids(self) -> dict[tuple[Kind, tuple[str, ...]], int]:
        """The ids of all things."""
        return {(thing.kind, thing.key): thing.id for thing in self.things if thing.id is not None}


@dataclass(frozen=True, slots=True)
class Interest:
    """What is looked at closely, each of which takes requests of its own; None: all there are."""

    pools: Collection[str] | None = None
    whole: Collection[Scope] | None = None  # members of these spaces, schedules of these agents
    codes: Collection[tuple[str, ...]] | None = None  # agents whose files must be known

    def has(self, kind: Kind, place: tuple[str, ...]) -> bool:
        """Whether the things of a kind in a place are to be looked at."""
        return self.whole is None or (kind, place) in self.whole


def read_current(client: Client, spaces: Sequence[Space], interest: Interest) -> Current:
    """What there is in these spaces, and in the installation."""
    names = {space["id"]: space["name"] for space in spaces}
    groups = client.server_groups.every()
    sums = client.proxy_pools.every()
    pools = {
        one["name"]: client.proxy_pools.get(one["id"])
        for one in sums
        if interest.pools is None or one["name"] in interest.pools
    }
    only = {"spaceId": spaces[0]["id"]} if len(spaces) == 1 else {}
    agents: dict[tuple[str, ...], Agent] = {
        (names[agent["spaceId"]], agent["name"]): agent
        for agent in client.agents(**only)
        if agent["spaceId"] in names
    }
    things = [
        *(
            Thing(Kind.GROUP, (g["name"],), {"description": g["description"] or None}, g["id"])
            for g in groups
        ),
        *(Thing(Kind.POOL, (p["name"],), _pool_fields(p, pools), p["id"]) for p in sums),
        *(_space(space) for space in spaces),
        *_members(client, spaces, interest),
        *(_agent(client, key, agent, interest) for key, agent in agents.items()),
    ]
    pool_names = {one["id"]: one["name"] for one in sums}
    group_names = {one["id"]: one["name"] for one in groups}
    keys = _schedule_keys(client.all_schedules(**only) if agents else [], agents)
    looked_at = _look_at(client, keys, interest)
    for key, schedule in keys.items():
        text, _ = looked_at.get(key, (None, ()))
        fields = fields_of(schedule, text, pool_names, group_names)
        things.append(Thing(Kind.SCHEDULE, key, fields, schedule["id"]))
    return Current(things, pools, agents, {key: fires for key, (_, fires) in looked_at.items()})


def _pool_fields(pool: Mapping[str, Any], pools: Mapping[str, ProxyPool]) -> dict[str, Any]:
    whole = pools.get(pool["name"])
    proxies = None if whole is None else [proxy["url"] for proxy in whole["proxies"]]
    return {"rotation": pool["rotation"], "proxies": proxies}


def _space(space: Space) -> Thing:
    fields = {"description": space["description"] or None, "default_access": space["isDefaultAccess"]}
    return Thing(Kind.SPACE, (space["name"],), fields, space["id"])


def _members(client: Client, spaces: Sequence[Space], interest: Interest) -> Iterator[Thing]:
    for space in spaces:
        if interest.has(Kind.MEMBER, (space["name"],)):
            for one in client.spaces.members(space["id"]):
                key = (space["name"], one["userName"])
                yield Thing(Kind.MEMBER, key, {"role": one["role"]}, one["userId"])


def _agent(client: Client, key: tuple[str, ...], agent: Agent, interest: Interest) -> Thing:
    code = agent["contentHash"]
    if code is None and (interest.codes is None or key in interest.codes):  # saved by an older server
        code = content_hash(files_of(client, agent))
    fields = {
        "code": code,
        "description": agent["description"] or None,
        "documentation": agent["documentation"] or None,
        "start_url": agent["startUrl"] or None,
        "archived": agent["isArchived"],
    }
    return Thing(Kind.AGENT, key, fields, agent["id"])


def files_of(client: Client, agent: Agent) -> dict[str, bytes]:
    """The files of an agent as it is now, path → content."""
    return unzipped(b"".join(client.bundle(agent["id"], agent["version"])))


def _schedule_keys(
    schedules: Sequence[Schedule], agents: Mapping[tuple[str, ...], Agent]
) -> dict[tuple[str, ...], Schedule]:
    """The schedules by key; those of an agent with the same name are twins, counted from the oldest."""
    owners = {agent["id"]: key for key, agent in agents.items()}
    seen: Counter[tuple[str, ...]] = Counter()
    keys: dict[tuple[str, ...], Schedule] = {}
    for schedule in schedules:
        owner = owners.get(schedule["configId"])
        if owner is not None:
            name = (*owner, schedule["name"])
            seen[name] += 1
            keys[(*name, str(seen[name]))] = schedule
    return keys


def _look_at(
    client: Client, schedules: Mapping[tuple[str, ...], Schedule], interest: Interest
) -> dict[tuple[str, ...], tuple[str | None, Sequence[PlannedFire]]]:
    """The own text, if there is one, and the next fires of the schedules that matter."""
    keys = [key for key in schedules if interest.has(Kind.SCHEDULE, key[:2])]
    bodies = [
        {
            "agentId": schedules[key]["configId"],
            "scheduleId": schedules[key]["id"],
            "name": key[2],
            "reset": ["localSchedule"],  # so that the answer has the text that is made from the trigger
            "count": FIRES,
        }
        for key in keys
    ]
    found: dict[tuple[str, ...], tuple[str | None, Sequence[PlannedFire]]] = {}
    for key, one in zip(keys, client.preview_many(bodies), strict=True):
        text = schedules[key]["localSchedule"]
        own = None if one["localSchedule"] in (None, text) else text
        found[key] = (own, one["fires"])
    return found
