"""A proxy that refuses the credentials loses no page while there is another one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy_plans import PAGES, accounts, crawl, plan
from scrapy_child_run import Outcome

from local_sites import Certificate, Site
from recording_proxies import HttpProxy, RecordingProxy, SocksProxy

REFUSES = "the proxy refuses the credentials"


@pytest.fixture(params=["http", "https"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Site]]:
    """A site and the beginning of its addresses: plain, and over TLS where the proxy is asked for a tunnel."""
    tls = Certificate(tmp_path / "tls", "shop.test").for_server() if request.param == "https" else None
    with Site(tls=tls) as opened:
        yield f"{request.param}://shop.test", opened


def wrong(proxy: RecordingProxy) -> str:
    return proxy.url.replace("s3cret", "wr0ng")


def ask(tmp_path: Path, begin: str, *proxies: str, rotation: str = "RoundRobin", count: int = 4) -> Outcome:
    urls = [f"{begin}/{number}" for number in range(count)]
    # As many at once as Scrapy likes, and every retry of its own too: nothing helps the proxies here.
    source = PAGES.replace(
        '"CONCURRENT_REQUESTS": 1, "RETRY_ENABLED": False, "HTTPERROR_ALLOW_ALL": True', ""
    )
    return crawl(tmp_path, urls, plan(tmp_path, *proxies, rotation=rotation), source)


@pytest.mark.parametrize("rotation", ["RoundRobin", "Random", "Sticky"])
def test_its_requests_go_through_another_one(tmp_path: Path, site: tuple[str, Site], rotation: str) -> None:
    begin, shop = site
    routes = {"shop.test": shop.port}
    with (
        HttpProxy(username="ada", password="s3cret", routes=routes) as bad,
        HttpProxy(routes=routes) as good,
    ):
        outcome = ask(tmp_path, begin, wrong(bad), good.url, rotation=rotation)
    assert outcome.problems == []
    assert sorted(record["text"] for record in outcome.records) == [f"page /{n}" for n in range(4)]
    assert outcome.report["counts"]["pages"] == 4
    assert not any("lamplighter" in name for record in outcome.records for name in record["meta"])
    if rotation != "Random":
        assert accounts(outcome)[1, "shop.test"]["lastError"]


def test_when_none_is_left_the_run_says_so(tmp_path: Path, site: tuple[str, Site]) -> None:
    begin, shop = site
    routes = {"shop.test": shop.port}
    with (
        HttpProxy(username="ada", password="s3cret", routes=routes) as one,
        HttpProxy(username="ada", password="s3cret", routes=routes) as other,
    ):
        outcome = ask(tmp_path, begin, wrong(one), wrong(other), count=1)
        assert (one.connections, other.connections) == (1, 1)
    (problem,) = outcome.problems
    assert REFUSES in problem
    assert one.address in problem
    assert other.address in problem
    assert "wr0ng" not in f"{outcome.log}{outcome.report}"
    assert (outcome.records, outcome.report["counts"]["pages"]) == ([], 0)


def test_at_most_five_are_tried(tmp_path: Path) -> None:
    proxies = [HttpProxy(mode="status:407") for _ in range(7)]
    for proxy in proxies:
        proxy.__enter__()
    try:
        outcome = ask(tmp_path, "http://shop.test", *(proxy.url for proxy in proxies), count=1)
        assert sum(proxy.connections for proxy in proxies) == 5
    finally:
        for proxy in proxies:
            proxy.__exit__(None, None, None)
    assert REFUSES in outcome.problems[0]


def test_a_proxy_that_rests_for_the_site_goes_before_one_that_refuses(tmp_path: Path) -> None:
    with (
        Site() as shop,
        HttpProxy(mode="status:407") as bad,
        HttpProxy(routes={"shop.test": shop.port}) as rested,
    ):
        more = plan(tmp_path, bad, rested, rested={1: {"": 60.0}, 2: {"shop.test": 900.0}})
        outcome = crawl(tmp_path, ["http://shop.test/a"], more)
    assert outcome.problems == []
    assert [record["text"] for record in outcome.records] == ["page /a"]


def test_the_same_of_proxies_over_the_bridge(tmp_path: Path, site: tuple[str, Site]) -> None:
    begin, shop = site
    routes = {"shop.test": shop.port}
    with (
        SocksProxy(username="ada", password="s3cret", routes=routes) as bad,
        HttpProxy(routes=routes) as good,
    ):
        outcome = ask(tmp_path / "mixed", begin, wrong(bad), good.url)
        assert outcome.problems == []
        assert len(outcome.records) == 4
        outcome = ask(tmp_path / "alone", begin, wrong(bad), count=1)
    assert REFUSES in outcome.problems[0]


def test_the_same_of_a_proxy_with_tls(tmp_path: Path, site: tuple[str, Site]) -> None:
    begin, shop = site
    routes = {"shop.test": shop.port}
    own = Certificate(tmp_path / "own", "127.0.0.1")
    with (
        HttpProxy(username="ada", password="s3cret", routes=routes, tls=own.for_server()) as bad,
        HttpProxy(routes=routes) as good,
    ):
        urls = [f"{begin}/{number}" for number in range(4)]
        more = plan(tmp_path, wrong(bad), good) | {"SSL_CERT_FILE": str(own.file)}
        outcome = crawl(tmp_path, urls, more)
    assert outcome.problems == []
    assert len(outcome.records) == 4
    assert "407" in accounts(outcome)[1, "shop.test"]["lastError"]


def test_a_site_that_answers_407_through_a_tunnel_is_no_fault_of_the_proxy(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "tls", "shop.test")
    with (
        Site(lambda path: (407, "mine"), tls=certificate.for_server()) as shop,
        HttpProxy(routes={"shop.test": shop.port}) as proxy,
    ):
        outcome = crawl(tmp_path, ["https://shop.test/a"], plan(tmp_path, proxy))
    assert outcome.problems == []
    assert [record["text"] for record in outcome.records] == ["mine"]
