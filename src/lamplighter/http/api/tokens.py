"""The token endpoint (RFC 6749): a user name and password, or an API key, for a bearer token of an hour."""

import base64
import binascii
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field

from lamplighter.errors import NotAuthenticated, UnsupportedMedia
from lamplighter.http.api.access import Use, problems
from lamplighter.http.api.shapes import Shape

router = APIRouter(tags=["tokens"])


class TokenShape(Shape):
    """A bearer token, with the names of RFC 6749."""

    access_token: str = Field(alias="access_token")
    token_type: str = Field(default="Bearer", alias="token_type")
    expires_in: int = Field(alias="expires_in", description="Seconds")


class TokenErrorShape(Shape):
    """Why there is no token, with the names of RFC 6749."""

    error: str
    error_description: str = Field(alias="error_description")


_FORM = {
    "grant_type": {"type": "string", "enum": ["password", "client_credentials"]},
    "username": {"type": "string", "description": "With password"},
    "password": {"type": "string", "description": "With password"},
    "client_id": {"type": "string", "description": "With client_credentials; anything"},
    "client_secret": {"type": "string", "description": "With client_credentials: an API key"},
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "required": ["grant_type"], "properties": _FORM},
                "example": {"grant_type": "client_credentials", "client_secret": "sk-…"},
            }
        },
    }
}
_REFUSED: dict[str, Any] = {"model": TokenErrorShape, "description": "No token, and why"}


@router.post(
    "/oauth/token",
    response_model=TokenShape,
    responses={400: _REFUSED, 401: _REFUSED, **problems(413, 415, 429)},
    openapi_extra=_BODY,
)
async def create_token(request: Request, use: Use) -> JSONResponse:
    """A bearer token of an hour for a user's password, or for an API key, whose rights and limits it has."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("send application/x-www-form-urlencoded, as RFC 6749 says")
    async with request.form() as form:
        said = {name: value for name, value in form.items() if isinstance(value, str)}
    basic = _basic(request.headers.get("authorization"))
    grant = said.get("grant_type")
    try:
        if grant == "password":
            name, password = said.get("username"), said.get("password")
            if not name or not password:
                return _refused("invalid_request", "username and password are needed")
            if request.client:
                use.rate_limits.may_guess(request.client.host)
            token = await run_in_threadpool(use.identity.token_for_password, name, password)
        elif grant == "client_credentials":
            key = said.get("client_secret") or basic
            if not key:
                return _refused("invalid_request", "client_secret is needed: an API key")
            token = await run_in_threadpool(use.identity.token_for_key, key)
        else:
            return _refused("unsupported_grant_type", "grant_type must be password or client_credentials")
    except NotAuthenticated as problem:
        if request.client:
            use.rate_limits.failed(request.client.host)
        if grant == "password":
            return _refused("invalid_grant", str(problem))
        return _refused("invalid_client", str(problem), 401)
    made = TokenShape(access_token=token.text, expires_in=token.seconds)
    return JSONResponse(made.model_dump(by_alias=True), headers=_UNCACHED)


_UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def _refused(error: str, description: str, status: int = 400) -> JSONResponse:
    shape = TokenErrorShape(error=error, error_description=description)
    headers = _UNCACHED | ({"WWW-Authenticate": 'Basic realm="lamplighter"'} if status == 401 else {})
    return JSONResponse(shape.model_dump(by_alias=True), status, headers)


def _basic(authorization: str | None) -> str | None:
    """The password of HTTP's Basic scheme, in which clients may send their secret."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
