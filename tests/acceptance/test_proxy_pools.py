"""Runs with a pool of proxies: real servers, real programs, and real proxies that note what passes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local_sites import Certificate, Site
from recording_proxies import HttpProxy, Passed, RecordingProxy, SocksProxy
from running_server import RunningServer

# A program that knows nothing of Lamplighter: urllib reads HTTP_PROXY and HTTPS_PROXY as most programs do.
FETCH = """
import json, os, ssl, sys, urllib.request
[url] = json.load(open(os.environ["LAMPLIGHTER_INPUT"]))["urls"]
context = ssl.create_default_context(cafile=os.environ.get("TRUST"))
with urllib.request.urlopen(url, context=context if url.startswith("https") else None) as answer:
    text = answer.read().decode()
with open(os.environ["LAMPLIGHTER_RECORDS"], "a") as records:
    records.write(json.dumps({"text": text}) + "\\n")
"""
# One that chooses among the proxies itself and tells how they did.
CHOOSES = """
import urllib.request
from lamplighter import agent

url = agent.input()["url"]
for address in agent.proxies():
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": address}))
        with opener.open(url, timeout=20) as answer:
            text = answer.read()
    except OSError as problem:
        status = getattr(problem, "code", 407)
        agent.proxy_used(address, url, ok=False, error=problem, at_proxy=status == 407)
        continue
    agent.proxy_used(address, url, traffic=len(text))
    agent.emit({"text": text.decode()})
    break
else:
    agent.report(problem="no proxy worked")
"""


# One that speaks SOCKS 5 itself.
SPEAKS_SOCKS = """
import os, socket
from urllib.parse import unquote, urlsplit
from lamplighter import agent

proxy = urlsplit(os.environ["ALL_PROXY"])
user, word = unquote(proxy.username).encode(), unquote(proxy.password).encode()
with socket.create_connection((proxy.hostname, proxy.port), 20) as line:
    line.sendall(b"\\x05\\x01\\x02")
    assert line.recv(2) == b"\\x05\\x02"
    line.sendall(bytes([1, len(user)]) + user + bytes([len(word)]) + word)
    assert line.recv(2) == b"\\x01\\x00"
    line.sendall(b"\\x05\\x01\\x00\\x03\\x09shop.test\\x00\\x50")
    assert line.recv(10)[1] == 0
    line.sendall(b"GET /a HTTP/1.0\\r\\n\\r\\n")
    text = line.makefile().read()
