"""The client, against answers made up for the purpose."""

import json
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from both_clients import Connect
from lamplighter.client import ApiError, AsyncClient, CannotConnect, Client
from lamplighter.errors import FieldError, InvalidInput

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:8080"
KEY = "sk-secret"
Answer = Callable[[httpx.Request], httpx.Response]


def made_up(answer: Answer) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused", request=request)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting take no time."""

    async def pass_by(_: float) -> None:
        pass

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("asyncio.sleep", pass_by)


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces of one byte, and may break off."""

    def __init__(self, content: bytes, *, breaks: bool = False) -> None:
        self._content = content
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        for number in self._content:
            yield bytes([number])
        if self._breaks:
            raise httpx.RemoteProtocolError("the peer closed the connection")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


async def test_a_problem_document_becomes_an_error_with_its_fields(connect: Connect) -> None:
    problem = {
        "status": 400,
        "code": "invalid_input",
        "detail": "name: is required",
        "errors": [{"field": "name", "message": "is required"}],
    }
    async with connect(URL, KEY, transport=made_up(lambda _: httpx.Response(400, json=problem))) as api:
        with pytest.raises(ApiError) as caught:
            await api.agent(1)
    error = caught.value
    assert (error.status, error.code, error.detail) == (400, "invalid_input", "name: is required")
    assert error.fields == (FieldError("name", "is required"),)


@pytest.mark.parametrize("status", [502, 200])
async def test_an_answer_of_something_else_is_told_as_such(connect: Connect, status: int) -> None:
    transport = made_up(lambda _: httpx.Response(status, text="<html>"))
    async with connect(URL, KEY, transport=transport) as api:
        with pytest.raises(ApiError, match="is not a Lamplighter server"):
            await api.agent(1)


async def test_a_refused_connection_says_where_and_what_to_do(connect: Connect) -> None:
    async with connect(URL, KEY, transport=made_up(refuse)) as api:
        with pytest.raises(CannotConnect, match=r"127\.0\.0\.1:8080.*lamplighter up"):
            await api.live()
    async with connect("https://far.example", KEY, transport=made_up(refuse)) as api:
        with pytest.raises(CannotConnect, match="LAMPLIGHTER_URL"):
            await api.live()


@pytest.mark.parametrize(
    "url", ["", "far.example", "ftp://far.example", "http://", "http://far.example:99999"]
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_that_is_none_is_refused(kind: type[Client | AsyncClient], url: str) -> None:
    with pytest.raises(InvalidInput, match="must be an address"):
        kind(url, None)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_key_and_a_token_at_the_same_time_are_refused(kind: type[Client | AsyncClient]) -> None:
    with pytest.raises(InvalidInput, match="token: must not be given together"):
        kind(URL, KEY, token="eyJ…")


async def test_a_token_is_sent_as_bearer(connect: Connect) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json=[])

    async with connect(URL, token="eyJh.b.c", transport=made_up(answer)) as api:
        await api.agents()
    async with connect(URL, transport=made_up(answer)) as api:
        await api.agents()
    assert seen == ["Bearer eyJh.b.c", None]


async def test_the_key_is_not_sent_to_where_a_download_is_redirected(connect: Connect) -> None:
    seen: dict[str, str | None] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.path] = request.headers.get("Authorization")
        if request.url.path.endswith("/download"):
            return httpx.Response(302, headers={"Location": "/signed?signature=x"})
        return httpx.Response(200, content=b"content")

    async with connect(URL, KEY, transport=made_up(answer)) as api:
        assert b"".join([block async for block in api.download(1, 2, 3)]) == b"content"
    assert seen == {"/api/v1/agent/1/run/2/file/3/download": "ApiKey sk-secret", "/signed": None}


async def test_records_are_read_however_their_bytes_are_cut(connect: Connect) -> None:
    records = [{"a": "[1, {}]", "b": "ü€😀"}, {}, {"c": [1, {"d": None}]}]
    content = json.dumps(records, ensure_ascii=False).encode()
    transport = made_up(lambda _: httpx.Response(200, stream=Pieces(content)))
    async with connect(URL, KEY, transport=transport) as api:
        assert [record async for record in api.records(1, 2)] == records


async def test_no_records_are_no_records(connect: Connect) -> None:
    async with connect(URL, KEY, transport=made_up(lambda _: httpx.Response(200, content=b"[]"))) as api:
        assert [record async for record in api.records(1, 2)] == []


async def test_records_that_break_off_are_not_taken_for_all(connect: Connect) -> None:
    broken = Pieces(b'[{"a": 1},{"a"', breaks=True)
    async with connect(URL, KEY, transport=made_up(lambda _: httpx.Response(200, stream=broken))) as api:
        records = api.records(1, 2)
        assert await anext(records) == {"a": 1}
        with pytest.raises(CannotConnect, match="broke off"):
            await anext(records)


@pytest.mark.usefixtures("no_waiting")
async def test_a_followed_log_goes_on_where_it_broke_off(connect: Connect) -> None:
    asked: list[str | None] = []
    parts = [
        Pieces(b": hello\n\nid: 5\ndata: one\n\nid: 9\ndata: tw", breaks=True),
        Pieces("id: 9\ndata: two \u2028 lines\n\nid: 12\ndata:\n\nevent: end\ndata: Completed\n\n".encode()),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return httpx.Response(200, stream=parts[len(asked) - 1])

    async with connect(URL, KEY, transport=made_up(answer)) as api:
        assert [line async for line in api.follow_log(1, 2)] == ["one", "two \u2028 lines", ""]
    assert asked == [None, "5"]


@pytest.mark.usefixtures("no_waiting")
async def test_a_followed_log_waits_for_a_server_that_is_being_restarted(connect: Connect) -> None:
    answers = iter(
        [
            httpx.Response(200, stream=Pieces(b"id: 1\ndata: one\n\n")),
            httpx.Response(503, json={"code": "unavailable", "detail": "not yet"}),
            httpx.Response(200, stream=Pieces(b"event: end\ndata: Failure\n\n")),
        ]
    )
    async with connect(URL, KEY, transport=made_up(lambda _: next(answers))) as api:
        assert [line async for line in api.follow_log(1, 2)] == ["one"]


async def test_a_log_that_cannot_be_reached_at_first_is_not_tried_again(connect: Connect) -> None:
    asked: list[httpx.Request] = []

    def count(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return refuse(request)

    async with connect(URL, KEY, transport=made_up(count)) as api:
        with pytest.raises(CannotConnect):
            await anext(api.follow_log(1, 2))
    assert len(asked) == 1
