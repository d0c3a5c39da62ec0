"""Routes of secrets. No answer holds a value."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from lamplighter.http.api.access import Caller, Paging, SpaceQuery, Use, problems
from lamplighter.http.api.shapes import Page, Shape, Time
from lamplighter.service.secrets import Secret, SecretRequest

router = APIRouter(tags=["secrets"])
SecretName = Annotated[
    str,
    Path(
        alias="secretName",
        description="Letters, digits, _ . and -, at most 100",
        json_schema_extra={"pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,99}$"},
    ),
]


class SecretUseShape(Shape):
    """What refers to a secret: a schedule, or, without one, the agent's own agent.toml."""

    agent_id: int
    agent_name: str
    schedule_id: int | None
    schedule_name: str | None


class SecretShape(Shape):
    """A secret, without its value."""

    name: str
    created: Time
    updated: Time
    used_by: list[SecretUseShape]

    @classmethod
    def of(cls, secret: Secret) -> "SecretShape":
        """The shape of a secret."""
        uses = [
            SecretUseShape(
                agent_id=use.agent_id,
                agent_name=use.agent_name,
                schedule_id=use.schedule_id,
                schedule_name=use.schedule_name,
            )
            for use in secret.used_by
        ]
        return cls(name=secret.name, created=secret.created, updated=secret.updated, used_by=uses)


@router.get("/secrets", responses=problems(400, 401))
def list_secrets(
    use: Use, caller: Caller, paging: Paging, space_id: SpaceQuery = None
) -> list[SecretShape] | Page[SecretShape]:
    """All secrets by name, without their values, and what refers to them."""
    return paging.page([SecretShape.of(secret) for secret in use.secrets.every(caller, space_id)])


@router.put(
    "/secrets/{secretName}",
    responses={
        201: {"description": "The secret is new", "model": SecretShape},
        **problems(400, 401, 404, 413, 415),
    },
)
def set_secret(
    secret_name: SecretName,
    response: Response,
    use: Use,
    caller: Caller,
    body: SecretRequest,
    space_id: SpaceQuery = None,
) -> SecretShape:
    """Set a secret: 201 when it is new, 200 when its value was replaced. Its value is never shown."""
    secret, is_new = use.secrets.put(caller, secret_name, body, space_id)
    if is_new:
        response.status_code = 201
        response.headers["Location"] = f"/api/v1/secrets/{secret.name}"
    return SecretShape.of(secret)


@router.delete("/secrets/{secretName}", status_code=204, responses=problems(400, 401, 404, 409))
def remove_secret(secret_name: SecretName, use: Use, caller: Caller, space_id: SpaceQuery = None) -> None:
    """Forget a secret; 409 while an enabled schedule refers to it."""
    use.secrets.delete(caller, secret_name, space_id)