agent.emit({"text": text.splitlines()[-1]})
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def proxies(site: Site) -> Iterator[list[HttpProxy]]:
    """Three proxies with credentials of their own; shop.test is behind them."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                HttpProxy(username=f"user-{n}", password=f"p@ss:{n}", routes={"shop.test": site.port})
            )
            for n in range(3)
        ]


def make_pool(server: RunningServer, proxies: list[Any], rotation: str = "RoundRobin") -> int:
    urls = [one.url if isinstance(one, RecordingProxy) else one for one in proxies]
    body = {"name": f"pool of {urls[0][-5:]} {rotation}", "proxies": urls, "rotation": rotation}
    return int(server.call("POST", "/proxy-pools", body, expect=201)["id"])


def pool_of(server: RunningServer, pool: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", f"/proxy-pools/{pool}")["proxies"]
    return found


def fetch(server: RunningServer, agent: int, pool: int, **settings: Any) -> dict[str, Any]:
    given = {"inputParameters": '{"urls": ["http://shop.test/a"], "url": "http://shop.test/a"}'}
    return server.run(agent, **(given | {"proxyPoolId": pool} | settings))


def records(server: RunningServer, run: dict[str, Any]) -> Any:
    return server.call("GET", f"/agent/{run['configId']}/run/{run['id']}/records")


def test_any_program_goes_through_the_pool_and_runs_take_turns(
    server: RunningServer, proxies: list[HttpProxy]
) -> None:
    agent, pool = server.agent("fetches", FETCH), make_pool(server, proxies)
    runs = [fetch(server, agent, pool) for _ in range(4)]
    assert [run["status"] for run in runs] == [9] * 4, server.log(agent, runs[0]["id"])
    assert [records(server, run) for run in runs] == [[{"text": "page /a"}]] * 4
    assert [proxy.requests for proxy in proxies] == [
        [Passed("GET", "shop.test", 80, "user-0")] * 2,
        [Passed("GET", "shop.test", 80, "user-1")],
        [Passed("GET", "shop.test", 80, "user-2")],
    ]


def test_https_goes_through_a_tunnel(server: RunningServer, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "tls", "shop.test")
    with (
        Site(tls=certificate.for_server()) as site,
        HttpProxy(username="ada", password="pw", routes={"shop.test": site.port}) as proxy,
    ):
        trusting = FETCH.replace('os.environ.get("TRUST")', repr(str(certificate.file)))
        agent, pool = server.agent("fetches with TLS", trusting), make_pool(server, [proxy])
        run = fetch(server, agent, pool, inputParameters='{"urls": ["https://shop.test/b"]}')
        assert records(server, run) == [{"text": "page /b"}], server.log(agent, run["id"])
        assert proxy.requests == [Passed("CONNECT", "shop.test", 443, "ada")]


def test_a_socks_proxy_is_told_with_its_credentials(server: RunningServer, site: Site) -> None:
    with SocksProxy(username="ada@home", password="p:w/d", routes={"shop.test": site.port}) as proxy:
        agent, pool = server.agent("speaks SOCKS", SPEAKS_SOCKS), make_pool(server, [proxy])
        run = fetch(server, agent, pool)
        assert records(server, run) == [{"text": "page /a"}], server.log(agent, run["id"])
        assert proxy.requests == [Passed("SOCKS5", "shop.test", 80, "ada@home")]


def test_the_parts_of_a_set_each_take_their_turn(server: RunningServer, proxies: list[HttpProxy]) -> None:
    agent, pool = server.agent("fetches in parts", FETCH), make_pool(server, proxies)
    fetch(server, agent, pool, parallelism=3)
    runs = server.call("GET", f"/agent/{agent}/runs")
    assert [server.ended(agent, run["id"])["status"] for run in runs] == [9] * 3
    assert [proxy.hosts for proxy in proxies] == [["shop.test"]] * 3


def test_a_schedule_takes_its_runs_through_its_pool(server: RunningServer, proxies: list[HttpProxy]) -> None:
    agent, pool = server.agent("fetches on schedule", FETCH), make_pool(server, proxies)
    body = {
        "name": "by hand",
        "scheduleType": 0,
        "proxyPoolId": pool,
        "inputParameters": '{"urls": ["http://shop.test/a"]}',
    }
    schedule = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)["id"]
    run = server.call("POST", f"/agent/{agent}/schedules/{schedule}/run", expect=202)
    assert server.ended(agent, run["id"])["status"] == 9
    assert proxies[0].hosts == ["shop.test"]


def test_a_sticky_run_keeps_its_proxy_over_its_attempts(
    server: RunningServer, proxies: list[HttpProxy]
) -> None:
    failing = f"{FETCH}\nsys.exit(os.environ['LAMPLIGHTER_ATTEMPT'] != '3')"
    agent, pool = server.agent("fetches thrice", failing), make_pool(server, proxies, "Sticky")
    assert fetch(server, agent, pool, maxRetries=2)["attempt"] == 3
    assert sorted(len(proxy.requests) for proxy in proxies) == [0, 0, 3]


def test_a_proxy_that_hangs_costs_one_attempt(server: RunningServer, site: Site) -> None:
    with HttpProxy(mode="hang") as hangs, HttpProxy(routes={"shop.test": site.port}) as works:
        agent, pool = server.agent("is patient", FETCH), make_pool(server, [hangs, works])
        run = fetch(server, agent, pool, maxRetries=1, timeoutSeconds=2)
        assert (run["status"], run["attempt"]) == (9, 2), run["message"]
        assert (hangs.connections, works.hosts) == (1, ["shop.test"])
        first = server.http.get(f"/agent/{agent}/run/{run['id']}/log?attempt=1").text
        assert "time-out" in first


def test_a_proxy_that_hangs_and_no_retry_is_a_failure_that_says_so(server: RunningServer) -> None:
    with HttpProxy(mode="hang") as hangs:
        agent, pool = server.agent("is patient once", FETCH), make_pool(server, [hangs])
        run = fetch(server, agent, pool, timeoutSeconds=1)
        assert run["status"] == 6
        assert run["message"].startswith("time-out: not finished after 1 second")


def test_what_an_agent_tells_of_its_proxies_is_counted_and_rests_those_that_failed(
    server: RunningServer, site: Site
) -> None:
    with (
        HttpProxy(mode="status:407", username="ada", password="s3cret") as refuses,
        HttpProxy(mode="status:503") as blocks,
        HttpProxy(routes={"shop.test": site.port}) as works,
    ):
        agent, pool = server.agent("chooses", CHOOSES), make_pool(server, [refuses, blocks, works])
        assert records(server, fetch(server, agent, pool)) == [{"text": "page /a"}]
        first, second, third = pool_of(server, pool)
        assert [(p["requests"], p["failures"], p["traffic"]) for p in (first, second, third)] == [
            (1, 1, 0),
            (1, 1, 0),
            (1, 0, 7),
        ]
        assert [p["restedUntil"] is not None for p in (first, second, third)] == [True, False, False]
        assert [p["hosts"][0]["restedUntil"] is not None for p in (first, second, third)] == [
            False,
            True,
            False,
        ]
        assert "407" in first["lastError"]
        assert third["lastUsed"] is not None
        assert third["hosts"][0]["host"] == "shop.test"

        assert records(server, fetch(server, agent, pool)) == [{"text": "page /a"}]
        assert refuses.connections == 1, "it rests"


def test_when_no_proxy_works_the_run_says_so_and_the_next_one_tries_all_the_same(
    server: RunningServer,
) -> None:
    with HttpProxy(mode="status:407") as refuses:
        agent, pool = server.agent("chooses in vain", CHOOSES), make_pool(server, [refuses])
        for attempts in (1, 2):
            run = fetch(server, agent, pool)
            assert (run["status"], run["message"].partition(";")[0]) == (6, "no proxy worked")
            assert refuses.connections == attempts


def test_a_report_that_is_made_up_does_no_harm(server: RunningServer, proxies: list[HttpProxy]) -> None:
    main = """
