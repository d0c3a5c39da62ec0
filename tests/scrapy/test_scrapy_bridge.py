"""SOCKS proxies and those that speak TLS, which Scrapy does not know, are reached over a bridge."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from proxy_plans import PAGES, accounts, crawl, plan
from scrapy_child_run import project, run, spider

from local_sites import Certificate, Site
from recording_proxies import HttpProxy, RecordingProxy, SocksProxy

NAMES = ("shop.test", "127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"), *NAMES)


@pytest.fixture(scope="module")
def sites(certificate: Certificate) -> Iterator[dict[str, Site]]:
    with Site() as plain, Site(tls=certificate.for_server()) as tls:
        yield {"http": plain, "https": tls}


class Socks5(SocksProxy):
    scheme = "socks5"


class Socks4(SocksProxy):
    scheme = "socks4"


class Socks4a(SocksProxy):
    scheme = "socks4a"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", [SocksProxy, Socks5, Socks4, Socks4a, HttpProxy])
def test_pages_are_asked_through_every_kind_of_proxy(
    tmp_path: Path,
    sites: dict[str, Site],
    certificate: Certificate,
    kind: Callable[..., RecordingProxy],
    scheme: str,
) -> None:
    port = sites[scheme].port
    more = {"username": "ada"} if kind in (Socks4, Socks4a) else {"username": "ada", "password": "p:ä@1"}
    tls = certificate.for_server() if kind is HttpProxy else None
    # Version 4 and socks5 look the name up on this side.
    name = "localhost" if kind in (Socks4, Socks5) else "shop.test"
    with kind(routes={"shop.test": port}, tls=tls, **more) as proxy:
        address = f"{scheme}://{name}" + (f":{port}" if name == "localhost" else "")
        environment = plan(tmp_path, proxy) | {"SSL_CERT_FILE": str(certificate.file)}
        outcome = crawl(tmp_path, [f"{address}/{n}?a=b" for n in range(3)], environment)
    assert outcome.problems == []
    assert [record["text"] for record in outcome.records] == [f"page /{n}?a=b" for n in range(3)]
    assert {request.user for request in proxy.requests} == {"ada"}
    assert {request.host for request in proxy.requests} <= {"shop.test", "127.0.0.1", "::1"}
    assert accounts(outcome)[1, name]["requests"] == 3
    assert "p:" not in outcome.log


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_kinds_may_be_mixed_and_a_connection_is_never_used_for_another_proxy(
    tmp_path: Path, sites: dict[str, Site], scheme: str
) -> None:
    routes = {"shop.test": sites[scheme].port}
    with SocksProxy(routes=routes) as a, HttpProxy(routes=routes) as b, SocksProxy(routes=routes) as c:
        outcome = crawl(tmp_path, [f"{scheme}://shop.test/{n}" for n in range(9)], plan(tmp_path, a, b, c))
    assert outcome.problems == []
    assert len(outcome.records) == 9
    assert {key: entry["requests"] for key, entry in accounts(outcome).items()} == {
        (number, "shop.test"): 3 for number in (1, 2, 3)
    }
    if scheme == "http":
        assert [len(proxy.requests) for proxy in (a, b, c)] == [3, 3, 3]
    else:  # a tunnel may serve more than one request
        assert all(proxy.requests for proxy in (a, b, c))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("mode", "username", "told"),
    [
        ("refuse", None, "refused"),
        ("status:407", None, "general failure"),
        ("ok", "somebody", "it wants other credentials"),
    ],
)
def test_a_socks_proxy_that_fails_is_blamed_and_the_other_one_used(
    tmp_path: Path, sites: dict[str, Site], scheme: str, mode: str, username: str | None, told: str
) -> None:
    routes = {"shop.test": sites[scheme].port}
    with SocksProxy(mode=mode, username=username) as bad, SocksProxy(routes=routes) as good:
        source = PAGES.replace('"RETRY_ENABLED": False', '"RETRY_TIMES": 2')
        urls = [f"{scheme}://shop.test/{n}" for n in range(3)]
        outcome = crawl(tmp_path, urls, plan(tmp_path, bad.address, good), source)
    assert outcome.problems == []
    assert [record["status"] for record in outcome.records] == [200] * 3
    account = accounts(outcome)[1, "shop.test"]
    assert (account["failures"], account["atProxy"]) == (1, True)
    assert told in account["lastError"].lower()


def test_when_no_proxy_can_be_reached_the_run_fails(tmp_path: Path) -> None:
    with SocksProxy(mode="refuse") as bad:
        outcome = crawl(tmp_path, ["http://shop.test/"], plan(tmp_path, bad))
    assert outcome.records == []
    assert outcome.problems[0].startswith("No page could be loaded: ")


def test_a_proxy_with_tls_must_have_a_certificate_that_is_trusted(
    tmp_path: Path, certificate: Certificate, sites: dict[str, Site]
) -> None:
    with HttpProxy(routes={"shop.test": sites["http"].port}, tls=certificate.for_server()) as proxy:
        outcome = crawl(tmp_path, ["http://shop.test/"], plan(tmp_path, proxy))
    assert outcome.records == []
    assert "certificate" in accounts(outcome)[1, "shop.test"]["lastError"].lower()


def test_the_bridge_listens_on_loopback_only_and_serves_nobody_else(
    tmp_path: Path, sites: dict[str, Site]
) -> None:
    body = """
        rows = [line.split() for name in ("tcp", "tcp6") for line in list(open(f"/proc/self/net/{name}"))[1:]]
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        inodes = {os.readlink(link) for link in links if os.path.islink(link)}
        [place] = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
        host, port = place.split(":")
        wrong = base64.b64encode(b"1:guess").decode()
        answers = []
        for header in "", f"Proxy-Authorization: Basic {wrong}\\r\\n", "Proxy-Authorization: Basic !\\r\\n":
            for first in "CONNECT shop.test:80", "GET http://shop.test/":
                with socket.create_connection(("127.0.0.1", int(port, 16))) as asking:
                    asking.sendall(f"{first} HTTP/1.1\\r\\n{header}\\r\\n".encode())
                    answers.append(asking.recv(1000).decode().split()[1])
        yield {"host": host, "answers": answers}
    """.replace("\\\\", "\\")
    source = spider(body, top="import base64, os, socket")
    with SocksProxy(routes={"shop.test": sites["http"].port}) as proxy:
        outcome = run(project(tmp_path / "bundle", source), **plan(tmp_path, proxy))
    assert outcome.problems == []
    assert outcome.records == [{"host": "0100007F", "answers": ["407"] * 6}]
    assert proxy.requests == []


def test_a_large_page_passes_whole(tmp_path: Path) -> None:
    large = "x" * 3_000_000
    with Site(lambda path: (200, large)) as site, SocksProxy(routes={"shop.test": site.port}) as proxy:
        outcome = crawl(tmp_path, ["http://shop.test/"], plan(tmp_path, proxy))
    assert outcome.records[0]["text"] == large
    assert accounts(outcome)[1, "shop.test"]["traffic"] > 3_000_000
