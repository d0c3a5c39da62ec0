"""Use cases of proxy pools: create, change, look at, check, delete."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from lamplighter import planner
from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, NotFound
from lamplighter.model import Actor, Proxy, ProxyHealth, ProxyPool, ProxyPoolSums, Rotation, Run
from lamplighter.proxy_address import SCHEMES, ProxyAddress, secrets_in, shown
from lamplighter.service import audit
from lamplighter.service.access import require_admin
from lamplighter.service.proxy_checks import Fault, Target, find_fault
from lamplighter.service.proxy_lists import Entry, Member, match, read_entries
from lamplighter.service.requests import Name, Request, choose
from lamplighter.store import proxies
from lamplighter.store.database import Database
from lamplighter.vault import CannotUnseal, Vault

MOST_PROXIES = 1000
_MOST_HOSTS_SHOWN = 20
_CHECKS_AT_ONCE = 64
_MOST_NAMED = 5

RotationChoice = Annotated[Rotation, BeforeValidator(choose(Rotation, {"round-robin": Rotation.ROUND_ROBIN}))]
ProxyList = Annotated[
    list[Any],
    Field(max_length=MOST_PROXIES),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_PROXIES,
            "description": f"Addresses with host and port that begin with {', '.join(f'{s}://' for s in SCHEMES)}."
            " A proxy that is sent back as it was shown keeps its credentials.",
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {
                            "id": {"type": "integer"},
                            **{name: {"type": "string"} for name in ("url", "username", "password")},
                        },
                    },
                ]
            },
        }
    ),
]


class ProxyPoolRequest(Request):
    """A pool to create or to change; when changing, what is not given keeps its value."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name | None = None
    rotation: RotationChoice | None = None
    proxies: ProxyList | None = Field(default=None, repr=False)


class ProxyCheckRequest(Request):
    """What the proxies of a pool are asked to reach, if anything: the site of an address."""

    url: str | None = Field(default=None, max_length=2000, description="The address of a page on the site")