import json, os
entries = [None, 5, {"id": "x"}, {"id": 10**30, "host": 1}, {"id": 1, "requests": -5, "host": "\\x00"}]
json.dump({"final": True, "proxies": entries}, open(os.environ["LAMPLIGHTER_REPORT"], "w"))
"""
    agent, pool = server.agent("lies", main), make_pool(server, proxies)
    assert fetch(server, agent, pool)["status"] == 9
    assert [proxy["requests"] for proxy in pool_of(server, pool)] == [0, 0, 0]


def test_credentials_are_hidden_in_the_log_and_gone_from_the_folder_of_the_run(
    server: RunningServer, proxies: list[HttpProxy]
) -> None:
    main = f"import os\nprint('with', os.environ['HTTP_PROXY'], 'p@ss:0')\n{FETCH}"
    agent, pool = server.agent("talks", main), make_pool(server, proxies)
    run = fetch(server, agent, pool)
    assert f"with http://user-0:***@127.0.0.1:{proxies[0].port} ***" in server.log(agent, run["id"])
    [folder] = server.data.glob(f"runs/*/{run['id']}/attempt-1")
    assert list(folder.glob("proxies*")) == []


def test_a_restarted_run_whose_pool_is_gone_says_so(server: RunningServer, proxies: list[HttpProxy]) -> None:
    agent, pool = server.agent("fails", "raise SystemExit(1)"), make_pool(server, proxies)
    run = fetch(server, agent, pool)
    server.call("DELETE", f"/proxy-pools/{pool}", expect=204)
    server.call("POST", f"/agent/{agent}/run/{run['id']}/restart", expect=202)
    again = server.ended(agent, run["id"])
    assert again["status"] == 6
    assert f"there is no proxy pool {pool} any more" in again["message"]
