"""Routes of proxy pools."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from lamplighter.http.api.access import Caller, Digits, Paging, Use, needs, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.http.idempotency import OnceRoute
from lamplighter.model import ProxyHealth, ProxyPoolSums
from lamplighter.service.proxies import (
    PoolView,
    ProxyCheck,
    ProxyCheckRequest,
    ProxyPoolRequest,
    ProxyView,
)

router = APIRouter(tags=["proxy pools"], route_class=OnceRoute)
PoolId = Annotated[int, Path(alias="proxyPoolId", ge=1, le=2**31 - 1), Digits]


class HostHealthShape(Shape):
    """How a proxy does with one target host."""

    host: str
    requests: int
    failures: int
    traffic: int = Field(description="Bytes")
    rested_until: Time | None = Field(description="Until then other proxies go first for this host")
    last_error: str | None

    @classmethod
    def of(cls, h: ProxyHealth) -> "HostHealthShape":
        """The answer for a host."""
        return cls(
            host=h.host,
            requests=h.requests,
            failures=h.failures,
            traffic=h.traffic,
            rested_until=h.rested_until,
            last_error=h.last_error,
        )


class ProxyShape(Shape):
    """A proxy and how it does."""

    id: int
    url: str = Field(description="Its address, with *** in the place of credentials")
    requests: int
    failures: int
    traffic: int = Field(description="Bytes")
    last_used: Time | None
    last_error: str | None
    rested_until: Time | None = Field(description="Until then other proxies go first")
    hosts: list[HostHealthShape] = Field(description="The target hosts it was used most for")

    @classmethod
    def of(cls, p: ProxyView) -> "ProxyShape":
        """The answer for a proxy."""
        return cls(
            id=p.id,
            url=p.url,
            requests=p.whole.requests,
            failures=p.whole.failures,
            traffic=p.whole.traffic,
            last_used=p.whole.last_used,
            last_error=p.whole.last_error,
            rested_until=p.whole.rested_until,
            hosts=[HostHealthShape.of(one) for one in p.hosts],
        )


class ProxyPoolShape(Shape):
    """A pool with its proxies."""

    id: int
    name: str
    rotation: str
    created: Time
    updated: Time
    proxies: list[ProxyShape]

    @classmethod
    def of(cls, v: PoolView) -> "ProxyPoolShape":
        """The answer for a pool."""
        return cls(
            id=v.pool.id,
            name=v.pool.name,
            rotation=v.pool.rotation.value,
            created=v.pool.created,
            updated=v.pool.updated,
            proxies=[ProxyShape.of(one) for one in v.proxies],
        )


class ProxyPoolSumsShape(Shape):
    """A pool in a list: how many proxies it has and what went through them."""

    id: int
    name: str
    rotation: str
    created: Time
    updated: Time
    proxy_count: int
    resting_count: int = Field(description="How many of them rest now")
    requests: int
    failures: int
    traffic: int = Field(description="Bytes")

    @classmethod
    def of(cls, s: ProxyPoolSums) -> "ProxyPoolSumsShape":
        """The answer for a pool in a list."""
        return cls(
            id=s.pool.id,
            name=s.pool.name,
            rotation=s.pool.rotation.value,
            created=s.pool.created,
            updated=s.pool.updated,
            proxy_count=s.proxies,
            resting_count=s.resting,
            requests=s.requests,
            failures=s.failures,
            traffic=s.traffic,
        )


class ProxyCheckShape(Shape):
    """Whether a proxy can be used."""

    id: int
    url: str
    ok: bool
    error: str | None

    @classmethod
    def of(cls, one: ProxyCheck) -> "ProxyCheckShape":
        """The answer for a proxy that was looked at."""
        return cls(id=one.id, url=one.url, ok=one.error is None, error=one.error)


@router.get("/proxy-pools", responses=problems(400, 401))
def list_proxy_pools(
    use: Use, caller: Caller, paging: Paging
) -> list[ProxyPoolSumsShape] | Page[ProxyPoolSumsShape]:
    """All proxy pools by name, without their proxies."""
    return paging.page([ProxyPoolSumsShape.of(one) for one in use.proxy_pools.every(caller)])


@router.post(
    "/proxy-pools",
    status_code=201,
    responses=problems(400, 401, 409, 413, 415),
    openapi_extra=needs("name", "proxies"),
)
def create_proxy_pool(response: Response, use: Use, caller: Caller, body: ProxyPoolRequest) -> ProxyPoolShape:
    """Make a proxy pool. Credentials are stored encrypted and never shown again."""
    made = use.proxy_pools.create(caller, body)
    response.headers["Location"] = f"/api/v1/proxy-pools/{made.pool.id}"
    return ProxyPoolShape.of(made)


@router.get("/proxy-pools/{proxyPoolId}", responses=problems(400, 401, 404))
def read_proxy_pool(pool_id: PoolId, use: Use, caller: Caller) -> ProxyPoolShape:
    """One proxy pool, its proxies and how they do."""
    return ProxyPoolShape.of(use.proxy_pools.get(caller, pool_id))


@router.put("/proxy-pools/{proxyPoolId}", responses=problems(400, 401, 404, 409, 413, 415))
def update_proxy_pool(pool_id: PoolId, use: Use, caller: Caller, body: ProxyPoolRequest) -> ProxyPoolShape:
    """Change a proxy pool; what is not sent keeps its value.

    Proxies that are not in the list are removed. One that is sent back as it was shown keeps its credentials.
    """
    return ProxyPoolShape.of(use.proxy_pools.update(caller, pool_id, body))


@router.delete("/proxy-pools/{proxyPoolId}", status_code=204, responses=problems(400, 401, 404, 409))
def delete_proxy_pool(pool_id: PoolId, use: Use, caller: Caller) -> None:
    """Delete a proxy pool that no schedule and no unfinished run uses."""
    use.proxy_pools.delete(caller, pool_id)


@router.post("/proxy-pools/{proxyPoolId}/check", responses=problems(400, 401, 404, 413, 415))
def check_proxy_pool(
    pool_id: PoolId, use: Use, caller: Caller, body: ProxyCheckRequest | None = None
) -> list[ProxyCheckShape]:
    """Connect with each proxy of a pool and tell which ones answer and take our credentials.

    Those that do not are rested. With `url`, each is asked to reach that site, too; one that works but does not
    reach it is told and not rested.
    """
    return [ProxyCheckShape.of(one) for one in use.proxy_pools.check(caller, pool_id, body)]
