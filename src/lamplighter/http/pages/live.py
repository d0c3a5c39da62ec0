"""The parts of pages that show the present: sent as they change over server-sent events, or given on asking.

They are made one after another in one thread, which rests three times as long as it works. A thousand open pages
are refreshed later than ten, and never at the expense of what fires and runs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from lamplighter.errors import LamplighterError
from lamplighter.http.pages.view import SESSION, Values, View, reader

_LOOK_EVERY = 1.0  # seconds
_FRESH = 0.8  # what was made so lately is shown to the other pages of the same browser, too
_LONGEST_REST = 2.0
_SAY_ALIVE_EVERY = 15.0
_MOST_KEPT = 2000

Key = tuple[object, ...]


class Live:
    """Makes what is shown of the present."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._made: dict[Key, tuple[float, str]] = {}
        self._coming: dict[Key, asyncio.Task[str]] = {}

    async def block(self, key: Key, make: Callable[[], str]) -> str:
        """What ``make`` makes for this key, made a moment ago or by now: for all who ask for it meanwhile once."""
        known = self._made.get(key)
        if known is not None and time.monotonic() - known[0] < _FRESH:
            return known[1]
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.create_task(self._make(key, make))
            coming.add_done_callback(lambda _task: self._coming.pop(key, None))
        # Who asked first may go away meanwhile; the others still want it.
        return await asyncio.shield(coming)

    async def _make(self, key: Key, make: Callable[[], str]) -> str:
        async with self._turn:
            begun = time.monotonic()
            made = await run_in_threadpool(make)
            ended = time.monotonic()
            if len(self._made) >= _MOST_KEPT:
                self._made.clear()
            self._made[key] = (ended, made)
            await asyncio.sleep(min(3 * (ended - begun), _LONGEST_REST))
            return made


def live_page(view: View, template: str, compute: Callable[[], Values], *, is_over: bool = False) -> Response:
    """A page whose block ``live`` is refreshed while it is open.

    ``live=stream`` in the query asks for the block as server-sent events, ``live=block`` for it alone. What is over
    is not followed.
    """
    wanted = view.request.query_params.get("live")
    if wanted == "block":
        return HTMLResponse(view.block(template, "live", compute()))
    if wanted == "stream":
        return StreamingResponse(_events(view, template, compute), media_type="text/event-stream")
    return view.page(template, compute(), is_live=not is_over)


async def _events(view: View, template: str, compute: Callable[[], Values]) -> AsyncIterator[str]:
    live: Live = view.request.app.state.live
    stopping: asyncio.Event = view.request.app.state.stopping
    key = (view.request.cookies.get(SESSION), view.request.url.path, view.request.url.query, view.zone)
    last, said_at = "", time.monotonic()

    def make() -> str:
        view.actor = reader(view.request, view.use)  # who was signed out sees no more
        return view.block(template, "live", compute())

    while not stopping.is_set():
        try:
            made = await live.block(key, make)
        except LamplighterError:
            yield "event: over\ndata:\n\n"
            return
        if made != last:
            lines = "".join(f"data: {line}\n" for line in made.splitlines())
            yield f"event: block\n{lines}\n"
            last, said_at = made, time.monotonic()
        elif time.monotonic() - said_at > _SAY_ALIVE_EVERY:
            yield ": waiting\n\n"
            said_at = time.monotonic()
        await _rest(stopping)


async def _rest(stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), _LOOK_EVERY)
    except TimeoutError:
        return
