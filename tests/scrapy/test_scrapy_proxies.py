"""Requests go through the proxies of the run's pool, where the project has set none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxy_plans import PAGES, accounts, crawl, plan
from scrapy_child_run import project, run, spider

from local_sites import Certificate, Site
from recording_proxies import HttpProxy

SHOP = "http://shop.test"


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    with Site(lambda path: (int(path[1:4]) if path[1:4].isdecimal() else 200, f"page {path}")) as site:
        yield site


def pages(*names: str) -> list[str]:
    return [f"{SHOP}/{name}" for name in names]


def test_each_request_goes_through_the_next_proxy_from_the_start(tmp_path: Path, shop: Site) -> None:
    routes = {"shop.test": shop.port}
    with HttpProxy(routes=routes) as a, HttpProxy(routes=routes) as b, HttpProxy(routes=routes) as c:
        outcome = crawl(tmp_path, pages("a", "b", "c", "d"), plan(tmp_path, a, b, c, start=1))
    assert outcome.problems == []
    assert [record["text"] for record in outcome.records] == [f"page /{name}" for name in "abcd"]
    assert [len(proxy.requests) for proxy in (a, b, c)] == [1, 2, 1]
    told = accounts(outcome)
    assert {key: entry["requests"] for key, entry in told.items()} == {
        (1, "shop.test"): 1,
        (2, "shop.test"): 2,
        (3, "shop.test"): 1,
    }
    assert all(entry["traffic"] > 100 and entry["failures"] == 0 for entry in told.values())


@pytest.mark.parametrize("rotation", ["Random", "Sticky"])
def test_the_other_rotations(tmp_path: Path, shop: Site, rotation: str) -> None:
    routes = {"shop.test": shop.port}
    with HttpProxy(routes=routes) as a, HttpProxy(routes=routes) as b:
        more = plan(tmp_path, a, b, rotation=rotation, start=1)
        outcome = crawl(tmp_path, pages(*(str(number) for number in range(40))), more)
    assert outcome.problems == []
    used = (len(a.requests), len(b.requests))
    assert sum(used) == 40
    assert used == (0, 40) if rotation == "Sticky" else min(used) > 0


def test_pages_over_tls_go_through_a_tunnel(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "tls", "shop.test")
    with Site(tls=certificate.for_server()) as site:
        routes = {"shop.test": site.port}
        with HttpProxy(routes=routes, username="ada", password="s:ä@") as a, HttpProxy(routes=routes) as b:
            urls = [f"https://shop.test/{name}" for name in "abcd"]
            outcome = crawl(tmp_path, urls, plan(tmp_path, a, b), HTTPPROXY_AUTH_ENCODING="utf-8")
    assert outcome.problems == []
    assert len(outcome.records) == 4
    assert {(request.method, request.host, request.user) for request in a.requests} == {
        ("CONNECT", "shop.test", "ada")
    }
    assert {request.user for request in b.requests} == {None}, "credentials are for their own proxy only"


def test_credentials_are_neither_in_the_log_nor_in_items_nor_in_the_report(
    tmp_path: Path, shop: Site
) -> None:
    source = spider(
        """
        request = response.request
        yield {"meta": dict(response.meta), "headers": {k.decode(): str(v) for k, v in request.headers.items()}}
        """,
        attributes=f"start_urls = [{SHOP + '/a'!r}, {SHOP + '/503'!r}]\n"
        "custom_settings = {'RETRY_TIMES': 1, 'LOG_LEVEL': 'DEBUG', 'HTTPERROR_ALLOW_ALL': True}",
    )
    routes = {"shop.test": shop.port}
    with HttpProxy(routes=routes, username="ada", password="s3cret-word") as proxy:
        outcome = run(project(tmp_path / "bundle", source), **plan(tmp_path, proxy))
    assert outcome.problems == []
    assert [request.user for request in proxy.requests] == ["ada"] * 3
    told = f"{outcome.log}{outcome.records}{outcome.report}"
    assert "s3cret-word" not in told
    assert "Proxy-Authorization" not in told
    assert len(outcome.records) == 2


def test_a_proxy_of_the_spider_or_of_a_middleware_or_none_is_respected(tmp_path: Path, shop: Site) -> None:
    with (
        HttpProxy(routes={"shop.test": shop.port}) as ours,
        HttpProxy(routes={"shop.test": shop.port}) as own,
        HttpProxy(routes={"shop.test": shop.port}) as of_middleware,
    ):
        source = spider(
            'yield {"url": response.url, "proxy": response.meta.get("proxy", "none set")}',
            attributes=f"""
                async def start(self):
                    yield scrapy.Request("{SHOP}/own", meta={{"proxy": {own.address!r}}})
                    yield scrapy.Request("{SHOP}/middleware")
                    yield scrapy.Request("{SHOP}/ours")
                    yield scrapy.Request("http://127.0.0.1:{shop.port}/none", meta={{"proxy": None}})
            """,
        )
        middleware = f"""
            class Chooses:
                def process_request(self, request, spider=None):
                    if "middleware" in request.url:
                        request.meta["proxy"] = {of_middleware.address!r}
        """
        settings = "DOWNLOADER_MIDDLEWARES = {'shop.parts.Chooses': 50}"
        folder = project(tmp_path / "bundle", source, settings=settings, parts=middleware)
        outcome = run(folder, **plan(tmp_path, ours))
    assert outcome.problems == []
    assert {record["url"].rpartition("/")[2]: record["proxy"] for record in outcome.records} == {
        "own": own.address,
        "middleware": of_middleware.address,
        "ours": "none set",
        "none": None,
    }
    assert [len(proxy.requests) for proxy in (ours, own, of_middleware)] == [1, 1, 1]


def test_robots_and_media_go_through_the_pool_and_data_does_not(tmp_path: Path) -> None:
    def page(path: str) -> tuple[int, str]:
        return 200, "User-agent: *\nAllow: /\n" if path == "/robots.txt" else f"page {path}"

    source = spider(
        """
        yield {"url": response.url, "file_urls": ["http://shop.test/picture"]}
        if response.url.startswith("http:"):
            yield response.follow("data:text/plain,more")
        """,
        attributes="start_urls = ['http://shop.test/a']",
    )
    settings = """
        ROBOTSTXT_OBEY = True
        FILES_STORE = "kept"
        ITEM_PIPELINES = {"scrapy.pipelines.files.FilesPipeline": 1}
    """
    with Site(page) as site, HttpProxy(routes={"shop.test": site.port}) as proxy:
        outcome = run(project(tmp_path / "bundle", source, settings=settings), **plan(tmp_path, proxy))
    assert outcome.problems == []
    assert site.paths == ["/robots.txt", "/a", "/picture"]
    assert len(proxy.requests) == 3
    assert len(outcome.records) == 2
    assert list(accounts(outcome)) == [(1, "shop.test")]


def test_a_retry_goes_through_another_proxy(tmp_path: Path) -> None:
    asked: list[str] = []

    def page(path: str) -> tuple[int, str]:
        asked.append(path)
        return (500, "broken") if asked.count(path) == 1 else (200, "good")

    with (
        Site(page) as site,
        HttpProxy(routes={"shop.test": site.port}) as a,
        HttpProxy(routes={"shop.test": site.port}) as b,
    ):
        source = PAGES.replace('"RETRY_ENABLED": False', '"RETRY_TIMES": 1')
        outcome = crawl(tmp_path, pages("a", "b", "c"), plan(tmp_path, a, b), source)
    assert outcome.problems == []
    assert [record["text"] for record in outcome.records] == ["good"] * 3
    assert len(a.requests) == len(b.requests) == 3, "each page once through each"


@pytest.mark.parametrize("mode", ["refuse", "status:407"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_fails_is_rested_for_all_hosts(tmp_path: Path, mode: str, scheme: str) -> None:
    tls = Certificate(tmp_path / "tls", "shop.test").for_server() if scheme == "https" else None
    with Site(tls=tls) as site:
        routes = {"shop.test": site.port, "other.test": site.port}
        with HttpProxy(routes=routes, mode=mode) as bad, HttpProxy(routes=routes) as good:
            urls = [f"{scheme}://{host}/{n}" for host in ("shop.test", "other.test") for n in range(3)]
            source = PAGES.replace('"RETRY_ENABLED": False', '"RETRY_HTTP_CODES": [407]')
            outcome = crawl(tmp_path, urls, plan(tmp_path, bad, good), source)
    assert outcome.problems == []
    assert len(outcome.records) == 6
    told = accounts(outcome)[1, "shop.test"]
    assert (told["requests"], told["failures"], told["failuresInRow"], told["atProxy"]) == (1, 1, 1, True)
    assert told["lastError"]
    assert (1, "other.test") not in accounts(outcome)


def test_a_proxy_that_a_host_blocks_is_rested_for_that_host(tmp_path: Path) -> None:
    with Site(lambda path: (403, "no")) as strict, Site() as kind:
        routes = {"strict.test": strict.port, "kind.test": kind.port}
        with HttpProxy(routes=routes) as a, HttpProxy(routes=routes) as b:
            urls = [
                "http://strict.test/1",
                *(f"http://kind.test/{n}" for n in range(4)),
                "http://strict.test/2",
            ]
            outcome = crawl(tmp_path, urls, plan(tmp_path, a, b))
    told = accounts(outcome)
    blocked = told[1, "strict.test"]
    assert (blocked["failures"], blocked["atProxy"], blocked["lastError"]) == (1, False, "HTTP 403")
    assert told[2, "strict.test"]["requests"] == 1, "the other one was asked the second time"
    assert (told[1, "kind.test"]["requests"], told[2, "kind.test"]["requests"]) == (2, 2)


def test_a_proxy_that_hangs_is_told(tmp_path: Path, shop: Site) -> None:
    with HttpProxy(mode="hang") as deaf, HttpProxy(routes={"shop.test": shop.port}) as good:
        source = PAGES.replace('"RETRY_ENABLED": False', '"DOWNLOAD_TIMEOUT": 1')
        outcome = crawl(tmp_path, pages("a", "b", "c"), plan(tmp_path, deaf, good), source)
    assert outcome.problems == []
    assert len(outcome.records) == 3
    told = accounts(outcome)[1, "shop.test"]
    assert (told["requests"], told["failures"]) == (1, 1)
    assert "took longer than 1" in told["lastError"]


def test_when_all_are_rested_the_one_whose_rest_ends_first_is_used(tmp_path: Path, shop: Site) -> None:
    routes = {"shop.test": shop.port}
    with HttpProxy(routes=routes) as a, HttpProxy(routes=routes) as b, HttpProxy(routes=routes) as c:
        rested = {1: {"": 600.0}, 2: {"shop.test": 300.0}, 3: {"": 900.0}}
        outcome = crawl(tmp_path, pages("a", "b"), plan(tmp_path, a, b, c, rested=rested))
    assert outcome.problems == []
    assert [len(proxy.requests) for proxy in (a, b, c)] == [0, 2, 0]


@pytest.mark.parametrize(
    "text",
    ['{"rotation": "RoundRobin", "proxies": []}', "not json", '{"rotation": "x", "proxies": [{"id": 1}]}'],
)
def test_a_plan_that_cannot_be_followed_stops_the_crawl(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    more = {"LAMPLIGHTER_PROXY_PLAN": str(tmp_path / "plan.json")}
    outcome = run(project(tmp_path / "bundle", PAGES), **more)
    assert outcome.status == 1
    assert outcome.problems[0].startswith("The plan of proxies ")


def test_a_site_that_the_project_wants_to_reach_directly_is(tmp_path: Path, shop: Site) -> None:
    with HttpProxy(routes={"shop.test": shop.port}) as proxy:
        more = plan(tmp_path, proxy) | {"no_proxy": "127.0.0.1"}
        outcome = crawl(tmp_path, [f"http://127.0.0.1:{shop.port}/a", *pages("b")], more)
    assert len(outcome.records) == 2
    assert proxy.hosts == ["shop.test"]


def test_nothing_of_a_proxy_is_stored_with_a_job_or_in_the_cache(tmp_path: Path, shop: Site) -> None:
    with HttpProxy(routes={"shop.test": shop.port}, username="ada", password="s3cret-word") as proxy:
        settings: dict[str, Any] = {"JOBDIR": "job", "HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": "cache"}
        outcome = crawl(tmp_path, pages("a", "b"), plan(tmp_path, proxy), **settings)
    assert outcome.problems == []
    stored = [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]
    assert any("request_headers" in path.name for path in stored)
    assert not [
        path for path in stored if b"s3cret" in path.read_bytes() or b"Proxy-Auth" in path.read_bytes()
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPPROXY_ENABLED", False),
        ("DOWNLOADER_MIDDLEWARES", {}),
        ("FORCE_CRAWLER_PROCESS", True),
        ("TWISTED_REACTOR_ENABLED", False),
    ],
)
def test_it_does_not_depend_on_settings_of_the_project(
    tmp_path: Path, shop: Site, name: str, value: Any
) -> None:
    with HttpProxy(routes={"shop.test": shop.port}, username="ada", password="x") as proxy:
        outcome = crawl(tmp_path, pages("a"), plan(tmp_path, proxy), **{name: value})
    assert outcome.problems == []
    assert [request.user for request in proxy.requests] == ["ada"]
