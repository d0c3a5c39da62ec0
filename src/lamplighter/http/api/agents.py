"""Routes of agents."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, ValidationError, WithJsonSchema
from starlette.datastructures import UploadFile

from lamplighter.archives import checked_files, files_of_archive, is_clutter
from lamplighter.errors import InvalidInput, UnsupportedMedia
from lamplighter.http.api.access import AgentId, Caller, Paging, Use, problems
from lamplighter.http.api.shapes import AgentPage, AgentShape, Page, VersionShape
from lamplighter.http.idempotency import OnceRoute
from lamplighter.model import AgentOrder, AgentQuery, ConfigType, RunStatus
from lamplighter.service.requests import VISIBLE, AgentRequest, RestoreRequest, choose

router = APIRouter(tags=["agents"], route_class=OnceRoute)

_NAME = {"minLength": 1, "maxLength": 200, "pattern": VISIBLE}
_SPACE = {"minimum": 1, "maximum": 2**31 - 1, "description": "When creating"}
_SETTINGS: dict[str, Any] = {
    "name": {"type": ["string", "null"], **_NAME, "description": "Else the one in agent.toml"},
    "description": {"type": ["string", "null"]},
    "documentation": {"type": ["string", "null"]},
    "startUrl": {"type": ["string", "null"]},
    "spaceId": {"type": ["integer", "null"], **_SPACE},
    "comments": {"type": ["string", "null"], "description": "Why this version was saved"},
}
_FILES = {"agent.toml": '[agent]\nrun = ["python", "main.py"]\n', "main.py": "print('hello')\n"}


def _body(is_new: bool) -> dict[str, Any]:
    """The documentation of a body: an agent that is new has files."""
    files = {
        "type": "object" if is_new else ["object", "null"],
        "additionalProperties": {"type": "string"},
        "description": "The agent's text files by their paths",
        "minProperties": 1,
        "example": _FILES,
    }
    bundle = {"type": "string", "format": "binary", "description": "zip or tar.gz"}
    in_form = {name: {**schema, "type": schema["type"][0]} for name, schema in _SETTINGS.items()}
    content: dict[str, Any] = {
        "application/json": {
            "schema": {"type": "object", "properties": {**_SETTINGS, "files": files}},
            "example": {"name": "prices", "comments": "first version", "files": _FILES},
        },
        "multipart/form-data": {"schema": {"type": "object", "properties": {"bundle": bundle, **in_form}}},
    }
    if is_new:
        content["application/json"]["schema"]["required"] = ["files"]
        content["multipart/form-data"]["schema"]["required"] = ["bundle"]
    return {"requestBody": {"required": True, "content": content}}


# The contract's public description gives these numbers for the kinds of agents.
_KINDS = {"1": ConfigType.AGENT, "2": ConfigType.SHARED, "3": ConfigType.API, "4": ConfigType.COMMAND}
_DIRECTIONS = {"0": False, "asc": False, "ascending": False, "1": True, "desc": True, "descending": True}


def _is_descending(word: str) -> bool:
    found = _DIRECTIONS.get(word.lower())
    if found is None:
        raise ValueError("must be one of: 0 ascending, 1 descending")
    return found


LastStatus = Annotated[
    RunStatus,
    BeforeValidator(choose(RunStatus)),
    WithJsonSchema({"type": "integer", "enum": [status.value for status in RunStatus]}),
]
Kind = Annotated[ConfigType, BeforeValidator(choose(ConfigType, _KINDS))]
Order = Annotated[AgentOrder, BeforeValidator(choose(AgentOrder))]
Direction = Annotated[
    bool, BeforeValidator(_is_descending), WithJsonSchema({"type": "integer", "enum": [0, 1], "default": 0})
]


async def _read(request: Request, _caller: Caller) -> tuple[AgentRequest, dict[str, bytes] | None]:
    """The request and its files, from JSON or from multipart; nothing of it is read for a stranger."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return await _read_json(request)
    if kind == "multipart/form-data":
        return await _read_multipart(request)
    raise UnsupportedMedia("send application/json with files, or multipart/form-data with a bundle")


async def _read_json(request: Request) -> tuple[AgentRequest, dict[str, bytes] | None]:
    try:
        body = _parse(json.loads(await request.body()))
    except (ValueError, RecursionError) as problem:
        raise InvalidInput.of("", f"the body is not valid JSON: {problem}") from problem
    if body.files is None:
        return body, None
    files = {name: text.encode() for name, text in body.files.items() if not is_clutter(name)}
    return body, checked_files(files)


async def _read_multipart(request: Request) -> tuple[AgentRequest, dict[str, bytes] | None]:
    async with request.form(max_files=1, max_fields=20) as form:
        fields: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
        fields = {
            name: _number(value) if name.lower() == "spaceid" else value for name, value in fields.items()
        }
        body = _parse(fields)
        bundle = next((value for name, value in form.items() if name.lower() == "bundle"), None)
        if bundle is None:
            return body, None
        if not isinstance(bundle, UploadFile):
            raise InvalidInput.of("bundle", "must be a file: a zip or a tar.gz")
        return body, await run_in_threadpool(files_of_archive, bundle.filename or "bundle", bundle.file)


def _number(text: str) -> int | str:
    """A form has only text."""
    return int(text) if text.isascii() and text.isdigit() else text


