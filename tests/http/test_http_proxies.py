"""Proxy pools over HTTP: made, changed, shown without credentials, checked, and kept while something uses them."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from http_helpers import SLEEPS, field_errors, instant, names, problem_of, unique

from lamplighter.service.proxy_checks import NOWHERE
from recording_proxies import HttpProxy
from running_server import RunningServer

POOLS = "/proxy-pools"
Make = Callable[..., dict[str, Any]]
SECRETS = ("ada", "s3cret", "t0ken")


@pytest.fixture
def make(server: RunningServer) -> Make:
    """Make a pool of these proxies."""

    def make_pool(*proxies: Any, **more: Any) -> dict[str, Any]:
        body = {"name": unique("pool"), "proxies": proxies, **more}
        made: dict[str, Any] = server.call("POST", POOLS, body, expect=201)
        return made

    return make_pool


def urls(pool: dict[str, Any]) -> list[str]:
    return [proxy["url"] for proxy in pool["proxies"]]


def ids(pool: dict[str, Any]) -> list[int]:
    return [proxy["id"] for proxy in pool["proxies"]]


def change(server: RunningServer, pool: dict[str, Any], **body: Any) -> dict[str, Any]:
    changed: dict[str, Any] = server.call("PUT", f"{POOLS}/{pool['id']}", body)
    return changed


def refused(server: RunningServer, pool: dict[str, Any] | None = None, **body: Any) -> dict[str, str]:
    if pool is not None:
        return field_errors(server.http.put(f"{POOLS}/{pool['id']}", json=body))
    return field_errors(server.http.post(POOLS, json={"name": unique("pool"), **body}))


# --- making and showing ---


def test_a_new_pool_is_answered_with_its_place_and_without_credentials(server: RunningServer) -> None:
    body = {
        "Name": unique("pool"),
        "Proxies": [
            "http://ada:s3cret@host:8080",
            "socks5h://t0ken@host:1080",
            "https://host:443",
            {"Url": "http://other:80", "UserName": "ada", "password": "s3cret"},
        ],
    }
    answer = server.http.post(POOLS, json=body)
    pool = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1{POOLS}/{pool['id']}")
    assert (pool["name"], pool["rotation"]) == (body["Name"], "RoundRobin")
    assert urls(pool) == [
        "http://***@host:8080",
        "socks5h://***@host:1080",
        "https://host:443",
        "http://***@other:80",
    ]
    assert server.call("GET", f"{POOLS}/{pool['id']}") == pool
    assert not any(secret in answer.text for secret in SECRETS)


def test_a_proxy_that_nobody_used_has_no_history(make: Make) -> None:
    [proxy] = make("http://host:1")["proxies"]
    assert proxy == {
        "id": proxy["id"],
        "url": "http://host:1",
        "requests": 0,
        "failures": 0,
        "traffic": 0,
        "lastUsed": None,
        "lastError": None,
        "restedUntil": None,
        "hosts": [],
    }


def test_credentials_are_nowhere_in_the_data_folder(server: RunningServer, make: Make) -> None:
    make("http://hidden-user:hidden-pass@host:1")
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert any(b"proxy_pools" in path.read_bytes() for path in files)
    assert not any(b"hidden-" in path.read_bytes() for path in files)


def test_the_list_has_sums_instead_of_proxies(server: RunningServer, make: Make) -> None:
    made = make("http://host:1", "http://host:2", rotation="sticky")
    [listed] = [one for one in server.call("GET", POOLS) if one["id"] == made["id"]]
    assert listed == {
        **{name: made[name] for name in ("id", "name", "created", "updated")},
        "rotation": "Sticky",
        "proxyCount": 2,
        "restingCount": 0,
        "requests": 0,
        "failures": 0,
        "traffic": 0,
    }
    page = server.call("GET", f"{POOLS}?pageIndex=1&recordsPerPage=1")
    assert (len(page["items"]), page["totalRecordCount"]) == (1, len(server.call("GET", POOLS)))
    assert names(server.call("GET", POOLS)) == sorted(names(server.call("GET", POOLS)))


# --- what is refused ---


@pytest.mark.parametrize(
    ("proxies", "field", "words"),
    [
        (["http://host:1", "host:2"], "proxies[1]", "begin with http://"),
        (["http://ada:s3cret@host"], "proxies[0]", "has no port"),
        ([5], "proxies[0]", "an address such as"),
        ([{"username": "ada"}], "proxies[0].url", "is required"),
        ([{"url": 5}], "proxies[0].url", "must be text"),
        ([{"url": "http://host:1", "password": 5}], "proxies[0].password", "must be text"),
        ([{"url": "http://host:1", "id": "7"}], "proxies[0].id", "whole number"),
        (["http://a:b@h:1", "http://H:1", "http://a:b@H:1/"], "proxies[2]", "the same proxy as proxies[0]"),
        (["http://***@host:1"], "proxies[0]", "credentials are hidden"),
        ([{"id": 7}], "proxies[0]", "not that of a proxy of the pool"),
        ([], "proxies", "at least one proxy"),
        ([f"http://host:{port}" for port in range(1, 1002)], "proxies", "at most 1000"),
        ("http://host:1", "proxies", "array"),
    ],
)
def test_a_list_that_is_wrong_is_refused(server: RunningServer, proxies: Any, field: str, words: str) -> None:
    errors = refused(server, proxies=proxies)
    assert errors.keys() == {field}
    assert words in errors[field]
    assert not any(secret in errors[field] for secret in SECRETS)


def test_all_that_is_wrong_with_a_list_is_told_at_once(server: RunningServer) -> None:
    assert refused(server, proxies=["x", "http://host:1", "y"]).keys() == {"proxies[0]", "proxies[2]"}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"proxies": ["http://host:1"], "rotation": "sometimes"}, "rotation", "RoundRobin, Random, Sticky"),
        ({"proxies": ["http://host:1"], "name": None}, "name", "is required"),
        ({"proxies": ["http://host:1"], "name": " "}, "name", "1 to 200"),
        ({}, "proxies", "at least one"),
    ],
)
def test_a_pool_that_is_wrong_is_refused(
    server: RunningServer, body: dict[str, Any], field: str, words: str
) -> None:
    assert words in refused(server, **body)[field]


def test_a_name_is_given_only_once(server: RunningServer, make: Make) -> None:
    first, second = make("http://host:1"), make("http://host:1")
    taken = {"name": first["name"], "proxies": ["http://host:1"]}
    problem_of(server.http.post(POOLS, json=taken), 409)
    problem_of(server.http.put(f"{POOLS}/{second['id']}", json=taken), 409)
    assert change(server, first, name=first["name"])["name"] == first["name"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_pool_that_is_not_there_is_not_found(server: RunningServer, method: str) -> None:
    answer = server.http.request(method, f"{POOLS}/999", json={} if method == "PUT" else None)
    assert "no proxy pool 999" in problem_of(answer, 404)["detail"]
    problem_of(server.http.post(f"{POOLS}/999/check"), 404)


def test_a_key_is_needed(server: RunningServer) -> None:
    problem_of(httpx.get(f"{server.url}/api/v1{POOLS}"), 401)


# --- changing ---


def test_what_is_not_sent_keeps_its_value(server: RunningServer, make: Make) -> None:
    pool = make("http://ada:s3cret@host:1", rotation="Random")
    changed = change(server, pool, name=unique("renamed"))
    assert {**changed, "name": pool["name"], "updated": pool["updated"]} == pool
    assert change(server, pool, rotation="STICKY")["rotation"] == "Sticky"


def test_proxies_that_are_sent_back_as_they_were_shown_stay_who_they_are(
    server: RunningServer, make: Make
) -> None:
    pool = make("http://ada:s3cret@host:1", "socks5://host:2")
    assert ids(change(server, pool, proxies=urls(pool))) == ids(pool)
    assert ids(change(server, pool, proxies=pool["proxies"])) == ids(pool)
    assert ids(change(server, pool, proxies=["http://ada:s3cret@HOST:1", "socks5://host:2"])) == ids(pool)


def test_proxies_are_added_removed_and_put_into_another_order(server: RunningServer, make: Make) -> None:
    pool = make("http://ada:s3cret@host:1", "http://host:2", "http://host:3")
    first, _, third = ids(pool)
    changed = change(server, pool, proxies=["http://host:3", "http://host:4", "http://***@host:1"])
    assert urls(changed) == ["http://host:3", "http://host:4", "http://***@host:1"]
    assert ids(changed)[::2] == [third, first]
    assert ids(changed)[1] not in ids(pool)


def test_other_credentials_make_another_proxy(server: RunningServer, make: Make) -> None:
    pool = make("http://ada:s3cret@host:1")
    assert ids(change(server, pool, proxies=["http://ada:s3cret2@host:1"])) != ids(pool)
    assert urls(change(server, pool, proxies=["http://host:1"])) == ["http://host:1"]


def test_proxies_that_look_alike_are_told_apart_by_their_ids(server: RunningServer, make: Make) -> None:
    pool = make("http://ada-1:s3cret@host:1", "http://ada-2:s3cret@host:1")
    assert urls(pool) == ["http://***@host:1"] * 2
    assert ids(change(server, pool, proxies=urls(pool))) == ids(pool)
    assert "any of 2 proxies" in refused(server, pool, proxies=["http://***@host:1"])["proxies[0]"]
    assert ids(change(server, pool, proxies=[{"id": ids(pool)[1]}])) == [ids(pool)[1]]


def test_an_id_does_not_go_with_another_address(server: RunningServer, make: Make) -> None:
    pool = make("http://ada:s3cret@host:1")
    entry = {"id": ids(pool)[0], "url": "http://***@evil:1"}
    assert "with this address" in refused(server, pool, proxies=[entry])["proxies[0]"]


def test_a_change_that_is_refused_changes_nothing(server: RunningServer, make: Make) -> None:
    pool = make("http://host:1")
    refused(server, pool, name="other", proxies=["http://host:2", "x"])
    refused(server, pool, name="other", proxies=["http://***@host:2"])
    assert server.call("GET", f"{POOLS}/{pool['id']}") == pool


# --- checking ---


def test_a_check_tells_which_proxies_take_connections(server: RunningServer, make: Make) -> None:
    with (
        HttpProxy(username="ada", password="s3cret", routes={NOWHERE: 9}) as there,
        HttpProxy(mode="refuse") as gone,
    ):
        pool = make(there.url, gone.address, "http://nowhere.invalid:1")
        path = f"{POOLS}/{pool['id']}"
        checks = server.call("POST", f"{path}/check")
        assert [(one["id"], one["url"], one["ok"]) for one in checks] == [
            (ids(pool)[0], f"http://***@127.0.0.1:{there.port}", True),
            (ids(pool)[1], f"http://127.0.0.1:{gone.port}", False),
            (ids(pool)[2], "http://nowhere.invalid:1", False),
        ]
        assert "refused" in checks[1]["error"]
        assert "resolved" in checks[2]["error"]
        known = server.call("GET", path)["proxies"]
        assert [proxy["restedUntil"] is not None for proxy in known] == [False, True, True]
        assert known[1]["lastError"] == checks[1]["error"]
        assert there.connections == 1


def test_a_check_tells_who_refuses_the_credentials(server: RunningServer, make: Make) -> None:
    with HttpProxy(username="ada", password="other", routes={NOWHERE: 9}) as proxy:
        pool = make(proxy.url.replace("other", "s3cret"))
        answer = server.http.post(f"{POOLS}/{pool['id']}/check")
    [check] = answer.json()
    assert (check["ok"], check["error"]) == (False, "the proxy refuses the credentials")
    assert not any(secret in answer.text for secret in SECRETS)


def test_a_proxy_that_does_not_reach_a_site_is_told_but_does_not_rest(
    server: RunningServer, make: Make
) -> None:
    with HttpProxy(routes={"shop.test": 9, NOWHERE: 9}) as proxy:
        pool = make(proxy.url)
        path = f"{POOLS}/{pool['id']}"
        [check] = server.call("POST", f"{path}/check", {"Url": "https://shop.test/page"})
        assert (check["ok"], check["error"]) == (False, "does not reach shop.test:443: HTTP 502")
        assert server.call("GET", path)["proxies"][0]["restedUntil"] is None
        assert server.call("POST", f"{path}/check", {})[0]["ok"]
    errors = field_errors(server.http.post(f"{path}/check", json={"url": "shop.test"}))
    assert "such as https://shop.example/" in errors["url"]


def test_failing_again_rests_a_proxy_longer(server: RunningServer, make: Make) -> None:
    with HttpProxy(mode="refuse") as gone:
        pool = make(gone.address)
        path = f"{POOLS}/{pool['id']}"

        def rest() -> Any:
            server.call("POST", f"{path}/check")
            return instant(server.call("GET", path)["proxies"][0]["restedUntil"])

        first = rest()
        assert (rest() - first).total_seconds() >= 30
        [listed] = [one for one in server.call("GET", POOLS) if one["id"] == pool["id"]]
        assert listed["restingCount"] == 1


# --- who uses a pool ---


def test_a_schedule_may_name_a_pool_that_there_is(server: RunningServer, make: Make) -> None:
    pool = make("http://host:1")
    path = f"/agent/{server.agent(unique('agent'), '')}/schedules"
    body = {"name": "s", "cronExpression": "0 9 * * *", "proxyPoolId": pool["id"]}
    schedule = server.call("POST", path, body, expect=201)
    assert schedule["proxyPoolId"] == pool["id"]
    unknown = field_errors(server.http.post(path, json={**body, "proxyPoolId": 10**12}))["proxyPoolId"]
    assert "no proxy pool with the id 1000000000000; those there are: " in unknown


def test_nought_takes_a_schedule_off_its_pool(server: RunningServer, make: Make) -> None:
    pool = make("http://host:1")
    path = f"/agent/{server.agent(unique('agent'), '')}/schedules"
    body = {"name": "s", "cronExpression": "0 9 * * *", "proxyPoolId": pool["id"]}
    own = f"{path}/{server.call('POST', path, body, expect=201)['id']}"
    assert server.call("PUT", own, {"name": "s"})["proxyPoolId"] == pool["id"]
    assert server.call("PUT", own, {"name": "s", "proxyPoolId": 0})["proxyPoolId"] is None
    server.call("DELETE", f"{POOLS}/{pool['id']}", expect=204)


def test_a_pool_is_kept_while_a_schedule_uses_it(server: RunningServer, make: Make) -> None:
    pool = make("http://host:1")
    agent = unique("agent")
    path = f"/agent/{server.agent(agent, '')}/schedules"
    body = {"name": "nightly", "cronExpression": "0 9 * * *", "proxyPoolId": pool["id"]}
    schedule = server.call("POST", path, body, expect=201)["id"]
    problem = problem_of(server.http.delete(f"{POOLS}/{pool['id']}"), 409)
    assert f"is used by schedule {schedule} 'nightly' of {agent}" in problem["detail"]
    server.call("DELETE", f"{path}/{schedule}", expect=204)
    server.call("DELETE", f"{POOLS}/{pool['id']}", expect=204)
    server.call("GET", f"{POOLS}/{pool['id']}", expect=404)


def test_a_pool_is_kept_while_a_run_uses_it(server: RunningServer, make: Make) -> None:
    pool = make("http://host:1")
    agent = server.agent(unique("agent"), SLEEPS)
    run = server.call("POST", f"/agent/{agent}/start", {"proxyPoolId": pool["id"]}, expect=202)["id"]
    problem = problem_of(server.http.delete(f"{POOLS}/{pool['id']}"), 409)
    assert problem["detail"].endswith(f"is used by run {run}")
    server.call("POST", f"/agent/{agent}/run/{run}/kill", expect=204)
    server.ended(agent, run)
    server.call("DELETE", f"{POOLS}/{pool['id']}", expect=204)
