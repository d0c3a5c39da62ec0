"""Requests that are too large, too slow or too strange are refused with what is wrong with them."""

import socket
from collections.abc import Awaitable
from contextlib import suppress

import anyio
import httpx
import pytest
from http_helpers import field_errors, problem_of, send_raw

from lamplighter.http import middleware
from lamplighter.http.middleware import BodyLimit, Defects, Message, RateHeaders, Receive, Send
from lamplighter.http.problems import problem_answer
from running_server import KEY, RunningServer


def exchange(server: RunningServer, request: bytes) -> bytes:
    """What the server answers to these bytes until it closes the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    lines = (f"{method} /api/v1{path} HTTP/1.1", "Host: x", f"Authorization: ApiKey {KEY}", *headers, "", "")
    return "\r\n".join(lines).encode()


def test_an_address_that_is_too_long_is_refused(server: RunningServer) -> None:
    problem = problem_of(server.http.get(f"/agent/search?query={'x' * 20_000}"), 414)

    assert problem["code"] == "address_too_long"
    assert "8 KiB" in problem["detail"]


def test_headers_that_are_too_large_are_refused(server: RunningServer) -> None:
    problem = problem_of(server.http.get("/agent/all", headers={"X-Large": "x" * 100_000}), 431)

    assert problem["code"] == "headers_too_large"


def test_too_many_headers_are_refused(server: RunningServer) -> None:
    answer = server.http.get("/agent/all", headers={f"X-{number}": "x" for number in range(101)})

    assert "100 headers" in problem_of(answer, 431)["detail"]


def test_a_head_beyond_all_measure_ends_the_connection_only(server: RunningServer) -> None:
    with suppress(ConnectionError):  # what the server did not read may cut its answer off
        answer = exchange(server, head("/agent/all", f"X-Large: {'x' * 300_000}", method="GET"))
        # 431 when all of it came at once.
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))

    assert server.http.get("/agent/all").status_code == 200


@pytest.mark.parametrize("length", ["-1", "ten", "1, 2", "0x10", ""])
def test_a_length_that_is_no_number_is_refused(server: RunningServer, length: str) -> None:
    request = head("/schedules/preview", "Content-Type: application/json", f"Content-Length: {length}")

    assert exchange(server, request + b"{}").startswith(b"HTTP/1.1 400 ")


def test_a_length_together_with_chunks_smuggles_nothing_in(server: RunningServer) -> None:
    request = head(
        "/schedules/preview",
        *("Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked"),
        "Connection: close",
    )

    answer = exchange(server, request + b"2\r\n{}\r\n0\r\n\r\n")

    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_in_chunks_needs_no_length(server: RunningServer) -> None:
    body = iter([b'{"cronExpression": ', b'"0 9 * * *"}'])

    answer = server.http.post(
        "/schedules/preview", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 200


def test_very_many_mistakes_are_not_all_told(server: RunningServer) -> None:
    wrong = ",".join(f'"f{number}": {number}' for number in range(20_000))

    answer = send_raw(server.http, "POST", "/agent", f'{{"name": "x", "files": {{{wrong}}}}}')

    assert len(field_errors(answer)) == 100
    assert len(answer.content) < 50_000


def test_very_many_properties_that_nobody_knows_are_ignored(server: RunningServer) -> None:
    many = ",".join(f'"p{number}": {number}' for number in range(100_000))

    answer = send_raw(server.http, "POST", "/schedules/preview", f'{{"cronExpression": "0 9 * * *", {many}}}')

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "parts",
    [
        [("bundle", ("a.zip", b"x")), ("bundle", ("b.zip", b"x"))],
        [(f"field{number}", (None, b"x")) for number in range(30)],
        [("description", (None, b"x" * 2_000_000))],
    ],
    ids=["files", "fields", "a long field"],
)
def test_a_form_with_too_much_in_it_is_refused(
    server: RunningServer, parts: list[tuple[str, tuple[str | None, bytes]]]
) -> None:
    answer = server.http.post("/agent", files=parts)

    problem_of(answer, 400)


def test_a_form_without_a_boundary_is_refused(server: RunningServer) -> None:
    answer = server.http.post("/agent", content=b"x", headers={"Content-Type": "multipart/form-data"})

    problem_of(answer, 400)


# --- the parts that a real server would need long for ---


async def never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError("for ever is long")


class Sent:
    """What an application sends."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> Awaitable[None]:
        self.messages.append(message)
        return anyio.lowlevel.checkpoint()


def scope(path: str = "/api/v1/agent/1/start") -> Message:
    return {"type": "http", "method": "POST", "path": path, "headers": []}


def test_a_body_that_does_not_go_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_PATIENCE", 0.01)

    async def reads(_scope: Message, receive: Receive, _send: Send) -> None:
        await receive()

    async def ask() -> None:
        await BodyLimit(reads)(scope(), never, Sent())

    with pytest.raises(Exception, match="nothing more of the body came"):
        anyio.run(ask)


def test_who_waits_for_the_client_to_go_away_waits_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(middleware, "_PATIENCE", 0.01)
    pieces = [{"type": "http.request", "body": b"", "more_body": False}]

    async def next_piece() -> Message:
        return pieces.pop(0) if pieces else await never()

    async def reads(_scope: Message, receive: Receive, _send: Send) -> None:
        await receive()
        with anyio.move_on_after(0.1) as patience:
            await receive()
        assert patience.cancelled_caught

    async def ask() -> None:
        await BodyLimit(reads)(scope(), next_piece, Sent())

    anyio.run(ask)


def test_a_defect_is_answered_with_500_and_carries_the_headers_of_every_answer() -> None:
    async def fails(_scope: Message, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a secret of ours")

    sent = Sent()

    async def ask() -> None:
        defects = Defects(fails, lambda _scope, error: problem_answer("/somewhere", error))
        await RateHeaders(defects, limit=5)(scope(), never, sent)

    anyio.run(ask)
    begin, body = sent.messages
    answer = httpx.Response(begin["status"], headers=begin["headers"], content=body["body"])
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-RateLimit-Limit"] == "5"
    assert "secret of ours" not in answer.text


def test_a_packed_body_is_refused_with_its_encoding(server: RunningServer) -> None:
    answer = server.http.post("/agent", content=b"x", headers={"Content-Encoding": "gzip"})
    assert problem_of(answer, 415)["detail"] == "Content-Encoding 'gzip' is not read: send it as it is"
    same = {"Content-Encoding": "identity"}
    assert server.http.post(
        "/schedules/preview", json={"cronExpression": "0 9 * * *"}, headers=same
    ).is_success
