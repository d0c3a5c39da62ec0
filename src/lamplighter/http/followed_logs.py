"""The log of a run, as text or line by line while it is written: for clients of the API and for pages."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from lamplighter.errors import LamplighterError
from lamplighter.http.api.access import Services
from lamplighter.masking import Mask
from lamplighter.model import Actor, Run
from lamplighter.pieces import size_of
from lamplighter.service import logs

LOOK_EVERY = 0.2  # seconds between looks at a run or log that somebody waits for
_ASK_WHO_EVERY = 2.0
_SAY_ALIVE_EVERY = 15.0


class Reader:
    """Who follows a log, perhaps for hours: as long as the credentials are good and the run may be seen.

    ``ask_again`` says who it is now; it raises a LamplighterError when the credentials are good no longer.
    """

    def __init__(self, use: Services, caller: Actor, ask_again: Callable[[], Actor]) -> None:
        self.use = use
        self._caller = caller
        self._ask_again = ask_again
        self._ask_at = time.monotonic() + _ASK_WHO_EVERY

    def look(self, run: Run) -> Run | None:
        """The run as it is now; None when it is not for this reader any more."""
        try:
            if time.monotonic() > self._ask_at:
                self._caller = self._ask_again()
                self._ask_at = time.monotonic() + _ASK_WHO_EVERY
            return self.use.runs.get(self._caller, run.agent_id, run.id)
        except LamplighterError:
            return None


def as_text(use: Services, run: Run, attempt: int | None) -> Response:
    """The log of an attempt (of the newest one when not said) as it is now; secrets are hidden in it."""
    mask = use.runs.mask(run)
    file = use.runs.open_log(run, attempt)
    if file is None:
        return PlainTextResponse("")
    # The size is read once: a log that grows meanwhile does not make the answer endless.
    size = size_of(file)
    if mask and not run.status.is_terminal:
        size = logs.whole_lines(file, size)
    return StreamingResponse(logs.blocks(file, size, mask), media_type="text/plain; charset=utf-8")


def followed(request: Request, reader: Reader, run: Run, attempt: int | None) -> Response:
    """The log of a run as server-sent events, until it ends; NotFound for an attempt that there is not."""
    mask = reader.use.runs.mask(run)
    file = reader.use.runs.open_log(run, attempt)
    if file is not None:
        file.close()
    stopping: asyncio.Event = request.app.state.stopping
    last = request.headers.get("last-event-id", "")
    events = _events(stopping, reader, run, mask, attempt, last)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(
    stopping: asyncio.Event, reader: Reader, run: Run, mask: Mask, attempt: int | None, last_id: str
) -> AsyncIterator[str]:
    """Server-sent events: a line each, whose id says where it ends, so that a client can resume.

    When the run goes on with another attempt, the rest of the log of the one before comes first.
    """
    number, offset = _place(last_id)
    masked = run.attempt if attempt is None else attempt
    quiet_since = time.monotonic()
    while not stopping.is_set():
        seen = await run_in_threadpool(reader.look, run)
        if seen is None:
            return
        run = seen
        newest = run.attempt if attempt is None else attempt
        if number is None or number > newest or (attempt is not None and number != attempt):
            number, offset = newest, 0
        if masked != newest:  # another attempt has begun, and may have got other values
            mask, masked = await run_in_threadpool(reader.use.runs.mask, run), newest
        while lines := await run_in_threadpool(reader.use.runs.log_lines, run, number, offset, mask):
            for text, offset in lines:
                yield f"id: {number}-{offset}\ndata: {text}\n\n"
            quiet_since = time.monotonic()
        if number < newest:
            number, offset = number + 1, 0
            continue
        if run.status.is_terminal:
            yield f"event: end\ndata: {run.status.name.capitalize()}\n\n"
            return
        if time.monotonic() - quiet_since > _SAY_ALIVE_EVERY:
            yield ": waiting\n\n"
            quiet_since = time.monotonic()
        await asyncio.sleep(LOOK_EVERY)


def _place(event_id: str) -> tuple[int | None, int]:
    """The attempt and the offset in its log that an event's id stands for."""
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,18})", event_id)
    return (int(found[1]), int(found[2])) if found else (None, 0)