@dataclass(frozen=True, slots=True)
class ProxyView:
    """A proxy as it may be shown: ``whole`` is how it does altogether, ``hosts`` with the most used hosts."""

    id: int
    url: str
    whole: ProxyHealth
    hosts: tuple[ProxyHealth, ...]


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool with its proxies in their order."""

    pool: ProxyPool
    proxies: tuple[ProxyView, ...]


@dataclass(frozen=True, slots=True)
class ProxyCheck:
    """Whether a proxy can be used; ``error`` says why not."""

    id: int
    url: str
    error: str | None


class ProxyPools:
    """The pools of the installation. Credentials go in, are sealed, and come out only to runs."""

    def __init__(self, db: Database, clock: Clock, vault: Vault) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault

    def every(self, _actor: Actor) -> list[ProxyPoolSums]:
        """All pools by name, without their proxies."""
        with self._db.read() as c:
            return proxies.pools(c, self._clock.now())

    def get(self, _actor: Actor, pool_id: int) -> PoolView:
        """One pool with its proxies and how they do; NotFound."""
        with self._db.read() as c:
            return self._view(c, _pool_or_404(proxies.get(c, pool_id), pool_id))

    def create(self, actor: Actor, request: ProxyPoolRequest) -> PoolView:
        """Make a pool; InvalidInput names what is wrong, Conflict: the name is taken."""
        require_admin(actor)
        if request.name is None:
            raise InvalidInput.of("name", "is required: 1 to 200 characters")
        entries = read_entries(request.proxies or [])
        with self._db.write() as c:
            _check_name_is_free(c, request.name, None)
            rotation = request.rotation or Rotation.ROUND_ROBIN
            pool_id = proxies.insert(c, request.name, rotation, self._clock.now())
            self._write_proxies(c, pool_id, entries)
            given = {"rotation": rotation, "proxies": len(entries)}
            self._note(c, actor, "proxyPool.create", pool_id, request.name, given)
            return self._view(c, _pool_or_404(proxies.get(c, pool_id), pool_id))

    def update(self, actor: Actor, pool_id: int, request: ProxyPoolRequest) -> PoolView:
        """Change a pool. Proxies that are not in the list are removed; the others keep what is known of them."""
        require_admin(actor)
        entries = None if request.proxies is None else read_entries(request.proxies)
        with self._db.write() as c:
            old = _pool_or_404(proxies.lock(c, pool_id), pool_id)
            name = request.name or old.name
            _check_name_is_free(c, name, pool_id)
            proxies.update(c, pool_id, name, request.rotation or old.rotation, self._clock.now())
            if entries is not None:
                self._write_proxies(c, pool_id, entries)
            new = _pool_or_404(proxies.get(c, pool_id), pool_id)
            changes: dict[str, Any] = audit.difference(old, new, leave_out=frozenset({"updated", "turn"}))
            if entries is not None:
                changes["proxies"] = len(entries)
            self._note(c, actor, "proxyPool.update", pool_id, name, changes)
            return self._view(c, new)

    def delete(self, actor: Actor, pool_id: int) -> None:
        """Take a pool away; Conflict says which schedules and runs still use it."""
        require_admin(actor)
        with self._db.write() as c:
            pool = _pool_or_404(proxies.lock(c, pool_id), pool_id)
            users = [
                *(
                    f"schedule {s_id} {name!r} of {agent}"
                    for s_id, name, agent in proxies.schedules_with(c, pool_id)
                ),
                *(f"run {run_id}" for run_id in proxies.runs_with(c, pool_id)),
            ]
            if users:
                more = f" and {len(users) - _MOST_NAMED} more" if len(users) > _MOST_NAMED else ""
                raise Conflict(f"proxy pool {pool.name!r} is used by {', '.join(users[:_MOST_NAMED])}{more}")
            proxies.delete(c, pool_id)
            self._note(c, actor, "proxyPool.delete", pool_id, pool.name, {})

    def check(self, actor: Actor, pool_id: int, request: ProxyCheckRequest | None = None) -> list[ProxyCheck]:
        """Shake hands with each proxy of a pool, and note which ones can be used; InvalidInput for the address.

        That a proxy works but does not reach the site is told, but not held against it.
        """
        require_admin(actor)
        target = Target.read("url", request.url) if request and request.url else None
        with self._db.read() as c:
            pool = _pool_or_404(proxies.get(c, pool_id), pool_id)
            members = proxies.of_pool(c, pool_id)
        with ThreadPoolExecutor(min(_CHECKS_AT_ONCE, len(members))) as threads:
            faults = list(threads.map(lambda proxy: self._find_fault(proxy, target), members))
        with self._db.write() as c:
            proxies.lock(c, pool_id)
            still = {proxy.id for proxy in proxies.of_pool(c, pool_id)}
            known = proxies.known_health(c, pool_id, still)
            now = self._clock.now()
            noted = [
                planner.checked(
                    known.get((proxy.id, "")) or ProxyHealth(proxy.id, ""),
                    fault.error if fault and fault.at_proxy else None,
                    now,
                )
                for proxy, fault in zip(members, faults, strict=True)
                if proxy.id in still
            ]
            proxies.keep_health(c, known, noted)
            self._note(c, actor, "proxyPool.check", pool_id, pool.name, {})
        return [
            ProxyCheck(p.id, _shown(p), f.error if f else None) for p, f in zip(members, faults, strict=True)
        ]

    def _note(
        self, c: sa.Connection, actor: Actor, action: str, pool_id: int, name: str, changes: dict[str, Any]
    ) -> None:
        audit.note(
            c, actor, self._clock.now(), action, kind="proxyPool", id=pool_id, name=name, changes=changes
        )

    def _find_fault(self, proxy: Proxy, target: Target | None) -> Fault | None:
        address = self._opened(proxy)
        if address is None:
            return Fault("its credentials cannot be read any more: enter them again")
        return find_fault(address, target)

    def _write_proxies(self, c: sa.Connection, pool_id: int, entries: Sequence[Entry]) -> None:
        members = [Member(proxy, self._opened(proxy)) for proxy in proxies.of_pool(c, pool_id)]
        wanted = list(enumerate(match(entries, members)))
        kept = {one.id: position for position, one in wanted if isinstance(one, Proxy)}
        new = [
            (position, one.address, one.sealed_credentials(self._vault))
            for position, one in wanted
            if isinstance(one, ProxyAddress)
        ]
        proxies.replace(c, pool_id, kept, new)

    def _opened(self, proxy: Proxy) -> ProxyAddress | None:
        """None when vault.key is another one now: then all credentials are to be entered again."""
        try:
            return ProxyAddress.opened(proxy, self._vault)
        except CannotUnseal:
            return None

    def _view(self, c: sa.Connection, pool: ProxyPool) -> PoolView:
        now = self._clock.now()
        by_proxy: dict[int, list[ProxyHealth]] = {}
        for one in proxies.health(c, pool.id, _MOST_HOSTS_SHOWN):
            by_proxy.setdefault(one.proxy_id, []).append(one)
        members = proxies.of_pool(c, pool.id)
        return PoolView(pool, tuple(self._proxy_view(p, by_proxy.get(p.id, []), now) for p in members))

    def _proxy_view(self, proxy: Proxy, known: Iterable[ProxyHealth], now: datetime) -> ProxyView:
        told = [_as_of(one, now) for one in known]
        if proxy.sealed_credentials is not None and any(one.last_error for one in told):
            address = self._opened(proxy) or ProxyAddress(proxy.address)
            told = [replace(one, last_error=address.hide(one.last_error or "") or None) for one in told]
        whole = next((one for one in told if not one.host), ProxyHealth(proxy.id, ""))
        return ProxyView(proxy.id, _shown(proxy), whole, tuple(one for one in told if one.host))


def credentials_of(c: sa.Connection, vault: Vault, run: Run) -> list[str]:
    """The secrets of the pool that a run uses: nobody is to read them in its log."""
    pool_id = run.settings.proxy_pool_id
    return [] if pool_id is None else secrets_in(proxies.of_pool(c, pool_id), vault)


def _as_of(health: ProxyHealth, now: datetime) -> ProxyHealth:
    over = health.rested_until is not None and health.rested_until <= now
    return replace(health, rested_until=None) if over else health


def _shown(proxy: Proxy) -> str:
    return shown(proxy.address, with_credentials=proxy.sealed_credentials is not None)


def _pool_or_404(pool: ProxyPool | None, pool_id: int) -> ProxyPool:
    if pool is None:
        raise NotFound(f"there is no proxy pool {pool_id}")
    return pool


def _check_name_is_free(c: sa.Connection, name: str, own_id: int | None) -> None:
    if any(name == other and pool_id != own_id for pool_id, other in proxies.names(c).items()):
        raise Conflict(f"there is a proxy pool named {name!r} already: choose another name")
