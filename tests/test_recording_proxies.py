"""The proxies of the tests are proxies."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_sites import Certificate, Site
from recording_proxies import HttpProxy, Passed, SocksProxy


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def get(url: str, proxy: str, trust: Path | None = None) -> str:
    context = ssl.create_default_context(cafile=trust) if trust else None
    handlers = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})]
    opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=30) as answer:
        return str(answer.read().decode())


def test_a_plain_request_passes_and_is_noted(site: Site) -> None:
    with HttpProxy(routes={"shop.test": site.port}) as proxy:
        assert get("http://shop.test/a?b=1", proxy.url) == "page /a?b=1"
        assert proxy.requests == [Passed("GET", "shop.test", 80, None)]


def test_a_tunnel_passes_and_is_noted(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "shop.test")
    with Site(tls=certificate.for_server()) as site, HttpProxy(routes={"shop.test": site.port}) as proxy:
        assert get("https://shop.test/x", proxy.url, certificate.file) == "page /x"
        assert proxy.requests == [Passed("CONNECT", "shop.test", 443, None)]


def test_credentials_are_asked_for(site: Site) -> None:
    with HttpProxy(username="ada", password="p@ss:word", routes={"shop.test": site.port}) as proxy:
        assert get("http://shop.test/", proxy.url) == "page /"
        with pytest.raises(urllib.error.HTTPError, match="407") as refused:
            get("http://shop.test/", proxy.address)
        refused.value.close()
        assert [request.user for request in proxy.requests] == ["ada"]


def test_a_status_can_be_made_up() -> None:
    with HttpProxy(mode="status:503") as proxy:
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            get("http://shop.test/", proxy.url)
        refused.value.close()
        assert proxy.requests == []


def test_one_that_refuses_is_not_there() -> None:
    with HttpProxy(mode="refuse") as proxy, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), 5)


def test_one_that_hangs_takes_connections_and_says_nothing() -> None:
    with HttpProxy(mode="hang") as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            client.sendall(b"GET http://shop.test/ HTTP/1.1\r\n\r\n")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert proxy.connections == 1


def socks5(proxy: SocksProxy, username: str | None, password: str = "") -> bytes:
    """Ask for shop.test:80 through the proxy, and there for a page."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
        client.sendall(b"\x05\x01\x00" if username is None else b"\x05\x01\x02")
        if client.recv(2)[1] == 2 and username is not None:
            user, word = username.encode(), password.encode()
            client.sendall(bytes([1, len(user)]) + user + bytes([len(word)]) + word)
            if client.recv(2)[1] != 0:
                return b"refused"
        client.sendall(b"\x05\x01\x00\x03\x09shop.test\x00\x50")
        if client.recv(10)[1] != 0:
            return b"failed"
        client.sendall(b"GET /s HTTP/1.0\r\n\r\n")
        found = b""
        while block := client.recv(4096):
            found += block
        return found


def test_socks5_passes_with_and_without_credentials(site: Site) -> None:
    with SocksProxy(routes={"shop.test": site.port}) as proxy:
        assert socks5(proxy, None).endswith(b"page /s")
        assert proxy.requests == [Passed("SOCKS5", "shop.test", 80, None)]
    with SocksProxy(username="ada", password="pw", routes={"shop.test": site.port}) as proxy:
        assert socks5(proxy, "ada", "pw").endswith(b"page /s")
        assert socks5(proxy, "ada", "wrong") == b"refused"
        assert proxy.requests == [Passed("SOCKS5", "shop.test", 80, "ada")]
        proxy.mode = "status:1"
        assert socks5(proxy, "ada", "pw") == b"failed"


def test_socks4_passes(site: Site) -> None:
    with (
        SocksProxy() as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 10) as client,
    ):
        client.sendall(b"\x04\x01" + site.port.to_bytes(2) + socket.inet_aton("127.0.0.1") + b"me\x00")
        assert client.recv(8)[1] == 0x5A
        assert proxy.requests == [Passed("SOCKS4", "127.0.0.1", site.port, "me")]
