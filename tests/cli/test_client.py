"""The client, against answers made up for the purpose."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from lamplighter.client import ApiError, CannotConnect, Client
from lamplighter.errors import FieldError, InvalidInput

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, url: str = "http://127.0.0.1:8080") -> Client:
    return Client(url, "sk-secret", transport=httpx.MockTransport(answer))


class Pieces(httpx.SyncByteStream):
    """A body that comes in pieces of one byte, and may break off."""

    def __init__(self, content: bytes, *, breaks: bool = False) -> None:
        self._content = content
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        for number in self._content:
            yield bytes([number])
        if self._breaks:
            raise httpx.RemoteProtocolError("the peer closed the connection")


def test_a_problem_document_becomes_an_error_with_its_fields() -> None:
    problem = {
        "status": 400,
        "code": "invalid_input",
        "detail": "name: is required",
        "errors": [{"field": "name", "message": "is required"}],
    }
    with client(lambda _: httpx.Response(400, json=problem)) as api, pytest.raises(ApiError) as caught:
        api.agent(1)
    error = caught.value
    assert (error.status, error.code, error.detail) == (400, "invalid_input", "name: is required")
    assert error.fields == (FieldError("name", "is required"),)


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>"), httpx.Response(200, text="<html>")])
def test_an_answer_of_something_else_is_told_as_such(answer: httpx.Response) -> None:
    with client(lambda _: answer) as api, pytest.raises(ApiError, match="is not a Lamplighter server"):
        api.agent(1)


def test_a_refused_connection_says_where_and_what_to_do() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)

    with client(refuse) as api, pytest.raises(CannotConnect, match=r"127\.0\.0\.1:8080.*lamplighter up"):
        api.live()
    with client(refuse, "https://far.example") as api, pytest.raises(CannotConnect, match="LAMPLIGHTER_URL"):
        api.live()


@pytest.mark.parametrize(
    "url", ["", "far.example", "ftp://far.example", "http://", "http://far.example:99999"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="must be an address"):
        Client(url, None)


def test_the_key_is_not_sent_to_where_a_download_is_redirected() -> None:
    seen: dict[str, str | None] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.path] = request.headers.get("Authorization")
        if request.url.path.endswith("/download"):
            return httpx.Response(302, headers={"Location": "/signed?signature=x"})
        return httpx.Response(200, content=b"content")

    with client(answer) as api:
        assert b"".join(api.download(1, 2, 3)) == b"content"
    assert seen == {"/api/v1/agent/1/run/2/file/3/download": "ApiKey sk-secret", "/signed": None}


def test_records_are_read_however_their_bytes_are_cut() -> None:
    records = [{"a": "[1, {}]", "b": "ü€😀"}, {}, {"c": [1, {"d": None}]}]
    content = json.dumps(records, ensure_ascii=False).encode()
    with client(lambda _: httpx.Response(200, stream=Pieces(content))) as api:
        assert list(api.records(1, 2)) == records


def test_no_records_are_no_records() -> None:
    with client(lambda _: httpx.Response(200, content=b"[]")) as api:
        assert list(api.records(1, 2)) == []


def test_records_that_break_off_are_not_taken_for_all() -> None:
    broken = Pieces(b'[{"a": 1},{"a"', breaks=True)
    with client(lambda _: httpx.Response(200, stream=broken)) as api:
        records = api.records(1, 2)
        assert next(records) == {"a": 1}
        with pytest.raises(CannotConnect, match="broke off"):
            next(records)


def test_a_followed_log_goes_on_where_it_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamplighter.client.time.sleep", lambda _: None)
    asked: list[str | None] = []
    parts = [
        Pieces(b": hello\n\nid: 5\ndata: one\n\nid: 9\ndata: tw", breaks=True),
        Pieces("id: 9\ndata: two \u2028 lines\n\nid: 12\ndata:\n\nevent: end\ndata: Completed\n\n".encode()),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return httpx.Response(200, stream=parts[len(asked) - 1])

    with client(answer) as api:
        assert list(api.follow_log(1, 2)) == ["one", "two \u2028 lines", ""]
    assert asked == [None, "5"]


def test_a_followed_log_waits_for_a_server_that_is_being_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamplighter.client.time.sleep", lambda _: None)
    answers = iter(
        [
            httpx.Response(200, stream=Pieces(b"id: 1\ndata: one\n\n")),
            httpx.Response(503, json={"code": "unavailable", "detail": "not yet"}),
            httpx.Response(200, stream=Pieces(b"event: end\ndata: Failure\n\n")),
        ]
    )
    with client(lambda _: next(answers)) as api:
        assert list(api.follow_log(1, 2)) == ["one"]


def test_a_log_that_cannot_be_reached_at_first_is_not_tried_again() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with client(refuse) as api, pytest.raises(CannotConnect):
        list(api.follow_log(1, 2))