def _parse(document: Any) -> AgentRequest:
    try:
        return AgentRequest.model_validate(document)
    except ValidationError as problem:
        # As if FastAPI had read the body: one place words what is wrong with a request.
        errors = [{**error, "loc": ("body", *error["loc"])} for error in problem.errors()]
        raise RequestValidationError(errors) from problem


VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
_BLOCK = 256 * 1024
Sent = Annotated[tuple[AgentRequest, dict[str, bytes] | None], Depends(_read)]


@router.get("/agent/all", responses=problems(400, 401))
def list_agents(
    use: Use,
    caller: Caller,
    status: Annotated[LastStatus | None, Query(description="Of the last run")] = None,
    space_id: Annotated[int | None, Query(alias="spaceId", ge=1, le=2**31 - 1)] = None,
    name: Annotated[str | None, Query(description="The name contains this, in any letter case")] = None,
    config_type: Annotated[Kind | None, Query(alias="configType")] = None,
    sort_column: Annotated[Order, Query(alias="sortColumn")] = AgentOrder.NAME,
    is_descending: Annotated[
        Direction, Query(alias="sortOrder", description="0 ascending, 1 descending")
    ] = False,
    *,
    paging: Paging,
) -> list[AgentShape] | AgentPage:
    """All agents; with a page asked for, an object with ``items``."""
    wanted = AgentQuery(status, space_id, name, None, config_type, sort_column, is_descending)
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, None)
    found, total = use.agents.find(caller, wanted, skip=skip, limit=limit)
    shapes = [AgentShape.of(agent) for agent in found]
    return AgentPage(items=shapes, agents=shapes, total_record_count=total) if paging.asked else shapes


@router.get("/agent/search", responses=problems(400, 401))
def search_agents(
    use: Use,
    caller: Caller,
    query: Annotated[str, Query()],
    max_records: Annotated[int, Query(alias="maxRecords", ge=1, le=1000)] = 50,
) -> list[AgentShape]:
    """Agents whose name or description contains ``query``, in any letter case."""
    found, _ = use.agents.find(caller, AgentQuery(text=query), limit=max_records)
    return [AgentShape.of(agent) for agent in found]


@router.post(
    "/agent",
    status_code=201,
    responses=problems(400, 401, 409, 413, 415),
    openapi_extra=_body(is_new=True),
)
def create_agent(response: Response, use: Use, caller: Caller, sent: Sent) -> AgentShape:
    """Create an agent from files in JSON or from a bundle."""
    body, files = sent
    if files is None:
        raise InvalidInput.of("files", 'is required: an object of path → text, or a multipart field "bundle"')
    agent = use.agents.create(caller, body, files)
    response.headers["Location"] = f"/api/v1/agent/{agent.id}"
    return AgentShape.of(agent)


@router.get("/agent/{agentId}", responses=problems(400, 401, 404))
def read_agent(agent_id: AgentId, use: Use, caller: Caller) -> AgentShape:
    """One agent."""
    return AgentShape.of(use.agents.get(caller, agent_id))


@router.put(
    "/agent/{agentId}", responses=problems(400, 401, 404, 409, 413, 415), openapi_extra=_body(is_new=False)
)
def save_agent(agent_id: AgentId, use: Use, caller: Caller, sent: Sent) -> AgentShape:
    """Save an agent as its next version; without files the version keeps those it has."""
    body, files = sent
    return AgentShape.of(use.agents.save(caller, agent_id, body, files))


@router.delete("/agent/{agentId}", status_code=204, responses=problems(400, 401, 404, 409))
def delete_agent(agent_id: AgentId, use: Use, caller: Caller) -> None:
    """Take an agent and its schedules away."""
    use.agents.delete(caller, agent_id)


@router.post("/agent/{agentId}/archive", status_code=204, responses=problems(400, 401, 404))
def archive_agent(agent_id: AgentId, use: Use, caller: Caller) -> None:
    """Put an agent away: what its schedules fire ends as Skipped."""
    use.agents.archive(caller, agent_id, archived=True)


@router.post("/agent/{agentId}/unarchive", status_code=204, responses=problems(400, 401, 404))
def unarchive_agent(agent_id: AgentId, use: Use, caller: Caller) -> None:
    """Take an archived agent back."""
    use.agents.archive(caller, agent_id, archived=False)


@router.get("/agent/{agentId}/versions", responses=problems(400, 401, 404))
def list_versions(
    agent_id: AgentId, use: Use, caller: Caller, paging: Paging
) -> list[VersionShape] | Page[VersionShape]:
    """The versions of an agent, newest first."""
    return paging.page([VersionShape.of(version) for version in use.agents.versions(caller, agent_id)])


@router.get(
    "/agent/{agentId}/version/{version}/bundle",
    response_class=Response,
    responses={
        200: {
            "description": "The files",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(400, 401, 404),
    },
)
def download_bundle(agent_id: AgentId, version: VersionNumber, use: Use, caller: Caller) -> Response:
    """The files of a version as a zip; the same version is always the same zip."""
    name = f"agent-{agent_id}-version-{version}.zip"
    return StreamingResponse(
        _blocks(use.agents.bundle(caller, agent_id, version)),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


@router.post("/agent/{agentId}/version/{version}/restore", responses=problems(400, 401, 404, 413, 415))
def restore_version(
    agent_id: AgentId,
    version: VersionNumber,
    use: Use,
    caller: Caller,
    body: RestoreRequest | None = None,
) -> AgentShape:
    """Save the content of an old version as a new one."""
    return AgentShape.of(
        use.agents.restore(caller, agent_id, version, None if body is None else body.content)
    )
