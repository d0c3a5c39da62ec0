"""Routes of API keys."""

from typing import Annotated

from fastapi import APIRouter, Path

from lamplighter.http.api.access import Caller, Use, problems
from lamplighter.http.api.shapes import KeyShape, NewKeyShape
from lamplighter.service.requests import KeyRequest

router = APIRouter(tags=["api keys"])


@router.get("/api-keys", responses=problems(401, 403))
def list_keys(use: Use, caller: Caller) -> list[KeyShape]:
    """All API keys, without the keys themselves."""
    return [KeyShape.of(key) for key in use.keys.every(caller)]


@router.post("/api-keys", status_code=201, responses=problems(400, 401, 403, 413))
def create_key(use: Use, caller: Caller, body: KeyRequest | None = None) -> NewKeyShape:
    """Make an API key; it is shown in this answer and never again."""
    known, key = use.keys.create(caller, body or KeyRequest())
    return NewKeyShape(**KeyShape.of(known).model_dump(by_alias=False), key=key)


@router.delete("/api-keys/{keyId}", status_code=204, responses=problems(400, 401, 403, 404))
def revoke_key(
    key_id: Annotated[int, Path(alias="keyId", ge=1, le=2**63 - 1)], use: Use, caller: Caller
) -> None:
    """Revoke an API key; it ends at once."""
    use.keys.revoke(caller, key_id)
