"""Whether a proxy answers as such a proxy does, and takes our credentials."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lamplighter.errors import InvalidInput
from lamplighter.proxy_address import ProxyAddress
from lamplighter.service.proxy_checks import NOWHERE, Fault, Target, find_fault
from local_sites import Certificate, Site
from recording_proxies import HttpProxy, RecordingProxy, SocksProxy

SHOP = Target("shop.test", 443, is_plain=False)
REFUSES = Fault("the proxy refuses the credentials")


def fault(proxy: RecordingProxy | str, target: Target | None = None, *, wrong: bool = False) -> Fault | None:
    url = proxy if isinstance(proxy, str) else proxy.url
    return find_fault(ProxyAddress.read("p", url.replace("s3cret", "wr0ng") if wrong else url), target)


@contextmanager
def answering(data: bytes) -> Iterator[str]:
    """The address of somebody who answers the first words of everybody with this, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                client = listener.accept()[0]
                with client:
                    client.recv(65536)
                    client.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("status", ["200", "403", "502", "503"])
def test_an_http_proxy_that_answers_is_alive_whatever_it_says(status: str) -> None:
    with HttpProxy(mode=f"status:{status}") as proxy:
        assert fault(proxy) is None


@pytest.mark.parametrize("target", [None, SHOP, Target("shop.test", 80, is_plain=True)])
def test_one_that_refuses_the_credentials_is_not_usable(target: Target | None) -> None:
    routes = {NOWHERE: 9, "shop.test": 9}
    with HttpProxy(username="ada", password="s3cret", routes=routes) as proxy:
        assert fault(proxy, target, wrong=True) == REFUSES
        assert fault(proxy.address, target) == REFUSES
        assert fault(proxy) is None


def test_one_that_hangs_is_not_usable() -> None:
    with HttpProxy(mode="hang") as proxy:
        assert fault(proxy) == Fault("takes the connection, but does not answer within 5 seconds")


@pytest.mark.parametrize("kind", ["http", "socks5", "socks4"])
@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x01\x00\x02\x02\x16 \n"])
def test_somebody_else_is_no_proxy(kind: str, said: bytes) -> None:
    with answering(said) as place:
        assert fault(f"{kind}://{place}") == Fault(
            "takes the connection, but does not answer as such a proxy does"
        )


def test_nobody_is_no_proxy() -> None:
    with HttpProxy(mode="refuse") as proxy:
        assert fault(proxy) == Fault("connection refused")


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_greeted_with_the_credentials(scheme: str) -> None:
    with SocksProxy(username="ada", password="s3cret") as proxy:
        url = proxy.url.replace("socks5h", scheme)
        assert fault(url) is None
        assert fault(url, wrong=True) == REFUSES
        assert fault(proxy.address.replace("socks5h", scheme)) == Fault("wants credentials")
    assert proxy.requests == [], "it was not asked for a connection"


def test_a_socks4_proxy_only_has_to_answer() -> None:
    with SocksProxy(mode="status:no") as proxy:
        address = proxy.address.replace("socks5h", "socks4")
        assert fault(address) is None
        assert fault(address, SHOP) == Fault("does not reach shop.test:443: reply 91", at_proxy=False)


def test_a_proxy_with_tls_needs_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path, "127.0.0.1")
    routes = {NOWHERE: 9}
    with HttpProxy(tls=certificate.for_server(), username="ada", password="s3cret", routes=routes) as proxy:
        found = fault(proxy)
        assert found is not None
        assert found.error.startswith("its certificate is not trusted: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
        assert fault(proxy) is None
        assert fault(proxy, wrong=True) == REFUSES


def test_a_target_has_to_be_reached() -> None:
    with Site() as site, HttpProxy(routes={"shop.test": site.port}) as http:
        socks = SocksProxy(routes={"shop.test": site.port})
        with socks:
            plain = Target("shop.test", 80, is_plain=True)
            assert [fault(proxy, target) for proxy in (http, socks) for target in (SHOP, plain)] == [None] * 4
            socks.mode = "status:no"
            assert fault(socks, SHOP) == Fault("does not reach shop.test:443: reply 1")
    assert http.requests[0].method == "CONNECT"
    with HttpProxy(mode="status:403") as strict, HttpProxy(mode="status:502") as lost:
        assert fault(strict, SHOP) == Fault("does not reach shop.test:443: HTTP 403", at_proxy=False)
        assert fault(strict, plain) is None, "that may be the site's answer"
        assert fault(lost, plain) == Fault("does not reach shop.test:80: HTTP 502", at_proxy=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://shop.test/a?b", "shop.test:443"),
        ("HTTP://Shop.test", "shop.test:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("https://bücher.example", "xn--bcher-kva.example:443"),
    ],
)
def test_the_site_of_an_address_is_the_target(url: str, place: str) -> None:
    assert Target.read("url", url).place == place


@pytest.mark.parametrize(
    "url",
    ["", "shop.test", "ftp://shop.test", "https://", "https://a b", "https://a:99999", "https://a\r\nb:c"],
)
def test_what_is_no_site_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"such as https://shop\.example/"):
        Target.read("url", url)
