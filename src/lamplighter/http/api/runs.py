"""Routes of runs."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import (
    FileResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import BeforeValidator
from starlette.types import Receive, Scope, Send

from lamplighter.errors import LamplighterError, TimedOut
from lamplighter.http.api.access import (
    AgentId,
    Caller,
    FileId,
    Paging,
    RunId,
    Services,
    Use,
    problems,
    public_address,
)
from lamplighter.http.api.shapes import FileShape, Page, RunShape
from lamplighter.http.followed_logs import LOOK_EVERY, Reader, as_text, followed
from lamplighter.http.idempotency import REPLAYED, OnceRoute, carried_out_once, sees_to_keys
from lamplighter.model import Run, RunStatus
from lamplighter.pieces import size_of
from lamplighter.service import logs
from lamplighter.service.requests import StartRequest

router = APIRouter(tags=["runs"], route_class=OnceRoute)
downloads = APIRouter(tags=["runs"])

_CHUNK = 256 * 1024
_FIRST_LOOK_AFTER = (
    0.02  # seconds; each pause is longer than the one before, so that a short run is not waited for long
)
_TIME_OUT = "the time-out of a synchronous start"
_REMOVE_METHODS = ("RemoveEntireRun", "RemoveAllFiles", "RemoveAllFilesAndAgentInput")


def _in_any_case(word: str) -> str:
    return next((method for method in _REMOVE_METHODS if method.lower() == word.lower()), word)


@router.post(
    "/agent/{agentId}/start",
    status_code=202,
    response_model=RunShape,
    responses={
        200: {
            "description": "The records of a synchronous run",
            "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
        },
        **problems(400, 401, 404, 409, 413, 415, 500, 504),
    },
)
@sees_to_keys
async def start_agent(
    agent_id: AgentId, request: Request, use: Use, caller: Caller, body: StartRequest | None = None
) -> Any:
    """Start an agent: 202 with the run, or, synchronously, 200 with its records when it has ended."""
    wanted = body or StartRequest()

    def start() -> RunShape:
        return RunShape.of(use.runs.start(caller, agent_id, wanted), use.clock.now())

    # With an Idempotency-Key it is the start that is done once: a repeat waits for the same run.
    started = await run_in_threadpool(carried_out_once, request, start, 202)
    if not wanted.is_run_synchronously or started.status_code != 202:
        return started
    run_id = json.loads(bytes(started.body))["id"]
    ended = await _end_of(lambda: use.runs.get(caller, agent_id, run_id), wanted.timeout)
    if ended is None:
        await run_in_threadpool(use.runs.stop, caller, agent_id, run_id, _TIME_OUT)
        raise TimedOut(f"run {run_id} did not end within {wanted.timeout} seconds and is being stopped")
    if ended.status not in (RunStatus.COMPLETED, RunStatus.SUCCESS):
        raise RunFailed(f"run {run_id} ended as {ended.status.name.capitalize()}: {ended.message}")
    records = await run_in_threadpool(_all_records, use, ended)
    records.headers.update(
        {name: value for name, value in started.headers.items() if name == REPLAYED.lower()}
    )
    return records


class RunFailed(LamplighterError):
    """A synchronous run ended without the records that were wanted."""

    code = "run_failed"
    status = 500
    title = "Run failed"


@router.get("/agent/{agentId}/runs", responses=problems(400, 401, 404))
def list_runs(
    agent_id: AgentId,
    use: Use,
    caller: Caller,
    paging: Paging,
    max_records: Annotated[int, Query(alias="maxRecords", ge=1, le=1000)] = 50,
) -> list[RunShape] | Page[RunShape]:
    """The runs of an agent, newest first."""
    now = use.clock.now()
    skip, limit = (paging.skip, paging.limit) if paging.asked else (0, max_records)
    found, total = use.runs.of_agent(caller, agent_id, skip=skip, limit=limit)
    shapes = [RunShape.of(run, now, listed=True) for run in found]
    return Page(items=shapes, total_record_count=total) if paging.asked else shapes


@router.get("/agent/{agentId}/run/{runId}/status", responses=problems(400, 401, 404))
def read_run(agent_id: AgentId, run_id: RunId, use: Use, caller: Caller) -> RunShape:
    """One run."""
    return RunShape.of(use.runs.get(caller, agent_id, run_id), use.clock.now())


@router.post("/agent/{agentId}/run/{runId}/stop", status_code=204, responses=problems(400, 401, 404, 409))
def stop_run(agent_id: AgentId, run_id: RunId, use: Use, caller: Caller) -> None:
    """Ask a run to end gracefully."""
    use.runs.stop(caller, agent_id, run_id)


@router.post("/agent/{agentId}/run/{runId}/kill", status_code=204, responses=problems(400, 401, 404, 409))
def kill_run(agent_id: AgentId, run_id: RunId, use: Use, caller: Caller) -> None:
    """Stop a run; called again while it is stopping, end its process at once."""
    use.runs.kill(caller, agent_id, run_id)


@router.post("/agent/{agentId}/run/{runId}/restart", status_code=202, responses=problems(400, 401, 404, 409))
def restart_run(agent_id: AgentId, run_id: RunId, use: Use, caller: Caller) -> RunShape:
    """Try a run in Failure again, in place, with the same input."""
    return RunShape.of(use.runs.restart(caller, agent_id, run_id), use.clock.now())


@router.delete("/agent/{agentId}/run/{runId}", status_code=204, responses=problems(400, 401, 404, 409))
def delete_run(
    agent_id: AgentId,
    run_id: RunId,
    use: Use,
    caller: Caller,
    remove_method: Annotated[
        Literal["RemoveEntireRun", "RemoveAllFiles", "RemoveAllFilesAndAgentInput"],
        BeforeValidator(_in_any_case),
        Query(alias="removeMethod"),
    ] = "RemoveEntireRun",
) -> None:
    """Remove an ended run, or only its files."""
    use.runs.delete(
        caller,
        agent_id,
        run_id,
        row=remove_method == "RemoveEntireRun",
        keep_input=remove_method == "RemoveAllFiles",
    )


@router.get("/agent/{agentId}/run/{runId}/files", responses=problems(400, 401, 404))
def list_files(
    agent_id: AgentId, run_id: RunId, use: Use, caller: Caller, paging: Paging
) -> list[FileShape] | Page[FileShape]:
    """The files that a run left."""
    return paging.page([FileShape.of(file) for file in use.runs.files(caller, agent_id, run_id)])


@router.head("/agent/{agentId}/run/{runId}/file/{fileId}/download", include_in_schema=False)
@router.get(
    "/agent/{agentId}/run/{runId}/file/{fileId}/download",
    status_code=302,
    response_class=RedirectResponse,
    responses=problems(400, 401, 404),
)
def download_file(
    agent_id: AgentId, run_id: RunId, file_id: FileId, request: Request, use: Use, caller: Caller
) -> RedirectResponse:
    """Redirect to an address that serves the file without credentials and expires after 15 minutes."""
    expires, signature = use.runs.signed_download(caller, agent_id, run_id, file_id)
    path = request.app.url_path_for("serve_file", fileId=file_id)
    address = public_address(request, f"{path}?{urlencode({'expires': expires, 'signature': signature})}")
    return RedirectResponse(address, status_code=302)


@downloads.head("/download/{fileId}", include_in_schema=False)
@downloads.get(
    "/download/{fileId}", name="serve_file", response_class=FileResponse, responses=problems(400, 403, 404)
)
def serve_file(
    file_id: FileId, use: Use, expires: Annotated[int, Query(ge=0)], signature: Annotated[str, Query()]
) -> Response:
    """Serve a file to whoever has a signed address for it; secrets are hidden in a log."""
    found = use.runs.download(file_id, expires, signature)
    whole = _OpenFile(found.file, found.name)
    if not found.mask:
        return whole
    return StreamingResponse(
        logs.blocks(found.file, size_of(found.file), found.mask),
        media_type=whole.media_type,
        headers={"Content-Disposition": whole.headers["Content-Disposition"]},
    )


class _OpenFile(FileResponse):
    """Sends a file that is open already, to be saved; whatever has its path by now does not matter."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        path = f"/proc/self/fd/{file.fileno()}"
        super().__init__(path, filename=name, content_disposition_type="attachment")
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


