"""The headers that tell browsers what they may do with an answer: on every one, whatever it is."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from http_helpers import problem_of

from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app
from running_server import KEY, RunningServer

EXPECTED = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def routes() -> Iterator[tuple[str, str]]:
    """Every operation of the OpenAPI document, with ids of which there is nothing."""
    for path, operations in create_app(cast(Services, None)).openapi()["paths"].items():
        for method in operations:
            yield (
                method.upper(),
                "/".join("999" if part.startswith("{") else part for part in path.split("/")),
            )


def check(answer: httpx.Response) -> None:
    """Whether an answer carries what every answer must."""
    where = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
    assert EXPECTED.items() <= dict(answer.headers).items(), where
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'"), where
    assert "frame-ancestors 'none'" in policy, where
    assert "script-src" not in policy, where
    assert "server" not in answer.headers, where
    assert "access-control-allow-origin" not in answer.headers, where
    assert "strict-transport-security" not in answer.headers, where


@pytest.mark.parametrize("route", list(routes()), ids=" ".join)
def test_every_route_carries_them_to_strangers_and_to_callers(
    server: RunningServer, route: tuple[str, str]
) -> None:
    method, path = route

    check(httpx.request(method, server.url + path))
    known = {"Authorization": f"ApiKey {KEY}", "Origin": "https://elsewhere.example"}
    check(httpx.request(method, server.url + path, headers=known, content=b"{"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/%00%0d%0a", 404),
        ("TRACE", "/api/v1/agent/all", 405),
        ("OPTIONS", "/api/v1/agent/all", 405),
        ("DELETE", "/api/v1/agent/all", 405),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/health/live", 200),
        ("GET", "/api/v1/agent/all?pageIndex=0", 400),
        ("GET", f"/api/v1/agent/{'9' * 5000}", 400),
        ("GET", "/api/v1/agent/all?" + "&".join(["name=a"] * 1000), 200),
        ("GET", "/api/v1/agent/all?name=%ff%00%f0%28", 200),
        ("GET", "/api/v1/agent/all/", 200),
        ("GET", "/api/v1/agent/all?name=" + "a" * 9000, 414),
    ],
)
def test_answers_that_are_no_routes_carry_them_too(
    server: RunningServer, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, server.url + path, headers={"Authorization": f"ApiKey {KEY}"})

    assert answer.status_code == status
    check(answer)


def test_downloads_streams_and_redirects_carry_them(server: RunningServer) -> None:
    main = (
        "import os, pathlib\nprint('begun')\n"
        "(pathlib.Path(os.environ['LAMPLIGHTER_FILES']) / 'evil.html').write_text('<script>alert(1)</script>')\n"
    )
    agent = server.agent("makes a page", main)
    run = server.run(agent)["id"]
    own = f"/agent/{agent}/run/{run}"
    [file] = [f for f in server.call("GET", f"{own}/files") if f["name"] == "evil.html"]

    redirect = server.http.get(f"{own}/file/{file['id']}/download")
    download = server.http.get(redirect.headers["location"])
    part = server.http.get(redirect.headers["location"], headers={"Range": "bytes=0-3"})
    nothing = server.http.get(redirect.headers["location"], headers={"Range": "bytes=900-"})

    assert [a.status_code for a in (redirect, download, part, nothing)] == [302, 200, 206, 416]
    for answer in (redirect, download, part, nothing):
        check(answer)
    assert download.headers["content-disposition"] == 'attachment; filename="evil.html"'
    assert "sandbox" in download.headers["content-security-policy"].split("; ")
    for name in ("log", "log?follow=true", "records", "status", "evidence"):
        check(server.http.get(f"{own}/{name}"))


def test_an_answer_to_a_defect_carries_them_too() -> None:
    app = create_app(cast(Services, None))  # which no route can work with
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/health/ready")

    answer = asyncio.run(ask())

    assert answer.status_code == 500
    check(answer)


def test_a_body_that_is_too_large_is_refused_with_them(server: RunningServer) -> None:
    answer = server.http.put("/secrets/X", content=b" " * 3 * 1024**2)

    problem_of(answer, 413)
    check(answer)


def test_over_https_browsers_are_told_to_stay_with_it(server: RunningServer) -> None:
    """A proxy on this machine says how the client came."""
    answer = httpx.get(f"{server.url}/health/live", headers={"X-Forwarded-Proto": "https"})

    assert answer.headers["strict-transport-security"] == "max-age=31536000"


# --- where downloads are ---


def download_of(server: RunningServer, **headers: str) -> str:
    """The address to which the download of a log leads, for a request with these headers."""
    agent = next((a["id"] for a in server.call("GET", "/agent/all")), None) or server.agent("has a log", "")
    runs = server.call("GET", f"/agent/{agent}/runs")
    run = runs[0]["id"] if runs else server.run(agent)["id"]
    file = server.call("GET", f"/agent/{agent}/run/{run}/files")[0]
    path = f"/agent/{agent}/run/{run}/file/{file['id']}/download"
    answer = server.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 302
    return str(answer.headers["location"])


def test_a_download_is_where_the_client_says_that_it_is(server: RunningServer) -> None:
    assert download_of(server, Host="lamplighter.example:8443").startswith(
        "http://lamplighter.example:8443/api/v1/download/"
    )
    assert download_of(server, Host="[::1]:80").startswith("http://[::1]:80/api/v1/download/")


@pytest.mark.parametrize("host", ["", "a b", "evil.example/x?", "user@evil.example", 'x"><script>', "a:b:c"])
def test_what_is_no_host_is_in_no_address(server: RunningServer, host: str) -> None:
    assert download_of(server, Host=host).startswith("/api/v1/download/")


def test_a_public_url_is_where_downloads_are_whatever_the_client_says(tmp_path: Path) -> None:
    public = {"LAMPLIGHTER_PUBLIC_URL": "https://intranet.example/lamplighter/"}
    with RunningServer(tmp_path / "data", environment=public) as server:
        address = download_of(server, Host="evil.example", X_Forwarded_Proto="http")

        begin = "https://intranet.example/lamplighter/api/v1/download/"
        assert address.startswith(begin)
        own = f"{server.url}/api/v1/download/{address.removeprefix(begin)}"
        assert httpx.get(own).status_code == 200


# --- what reaches no route ---


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /api/v1/agent HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100 + b"\r\n\r\n",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(server: RunningServer, head: bytes) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head)

        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_an_upgrade_to_a_websocket_is_not_taken(server: RunningServer) -> None:
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}

    answer = httpx.get(f"{server.url}/health/live", headers={**wanted, "Sec-WebSocket-Key": "x" * 22 + "=="})

    assert answer.status_code == 200
