"""Routes of API keys."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from lamplighter.http.api.access import Caller, Digits, Paging, Use, problems
from lamplighter.http.api.shapes import KeyShape, NewKeyShape, Page
from lamplighter.http.idempotency import OnceRoute
from lamplighter.service.requests import KeyRequest

router = APIRouter(tags=["api keys"], route_class=OnceRoute)
KeyId = Annotated[int, Path(alias="keyId", ge=1, le=2**63 - 1), Digits]


@router.get("/api-keys", responses=problems(400, 401, 403))
def list_keys(use: Use, caller: Caller, paging: Paging) -> list[KeyShape] | Page[KeyShape]:
    """One's own API keys, for an administrator those of all, without the keys themselves."""
    return paging.page([KeyShape.of(key) for key in use.keys.every(caller)])


@router.post("/api-keys", status_code=201, responses=problems(400, 401, 403, 413, 415))
def create_key(response: Response, use: Use, caller: Caller, body: KeyRequest | None = None) -> NewKeyShape:
    """Make an API key, for oneself or by an administrator for another; it is shown this once."""
    known, key = use.keys.create(caller, body or KeyRequest())
    response.headers["Location"] = f"/api/v1/api-keys/{known.id}"
    response.headers["Cache-Control"] = "no-store"
    return NewKeyShape(**KeyShape.of(known).model_dump(by_alias=False), key=key)


@router.get("/api-keys/{keyId}", responses=problems(400, 401, 403, 404))
def read_key(key_id: KeyId, use: Use, caller: Caller) -> KeyShape:
    """One API key, without the key itself."""
    return KeyShape.of(use.keys.get(caller, key_id))


@router.delete("/api-keys/{keyId}", status_code=204, responses=problems(400, 401, 403, 404))
def revoke_key(key_id: KeyId, use: Use, caller: Caller) -> None:
    """Revoke an API key; it ends at once."""
    use.keys.revoke(caller, key_id)
