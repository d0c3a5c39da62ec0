"""Pages of runs: all of them, and one with its log, records, files and what explains its failure."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from lamplighter.errors import LamplighterError, NotFound
from lamplighter.http.api.access import FileId, RunId
from lamplighter.http.followed_logs import Reader, as_text, followed
from lamplighter.http.pages import forms
from lamplighter.http.pages.live import live_page
from lamplighter.http.pages.record_columns import columns_of
from lamplighter.http.pages.view import FROM_HERE, View, Viewing, reader
from lamplighter.model import ACTIVE, Role, Run, RunFile, RunStatus
from lamplighter.service.analytics import GROUPS

router = APIRouter(include_in_schema=False)

_PER_PAGE = 50
_LOOKED_AT = 10_000  # records for the statistics of columns, and for a search
_LONGEST_PREVIEW = 200_000  # bytes of a file
_TEXTS = frozenset(
    {".txt", ".log", ".json", ".jsonl", ".csv", ".xml", ".md", ".py", ".toml", ".yaml", ".yml"}
)
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
# What an agent kept of another site: it is shown without scripts, without an origin and without a network.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"


@router.get("/runs")
def list_runs(view: Viewing) -> Response:
    """The newest runs of all agents."""
    part, status = view.part(_PER_PAGE), view.asked("status").lower()
    group = next((group for name, group in GROUPS.items() if name.lower() == status), None)
    found = view.use.overview.newest(
        view.actor,
        None if group is None else group.statuses,
        skip=part.skip,
        limit=part.size + 1,
    )
    runs, more = forms.cut(found, part.size)
    kinds = {
        "running": "Running",
        "queued": "Waiting or queued",
        "failed": "Failed",
        "completed": "Ended well",
        "stopped": "Stopped",
        "skipped": "Skipped",
    }
    return view.page("runs.html", runs=runs, page=part.number, more=more, chosen=status, kinds=kinds)


# --- one run ---


def frame(view: View, run: Run) -> dict[str, Any]:
    """What every page of a run has at its head."""
    return {
        "run": run,
        "may_edit": view.may(run.space_id, Role.EDITOR),
        "is_active": run.status in ACTIVE,
        "has_failed": run.status in (RunStatus.FAILURE, RunStatus.FAILED),
        "RunStatus": RunStatus,
    }


@router.get("/runs/{runId}")
def show_run(run_id: RunId, view: Viewing) -> Response:
    """A run as it is at present, and its log."""
    run = view.use.runs.find(view.actor, run_id)
    return live_page(view, "run.html", lambda: _present(view, run_id), is_over=run.status.is_terminal)


def _present(view: View, run_id: int) -> dict[str, Any]:
    run = view.use.runs.find(view.actor, run_id)
    usual = view.use.overview.usual_seconds(view.actor, run.agent_id)
    now = view.use.clock.now()
    elapsed = None
    if run.start_time is not None:
        elapsed = ((run.end_time or now) - run.start_time).total_seconds()
    return {
        **frame(view, run),
        "usual": usual,
        "elapsed": elapsed if run.status.is_terminal else None,
        "share": None
        if usual is None or elapsed is None
        else min(99, round(elapsed / max(usual, 1) * 20) * 5),
        "diagnosis": _diagnosis(view, run),
        "parts": view.use.runs.of_set(view.actor, run.set_id) if run.set_size > 1 else [],
        "input": None if len(run.input_json) > 20_000 else run.input_json,
    }


def _diagnosis(view: View, run: Run) -> Any:
    try:
        return view.use.diagnostics.of_run(view.actor, run.agent_id, run.id)
    except LamplighterError:
        return None


@router.post("/runs/{runId}/{action}", dependencies=[FROM_HERE])
def act(run_id: RunId, action: str, view: Viewing) -> Response:
    """Stop, kill, restart or delete a run, or stop its whole set."""
    run = view.use.runs.find(view.actor, run_id)
    runs, agent = view.use.runs, run.agent_id
    match action:
        case "stop":
            runs.stop(view.actor, agent, run_id)
            said = "is asked to stop"
        case "kill":
            runs.kill(view.actor, agent, run_id)
            said = "is being killed"
        case "restart":
            runs.restart(view.actor, agent, run_id)
            said = "is started again"
        case "stop-set":
            for one in runs.of_set(view.actor, run.set_id):
                if one.status in ACTIVE:
                    runs.stop(view.actor, agent, one.id)
            said = "and its set are asked to stop"
        case "delete":
            runs.delete(view.actor, agent, run_id, row=True, keep_input=False)
            return view.go(f"/agents/{agent}", f"Run {run_id} is deleted with its files.")
        case _:
            raise NotFound("there is nothing at this address")
    return view.go(f"/runs/{run_id}", f"Run {run_id} {said}.")


@router.get("/runs/{runId}/log")
def read_log(run_id: RunId, view: Viewing, attempt: int | None = None, follow: bool = False) -> Response:
    """The log of a run: as text, or as it is written."""
    run = view.use.runs.find(view.actor, run_id)
    if not follow:
        return as_text(view.use, run, attempt)
    again = Reader(view.use, view.actor, lambda: reader(view.request, view.use))
    return followed(view.request, again, run, attempt)


# --- its records ---


@router.get("/runs/{runId}/records")
def show_records(run_id: RunId, view: Viewing) -> Response:
    """The records of a run as a table, what their columns are like, and those with a word in them."""
    run = view.use.runs.find(view.actor, run_id)
    part, word = view.part(_PER_PAGE), view.asked("q")
    most = part.size + 1  # one more tells that there are more
    if word:
        looked_at = view.use.runs.records(run, limit=_LOOKED_AT)
        fitting = (one for one in looked_at if word.lower() in json.dumps(one, ensure_ascii=False).lower())
        found = list(islice(fitting, part.skip, part.skip + most))
    else:
        found = list(view.use.runs.records(run, skip=part.skip, limit=most))
    records, more = forms.cut(found, part.size)
    columns = columns_of(view.use.runs.records(run, limit=_LOOKED_AT))
    total = max(run.counters.data_count, run.counters.export_count)
    return view.page(
        "run_records.html",
        **frame(view, run),
        records=records,
        columns=columns,
        names=[column.name for column in columns],
        page=part.number,
        more=more,
        total=total,
        looked_at=min(total, _LOOKED_AT),
        first=part.skip + 1,
        q=word,
    )


# --- its files ---


@router.get("/runs/{runId}/files")
def list_files(run_id: RunId, view: Viewing) -> Response:
    """The files that a run left."""
    run = view.use.runs.find(view.actor, run_id)
    found = view.use.runs.files(view.actor, run.agent_id, run_id)
    return view.page("run_files.html", **frame(view, run), files=[(one, _how_shown(one)) for one in found])


def _ending(file: RunFile) -> str:
    return PurePosixPath(file.name).suffix.lower()


def _how_shown(file: RunFile) -> str | None:
    """As a page, a picture or a text; None when it is not shown."""
    ending = _ending(file)
    if ending in (".html", ".htm"):
        return "page"
    if ending in _PICTURES:
        return "picture"
    return "text" if ending in _TEXTS else None


@router.get("/runs/{runId}/files/{fileId}")
def show_file(run_id: RunId, file_id: FileId, view: Viewing) -> Response:
    """One file: a page in a frame of its own, a picture, or the beginning of a text."""
    run, file = _file(view, run_id, file_id)
    kind = _how_shown(file)
    text = None
    if kind == "text":
        content = _content(view, run, file, _LONGEST_PREVIEW)
        text = content.decode(errors="replace")
    return view.page(
        "run_file.html",
        **frame(view, run),
        file=file,
        kind=kind,
        text=text,
        is_cut=file.size > _LONGEST_PREVIEW,
    )


@router.get("/runs/{runId}/files/{fileId}/download")
def download_file(run_id: RunId, file_id: FileId, view: Viewing) -> Response:
    """The file, to be saved."""
    run, file = _file(view, run_id, file_id)
    expires, signature = view.use.runs.signed_download(view.actor, run.agent_id, run_id, file.id)
    path = view.request.app.url_path_for("serve_file", fileId=file_id)
    return RedirectResponse(f"{path}?expires={expires}&signature={signature}", status_code=302)


@router.get("/runs/{runId}/files/{fileId}/frame")
def frame_file(run_id: RunId, file_id: FileId, view: Viewing) -> Response:
    """A page or picture that an agent kept, for a frame: whatever is in it can do nothing."""
    run, file = _file(view, run_id, file_id)
    kind = _how_shown(file)
    if kind not in ("page", "picture"):
        raise NotFound("this file is not shown in a frame")
    content = _content(view, run, file, 16 * 1024**2)
    headers = {"Content-Security-Policy": _SANDBOX, "X-Frame-Options": "SAMEORIGIN"}
    if kind == "page":
        return HTMLResponse(content, headers=headers)
    return Response(content, media_type=_PICTURES[_ending(file)], headers=headers)


def _file(view: View, run_id: int, file_id: int) -> tuple[Run, RunFile]:
    run = view.use.runs.find(view.actor, run_id)
    found = view.use.runs.files(view.actor, run.agent_id, run_id)
    file = next((one for one in found if one.id == file_id), None)
    if file is None:
        raise NotFound(f"run {run_id} has no file {file_id}")
    return run, file


def _content(view: View, run: Run, file: RunFile, most: int) -> bytes:
    expires, signature = view.use.runs.signed_download(view.actor, run.agent_id, run.id, file.id)
    opened = view.use.runs.download(file.id, expires, signature)
    with opened.file:
        content = opened.file.read(most + opened.mask.reach if opened.mask else most)
    return opened.mask.pieces(content, [0, min(most, len(content))])[0] if opened.mask else content


# --- why it failed ---


@router.get("/runs/{runId}/failure")
def show_failure(run_id: RunId, view: Viewing) -> Response:
    """What explains the failure of an attempt: the diagnosis, and the evidence it rests on."""
    run = view.use.runs.find(view.actor, run_id)
    attempt = view.number("attempt") or run.attempt
    diagnosis, evidence = None, None
    try:
        diagnosis = view.use.diagnostics.of_run(view.actor, run.agent_id, run_id, attempt)
        evidence = view.use.evidence.kept(run, attempt)
    except NotFound as problem:
        missing: str | None = str(problem)
    else:
        missing = None
    files = view.use.runs.files(view.actor, run.agent_id, run_id)
    return view.page(
        "run_failure.html",
        **frame(view, run),
        attempt=attempt,
        diagnosis=diagnosis,
        evidence=evidence,
        missing=missing,
        snapshot=_snapshot(files, evidence, attempt),
    )


def _snapshot(files: list[RunFile], evidence: Mapping[str, Any] | None, attempt: int) -> RunFile | None:
    """The page that the agent saw last, as it was kept beside the evidence."""
    name = None if evidence is None else evidence.get("page")
    wanted = f"attempt-{attempt}/evidence/{name}"
    return next((one for one in files if name and one.path == wanted), None)