@router.get(
    "/agent/{agentId}/run/{runId}/records",
    responses={
        200: {
            "description": "The records; with a page asked for, an object with items and totalRecordCount",
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {"type": "array", "items": {"type": "object"}},
                            {
                                "type": "object",
                                "required": ["items", "totalRecordCount"],
                                "properties": {
                                    "items": {"type": "array", "items": {"type": "object"}},
                                    "totalRecordCount": {"type": "integer"},
                                },
                            },
                        ]
                    }
                }
            },
        },
        **problems(400, 401, 404),
    },
)
def list_records(
    agent_id: AgentId,
    run_id: RunId,
    use: Use,
    caller: Caller,
    paging: Paging,
) -> Response:
    """The extracted records, those so far while the run goes."""
    run = use.runs.get(caller, agent_id, run_id)
    if not paging.asked:
        return _all_records(use, run)
    items = list(use.runs.records(run, skip=paging.skip, limit=paging.limit))
    total = max(run.counters.data_count, run.counters.export_count, paging.skip + len(items) if items else 0)
    return Response(_json({"items": items, "totalRecordCount": total}), media_type="application/json")


@router.get(
    "/agent/{agentId}/run/{runId}/log",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "The log; with follow, server-sent events: one event a line, then the event `end`",
            "content": {"text/plain": {}, "text/event-stream": {}},
        },
        **problems(400, 401, 404),
    },
)
def read_log(
    agent_id: AgentId,
    run_id: RunId,
    request: Request,
    use: Use,
    caller: Caller,
    follow: bool = False,
    attempt: Annotated[int | None, Query(ge=1, description="The newest when not said")] = None,
) -> Response:
    """The log of a run as text; with ``follow``, line by line as it is written. Secrets are hidden in it."""
    credentials = request.headers.get("authorization")
    reader = Reader(use, caller, lambda: use.identity.authenticate(credentials))
    run = use.runs.get(caller, agent_id, run_id)
    return followed(request, reader, run, attempt) if follow else as_text(use, run, attempt)


async def _end_of(look: Callable[[], Run], patience: float) -> Run | None:
    deadline = time.monotonic() + patience
    pause = _FIRST_LOOK_AFTER
    while time.monotonic() < deadline:
        await asyncio.sleep(pause)
        current = await run_in_threadpool(look)
        if current.status.is_terminal:
            return current
        pause = min(pause * 1.5, LOOK_EVERY)
    return None


def _all_records(use: Services, run: Run) -> Response:
    """The records as an array; what is more than one piece goes out while it is read."""
    pieces = _json_array(use.runs.records(run))
    first = next(pieces)
    second = next(pieces, None)
    if second is None:
        return Response(first, media_type="application/json")
    return StreamingResponse(chain((first, second), pieces), media_type="application/json")


def _json_array(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON array in pieces that are worth sending: each one costs a change of threads."""
    pieces, size = [b"["], 0
    for index, record in enumerate(records):
        piece = (b"," if index else b"") + _json(record)
        pieces.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join([*pieces, b"]"])


def _json(value: Any) -> bytes:
    """JSON that every client can read; agents write what it lacks: NaN becomes null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # NaN, or half of a surrogate pair, which only an escape can carry
        return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None)).encode()
