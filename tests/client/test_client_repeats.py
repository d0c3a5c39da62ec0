"""Which requests the client sends again, against a real server that answers by a script or breaks connections."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from both_clients import Connect
from lamplighter.client import ApiError, AsyncClient, CannotConnect

pytestmark = pytest.mark.anyio

BROKEN = "the connection is closed without an answer"
Turn = str | tuple[int, dict[str, str]]
BUSY: Turn = (429, {"Retry-After": "0"})
AWAY: Turn = (503, {})
GOOD: Turn = (200, {})


@dataclass
class Asked:
    """A request as it came."""

    method: str
    key: str | None
    body: bytes


@dataclass
class Script:
    """What a server answers, one turn a request, and what it was asked."""

    url: str
    turns: list[Turn] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(name="script")
def serve_script() -> Iterator[Script]:
    """A server that follows a script."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = Script(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.script
        server.shutdown()
        thread.join()


class _Server(HTTPServer):
    script: Script


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        script = self.server.script
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        script.asked.append(Asked(self.command, self.headers.get("Idempotency-Key"), body))
        script.was_asked.set()
        turn = script.turns.pop(0)
        if isinstance(turn, str):
            return  # which closes the connection
        status, headers = turn
        content = json.dumps({"id": 1} if status < 400 else {"code": "busy", "detail": "not now"}).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("turn", [BUSY, AWAY, BROKEN], ids=str)
async def test_a_get_is_sent_again_when_that_may_help(connect: Connect, script: Script, turn: Turn) -> None:
    script.turns = [turn, turn, GOOD]
    async with connect(script.url) as api:
        assert (await api.agent(1))["id"] == 1
    assert len(script.asked) == 3


async def test_it_is_sent_four_times_at_most(connect: Connect, script: Script) -> None:
    script.turns = [AWAY] * 5
    async with connect(script.url) as api:
        with pytest.raises(ApiError, match="not now"):
            await api.agent(1)
    assert len(script.asked) == 4


@pytest.mark.parametrize("turn", [(429, {}), (429, {"Retry-After": "3600"}), (500, {}), (404, {})], ids=str)
async def test_a_refusal_that_will_not_pass_soon_is_raised_at_once(
    connect: Connect, script: Script, turn: Turn
) -> None:
    script.turns = [turn]
    async with connect(script.url) as api:
        with pytest.raises(ApiError) as caught:
            await api.agent(1)
    assert caught.value.status == turn[0]


async def test_a_post_whose_connection_broke_is_sent_again_with_its_key_and_body(
    connect: Connect, script: Script
) -> None:
    script.turns = [BROKEN, GOOD]
    async with connect(script.url) as api:
        await api.create_agent(io.BytesIO(b"the bundle"), {"name": "prices"})
    first, second = script.asked
    assert first == second
    assert first.key
    assert b"the bundle" in first.body


async def test_each_post_has_a_key_of_its_own_and_others_have_none(connect: Connect, script: Script) -> None:
    script.turns = [GOOD] * 4
    async with connect(script.url) as api:
        await api.start(1)
        await api.start(1)
        await api.agent(1)
        await api.secrets.put("name", "value")
    one, two, *others = (asked.key for asked in script.asked)
    assert one
    assert two
    assert one != two
    assert others == [None, None]


async def test_a_change_that_may_have_been_made_is_not_sent_again(connect: Connect, script: Script) -> None:
    script.turns = [BROKEN, AWAY, AWAY]
    async with connect(script.url) as api:
        with pytest.raises(CannotConnect, match="broke off"):
            await api.secrets.put("name", "value")
        with pytest.raises(ApiError):
            await api.delete_agent(1)
        with pytest.raises(ApiError):
            await api.start(1)
    assert [asked.method for asked in script.asked] == ["PUT", "DELETE", "POST"]


async def test_what_the_server_did_not_begin_is_sent_again_whatever_it_is(
    connect: Connect, script: Script
) -> None:
    script.turns = [BUSY, GOOD]
    async with connect(script.url) as api:
        await api.delete_agent(1)
    assert [asked.method for asked in script.asked] == ["DELETE", "DELETE"]


async def test_health_is_as_it_is_now(connect: Connect, script: Script) -> None:
    script.turns = [AWAY]
    async with connect(script.url) as api:
        with pytest.raises(ApiError):
            await api.ready()


async def test_waiting_for_another_try_holds_up_no_other_request(script: Script) -> None:
    script.turns = [(429, {"Retry-After": "60"}), GOOD]
    async with AsyncClient(script.url) as api:
        waiting = asyncio.create_task(api.agent(1))
        await asyncio.to_thread(script.was_asked.wait)
        assert (await api.agent(2))["id"] == 1
        assert not waiting.done()
        waiting.cancel()
